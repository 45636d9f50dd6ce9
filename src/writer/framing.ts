// The bytes of a mutation in a record: Avro, framed as this log's writers agreed on.

import { encodeMutation } from '../codec/avro.ts'
import { frameConfluent, frameSingleObject } from '../codec/framing.ts'
import type { Mutation } from '../crdt/mutation.ts'

/** Avro single-object, or Confluent's framing with the id that the registry gave the schema. */
export type Framing =
  | { readonly type: 'single-object' }
  | { readonly type: 'confluent'; readonly schemaId: number }

export function createEncoder(framing: Framing): (mutation: Mutation) => Buffer {
  if (framing.type === 'single-object') return (mutation) => frameSingleObject(encodeMutation(mutation))
  const { schemaId } = framing
  return (mutation) => frameConfluent(schemaId, encodeMutation(mutation))
}
