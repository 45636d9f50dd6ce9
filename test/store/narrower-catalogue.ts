// Random definitions as somebody would write them: names like Postgres's own, all types, up to the limits.

import { type ColumnType, KEY_TYPES } from '../../src/codec/catalogue.ts'
import { COLUMNS_MAX, KEY_TEXTS_MAX, NAME_BYTES_MAX } from '../../src/codec/limits.ts'
import { below, one, type Random } from '../sim/world.ts'
import { COLUMN_TYPES } from '../support/arbitrary.ts'

/** Names of Postgres, of SQL, of this program's own tables and statements, and names that collide when cut off. */
const NAMES = [
  'ctid',
  'xmin',
  'xmax',
  'cmin',
  'tableoid',
  'oid',
  'select',
  'user',
  'table',
  'order',
  'group',
  'where',
  'null',
  'true',
  'default',
  'current_user',
  'row',
  'values',
  'array',
  'pg_class',
  'pg_type',
  'information_schema',
  'spindexer',
  'data',
  'text',
  'jsonb',
  'tied',
  'alive',
  'dead',
  't',
  'e',
  'excluded',
  'written',
  'd_a',
  'k_a',
  'c_a',
  's_a',
  'p_a',
  'a_pkey',
  'a',
  'A',
  'constructor',
  'toString',
  'hasOwnProperty',
  'z'.repeat(NAME_BYTES_MAX),
  `${'z'.repeat(NAME_BYTES_MAX - 1)}y`,
  'Z'.repeat(NAME_BYTES_MAX),
] as const

const AVRO_TYPES: Readonly<Record<ColumnType, unknown>> = {
  boolean: 'boolean',
  long: 'long',
  double: 'double',
  string: 'string',
  bytes: 'bytes',
  uuid: { type: 'string', logicalType: 'uuid' },
  decimal: { type: 'string', logicalType: 'decimal' },
  date: { type: 'int', logicalType: 'date' },
  timestamp: { type: 'long', logicalType: 'timestamp-micros' },
  json: { type: 'string', logicalType: 'json' },
}

export function avroType(type: ColumnType): unknown {
  return AVRO_TYPES[type]
}

export interface FieldJson {
  readonly name: string
  readonly type: unknown
  readonly required?: boolean
}

export interface DefinitionJson {
  readonly type: 'record'
  readonly name: string
  readonly key: readonly string[]
  readonly fields: readonly FieldJson[]
}

export function definitionOf(
  name: string,
  key: readonly FieldJson[],
  columns: readonly FieldJson[],
): DefinitionJson {
  return { type: 'record', name, key: key.map((field) => field.name), fields: [...columns, ...key] }
}

/** Three or four datasets, one of them at the limit of columns, then wider ones of the same. */
export function randomDefinitions(random: Random): DefinitionJson[] {
  const names = shuffled(random, NAMES).slice(0, 3 + below(random, 2))
  const narrow: DefinitionJson[] = []
  const wide: DefinitionJson[] = []
  for (const [i, name] of names.entries()) {
    const keys = one(random, [1, 1, 2, KEY_TEXTS_MAX])
    const count = i === 0 ? COLUMNS_MAX : keys + below(random, 30)
    const fieldNames = randomNames(random, count)
    const key = fieldNames.slice(0, keys).map((name) => keyField(random, name))
    const columns = fieldNames.slice(keys).map((name) => columnField(random, name))
    const first = below(random, columns.length + 1)
    narrow.push(definitionOf(name, key, columns.slice(0, first)))
    wide.push(definitionOf(name, key, columns))
  }
  return [...narrow, ...wide]
}

function randomNames(random: Random, count: number): string[] {
  const made = Array.from({ length: count }, (_, i) =>
    `c${i}_`.padEnd(one(random, [3, 20, NAME_BYTES_MAX]), 'x'),
  )
  return shuffled(random, [...shuffled(random, NAMES).slice(0, count >> 1), ...made]).slice(0, count)
}

function keyField(random: Random, name: string): FieldJson {
  const type = one(random, [...KEY_TYPES])
  return { name, type: type === 'string' && random() < 0.3 ? enumOf(name) : avroType(type) }
}

function columnField(random: Random, name: string): FieldJson {
  const type = one(random, COLUMN_TYPES)
  const avro = type === 'string' && random() < 0.2 ? enumOf(name) : avroType(type)
  return { name, type: ['null', avro], ...(random() < 0.03 ? { required: true } : {}) }
}

function enumOf(name: string): unknown {
  return { type: 'enum', name: `${name}_kind`, symbols: ['LOW', 'NULL', 'null', '_', 'x'.repeat(200)] }
}

function shuffled<T>(random: Random, items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, at: random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item)
}
