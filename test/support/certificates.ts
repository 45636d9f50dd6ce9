// Certificates for tests: an authority and what it signs, written as DER, since node:crypto signs but makes none.

import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto'
import { isIP } from 'node:net'

export interface Certificate {
  /** PEM. */
  readonly certificate: string
  /** PEM, PKCS#8, not encrypted. */
  readonly key: string
}

export interface Authority extends Certificate {
  /** Signs one; good for servers and for clients. */
  issue(subject: CertificateSubject): Certificate
}

export interface CertificateSubject {
  readonly name: string
  /** Host names and IPv4 addresses that it is good for. */
  readonly hosts?: readonly string[]
  /** The end of its validity; a day from now unless set. */
  readonly until?: Date
}

const DAY_MS = 86_400_000

/** An authority that signs itself (RFC 5280). */
export function createAuthority(name: string): Authority {
  const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const write = (subject: CertificateSubject, publicKey: KeyObject, isAuthority: boolean): string =>
    toPem(writeCertificate(subject, publicKey, { name, key: keys.privateKey }, isAuthority))
  return {
    certificate: write({ name }, keys.publicKey, true),
    key: keyToPem(keys.privateKey),
    issue(subject) {
      const own = generateKeyPairSync('ec', { namedCurve: 'P-256' })
      return { certificate: write(subject, own.publicKey, false), key: keyToPem(own.privateKey) }
    },
  }
}

function keyToPem(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString()
}

function toPem(der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g)!
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`
}

const OID = {
  ecdsaWithSha256: '2a8648ce3d040302',
  commonName: '550403',
  keyUsage: '551d0f',
  subjectAltName: '551d11',
  basicConstraints: '551d13',
  extendedKeyUsage: '551d25',
  serverAuth: '2b06010505070301',
  clientAuth: '2b06010505070302',
} as const

function writeCertificate(
  { name, hosts = [], until = new Date(Date.now() + DAY_MS) }: CertificateSubject,
  publicKey: KeyObject,
  issuer: { readonly name: string; readonly key: KeyObject },
  isAuthority: boolean,
): Buffer {
  const algorithm = sequence(oid('ecdsaWithSha256'))
  const from = new Date(Math.min(Date.now(), until.getTime()) - DAY_MS)
  const altNames = hosts.map((host) =>
    isIP(host) === 4 ? der(0x87, Buffer.from(host.split('.').map(Number))) : der(0x82, Buffer.from(host)),
  )
  const extensions = isAuthority
    ? [
        // It may sign, certificates above all: the bits keyCertSign and cRLSign.
        extension('basicConstraints', sequence(TRUE), true),
        extension('keyUsage', der(0x03, Buffer.from([1, 0x06])), true),
      ]
    : [
        extension('extendedKeyUsage', sequence(oid('serverAuth'), oid('clientAuth'))),
        ...(altNames.length > 0 ? [extension('subjectAltName', sequence(...altNames))] : []),
      ]
  const content = sequence(
    der(0xa0, integer(Buffer.from([2]))),
    integer(Buffer.concat([Buffer.from([1]), randomBytes(15)])),
    algorithm,
    distinguishedName(issuer.name),
    sequence(time(from), time(until)),
    distinguishedName(name),
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(...extensions)),
  )
  const signature = sign('sha256', content, issuer.key)
  return sequence(content, algorithm, der(0x03, Buffer.concat([Buffer.from([0]), signature])))
}

const TRUE = Buffer.from([0x01, 0x01, 0xff])

function extension(name: keyof typeof OID, value: Buffer, isCritical = false): Buffer {
  return sequence(oid(name), ...(isCritical ? [TRUE] : []), der(0x04, value))
}

function distinguishedName(name: string): Buffer {
  return sequence(der(0x31, sequence(oid('commonName'), der(0x0c, Buffer.from(name)))))
}

/** GeneralizedTime: Java and OpenSSL read it for every year. */
function time(date: Date): Buffer {
  return der(0x18, Buffer.from(`${date.toISOString().replaceAll(/[-:T]|\.\d+Z/g, '')}Z`))
}

function oid(name: keyof typeof OID): Buffer {
  return der(0x06, Buffer.from(OID[name], 'hex'))
}

function integer(bytes: Buffer): Buffer {
  return der(0x02, bytes)
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return der(0x30, Buffer.concat(parts))
}

/** Tag, length, content (X.690). */
function der(tag: number, content: Buffer): Buffer {
  const { length } = content
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from([tag, ...size]), content])
}
