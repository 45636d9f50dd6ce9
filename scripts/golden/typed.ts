// Vectors of what people type in JSON, and the canonical value that a writer makes of it.

import type { ColumnType, KeyColumn } from '../../src/codec/catalogue.ts'
import { parseJson } from '../../src/codec/json.ts'
import { toCanonicalValue } from '../../src/codec/values.ts'
import type { Value } from '../../src/crdt/value.ts'
import { demand, hex, toForm } from './forms.ts'

const UUID = '0123abcd-4567-89ef-0123-456789abcdef'

/** Each type's inputs, as JSON texts, with the values that they have to become. */
const TAKEN: readonly (readonly [ColumnType, readonly (readonly [string, Value])[]])[] = [
  [
    'boolean',
    [
      ['true', true],
      ['false', false],
      ['null', null],
    ],
  ],
  [
    'long',
    [
      ['0', 0n],
      ['-0', 0n],
      ['42', 42n],
      ['"42"', 42n],
      ['"-0"', 0n],
      ['"007"', 7n],
      ['"-007"', -7n],
      ['"000"', 0n],
      ['9007199254740993', 9_007_199_254_740_993n],
      ['9223372036854775807', (1n << 63n) - 1n],
      ['"-9223372036854775808"', -(1n << 63n)],
      ['"00000000000000000000000000000000000000009223372036854775807"', (1n << 63n) - 1n],
      ['null', null],
    ],
  ],
  [
    'double',
    [
      ['0', 0],
      ['-0', 0],
      ['-0.0', 0],
      ['0.1', 0.1],
      ['1e3', 1000],
      ['5e-324', 5e-324],
      ['-1.5', -1.5],
      ['null', null],
    ],
  ],
  [
    'double',
    [
      ['1.7976931348623157e308', 1.7976931348623157e308],
      ['1e-400', 0],
      ['9007199254740993', 9007199254740992],
    ],
  ],
  [
    'string',
    [
      ['""', ''],
      ['"a"', 'a'],
      ['"\\u00e9\\ud83d\\ude00"', 'é\u{1f600}'],
      ['" a "', ' a '],
      ['null', null],
    ],
  ],
  [
    'bytes',
    [
      ['""', hex('')],
      ['"YQ=="', hex('61')],
      ['"/+8="', hex('ffef')],
      ['"AAAA"', hex('000000')],
      ['null', null],
    ],
  ],
  [
    'uuid',
    [
      [`"${UUID}"`, UUID],
      [`"${UUID.toUpperCase()}"`, UUID],
      ['null', null],
    ],
  ],
  [
    'decimal',
    [
      ['0', '0'],
      ['-0', '0'],
      ['1.50', '1.5'],
      ['"1.50"', '1.5'],
      ['1e3', '1000'],
      ['"-1.5e-3"', '-0.0015'],
      ['"0012.30"', '12.3'],
      ['"-0.00"', '0'],
      ['0.10000000000000000000001', '0.10000000000000000000001'],
      ['"0e99999999999999999999"', '0'],
      ['null', null],
    ],
  ],
  [
    'date',
    [
      ['"2024-02-29"', '2024-02-29'],
      ['"0001-01-01"', '0001-01-01'],
      ['null', null],
    ],
  ],
  [
    'timestamp',
    [
      ['"2021-10-13T19:24:00Z"', '2021-10-13T19:24:00.000000Z'],
      ['"2021-10-13 19:24:00.5+00"', '2021-10-13T19:24:00.500000Z'],
      ['"2021-10-13 19:24:00+02"', '2021-10-13T17:24:00.000000Z'],
      ['"2021-10-13 19:24:00.123456+05:30"', '2021-10-13T13:54:00.123456Z'],
      ['"2021-10-13T19:24:00.123-08:00"', '2021-10-14T03:24:00.123000Z'],
      ['"2021-10-13T19:24:00-0800"', '2021-10-14T03:24:00.000000Z'],
      ['"2021-10-13T19:24:00.123456000Z"', '2021-10-13T19:24:00.123456Z'],
      ['"2021-12-31T23:59:59-00:01"', '2022-01-01T00:00:59.000000Z'],
      ['"2024-03-01T00:30:00+01"', '2024-02-29T23:30:00.000000Z'],
      ['"1850-01-01 00:53:28+00:53:28"', '1850-01-01T00:00:00.000000Z'],
      ['"0001-01-01T00:00:00Z"', '0001-01-01T00:00:00.000000Z'],
      ['"0050-06-01T00:00:00-15:59:59"', '0050-06-01T15:59:59.000000Z'],
      ['"9999-12-31T23:59:59.999999Z"', '9999-12-31T23:59:59.999999Z'],
      ['"1969-12-31T23:59:59.5Z"', '1969-12-31T23:59:59.500000Z'],
      ['null', null],
    ],
  ],
  [
    'json',
    [
      ['{"b": 1.0, "a": [true]}', '{"a":[true],"b":1}'],
      ['"x"', '"x"'],
      ['1e2', '100'],
      ['[]', '[]'],
      ['null', null],
    ],
  ],
]

