// Vectors of values: which ones a column or a key takes, and how they are ordered.

import type { ColumnType, KeyColumn } from '../../src/codec/catalogue.ts'
import { refuseKeyText, refuseValue } from '../../src/codec/values.ts'
import { compareValues, type Value } from '../../src/crdt/value.ts'
import { demand, hex, toForm } from './forms.ts'

type Spec = ColumnType | readonly string[]

const SYMBOLS = ['HIGH', 'LOW'] as const
const LONG_MAX = (1n << 63n) - 1n
const LONG_MIN = -(1n << 63n)
const deep = (depth: number) => '['.repeat(depth) + ']'.repeat(depth)

const VALID: readonly (readonly [Spec, readonly Value[]])[] = [
  ['boolean', [true, false, null]],
  ['long', [0n, 1n, -1n, 63n, 64n, -64n, -65n, (1n << 53n) + 1n, LONG_MAX, LONG_MIN, null]],
  ['double', [0, 1, -1, 0.1, 5e-324, -5e-324, 1.7976931348623157e308, -1.7976931348623157e308, null]],
  ['string', ['', 'a', ' ', 'é', '\u{10000}', '\ufffd', '\uffff', 'e\u0301', '\t\n', '\u0001', null]],
  [SYMBOLS, ['LOW', 'HIGH', null]],
  ['bytes', [hex(''), hex('00'), hex('ff00ff'), null]],
  ['uuid', ['00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff', null]],
  ['uuid', ['0123abcd-4567-89ef-0123-456789abcdef']],
  ['decimal', ['0', '1', '-1', '10', '0.5', '-0.5', '0.05', '12.34', '-1200.0001', '9'.repeat(1000), null]],
  ['decimal', [`0.${'0'.repeat(998)}1`, `${'9'.repeat(999)}.9`, `-${'9'.repeat(1000)}`]],
  ['date', ['0001-01-01', '9999-12-31', '2024-02-29', '2000-02-29', '1582-10-10', '1900-02-28', null]],
  ['timestamp', ['0001-01-01T00:00:00.000000Z', '9999-12-31T23:59:59.999999Z', null]],
  ['timestamp', ['2024-02-29T12:34:56.000001Z', '1969-12-31T23:59:59.999999Z']],
  ['json', ['null', 'true', 'false', '0', '-1.5', '""', '"a\\n\\u0001\\""', '[]', '{}', deep(64), null]],
  [
    'json',
    ['{"a":1,"b":[{"a":null}]}', '{"":0,"a":0,"aa":0,"b":0}', '"\u007f/é"', '{"\ufffd":1,"\u{10000}":2}'],
  ],
  ['json', ['9'.repeat(1000), '"\\b\\t\\n\\f\\r\\\\\\u001f"']],
]

