// The origin of a message whose timestamp its caller brings: a hash of its content, so that twice published is once.

import { hash } from 'node:crypto'
import type { Mutation } from '../crdt/mutation.ts'
import { createStamp, type Origin, ZERO_ORIGIN } from '../crdt/stamp.ts'
import { encodeMutation } from './avro-encode.ts'

/** A mutation that nobody has stamped yet. */
export type UnstampedMutation = Omit<Mutation, 'stamp' | 'seq'>

const ORIGIN_DIGITS = 16

/**
 * The first 8 bytes of SHA-256 over the canonical Avro bytes with this time (nanoseconds since 1970), the origin zero
 * and `seq` null.
 */
export function hashOrigin(mutation: UnstampedMutation, timeNs: bigint): Origin {
  const { operation, dataset, key, columns } = mutation
  const stamp = createStamp(timeNs, ZERO_ORIGIN)
  return hashAvro(encodeMutation({ stamp, seq: null, operation, dataset, key, columns }))
}

/** The same of a mutation whose bytes, with the origin zero and `seq` null, are there already. */
export function hashAvro(avro: Uint8Array): Origin {
  return hash('sha256', avro, 'hex').slice(0, ORIGIN_DIGITS) as Origin
}
