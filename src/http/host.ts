// Which hosts the door answers to: a page of a foreign site whose name was pointed at this machine (DNS rebinding) gets nothing.

import { isIPv4 } from 'node:net'
import type { FastifyRequest } from 'fastify'
import { problem } from './problem.ts'

export interface HostRule {
  readonly isLoopback: boolean
  readonly allowedHosts: readonly string[]
}

export const ALLOWED_HOSTS_SETTING = 'SPINDEXER_HTTP_ALLOWED_HOSTS'

/** Throws a problem for a request that names no host (RFC 9112, 3.2), or one that the door does not answer to. */
export function refuseHost({ headers, raw }: FastifyRequest, { isLoopback, allowedHosts }: HostRule): void {
  const host = headers.host
  if (host === undefined) {
    if (raw.httpVersionMajor === 1 && raw.httpVersionMinor === 0 && !isLoopback) return
    throw problem('bad-request', 'the request has no Host header; send one')
  }
  if (!isLoopback) return
  const name = hostName(host)
  if (name !== null && (isLoopbackName(name) || allowedHosts.includes(name))) return
  throw problem(
    'misdirected-request',
    `this node listens for this machine alone and answers to localhost and 127.0.0.1, not to ${JSON.stringify(host.slice(0, 100))}; ${ALLOWED_HOSTS_SETTING} allows more names`,
  )
}

/** Also for an address to listen on. */
export function isLoopbackName(name: string): boolean {
  return name === 'localhost' || name === '::1' || (isIPv4(name) && name.startsWith('127.'))
}

/** The host of `host:port`, in lower case, without the brackets of IPv6 and the last dot; null for what is none. */
function hostName(host: string): string | null {
  const match = /^(?:\[([0-9a-f:.]+)\]|([\w.-]+?)\.?)(?::\d*)?$/i.exec(host)
  return (match?.[1] ?? match?.[2])?.toLowerCase() ?? null
}
