// What goes wrong between us and a broker with TLS and logins, and what to do: KafkaJS says it poorly, or misleadingly.

import { type TlsFaultKind, tlsFault } from '../../tls/fault.ts'
import type { KafkaError } from './kafkajs.ts'

export interface SecurityFault {
  readonly what: string
  readonly remedy: string
  /** True where it may pass without anybody changing our settings: another attempt is worth it. */
  readonly mayPass: boolean
}

/** The code of an error: a socket without TLS was answered as TLS answers what it does not understand. */
export const SPEAKS_TLS = 'SPINDEXER_BROKER_SPEAKS_TLS'

const NAME_TLS_PORT =
  'name a port of the broker that speaks TLS in SPINDEXER_LOG, or unset KAFKA_SSL, KAFKA_SSL_CA and KAFKA_SSL_CERT'

const TLS_REMEDIES: Readonly<Record<TlsFaultKind, string>> = {
  untrusted: 'set KAFKA_SSL_CA to the PEM file with the certificate of its authority',
  'other-host':
    "name the broker as its certificate does: in SPINDEXER_LOG, and in the broker's advertised.listeners",
  'out-of-date': "have it renewed, and check this machine's clock",
  'client-certificate':
    'set KAFKA_SSL_CERT and KAFKA_SSL_KEY to the PEM files of one that is valid and signed by an authority of the broker',
  'no-tls': NAME_TLS_PORT,
  failed: "check the broker's ssl.* settings, and its log",
}

/** The fault in an error of KafkaJS, or in what caused it; null for another error. */
export function securityFault(error: unknown): SecurityFault | null {
  let each = error
  for (let depth = 0; depth < 10 && each instanceof Error; depth++) {
    const fault = faultOf(each)
    if (fault !== null) return fault
    each = each.cause
  }
  return null
}

function faultOf(error: KafkaError): SecurityFault | null {
  if (error.name === 'KafkaJSSASLAuthenticationError') {
    return lasting(
      `the broker refuses the login (${error.message})`,
      'check KAFKA_SASL_USERNAME, KAFKA_SASL_PASSWORD and KAFKA_SASL_MECHANISM',
    )
  }
  if (error.type === 'UNSUPPORTED_SASL_MECHANISM') {
    return lasting(
      `the broker does not take this way to log in (${error.message})`,
      'set KAFKA_SASL_MECHANISM to one that it offers',
    )
  }
  if (error.type === 'ILLEGAL_SASL_STATE') {
    return lasting(
      'the broker takes no login at this port',
      'name its port for SASL in SPINDEXER_LOG, or unset KAFKA_SASL_MECHANISM',
    )
  }
  const { code } = error as { readonly code?: unknown }
  if (code === SPEAKS_TLS) {
    return lasting(
      'the broker speaks TLS at this port',
      'set KAFKA_SSL=true, or KAFKA_SSL_CA where its authority is your own',
    )
  }
  // What a broker does with a greeting that it does not understand; and one that ends just then.
  if (code === 'ECONNRESET' && error.message.includes('before secure TLS connection')) {
    return {
      ...lasting('the broker closed the connection instead of beginning TLS', NAME_TLS_PORT),
      mayPass: true,
    }
  }
  const fault = tlsFault(error, 'the broker')
  if (fault === null) return null
  return { what: fault.what, remedy: TLS_REMEDIES[fault.kind], mayPass: fault.kind === 'out-of-date' }
}

function lasting(what: string, remedy: string): SecurityFault {
  return { what, remedy, mayPass: false }
}
