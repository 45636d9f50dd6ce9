// Certificates and keys from PEM files, looked at before anything is connected.

import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createSecureContext, getCACertificates } from 'node:tls'

/** What tells us apart from others: a client where it is asked for, a server always. All PEM. */
export interface CertificateAndKey {
  readonly certificate: string
  readonly key: string
  /** Of the key, where it is encrypted. */
  readonly passphrase: string | null
}

export type PemRefusal = { readonly type: 'refused'; readonly what: string; readonly remedy: string }

/** A path, and the setting that names it. */
export interface PemFile {
  readonly setting: string
  readonly path: string
}

/** The certificates of a file, PEM, at least one. */
export function readAuthorities(file: PemFile): { readonly type: 'ok'; readonly pem: string } | PemRefusal {
  const read = readCertificates(file)
  if (read.type === 'refused') return read
  try {
    createSecureContext({ ca: read.pem })
    return read
  } catch (error) {
    return refuse(`${file.setting} names ${file.path}, which is damaged (${reasonOf(error)})`, MAKE_ANEW)
  }
}

/** A certificate (with those that lead to its authority, if any) and its key. */
export function readCertificateAndKey(
  certificate: PemFile,
  key: PemFile,
  passphrase: string | null = null,
): { readonly type: 'ok'; readonly pair: CertificateAndKey } | PemRefusal {
  const read = readCertificates(certificate)
  if (read.type === 'refused') return read
  const readKey = readText(key)
  if (readKey.type === 'refused') return readKey
  if (!/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(readKey.pem)) {
    return refuse(
      `${key.setting} names ${key.path}, which holds no private key in PEM`,
      'write the key as PEM: it begins with -----BEGIN PRIVATE KEY-----',
    )
  }
  const pair = { certificate: read.pem, key: readKey.pem, passphrase }
  try {
    createSecureContext({
      cert: pair.certificate,
      key: pair.key,
      ...(passphrase === null ? {} : { passphrase }),
    })
    return { type: 'ok', pair }
  } catch (error) {
    return refuse(
      `the key in ${key.path} (${key.setting}) does not fit the certificate in ${certificate.path}, or is encrypted (${reasonOf(error)})`,
      'name the key that the certificate was made for, without a passphrase',
    )
  }
}

/** The authorities that Node and this system trust, PEM each. */
export function publicAuthorities(): readonly string[] {
  return [...getCACertificates('default'), ...getCACertificates('system')]
}

const MAKE_ANEW = 'write it anew'

function readCertificates(file: PemFile): { readonly type: 'ok'; readonly pem: string } | PemRefusal {
  const read = readText(file)
  if (read.type === 'refused') return read
  try {
    return new X509Certificate(read.pem) && read
  } catch {
    return refuse(
      `${file.setting} names ${file.path}, which holds no certificate in PEM`,
      'write the certificate as PEM: it begins with -----BEGIN CERTIFICATE-----',
    )
  }
}

function readText({ setting, path }: PemFile): { readonly type: 'ok'; readonly pem: string } | PemRefusal {
  try {
    return { type: 'ok', pem: readFileSync(path, 'utf8') }
  } catch (error) {
    return refuse(
      `${setting} names ${path}, which cannot be read (${reasonOf(error)})`,
      'correct the path, or give this process the right to read it',
    )
  }
}

function reasonOf(error: unknown): string {
  const { code, message } = error as { readonly code?: string; readonly message: string }
  return code ?? message
}

function refuse(what: string, remedy: string): PemRefusal {
  return { type: 'refused', what, remedy }
}