/** Each type's inputs that are refused, and why. */
const REFUSED: readonly (readonly [ColumnType, readonly (readonly [string, string])[]])[] = [
  [
    'boolean',
    [
      ['"true"', 'a string'],
      ['1', 'a number'],
      ['0', 'a number'],
      ['[]', 'an array'],
    ],
  ],
  [
    'long',
    [
      ['1.0', 'a point'],
      ['1e3', 'an exponent'],
      ['"1.0"', 'a point'],
      ['"+1"', 'plus'],
      ['" 1"', 'a space'],
      ['""', 'no digits'],
      ['"-"', 'no digits'],
      ['"0x1"', 'hexadecimal'],
      ['"1_000"', 'underscore'],
      ['"\u0661"', 'digits of another script'],
      ['true', 'a boolean'],
      ['9223372036854775808', 'beyond 64 bits'],
      ['-9223372036854775809', 'beyond 64 bits'],
      ['"99999999999999999999999999"', 'beyond 64 bits'],
    ],
  ],
  [
    'double',
    [
      ['1e309', 'too great'],
      ['-1e309', 'too great'],
      ['"1"', 'a string'],
      ['"NaN"', 'a string'],
      ['true', 'a boolean'],
    ],
  ],
  [
    'string',
    [
      ['1', 'a number'],
      ['true', 'a boolean'],
      ['"\\u0000"', 'U+0000'],
      ['"\\ud800"', 'a lone surrogate'],
      ['{}', 'an object'],
    ],
  ],
  [
    'bytes',
    [
      ['"YQ"', 'no padding'],
      ['"YQ==="', 'too much padding'],
    ],
  ],
  [
    'bytes',
    [
      ['"-_8="', 'the alphabet of URLs'],
      ['"Y Q="', 'a space'],
      ['"YQ==\\n"', 'a newline'],
      ['[97]', 'an array'],
    ],
  ],
  [
    'uuid',
    [
      [`"${UUID.replaceAll('-', '')}"`, 'no dashes'],
      [`"{${UUID}}"`, 'braces'],
      ['""', 'empty'],
      ['1', 'a number'],
    ],
  ],
  [
    'decimal',
    [
      ['"+1"', 'plus'],
      ['"1,5"', 'comma'],
    ],
  ],
  [
    'decimal',
    [
      ['""', 'empty'],
      ['"NaN"', 'no number'],
      ['1e1000', '1,001 digits'],
      ['"1e-1000"', '1,001 digits'],
      ['true', 'a boolean'],
    ],
  ],
  [
    'decimal',
    [
      ['1e999999999', 'too many digits'],
      ['" 1"', 'a space'],
      ['"1e"', 'no digits of the exponent'],
    ],
  ],
  [
    'date',
    [
      ['"2023-02-29"', 'no such day'],
      ['"2024-2-29"', 'one digit of a month'],
      ['19000', 'a number'],
      ['"2024-02-29T00:00:00Z"', 'a time'],
    ],
  ],
  [
    'date',
    [
      ['"0000-01-01"', 'year 0'],
      ['""', 'empty'],
      ['"29.02.2024"', 'another form'],
    ],
  ],
  [
    'timestamp',
    [
      ['"2021-10-13T19:24:00"', 'no zone'],
      ['"2021-10-13 19:24:00 UTC"', 'a name for a zone'],
      ['"2021-10-13T19:24:00.1234567Z"', 'finer than microseconds'],
      ['"2021-10-13T19:24:00.000000001Z"', 'finer than microseconds'],
      ['"2021-10-13T19:24:00.0000000000Z"', 'ten decimals'],
      ['"2021-10-13T19:24:00.Z"', 'no decimals behind the point'],
      ['"2021-10-13T24:00:00Z"', 'hour 24'],
      ['"2021-10-13T23:60:00Z"', 'minute 60'],
      ['"2021-10-13T23:59:60Z"', 'second 60'],
      ['"2021-02-29T00:00:00Z"', 'no such day'],
      ['"2021-10-13T19:24:00+16"', 'no zone is that far off'],
      ['"2021-10-13T19:24:00+01:60"', 'minute 60 of a zone'],
      ['"0001-01-01T00:00:00+00:01"', 'before year 1 in UTC'],
      ['"9999-12-31T23:59:59-00:01"', 'after year 9999 in UTC'],
      ['"44-03-15 00:00:00+00 BC"', 'before year 1'],
      ['"infinity"', 'no time'],
      ['"2021-10-13"', 'a day'],
      ['1634153040000', 'a number'],
      ['"1634153040000"', 'digits'],
    ],
  ],
  [
    'json',
    [
      ['[1e1000]', '1,001 digits'],
      ['"\\u0000"', 'U+0000'],
      ['{"a":1,"a":2}', 'a name twice'],
      ['['.repeat(65) + ']'.repeat(65), '65 levels'],
    ],
  ],
]

const SYMBOLS = ['HIGH', 'LOW']

export function typedVectors() {
  const column = (type: ColumnType): KeyColumn => ({ name: 'c', type, symbols: null })
  const level: KeyColumn = { name: 'c', type: 'string', symbols: new Set(SYMBOLS) }
  demand('a symbol', read(level, '"LOW"'), 'LOW')
  demand('no symbol', read(level, '"low"'), undefined)
  return [
    ...TAKEN.flatMap(([type, inputs]) =>
      inputs.map(([input, value]) => {
        demand(`${type} typed as ${input}`, toFormOrNone(read(column(type), input)), toForm(value))
        return { type, input, ...toForm(value) }
      }),
    ),
    ...REFUSED.flatMap(([type, inputs]) =>
      inputs.map(([input, refused]) => {
        demand(`${type} typed as ${input}`, toFormOrNone(read(column(type), input)), undefined)
        return { type, input, refused }
      }),
    ),
    { type: 'string', symbols: SYMBOLS, input: '"LOW"', ...toForm('LOW') },
    { type: 'string', symbols: SYMBOLS, input: '"low"', refused: 'none of the symbols' },
  ]
}

/** Undefined: refused. */
function read(column: KeyColumn, input: string): Value | undefined {
  const parsed = parseJson(input)
  const typed = parsed.type === 'parsed' ? toCanonicalValue(column, parsed.value) : parsed
  return typed.type === 'value' ? typed.value : undefined
}

function toFormOrNone(value: Value | undefined) {
  return value === undefined ? undefined : toForm(value)
}
