// What to do when a Postgres and its URL disagree about TLS.

import { type TlsFaultKind, tlsFault } from './fault.ts'

const BY_FAULT: Readonly<Record<TlsFaultKind, string>> = {
  untrusted:
    'add sslrootcert=ca.pem to its URL: the PEM file with the certificate of its authority (sslmode=no-verify would take any server for yours)',
  'other-host': 'name the server in its URL as its certificate does',
  'out-of-date': "have it renewed, and check this machine's clock",
  'client-certificate':
    'add sslcert=cert.pem&sslkey=key.pem to its URL, of one that is valid and signed by an authority of the server',
  'no-tls': 'check host and port of its URL',
  failed: 'check the ssl_* settings of the server, and its log',
}

/** By the words of the driver, or of Postgres itself. */
const BY_MESSAGE: readonly (readonly [RegExp, string])[] = [
  [
    /^The server does not support SSL connections/,
    'turn on ssl at the server; or, where the way to it is safe, write sslmode=disable into its URL',
  ],
  [
    /^no pg_hba.conf entry .* no encryption$/,
    'if the server wants TLS, add ?sslmode=verify-full to its URL (and &sslrootcert=ca.pem where its authority is your own); else let this user in (pg_hba.conf)',
  ],
  [
    /connection requires a valid client certificate|certificate authentication failed/,
    "add sslcert=cert.pem&sslkey=key.pem to its URL, of a certificate for this very user (its CN, unless the server's pg_ident.conf maps it)",
  ],
]

/** Words in place of the error's own, and what to do; null where it is about something else. */
export function postgresTlsFault(error: unknown): { readonly what: string; readonly remedy: string } | null {
  const fault = tlsFault(error, 'Postgres')
  if (fault !== null) return { what: fault.what, remedy: BY_FAULT[fault.kind] }
  const what = error instanceof Error ? error.message : ''
  const remedy = BY_MESSAGE.find(([pattern]) => pattern.test(what))?.[1]
  return remedy === undefined ? null : { what, remedy }
}
