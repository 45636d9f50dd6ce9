// What goes wrong when TLS begins, in words: those of Node and OpenSSL are poor, and some of their remedies mislead.

/**
 * untrusted: by an authority that we do not trust. other-host: good, but not for where we connected. out-of-date: the
 * one that may pass without us. client-certificate: we are asked for one, or ours is refused. no-tls: the other side
 * speaks something else. failed: anything else.
 */
export type TlsFaultKind =
  | 'untrusted'
  | 'other-host'
  | 'out-of-date'
  | 'client-certificate'
  | 'no-tls'
  | 'failed'

export interface TlsFault {
  readonly kind: TlsFaultKind
  /** A sentence with the other side as its subject, such as `the broker's certificate has expired`. */
  readonly what: string
}

const UNTRUSTED: ReadonlySet<string> = new Set([
  'CERT_SIGNATURE_FAILURE',
  'CERT_UNTRUSTED',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'INVALID_CA',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
])
const OUT_OF_DATE: ReadonlyMap<string, string> = new Map([
  ['CERT_HAS_EXPIRED', 'has expired'],
  ['CERT_NOT_YET_VALID', 'is not valid yet'],
])
/** The end of the code of an alert about our certificate (RFC 8446, section 6). */
const OUR_CERTIFICATE =
  /ALERT_(BAD_CERTIFICATE|CERTIFICATE_REQUIRED|CERTIFICATE_UNKNOWN|CERTIFICATE_EXPIRED|CERTIFICATE_REVOKED|UNSUPPORTED_CERTIFICATE|UNKNOWN_CA|ACCESS_DENIED|NO_CERTIFICATE)$/
/** Another protocol's bytes where TLS was expected. */
const NO_TLS: ReadonlySet<string> = new Set([
  'ERR_SSL_WRONG_VERSION_NUMBER',
  'ERR_SSL_PACKET_LENGTH_TOO_LONG',
])

/** The fault that an error of node:tls is, by its code; null for another error. `peer`: `the broker`, for example. */
export function tlsFault(error: unknown, peer: string): TlsFault | null {
  const { code, message } = (error ?? {}) as { readonly code?: unknown; readonly message?: string }
  if (typeof code !== 'string') return null
  if (UNTRUSTED.has(code)) {
    const what = `${peer}'s certificate is not signed by an authority that is trusted here (${code})`
    return { kind: 'untrusted', what }
  }
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    const detail = /altnames: (.*?)[:\s]*$/s.exec(message ?? '')?.[1] ?? code
    return { kind: 'other-host', what: `${peer}'s certificate is for another host (${detail})` }
  }
  const state = OUT_OF_DATE.get(code)
  if (state !== undefined) {
    return { kind: 'out-of-date', what: `${peer}'s certificate, or that of its authority, ${state}` }
  }
  if (OUR_CERTIFICATE.test(code)) {
    const what = `${peer} demands a client certificate that it trusts (it says: ${wordsOf(code)})`
    return { kind: 'client-certificate', what }
  }
  if (NO_TLS.has(code)) return { kind: 'no-tls', what: `${peer} does not speak TLS there` }
  if (/^ERR_SSL_/.test(code)) return { kind: 'failed', what: `TLS with ${peer} fails (${wordsOf(code)})` }
  return null
}

function wordsOf(code: string): string {
  return code
    .replace(/^ERR_SSL_(.*ALERT_)?/, '')
    .toLowerCase()
    .replaceAll('_', ' ')
}
