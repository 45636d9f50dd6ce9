// A mutation that is an object, packed as a message: for the few that do not come straight from bytes.

import type { Mutation } from '../mutation.ts'
import { stampWord } from '../stamp.ts'
import type { Value } from '../value.ts'
import { BOOLEAN, BYTES, DELETE, DOUBLE, LONG, NULL, PackedMessage, TEXT, UPDATE, UPSERT } from './message.ts'
import type { Shape } from './shape.ts'

/** What packs mutations, each into the same message. Throws for a column that the shape has not. */
export function createPacker(): (shape: Shape, mutation: Mutation) => PackedMessage {
  const message = new PackedMessage()
  return (shape, mutation) => {
    const parts: Uint8Array[] = []
    let size = 0
    const append = (bytes: Uint8Array): number => {
      parts.push(bytes)
      size += bytes.length
      return size - bytes.length
    }
    const { stamp, operation, key, columns } = mutation
    for (let i = 0; i < 4; i++) message.stamp[i] = stampWord(stamp, i)
    message.operation = operation === 'upsert' ? UPSERT : operation === 'update' ? UPDATE : DELETE
    for (const text of key) {
      const bytes = Buffer.from(text, 'utf8')
      append(lengthOf(bytes))
      append(bytes)
    }
    message.keyStart = 0
    message.keyEnd = size
    message.columnCount = 0
    for (const [name, value] of columns) {
      const place = shape.columns.findIndex((column) => column.name === name)
      if (place < 0)
        throw new Error(`a row of "${shape.dataset}" has a column "${name}", which is not defined`)
      setColumn(message, place, value, append)
    }
    message.bytes = Buffer.concat(parts)
    return message
  }
}

function setColumn(
  message: PackedMessage,
  place: number,
  value: Value,
  append: (bytes: Uint8Array) => number,
): void {
  const i = message.columnCount++
  const { kinds, first, second } = message
  message.columns[i] = place
  switch (typeof value) {
    case 'boolean':
      kinds[i] = BOOLEAN
      first[i] = value ? 1 : 0
      return
    case 'bigint':
      kinds[i] = LONG
      first[i] = Number(BigInt.asIntN(32, value >> 32n))
      second[i] = Number(BigInt.asIntN(32, value))
      return
    case 'number': {
      const bytes = Buffer.alloc(8)
      bytes.writeDoubleLE(value)
      kinds[i] = DOUBLE
      first[i] = append(bytes)
      return
    }
    default: {
      kinds[i] = value === null ? NULL : typeof value === 'string' ? TEXT : BYTES
      if (value === null) return
      const bytes = typeof value === 'string' ? Buffer.from(value, 'utf8') : value
      second[i] = bytes.length
      first[i] = append(bytes)
    }
  }
}

/** Avro's length of at most 1,024. */
function lengthOf(bytes: Uint8Array): Uint8Array {
  const zigzag = 2 * bytes.length
  return zigzag < 0x80 ? Uint8Array.of(zigzag) : Uint8Array.of((zigzag & 0x7f) | 0x80, zigzag >>> 7)
}
