// One change as both sides' messages: our mutation, and the Confluent-framed Avro record of the peer.

import avro from 'avsc'
import { encodeMutation } from '../src/codec/avro-encode.ts'
import type { ColumnType, Dataset } from '../src/codec/catalogue.ts'
import { frameConfluent, frameSingleObject } from '../src/codec/framing.ts'
import { AVRO_LONG } from '../src/codec/mutation-schema.ts'
import { createStamp, type Origin } from '../src/crdt/stamp.ts'
import type { NewRecord } from '../src/log/log.ts'
import type { Change } from './cases/case.ts'

const ORIGIN = '0123456789abcdef' as Origin
/** 2023-11-14, so that no clock rule is near. */
const BEGAN_NS = 1_700_000_000_000_000_000n

export type Encode = (change: Change) => NewRecord

/** Nanoseconds since 1970. */
export function changeToTime(change: Change): bigint {
  return BEGAN_NS + change.number
}

/** What our message of a change holds beside its columns: stamp, number, operation, dataset, key. */
export function messageFields(dataset: Dataset, change: Change): readonly string[] {
  const stamp = createStamp(changeToTime(change), ORIGIN)
  return [stamp, String(change.number), change.operation, dataset.name, ...change.key]
}

export function createOursEncoder(dataset: Dataset): Encode {
  const names = [...dataset.columns.keys()]
  return (change) => {
    const mutation = encodeMutation({
      stamp: createStamp(changeToTime(change), ORIGIN),
      seq: change.number,
      operation: change.operation,
      dataset: dataset.name,
      key: change.key,
      columns: new Map(change.sets.map((place) => [names[place]!, change.values[place]!])),
    })
    const key = Buffer.from(JSON.stringify([dataset.name, ...change.key]))
    return { partition: 0, key, value: frameSingleObject(mutation) }
  }
}

/** The schema of the peer's topic: the key columns, `at` (the stamp's time, nanoseconds), the columns. */
export function peerSchema(dataset: Dataset): string {
  const columns = [...dataset.columns.values()].map(({ name, type }) => ({
    name,
    type: ['null', peerType(type)],
    default: null,
  }))
  const keys = dataset.key.map(({ name }) => ({ name, type: 'string' }))
  const fields = [...keys, { name: AT, type: 'long' }, ...columns]
  return JSON.stringify({ type: 'record', name: 'Row', namespace: 'bench', fields })
}

const AT = 'at'

function peerType(type: ColumnType): string {
  return type === 'long' || type === 'boolean' || type === 'double' || type === 'bytes' ? type : 'string'
}

/** What a change leaves out is null for the peer, which cannot tell the two apart. */
export function createPeerEncoder(dataset: Dataset, schemaId: number): Encode {
  const type = avro.Type.forSchema(JSON.parse(peerSchema(dataset)), { registry: { long: AVRO_LONG } })
  const keys = dataset.key.map(({ name }) => name)
  const names = [...dataset.columns.keys()]
  return (change) => {
    const row: Record<string, unknown> = { [AT]: changeToTime(change) }
    for (const [place, name] of keys.entries()) row[name] = change.key[place]
    for (const [place, name] of names.entries()) row[name] = change.values[place] ?? null
    const key = Buffer.from(change.key.join('/'))
    return { partition: 0, key, value: frameConfluent(schemaId, type.toBuffer(row)) }
  }
}
