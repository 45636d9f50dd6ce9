// Answers of any length: a client that does not take its answer is let go, and nothing is kept for it.

import { Readable } from 'node:stream'
import { finished } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyReply, FastifyRequest } from 'fastify'

/** What is held for a client beside its socket, in bytes. */
const HELD_BYTES = 16 * 1024
/** How long the rest of a body is read and dropped once the answer is complete. */
const LINGER_MS = 2_000

/**
 * Sends parts as the client takes them; ends the connection when it takes nothing for `stallMs`. Parts that end before
 * the request does end the connection too, when the client has had time to read them.
 */
export function sendParts(
  request: FastifyRequest,
  reply: FastifyReply,
  parts: AsyncIterable<string | Buffer>,
  stallMs: number,
): FastifyReply {
  const { raw } = request
  async function* taken(): AsyncGenerator<string | Buffer> {
    for await (const part of parts) {
      const timer = setTimeout(() => raw.destroy(), stallMs)
      try {
        yield part
      } finally {
        clearTimeout(timer)
      }
    }
    if (raw.complete) return
    raw.resume()
    await Promise.race([finished(raw).catch(() => {}), sleep(LINGER_MS, undefined, { ref: false })])
    reply.raw.once('finish', () => raw.complete || raw.socket.destroySoon())
  }
  return reply.send(Readable.from(taken(), { objectMode: false, highWaterMark: HELD_BYTES }))
}

/** Aborted when the connection is gone, or the door closes. */
export function goneSignal(reply: FastifyReply, closing: AbortSignal): AbortSignal {
  const gone = new AbortController()
  reply.raw.once('close', () => gone.abort())
  return AbortSignal.any([gone.signal, closing])
}