const INVALID: readonly (readonly [Spec, Value, string])[] = [
  ['boolean', 1n, 'wrong branch'],
  ['boolean', 'true', 'wrong branch'],
  ['long', 1, 'wrong branch'],
  ['long', '1', 'wrong branch'],
  ['long', true, 'wrong branch'],
  ['double', 1n, 'wrong branch'],
  ['double', '1', 'wrong branch'],
  ['string', hex('61'), 'wrong branch'],
  ['string', 1n, 'wrong branch'],
  [SYMBOLS, 'MID', 'none of the symbols'],
  [SYMBOLS, 'low', 'none of the symbols'],
  [SYMBOLS, '', 'none of the symbols'],
  [SYMBOLS, 0n, 'wrong branch'],
  ['bytes', 'YQ==', 'wrong branch'],
  ['uuid', '0123ABCD-4567-89ef-0123-456789abcdef', 'upper case'],
  ['uuid', '0123abcd456789ef0123456789abcdef', 'no dashes'],
  ['uuid', '{0123abcd-4567-89ef-0123-456789abcdef}', 'braces'],
  ['uuid', '0123abcd-4567-89ef-0123-456789abcdeg', 'not hex'],
  ['uuid', '0123abcd-4567-89ef-0123-456789abcdef\n', 'something behind it'],
  ['uuid', '', 'empty'],
  ['uuid', hex('00000000000000000000000000000000'), 'wrong branch'],
  ['decimal', '', 'empty'],
  ['decimal', '-0', 'minus zero'],
  ['decimal', '00', 'leading zero'],
  ['decimal', '01', 'leading zero'],
  ['decimal', '-01', 'leading zero'],
  ['decimal', '1.0', 'zero at the end'],
  ['decimal', '0.0', 'zero at the end'],
  ['decimal', '1.', 'no digits behind the point'],
  ['decimal', '.5', 'no digit before the point'],
  ['decimal', '-.5', 'no digit before the point'],
  ['decimal', '+1', 'plus'],
  ['decimal', '1e3', 'exponent'],
  ['decimal', ' 1', 'space'],
  ['decimal', '1\n', 'newline'],
  ['decimal', '-', 'no digits'],
  ['decimal', 'NaN', 'no number'],
  ['decimal', '1,5', 'comma'],
  ['decimal', '\u0661', 'digits of another script'],
  ['decimal', '9'.repeat(1001), '1,001 digits'],
  ['decimal', `0.${'0'.repeat(999)}1`, '1,001 digits, the zero before the point included'],
  ['decimal', 1n, 'wrong branch'],
  ['decimal', 1.5, 'wrong branch'],
  ['date', '0000-01-01', 'year 0'],
  ['date', '10000-01-01', 'five digits of a year'],
  ['date', '2023-02-29', 'no leap year'],
  ['date', '1900-02-29', 'no leap year'],
  ['date', '2024-04-31', 'no such day'],
  ['date', '2024-13-01', 'no such month'],
  ['date', '2024-00-01', 'no such month'],
  ['date', '2024-01-00', 'no such day'],
  ['date', '2024-1-01', 'one digit of a month'],
  ['date', '2024/01/01', 'slashes'],
  ['date', '2024-01-01T', 'something behind it'],
  ['date', '2024-01-01\n', 'newline'],
  ['date', '-001-01-01', 'a year before 1'],
  ['date', '٢٠٢٤-01-01', 'digits of another script'],
  ['date', '', 'empty'],
  ['date', 19_000n, 'wrong branch: days are no date here'],
  ['timestamp', '2024-02-29T12:34:56Z', 'no decimals'],
  ['timestamp', '2024-02-29T12:34:56.000Z', 'three decimals'],
  ['timestamp', '2024-02-29T12:34:56.0000000Z', 'seven decimals'],
  ['timestamp', '2024-02-29 12:34:56.000000Z', 'space for T'],
  ['timestamp', '2024-02-29T12:34:56.000000', 'no zone'],
  ['timestamp', '2024-02-29T12:34:56.000000+00', 'another form of the zone'],
  ['timestamp', '2024-02-29T12:34:56.000000z', 'lower case'],
  ['timestamp', '2024-02-29T24:00:00.000000Z', 'hour 24'],
  ['timestamp', '2024-02-29T23:60:00.000000Z', 'minute 60'],
  ['timestamp', '2024-02-29T23:59:60.000000Z', 'second 60'],
  ['timestamp', '2023-02-29T00:00:00.000000Z', 'no such day'],
  ['timestamp', '0000-12-31T23:59:59.999999Z', 'year 0'],
  ['timestamp', '2024-02-29T12:34:56,000000Z', 'comma'],
  ['timestamp', '2024-02-29T12:34:56.000000Z\n', 'newline'],
  ['timestamp', '2024-02-29T12:34:56.000000Z0', 'something behind it'],
  ['timestamp', '', 'empty'],
  ['timestamp', 1_700_000_000_000_000n, 'wrong branch'],
  ['json', '', 'empty'],
  ['json', ' 1', 'space'],
  ['json', '[1, 2]', 'space'],
  ['json', '{"b":1,"a":2}', 'names not sorted'],
  ['json', '{"\u{10000}":1,"\ufffd":2}', 'names sorted as UTF-16'],
  ['json', '{"a":1,"a":1}', 'a name twice'],
  ['json', '{"a":1,"\\u0061":2}', 'a needless escape'],
  ['json', '"\\u0041"', 'a needless escape'],
  ['json', '"\\/"', 'a needless escape'],
  ['json', '"\\u000a"', 'there is a shorter escape'],
  ['json', '"\\u001F"', 'an escape in upper case'],
  ['json', '"\\u0000"', 'U+0000'],
  ['json', '"\\ud800"', 'a lone surrogate'],
  ['json', '"\\ud83d\\ude00"', 'a needless escape'],
  ['json', '"\n"', 'a control character as it is'],
  ['json', '1.0', 'zero at the end'],
  ['json', '1e2', 'exponent'],
  ['json', '-0', 'minus zero'],
  ['json', '01', 'leading zero'],
  ['json', '9'.repeat(1001), '1,001 digits'],
  ['json', deep(65), '65 levels'],
  ['json', '[', 'it does not end'],
  ['json', '[1,]', 'a comma too many'],
  ['json', '{"a"}', 'a name without a value'],
  ['json', '1 ', 'something behind it'],
  ['json', 'True', 'no JSON'],
  ['json', 'nul', 'no JSON'],
  ['json', '"a', 'it does not end'],
  ['json', '"\\x"', 'no such escape'],
  ['json', true, 'wrong branch'],
]

