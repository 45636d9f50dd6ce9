// What a record is looked up by: dataset, key and columns, read from its value's own bytes.

import { decodeMutation } from '../../codec/avro.ts'
import { type Cursor, createCursor } from '../../codec/avro-cursor.ts'
import { CONTROL_MAGIC, findAvro } from '../../codec/framing.ts'
import { VALUE_BYTES_MAX } from '../../codec/limits.ts'
import { textArray } from '../../postgres/arrays.ts'

export interface Content {
  readonly dataset: string
  /** Array literals of Postgres. */
  readonly key: string
  readonly columns: string
  readonly operation: string
}

/** Null for a value that is no mutation. Nothing is decided by it: nodes judge the bytes. */
export type ReadContent = (value: Buffer) => Content | null

export function createContentReader(): ReadContent {
  const cursor: Cursor = createCursor()
  return (value) => {
    if (value.length > VALUE_BYTES_MAX || value[0] === CONTROL_MAGIC) return null
    const start = findAvro(value)
    if (typeof start === 'string') return null
    const decoded = decodeMutation(value, start, cursor)
    if (decoded.type !== 'mutation') return null
    const { dataset, key, columns, operation } = decoded.mutation
    return { dataset, key: textArray(key), columns: textArray([...columns.keys()]), operation }
  }
}
