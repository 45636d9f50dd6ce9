// How the URL of a Postgres asks for TLS: read here, so that it never means less than it says.
//
// node-postgres 8 takes prefer, require and verify-ca for verify-full, and warns that its next version will take them
// as libpq does: without looking at the server's name, or at its certificate. Here they keep the stronger meaning.

import type { ConnectionOptions } from 'node:tls'
import {
  type CertificateAndKey,
  type PemRefusal,
  publicAuthorities,
  readAuthorities,
  readCertificateAndKey,
} from '../tls/pem.ts'

/** What a connection is made with. */
export interface PostgresAddress {
  /** Without what was said of TLS. */
  readonly connectionString: string
  /** False: no TLS. Undefined: nothing is said of it (the driver looks at PGSSLMODE then). */
  readonly ssl: ConnectionOptions | false | undefined
  /** `direct`: TLS without being asked for first, from Postgres 17 on. */
  readonly sslnegotiation: 'postgres' | 'direct' | undefined
}

export type ReadPostgresUrl = { readonly type: 'ok'; readonly address: PostgresAddress } | PemRefusal

const SSL_PARAMETERS: ReadonlySet<string> = new Set([
  'ssl',
  'sslmode',
  'sslrootcert',
  'sslcert',
  'sslkey',
  'sslpassword',
  'sslnegotiation',
  'uselibpqcompat',
])
const MODES: ReadonlyMap<string, Mode> = new Map([
  ['disable', 'off'],
  ['prefer', 'verified'],
  ['require', 'verified'],
  ['verify-ca', 'verified'],
  ['verify-full', 'verified'],
  ['no-verify', 'not-verified'],
])
const SWITCH: ReadonlyMap<string, string> = new Map([
  ['true', 'verify-full'],
  ['1', 'verify-full'],
  ['false', 'disable'],
  ['0', 'disable'],
  ['no-verify', 'no-verify'],
])

/** Takes a URL apart, and reads the files that it names. What else is wrong with it the driver says. */
export function readPostgresUrl(url: string): ReadPostgresUrl {
  const [base, ...queries] = url.split('?')
  const pieces = queries.join('?').split('&')
  const isOfTls = (piece: string) => SSL_PARAMETERS.has(decodeText(piece.split('=')[0]!))
  const left = pieces.filter((piece) => piece !== '' && !isOfTls(piece))
  const parameters = new URLSearchParams(pieces.filter(isOfTls).join('&'))
  const negotiation = parameters.get('sslnegotiation') ?? undefined
  if (negotiation !== undefined && negotiation !== 'postgres' && negotiation !== 'direct') {
    return refuse(`it says sslnegotiation=${negotiation}`, 'write direct, or leave it out')
  }
  const read = readSsl(parameters)
  if (read.type === 'refused') return read
  const connectionString = left.length === 0 ? base! : `${base}?${left.join('&')}`
  return { type: 'ok', address: { connectionString, ssl: read.ssl, sslnegotiation: negotiation } }
}

type ReadSsl = { readonly type: 'ok'; readonly ssl: PostgresAddress['ssl'] } | PemRefusal

function readSsl(parameters: URLSearchParams): ReadSsl {
  const read = readMode(parameters)
  if (read.type === 'refused') return read
  const { mode } = read
  const pathOf = (name: string) => parameters.get(name) || null
  const [root, certificate, key] = [pathOf('sslrootcert'), pathOf('sslcert'), pathOf('sslkey')]
  const isDirect = parameters.get('sslnegotiation') === 'direct'
  if (mode === null && (root ?? certificate ?? key) === null && !isDirect) {
    return { type: 'ok', ssl: undefined }
  }
  if (mode === 'off') return { type: 'ok', ssl: false }
  // `system` is libpq's word for what is the default here.
  const authorities =
    root === null || root === 'system' ? null : readAuthorities({ setting: 'sslrootcert', path: root })
  if (authorities?.type === 'refused') return authorities
  const identity = readClient(certificate, key, parameters.get('sslpassword'))
  if (identity.type === 'refused') return identity
  const { client } = identity
  const ssl: ConnectionOptions = {
    // Said, so that NODE_TLS_REJECT_UNAUTHORIZED turns nothing off.
    rejectUnauthorized: mode !== 'not-verified',
    ca: authorities === null ? [...publicAuthorities()] : authorities.pem,
    ...(client === null ? {} : { cert: client.certificate, key: client.key }),
    ...(client?.passphrase ? { passphrase: client.passphrase } : {}),
  }
  return { type: 'ok', ssl }
}

type Mode = 'off' | 'verified' | 'not-verified'

function readMode(
  parameters: URLSearchParams,
): { readonly type: 'ok'; readonly mode: Mode | null } | PemRefusal {
  const written = parameters.get('sslmode')
  const toggle = parameters.get('ssl')
  if (written === null && toggle === null) return { type: 'ok', mode: null }
  const mode = MODES.get(written ?? SWITCH.get(toggle!) ?? '')
  if (mode !== undefined) return { type: 'ok', mode }
  return refuse(
    written === null ? `it says ssl=${toggle}` : `it says sslmode=${written}, which is not known here`,
    'write sslmode=verify-full (TLS, and the server is who it says), disable (no TLS), or no-verify (TLS with anyone)',
  )
}

function readClient(
  certificate: string | null,
  key: string | null,
  passphrase: string | null,
): { readonly type: 'ok'; readonly client: CertificateAndKey | null } | PemRefusal {
  if (certificate === null && key === null) return { type: 'ok', client: null }
  if (certificate === null || key === null) {
    const [set, missing] = key === null ? ['sslcert', 'sslkey'] : ['sslkey', 'sslcert']
    return refuse(
      `it has ${set}, but no ${missing}`,
      'a client certificate needs both, each the path of a PEM file',
    )
  }
  const read = readCertificateAndKey(
    { setting: 'sslcert', path: certificate },
    { setting: 'sslkey', path: key },
    passphrase,
  )
  return read.type === 'refused' ? read : { type: 'ok', client: read.pair }
}

function decodeText(text: string): string {
  return new URLSearchParams(`${text}=`).keys().next().value ?? ''
}

function refuse(what: string, remedy: string): PemRefusal {
  return { type: 'refused', what, remedy }
}
