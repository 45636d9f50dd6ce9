// The arrays that the log's functions are given, in Postgres's binary format: hexadecimal text would double the bytes.

import { createOut, type Out, putWord, reserve } from '../../postgres/out.ts'
import type { NewRecord } from '../log.ts'
import type { Content, ReadContent } from './content.ts'
import { encodeHeaders } from './headers.ts'

/** A record that knows its place. */
export interface PlacedRecord {
  readonly partition: number
  readonly record: NewRecord
}

const INT4_OID = 23
const BYTEA_OID = 17
const TEXT_OID = 25
/** Dimensions, a flag for nulls, the elements' oid, how many, and the number of the first. */
const HEADER_BYTES = 20
const NULL_WORD = -1
/** Of the arrays but values, keys and headers, for a record. */
const USUAL_BYTES = 100

/** At most how many bytes of parameters a record makes, but for what it is looked up by. */
export function sizeOf({ key, value, headers }: NewRecord): number {
  let size = USUAL_BYTES + (key?.length ?? 0) + value.length
  if (headers !== undefined)
    for (const header of headers) size += 8 + 3 * header.name.length + header.value.length
  return size
}

/** Partitions, keys, values, headers; datasets, keys of rows, columns, operations. */
export function recordParameters(records: readonly PlacedRecord[], readContent: ReadContent): Buffer[] {
  const contents = records.map(({ record }) => readContent(record.value))
  const out = createOut(records.reduce((sum, { record }) => sum + sizeOf(record), 9 * HEADER_BYTES))
  const bytes = (of: (record: NewRecord) => Buffer | null) =>
    arrayOf(out, BYTEA_OID, records.length, (i) => putBytes(out, of(records[i]!.record)))
  const text = (of: (content: Content) => string) =>
    arrayOf(out, TEXT_OID, records.length, (i) =>
      putText(out, contents[i] === null ? null : of(contents[i]!)),
    )
  return [
    arrayOf(out, INT4_OID, records.length, (i) => {
      reserve(out, 8)
      putWord(out.bytes, out.at, 4)
      putWord(out.bytes, out.at + 4, records[i]!.partition)
      out.at += 8
    }),
    bytes(({ key }) => key),
    bytes(({ value }) => value),
    bytes(({ headers = [] }) => encodeHeaders(headers)),
    text(({ dataset }) => dataset),
    text(({ key }) => key),
    text(({ columns }) => columns),
    text(({ operation }) => operation),
  ]
}

function arrayOf(out: Out, oid: number, count: number, putElement: (i: number) => void): Buffer {
  reserve(out, HEADER_BYTES)
  const from = out.at
  putWord(out.bytes, from, count === 0 ? 0 : 1)
  putWord(out.bytes, from + 4, 1)
  putWord(out.bytes, from + 8, oid)
  if (count === 0) {
    out.at += 12
    return out.bytes.subarray(from, out.at)
  }
  putWord(out.bytes, from + 12, count)
  putWord(out.bytes, from + 16, 1)
  out.at += HEADER_BYTES
  for (let i = 0; i < count; i++) putElement(i)
  return out.bytes.subarray(from, out.at)
}

function putBytes(out: Out, bytes: Uint8Array | null): void {
  const length = bytes?.length ?? 0
  reserve(out, 4 + length)
  putWord(out.bytes, out.at, bytes === null ? NULL_WORD : length)
  if (bytes !== null) out.bytes.set(bytes, out.at + 4)
  out.at += 4 + length
}

function putText(out: Out, text: string | null): void {
  // No character of UTF-16 makes more than three bytes.
  reserve(out, 4 + 3 * (text?.length ?? 0))
  const length = text === null ? NULL_WORD : out.bytes.write(text, out.at + 4, 'utf8')
  putWord(out.bytes, out.at, length)
  out.at += 4 + Math.max(0, length)
}
