// Values at the edge of what is canonical, and texts just beyond it, for tests of what passes and what is stored.

import type { ColumnType, KeyColumn } from '../../src/codec/catalogue.ts'
import type { Value } from '../../src/crdt/value.ts'
import { below, one, type Random } from '../sim/world.ts'

const LONG_MAX = (1n << 63n) - 1n

/** A well-formed text of `count` code points of every plane, without NUL. */
export function anyText(random: Random, count: number): string {
  let text = ''
  for (let i = 0; i < count; i++) {
    const limit = one(random, [0x20, 0x80, 0x800, 0x10000, 0x110000])
    const code = 1 + below(random, limit - 1)
    text += String.fromCodePoint(code >= 0xd800 && code <= 0xdfff ? code - 0x800 : code)
  }
  return text
}

/** Digits of which neither the first nor the last is 0. */
export function someDigits(random: Random, count: number): string {
  return Array.from({ length: count }, (_, i) =>
    i === 0 || i === count - 1 ? 1 + below(random, 9) : below(random, 10),
  ).join('')
}

const TEXTS = [
  '',
  ' ',
  'NULL',
  'null',
  '\\N',
  '\\',
  '\\\\"',
  '"',
  "'",
  '{}',
  '{a,b}',
  '%s $1',
  '\u0001\u001f\u007f\u0085\u009b',
  '\r\n\t',
  '\u2028\ufeff\ufffd\uffff',
  '\u{10000}\u{10ffff}',
  'e\u0301\u0130\u00df',
]

function edgeText(random: Random): string {
  return random() < 0.5 ? one(random, TEXTS) : anyText(random, below(random, one(random, [4, 30, 300])))
}

/** At most 1,000 digits, at that limit more often than not. */
function edgeDecimal(random: Random): string {
  const sign = random() < 0.5 ? '-' : ''
  const before = one(random, [1, 4, 5, 400, 999])
  const total = one(random, [before, 1_000])
  if (random() < 0.1) return '0'
  if (random() < 0.2) return `${sign}0.${'0'.repeat(998)}${1 + below(random, 9)}`
  const whole = someDigits(random, random() < 0.3 ? 1_000 : before)
  return sign + (whole.length >= total ? whole : `${whole}.${someDigits(random, total - before)}`)
}

function nested(open: string, inner: string, close: string, depth: number): string {
  return open.repeat(depth) + inner + close.repeat(depth)
}

/** Canonical JSON, nested as deep as it may be, or with many members or items. */
function edgeJson(random: Random): string {
  switch (below(random, 8)) {
    case 0:
      return nested('[', edgeJsonScalar(random), ']', 64)
    case 1:
      return nested('{"a":', edgeJsonScalar(random), '}', 64)
    case 2:
      return nested('[', '', ']', one(random, [1, 63, 64]))
    case 3:
      return `[${Array.from({ length: below(random, 2_000) }, () => edgeJsonScalar(random)).join(',')}]`
    case 4: {
      const names = Array.from({ length: below(random, 500) }, (_, i) => `"k${String(i).padStart(5, '0')}"`)
      return `{${names.map((name) => `${name}:${edgeJsonScalar(random)}`).join(',')}}`
    }
    case 5: {
      const name = JSON.stringify(edgeText(random))
      return `{${name}:${edgeJsonScalar(random)}}`
    }
    default:
      return edgeJsonScalar(random)
  }
}

function edgeJsonScalar(random: Random): string {
  const dice = random()
  if (dice < 0.4)
    return one(random, ['null', 'true', 'false', '""', '0', '-7', '0.5', '123456789012345678901'])
  return dice < 0.45 ? edgeDecimal(random) : JSON.stringify(edgeText(random))
}

function edgeDouble(random: Random): number {
  const bits = Buffer.from(Array.from({ length: 8 }, () => below(random, 256)))
  const any = bits.readDoubleBE()
  const edges = [0, 5e-324, -5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, 0.1, 1 / 3, 2 ** 53 + 2]
  return random() < 0.5 || !Number.isFinite(any) || any === 0 ? one(random, edges) : any
}

const DAYS = [
  '0001-01-01',
  '0001-12-31',
  '0099-02-28',
  '1582-10-10',
  '1900-03-01',
  '2000-02-29',
  '9999-12-31',
]
const TIMES = ['00:00:00.000000', '23:59:59.999999', '12:00:00.000001', '02:30:00.500000']

