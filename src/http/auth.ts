// Who may read and write: bearer tokens (RFC 6750), compared without telling by time how much of one was right.

import { createHash, timingSafeEqual } from 'node:crypto'
import { problem } from './problem.ts'

export interface Tokens {
  /** Any of these reads. None: everybody may read. */
  readonly read: readonly string[]
  /** Any of these writes, and reads too. None: a read token writes where there is one, else everybody. */
  readonly write: readonly string[]
}

export type Access = 'read' | 'write'

/** Throws a problem unless a request with this Authorization header may do that. */
export type Authorize = (access: Access, authorization: string | undefined) => void

export function createAuthorize({ read, write }: Tokens): Authorize {
  const readers = read.map(digest)
  const writers = write.map(digest)
  const accepted = {
    read: readers.length === 0 ? [] : [...readers, ...writers],
    write: writers.length > 0 ? writers : readers,
  }
  return (access, authorization) => {
    if (accepted[access].length === 0) return
    if (authorization === undefined) throw unauthorized('send a token: Authorization: Bearer TOKEN', null)
    const token = /^bearer +([\x21-\x7e]+) *$/i.exec(authorization)?.[1]
    if (token === undefined) {
      throw unauthorized('the Authorization header has to be: Bearer TOKEN', 'invalid_request')
    }
    const sent = digest(token)
    if (isAmong(accepted[access], sent)) return
    if (isAmong([...readers, ...writers], sent)) {
      throw problem('forbidden', 'this token may not write; send one of SPINDEXER_HTTP_WRITE_TOKEN', {
        headers: { 'www-authenticate': challenge('insufficient_scope') },
      })
    }
    throw unauthorized('the token is not one that this node knows', 'invalid_token')
  }
}

function unauthorized(detail: string, error: string | null) {
  return problem('unauthorized', detail, { headers: { 'www-authenticate': challenge(error) } })
}

function challenge(error: string | null): string {
  return `Bearer realm="spindexer"${error === null ? '' : `, error="${error}"`}`
}

/** Digests have one length, whatever was sent. */
function digest(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}

function isAmong(digests: readonly Buffer[], sent: Buffer): boolean {
  let found = false
  for (const each of digests) if (timingSafeEqual(each, sent)) found = true
  return found
}
