// Authors by who has signed, in the order in which they are written; origins as the numbers that Postgres keeps.

import type { Signer } from '../../codec/signing/signer-key.ts'
import type { Origin } from '../../crdt/stamp.ts'
import { compareSigners } from '../signers.ts'
import type { Authorship } from '../store.ts'

/** `origins` are 64 bits each, as signed numbers, ascending. */
export interface AuthorGroup {
  readonly signer: Signer
  readonly origins: BigInt64Array
}

/** A group a signer, nobody first. An import brings an origin a message, so they are sorted as numbers. */
export function groupAuthors(authors: readonly Authorship[]): readonly AuthorGroup[] {
  const originsBySigner = new Map<Signer, Origin[]>()
  for (const { origin, signer } of authors) {
    const origins = originsBySigner.get(signer)
    if (origins === undefined) originsBySigner.set(signer, [origin])
    else origins.push(origin)
  }
  return [...originsBySigner]
    .sort(([a], [b]) => compareSigners(a, b))
    .map(([signer, origins]) => ({ signer, origins: BigInt64Array.from(origins, originToNumber).sort() }))
}

/** The same in parts of at most `max` origins; a group may be in several. */
export function* chunksOf(groups: readonly AuthorGroup[], max: number): Generator<readonly AuthorGroup[]> {
  let chunk: AuthorGroup[] = []
  let room = max
  for (const { signer, origins } of groups) {
    for (let at = 0; at < origins.length; ) {
      const some = origins.subarray(at, at + room)
      chunk.push({ signer, origins: some })
      at += some.length
      room -= some.length
      if (room > 0) continue
      yield chunk
      chunk = []
      room = max
    }
  }
  if (chunk.length > 0) yield chunk
}

export function originToNumber(origin: Origin): bigint {
  return BigInt.asIntN(64, BigInt(`0x${origin}`))
}

export function numberToOrigin(number: bigint): Origin {
  return BigInt.asUintN(64, number).toString(16).padStart(16, '0') as Origin
}