/** A canonical value of the column, at an edge of what that is, never null. */
export function edgeValue(random: Random, column: Pick<KeyColumn, 'type' | 'symbols'>): NonNullable<Value> {
  switch (column.type) {
    case 'boolean':
      return random() < 0.5
    case 'long':
      return one(random, [0n, -1n, 7n, LONG_MAX, -LONG_MAX - 1n, BigInt(below(random, 2 ** 31)) << 31n])
    case 'double':
      return edgeDouble(random)
    case 'string':
      return column.symbols === null ? edgeText(random) : one(random, [...column.symbols])
    case 'bytes':
      return Uint8Array.from({ length: below(random, one(random, [1, 5, 300])) }, () => below(random, 256))
    case 'uuid': {
      const hex = (count: number) =>
        Array.from({ length: count }, () => below(random, 16).toString(16)).join('')
      const any = [8, 4, 4, 4, 12].map(hex).join('-')
      return one(random, [any, any, any.replace(/[0-9a-f]/g, '0'), any.replace(/[0-9a-f]/g, 'f')])
    }
    case 'decimal':
      return edgeDecimal(random)
    case 'date':
      return one(random, DAYS)
    case 'timestamp':
      return `${one(random, DAYS)}T${one(random, TIMES)}Z`
    case 'json':
      return edgeJson(random)
  }
}

/** What somebody might take for a value of the type, Postgres for one. */
const FALSE_FRIENDS: Readonly<Partial<Record<ColumnType, readonly string[]>>> = {
  boolean: ['t', 'TRUE', '1', 'yes', ''],
  long: ['-0', '+1', '01', ' 1', '1_000', '0x10', '9223372036854775808', '-9223372036854775809', '1e3', ''],
  uuid: ['{00000000-0000-0000-0000-000000000000}', '00000000000000000000000000000000', ''],
  decimal: [
    '-0',
    '+1',
    '1.',
    '.5',
    '1.0',
    '01',
    '1e5',
    '1e131072',
    'NaN',
    'Infinity',
    '1_0',
    '0x1',
    '',
    `1${'0'.repeat(1_000)}`,
  ],
  date: [
    '0000-01-01',
    '10000-01-01',
    '2023-02-29',
    '2024-13-01',
    '2024-00-01',
    '1-1-1',
    'now',
    'infinity',
    'epoch',
    '0001-01-01 BC',
    '',
  ],
  timestamp: [
    '2024-01-01T24:00:00.000000Z',
    '2024-01-01T00:00:60.000000Z',
    '0000-12-31T23:59:59.999999Z',
    '10000-01-01T00:00:00.000000Z',
    '2024-02-30T00:00:00.000000Z',
    '2024-01-01T00:00:00.000000+00',
    '2024-01-01 00:00:00.000000Z',
    '2024-01-01T00:00:00Z',
    'infinity',
    '',
  ],
  json: [
    '',
    '01',
    '-0',
    '1e400',
    '1E131073',
    `1${'0'.repeat(1_000)}`,
    '"\\u0000"',
    '"\\ud800"',
    '"\\u001F"',
    '"\\/"',
    '"\t"',
    '{"a":1,"a":2}',
    '{"b":1,"a":2}',
    '[1, 2]',
    '[1,]',
    'nul',
    nested('[', '', ']', 65),
    nested('{"a":', '1', '}', 65),
  ],
}

/** A text that is nearly one of the column's, or quite. */
export function nearText(random: Random, column: Pick<KeyColumn, 'type' | 'symbols'>): string {
  const friends = FALSE_FRIENDS[column.type] ?? TEXTS
  if (random() < 0.4) return one(random, friends)
  const text = String(edgeValue(random, column))
  const at = below(random, text.length + 1)
  const put = one(random, [
    '',
    '0',
    '9',
    '-',
    '.',
    '"',
    '\\',
    ' ',
    'é',
    '\u{10ffff}',
    ',',
    ']',
    'T',
    'Z',
    ':',
    'e',
    'A',
    '\n',
  ])
  return text.slice(0, at) + put + text.slice(at + below(random, 2)).toWellFormed()
}
