// The origin of a message whose timestamp its caller brings: a hash of its content, so that twice published is once.

import { hash } from 'node:crypto'
import type { Mutation } from '../crdt/mutation.ts'
import { createStamp, type Origin, stampToTime, ZERO_ORIGIN } from '../crdt/stamp.ts'
import { encodeMutation } from './avro.ts'

/** A mutation that nobody has stamped yet. */
export type UnstampedMutation = Omit<Mutation, 'stamp' | 'seq'>

/**
 * The first 8 bytes of SHA-256 over the canonical Avro bytes with the origin zero and `seq` null. Of the mutation's
 * stamp only the time counts.
 */
export function contentOrigin(mutation: Mutation): Origin {
  const stamp = createStamp(stampToTime(mutation.stamp), ZERO_ORIGIN)
  return hash('sha256', encodeMutation({ ...mutation, stamp, seq: null }), 'hex').slice(0, 16) as Origin
}

/** Stamps a mutation with a time that its caller brings (nanoseconds since 1970) and the hash of its content. */
export function stampByContent(mutation: UnstampedMutation, timeNs: bigint): Mutation {
  const unsigned: Mutation = { ...mutation, stamp: createStamp(timeNs, ZERO_ORIGIN), seq: null }
  return { ...unsigned, stamp: createStamp(timeNs, contentOrigin(unsigned)) }
}
