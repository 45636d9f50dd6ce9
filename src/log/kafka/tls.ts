// TLS to brokers: whom we trust, who we are, and a broker that speaks it where we do not.

import type { Socket } from 'node:net'
import type { ConnectionOptions } from 'node:tls'
import { type CertificateAndKey, publicAuthorities } from '../../tls/pem.ts'
import { SPEAKS_TLS } from './faults.ts'

export interface KafkaTls {
  /** The authorities that are trusted, PEM; null: those that Node and the system trust. */
  readonly authorities: string | null
  /** What a broker is shown that asks who we are. */
  readonly client: CertificateAndKey | null
}

/** Verification is said to be on, so that NODE_TLS_REJECT_UNAUTHORIZED turns nothing off. */
export function tlsToOptions({ authorities, client }: KafkaTls): ConnectionOptions {
  return {
    ca: authorities ?? [...publicAuthorities()],
    ...(client === null ? {} : { cert: client.certificate, key: client.key }),
    rejectUnauthorized: true,
  }
}

/** An alert, version 3.x: how TLS begins its answer to what it does not understand (RFC 8446, section 5.1). */
const ALERT = 0x15
const VERSION_3 = 3

/**
 * Ends a connection without TLS whose first bytes are a TLS alert. KafkaJS would take them for the length of an answer
 * of 350 MB, and wait for it. No answer of Kafka begins like this: it would be as long.
 */
export function noticeTls(socket: Socket): void {
  socket.once('data', (bytes: Buffer) => {
    if (bytes[0] !== ALERT || bytes[1] !== VERSION_3) return
    socket.destroy(Object.assign(new Error('the broker answers with a TLS alert'), { code: SPEAKS_TLS }))
  })
}
