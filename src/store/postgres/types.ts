// The Postgres type of each column type, and the way of its values there and back without a bit lost.

import type { ColumnType } from '../../codec/catalogue.ts'
import { canonicalJson, parseJson } from '../../codec/json.ts'
import type { Value } from '../../crdt/value.ts'

export interface SqlType {
  /** The type's name in a cast. */
  readonly name: string
  /** In `create table`: with the collation, where order must be bytewise. */
  readonly declaration: string
  /** SQL for the text that `decode` reads, from an expression of this type. Independent of a session's settings. */
  readonly toText: (expression: string) => string
  readonly decode: (text: string) => Value
  /** True where Postgres orders values as their canonical texts are ordered as bytes. */
  readonly isOrderedAsText: boolean
}

const same = (expression: string): string => expression
const castToText = (expression: string): string => `${expression}::text`
const asIs = (text: string): string => text

const TEXT: SqlType = {
  name: 'text',
  declaration: 'text collate "C"',
  toText: same,
  decode: asIs,
  isOrderedAsText: true,
}

const SQL_TYPES: Readonly<Record<ColumnType, SqlType>> = {
  boolean: sqlType('boolean', castToText, (text) => text === 'true', true),
  long: sqlType('bigint', castToText, BigInt, false),
  // Shortest exact digits, as long as extra_float_digits is positive; every transaction here sets it.
  double: sqlType('double precision', castToText, Number, false),
  string: TEXT,
  bytes: sqlType('bytea', (expression) => `encode(${expression}, 'hex')`, hexToBytes, true),
  uuid: sqlType('uuid', castToText, asIs, true),
  decimal: sqlType('numeric', castToText, asIs, false),
  // With its schema: no to_char of Postgres takes a date itself, so one of somebody else's would be preferred.
  date: sqlType('date', (expression) => `pg_catalog.to_char(${expression}, 'YYYY-MM-DD')`, asIs, true),
  timestamp: sqlType(
    'timestamptz',
    (expression) => `to_char(${expression} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`,
    asIs,
    true,
  ),
  json: sqlType('jsonb', castToText, canonicalizeJson, false),
}

export function sqlTypeOf(column: { readonly type: ColumnType }): SqlType {
  return SQL_TYPES[column.type]
}

function sqlType(
  name: string,
  toText: SqlType['toText'],
  decode: SqlType['decode'],
  isOrderedAsText: boolean,
): SqlType {
  return { name, declaration: name, toText, decode, isOrderedAsText }
}

function hexToBytes(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'hex'))
}

/** jsonb prints with spaces and orders names by length. */
function canonicalizeJson(text: string): string {
  const parsed = parseJson(text)
  const canonical = parsed.type === 'parsed' ? canonicalJson(parsed.value) : parsed
  if (canonical.type === 'canonical') return canonical.text
  throw new Error(`Postgres holds JSON that is not canonical (${canonical.detail}): ${text.slice(0, 200)}`)
}
