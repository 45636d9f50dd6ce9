// The bytes of a mutation in a record: Avro, framed as this log's writers agreed on.

import { type ByteSink, boundMutation, writeMutation, writeStamp } from '../codec/avro-encode.ts'
import { frameConfluent, frameSingleObject } from '../codec/framing.ts'
import { hashAvro, type UnstampedMutation } from '../codec/origin.ts'
import type { Mutation } from '../crdt/mutation.ts'
import { createStamp, type Stamp, ZERO_ORIGIN } from '../crdt/stamp.ts'

/** Avro single-object, or Confluent's framing with the id that the registry gave the schema. */
export type Framing =
  | { readonly type: 'single-object' }
  | { readonly type: 'confluent'; readonly schemaId: number }

/** Writes framed mutations into a sink that has `bound` bytes left. */
export interface Encoder {
  bound(mutation: UnstampedMutation): number
  write(sink: ByteSink, mutation: Mutation): void
  /** For a change that brings its time (nanoseconds since 1970): the origin is a hash of the content, `seq` null. */
  writeTimed(sink: ByteSink, mutation: UnstampedMutation, timeNs: bigint): Stamp
}

export function createEncoder(framing: Framing): Encoder {
  const nothing = new Uint8Array()
  const header =
    framing.type === 'single-object' ? frameSingleObject(nothing) : frameConfluent(framing.schemaId, nothing)

  function write(sink: ByteSink, mutation: Mutation): void {
    sink.bytes.set(header, sink.at)
    sink.at += header.length
    writeMutation(sink, mutation)
  }

  return {
    bound: (mutation) => header.length + boundMutation(mutation),
    write,
    writeTimed(sink, { operation, dataset, key, columns }, timeNs) {
      const start = sink.at + header.length
      const unowned = createStamp(timeNs, ZERO_ORIGIN)
      write(sink, { stamp: unowned, seq: null, operation, dataset, key, columns })
      const stamp = createStamp(timeNs, hashAvro(sink.bytes.subarray(start, sink.at)))
      writeStamp(sink.bytes, start, stamp)
      return stamp
    },
  }
}