const KEYS_VALID: readonly (readonly [Spec, readonly string[]])[] = [
  ['boolean', ['true', 'false']],
  ['long', ['0', '7', '-7', '10', '9223372036854775807', '-9223372036854775808', '999999999999999999']],
  ['string', ['', 'a', 'A', ' ', 'é', '\u{10000}', '["x"]']],
  [SYMBOLS, ['LOW', 'HIGH']],
  ['uuid', ['0123abcd-4567-89ef-0123-456789abcdef']],
  ['date', ['2024-02-29']],
  ['timestamp', ['2024-02-29T12:34:56.000001Z']],
]

const KEYS_INVALID: readonly (readonly [Spec, readonly string[]])[] = [
  ['boolean', ['True', '1', '', 't', 'true ']],
  ['long', ['-0', '00', '01', '+1', '', '-', '1.0', '1e3', ' 1', '1\n', 'a', '0x1', '\u0661']],
  ['long', ['9223372036854775808', '-9223372036854775809', '10000000000000000000', '9'.repeat(100)]],
  [SYMBOLS, ['MID', '']],
  ['boolean', ['true\n']],
  ['uuid', ['0123ABCD-4567-89ef-0123-456789abcdef', '', '0123abcd456789ef0123456789abcdef']],
  ['uuid', ['0123abcd-4567-89ef-0123-456789abcdef\n']],
  ['date', ['2023-02-29', '2024-2-1', '', '2024-02-29\n']],
  ['timestamp', ['2024-02-29T12:34:56Z', '2024-02-29T12:34:56.000001+00:00', '']],
  ['timestamp', ['2024-02-29T12:34:56.000001Z\n']],
]

/** Each list ascends. */
const ORDERS: readonly (readonly Value[])[] = [
  [null, false, true],
  [null, 0n, 1n, 255n, 256n, LONG_MAX, LONG_MIN, -256n, -2n, -1n],
  [null, 0, 5e-324, 0.5, 1, 1.7976931348623157e308, -5e-324, -0.5, -1, -1.7976931348623157e308],
  [
    null,
    '',
    '\u0001',
    ' ',
    'A',
    'Z',
    'a',
    'aa',
    'b',
    '\u007f',
    '\u0080',
    'é',
    '\ue000',
    '\ufffd',
    '\u{10000}',
  ],
  [null, '10', '9'],
  [null, hex(''), hex('00'), hex('0000'), hex('0001'), hex('01'), hex('7f'), hex('80'), hex('ff')],
]

function columnOf(spec: Spec): KeyColumn {
  return typeof spec === 'string'
    ? { name: 'c', type: spec, symbols: null }
    : { name: 'c', type: 'string', symbols: new Set(spec) }
}

function specForm(spec: Spec) {
  return typeof spec === 'string' ? { type: spec } : { type: 'string', symbols: spec }
}

export function valueVectors() {
  const valid = VALID.flatMap(([spec, values]) =>
    values.map((value) => {
      demand(`${spec} ${value}`, refuseValue(columnOf(spec), value), null)
      return { ...specForm(spec), ...toForm(value) }
    }),
  )
  const invalid = INVALID.map(([spec, value, why]) => {
    demand(`${spec} ${value} is refused`, refuseValue(columnOf(spec), value) !== null, true)
    return { ...specForm(spec), ...toForm(value), why }
  })
  const keys = (list: typeof KEYS_VALID, isValid: boolean) =>
    list.flatMap(([spec, texts]) =>
      texts.map((text) => {
        demand(`key ${spec} ${text}`, refuseKeyText(columnOf(spec), text) === null, isValid)
        return { ...specForm(spec), text }
      }),
    )
  const order = ORDERS.flatMap((values) =>
    values.slice(1).map((greater, i) => {
      const smaller = values[i]!
      demand(`${smaller} < ${greater}`, compareValues(smaller, greater) < 0, true)
      demand(`${greater} > ${smaller}`, compareValues(greater, smaller) > 0, true)
      return [toForm(smaller), toForm(greater)]
    }),
  )
  return {
    valid,
    invalid,
    keys: { valid: keys(KEYS_VALID, true), invalid: keys(KEYS_INVALID, false) },
    order,
  }
}
