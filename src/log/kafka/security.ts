// The settings for TLS and SASL as they are written, checked before anything is connected.

import { listNames, nearNames } from '../../codec/near-names.ts'
import { type CertificateAndKey, readAuthorities, readCertificateAndKey } from '../../tls/pem.ts'
import { type KafkaLogin, SASL_MECHANISMS } from './login.ts'
import type { KafkaTls } from './tls.ts'

export type SecuritySetting =
  | 'KAFKA_SASL_MECHANISM'
  | 'KAFKA_SASL_USERNAME'
  | 'KAFKA_SASL_PASSWORD'
  | 'KAFKA_SSL'
  | 'KAFKA_SSL_CA'
  | 'KAFKA_SSL_CERT'
  | 'KAFKA_SSL_KEY'

/** What goes into a KafkaConnection beside the brokers. */
export interface KafkaSecurity {
  readonly tls?: KafkaTls
  readonly login?: KafkaLogin
}

export type ReadSecurity =
  | { readonly type: 'ok'; readonly security: KafkaSecurity }
  | { readonly type: 'refused'; readonly what: string; readonly remedy: string }

type Refused = ReadSecurity & { readonly type: 'refused' }
type Get = (name: SecuritySetting) => string | null

/** Reads the settings and the files that they name; `get` gives null for what is not set. */
export function readKafkaSecurity(get: Get): ReadSecurity {
  const login = readLogin(get)
  if (login !== null && 'type' in login) return login
  const tls = readTls(get)
  if (tls !== null && 'type' in tls) return tls
  return { type: 'ok', security: { ...(tls === null ? {} : { tls }), ...(login === null ? {} : { login }) } }
}

function readLogin(get: Get): KafkaLogin | Refused | null {
  const [written, username, password] = [
    get('KAFKA_SASL_MECHANISM'),
    get('KAFKA_SASL_USERNAME'),
    get('KAFKA_SASL_PASSWORD'),
  ]
  if (written === null) {
    const set = username !== null ? 'KAFKA_SASL_USERNAME' : password !== null ? 'KAFKA_SASL_PASSWORD' : null
    if (set === null) return null
    return refuse(
      `${set} is set, but KAFKA_SASL_MECHANISM is not`,
      `set it to the way that the brokers ask for: ${MECHANISM_NAMES.join(', ')}`,
    )
  }
  const mechanism = SASL_MECHANISMS.find((one) => one === written.toUpperCase())
  if (mechanism === undefined) {
    const near = nearNames(written, MECHANISM_NAMES)
    const hint = near.length > 0 ? `did you mean ${listNames(near)}? ` : ''
    return refuse(
      `KAFKA_SASL_MECHANISM is ${JSON.stringify(written)}, which is not known here`,
      `${hint}there are ${MECHANISM_NAMES.join(', ')}`,
    )
  }
  const missing = username === null ? 'KAFKA_SASL_USERNAME' : password === null ? 'KAFKA_SASL_PASSWORD' : null
  if (username !== null && password !== null) return { mechanism, username, password }
  return refuse(
    `KAFKA_SASL_MECHANISM is set, but ${missing} is not`,
    `set it, or ${missing}_FILE to a file that holds it`,
  )
}

const MECHANISM_NAMES = SASL_MECHANISMS.map((one) => one.toLowerCase())
const ON: ReadonlySet<string> = new Set(['true', '1'])
const OFF: ReadonlySet<string> = new Set(['false', '0'])

function readTls(get: Get): KafkaTls | Refused | null {
  const [written, ca, certificate, key] = [
    get('KAFKA_SSL'),
    get('KAFKA_SSL_CA'),
    get('KAFKA_SSL_CERT'),
    get('KAFKA_SSL_KEY'),
  ]
  const value = written?.toLowerCase() ?? null
  if (value !== null && !ON.has(value) && !OFF.has(value)) {
    return refuse(
      `KAFKA_SSL is ${JSON.stringify(written)}, neither true nor false`,
      'write true for TLS with the authorities that this system trusts; KAFKA_SSL_CA names others',
    )
  }
  const implied =
    ca !== null ? 'KAFKA_SSL_CA' : certificate !== null ? 'KAFKA_SSL_CERT' : key && 'KAFKA_SSL_KEY'
  if (value !== null && OFF.has(value) && implied !== null) {
    return refuse(`KAFKA_SSL is ${written}, but ${implied} is set, which asks for TLS`, 'unset one of them')
  }
  if (implied === null && (value === null || OFF.has(value))) return null
  const authorities = ca === null ? null : readAuthorities({ setting: 'KAFKA_SSL_CA', path: ca })
  if (authorities?.type === 'refused') return authorities
  const client = readClient(certificate, key)
  if (client !== null && 'type' in client) return client
  return { authorities: authorities?.pem ?? null, client }
}

function readClient(certificate: string | null, key: string | null): CertificateAndKey | Refused | null {
  if (certificate === null && key === null) return null
  if (certificate === null || key === null) {
    const [set, missing] =
      key === null ? ['KAFKA_SSL_CERT', 'KAFKA_SSL_KEY'] : ['KAFKA_SSL_KEY', 'KAFKA_SSL_CERT']
    return refuse(
      `${set} is set, but ${missing} is not`,
      'a client certificate needs both, each the path of a PEM file',
    )
  }
  const read = readCertificateAndKey(
    { setting: 'KAFKA_SSL_CERT', path: certificate },
    { setting: 'KAFKA_SSL_KEY', path: key },
  )
  return read.type === 'refused' ? read : read.pair
}

function refuse(what: string, remedy: string): Refused {
  return { type: 'refused', what, remedy }
}
