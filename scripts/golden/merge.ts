// Vectors of merges: messages, and the state that every node makes of them, as lines and as a fingerprint.

import { createHash } from 'node:crypto'
import { EMPTY_CATALOGUE } from '../../src/codec/catalogue.ts'
import { judgeOpenDefinitions } from '../../src/codec/definitions.ts'
import { stateLines } from '../../src/codec/dump.ts'
import { DEFINITIONS } from '../../src/codec/record.ts'
import { createFold, foldMutation } from '../../src/crdt/fold.ts'
import type { Mutation, Operation } from '../../src/crdt/mutation.ts'
import { createStamp, type Origin } from '../../src/crdt/stamp.ts'
import type { Value } from '../../src/crdt/value.ts'
import { demand, hex, toMutationForm } from './forms.ts'
import { DEFINITION_TEXTS, LOG_ID } from './verdicts-world.ts'

const BASE_NS = 1_666_283_719_896_000_000n
type Columns = Readonly<Record<string, Value>>

interface MergeCase {
  readonly name: string
  readonly messages: readonly Mutation[]
  /** Parts that lines of the result have to hold, in their order: written by hand. */
  readonly holds: readonly string[]
  readonly lines: number
}

/** `time` in nanoseconds behind the base; `who` a hex digit of the origin. */
function message(
  operation: Operation,
  time: number,
  columns: Columns = {},
  {
    who = 'a',
    dataset = 'tracks',
    key = ['t1'],
  }: { who?: string; dataset?: string; key?: readonly string[] } = {},
): Mutation {
  return {
    stamp: createStamp(BASE_NS + BigInt(time), who.repeat(16) as Origin),
    seq: null,
    operation,
    dataset,
    key,
    columns: new Map(Object.entries(columns)),
  }
}

const upsert = (time: number, columns: Columns = {}, rest = {}) => message('upsert', time, columns, rest)
const update = (time: number, columns: Columns, rest = {}) => message('update', time, columns, rest)
const remove = (time: number, rest = {}) => message('delete', time, {}, rest)

/** Pairs of a smaller and a greater value of one column, for equal stamps. */
const TIES: readonly (readonly [string, Value, Value])[] = [
  ['flag', null, false],
  ['flag', false, true],
  ['plays', 5n, -5n],
  ['plays', 255n, 256n],
  ['rating', 1, -1],
  ['rating', 0, 5e-324],
  ['title', 'Z', 'a'],
  ['title', '\ufffd', '\u{10000}'],
  ['title', null, ''],
  ['cover', hex('00'), hex('0000')],
  ['cover', hex('7f'), hex('80')],
  ['price', '10', '9'],
  ['extra', '{"a":1}', '{"a":2}'],
  ['extra', '10', '9'],
  ['seen', '0001-01-01T00:00:00.000000Z', '2024-02-29T12:34:56.000001Z'],
]

const CASES: readonly MergeCase[] = [
  { name: 'nothing', messages: [], holds: [], lines: 0 },
  {
    name: 'an upsert of a key alone',
    messages: [upsert(1)],
    holds: [
      '{"dataset":"tracks","key":{"id":"t1"},"alive":"171fd437036ae601aaaaaaaaaaaaaaaa","dead":null,"visible":true}',
    ],
    lines: 1,
  },
  {
    name: 'the greater stamp takes a cell, whatever comes first',
    messages: [upsert(2, { title: 'new' }), upsert(1, { title: 'old', plays: 1n })],
    holds: [
      '"alive":"171fd437036ae602aaaaaaaaaaaaaaaa"',
      '"column":"plays","value":1,"stamp":"171fd437036ae601aaaaaaaaaaaaaaaa","timestamp":"2022-10-20T16:35:19.896000001Z","origin":"aaaaaaaaaaaaaaaa","signer":null,"visible":true}',
      '"column":"title","value":"new"',
    ],
    lines: 3,
  },
  {
    name: 'the origin decides between equal times',
    messages: [upsert(1, { title: 'b wins' }, { who: 'b' }), upsert(1, { title: 'a loses' })],
    holds: ['"alive":"171fd437036ae601bbbbbbbbbbbbbbbb"', '"value":"b wins"'],
    lines: 2,
  },
  {
    name: 'null is a value, absent leaves alone',
    messages: [upsert(1, { title: 'a', plays: 1n }), update(2, { title: null }), update(3, { plays: 2n })],
    holds: ['"column":"plays","value":2', '"column":"title","value":null'],
    lines: 3,
  },
  {
    name: 'a delete alone',
    messages: [remove(1)],
    holds: ['"alive":null,"dead":"171fd437036ae601aaaaaaaaaaaaaaaa","visible":false}'],
    lines: 1,
  },
  {
    name: 'an update before its upsert',
    messages: [update(2, { title: 'early' })],
    holds: ['"alive":null,"dead":null,"visible":false}', '"value":"early"'],
    lines: 2,
  },
  {
    name: 'a delete covers what is not newer',
    messages: [upsert(1, { title: 'a' }), update(3, { plays: 1n }), remove(2)],
    holds: [
      '"alive":"171fd437036ae601aaaaaaaaaaaaaaaa","dead":"171fd437036ae602aaaaaaaaaaaaaaaa","visible":false}',
      '"plays"',
    ],
    lines: 2,
  },
  {
    name: 'an upsert and a delete with one stamp',
    messages: [upsert(1, { title: 'a' }), remove(1)],
    holds: [
      '"alive":"171fd437036ae601aaaaaaaaaaaaaaaa","dead":"171fd437036ae601aaaaaaaaaaaaaaaa","visible":false}',
    ],
    lines: 1,
  },
  {
    name: 'a resurrection brings nothing back',
    messages: [
      upsert(1, { title: 'a', plays: 1n }),
      remove(2),
      upsert(3, { title: 'b' }),
      update(2, { plays: 2n }),
    ],
    holds: ['"visible":true}', '"column":"title","value":"b"'],
    lines: 2,
  },
  {
    name: 'an update after a delete does not resurrect',
    messages: [upsert(1), remove(2), update(3, { title: 'b' })],
    holds: ['"visible":false}', '"value":"b"'],
    lines: 2,
  },
  {
    name: 'a message twice',
    messages: [upsert(1, { title: 'a' }), upsert(1, { title: 'a' })],
    holds: ['"alive"', '"value":"a"'],
    lines: 2,
  },
  {
    name: 'two deletes',
    messages: [remove(1), remove(2), upsert(2)],
    holds: ['"dead":"171fd437036ae602aaaaaaaaaaaaaaaa","visible":false}'],
    lines: 1,
  },
  ...TIES.flatMap(([column, smaller, greater]): MergeCase[] => [
    {
      name: `equal stamps: ${column} ${shown(smaller)} and ${shown(greater)}`,
      messages: [upsert(1, { [column]: smaller }), upsert(1, { [column]: greater })],
      holds: [],
      lines: 2,
    },
  ]),
  {
    name: 'a value of every type',
    messages: [
      upsert(1, {
        flag: true,
        plays: -(1n << 63n),
        small: 7n,
        rating: 1e21,
        title: 'é"\\\n\u0001\u007f\u{1f600}',
        level: 'LOW',
        cover: hex('ff00'),
        mbid: '0123abcd-4567-89ef-0123-456789abcdef',
        price: '-0.5',
        released: '2024-02-29',
        seen: '2024-02-29T12:34:56.000001Z',
        extra: '{"a":[1,null]}',
      }),
    ],
    holds: [
      '"alive"',
      '"column":"cover","value":"/wA="',
      '"column":"extra","value":{"a":[1,null]}',
      '"column":"flag","value":true',
      '"column":"level","value":"LOW"',
      '"column":"mbid","value":"0123abcd-4567-89ef-0123-456789abcdef"',
      '"column":"plays","value":-9223372036854775808',
      '"column":"price","value":"-0.5"',
      '"column":"rating","value":1e+21',
      '"column":"released","value":"2024-02-29"',
      '"column":"seen","value":"2024-02-29T12:34:56.000001Z"',
      '"column":"small","value":7',
      '"column":"title","value":"é\\"\\\\\\n\\u0001\u007f\u{1f600}"',
    ],
    lines: 13,
  },
  {
    name: 'doubles as ECMAScript prints them',
    messages: [0, 0.1, 1e-7, 123456789012345680000, 1.5e300, 5e-324, -0.000001].map((rating, i) =>
      upsert(1, { rating }, { key: [`t${i}`] }),
    ),
    holds: [
      '"value":0,',
      '"value":0.1,',
      '"value":1e-7,',
      '"value":123456789012345680000,',
      '"value":1.5e+300,',
      '"value":5e-324,',
      '"value":-0.000001,',
    ],
    lines: 14,
  },
  {
    name: 'rows by the bytes of their keys',
    messages: ['b', 'a', 'B', '', 'aa', '\u{10000}', '\uffff', 'é', '10', '9'].map((id) =>
      upsert(1, {}, { key: [id] }),
    ),
    holds: ['""', '"10"', '"9"', '"B"', '"a"', '"aa"', '"b"', '"é"', '"\uffff"', '"\u{10000}"'].map(
      (id) => `{"id":${id}}`,
    ),
    lines: 10,
  },
  {
    name: 'rows by the parts of their keys, one after the other',
    messages: [
      ['2024-02-29', '10'],
      ['2024-02-29', '9'],
      ['2024-02-28', '9'],
      ['2024-02-29', '-1'],
    ].map((key) => upsert(1, { note: 'x' }, { dataset: 'pairs', key })),
    holds: [
      '{"day":"2024-02-28","number":9}',
      '{"day":"2024-02-29","number":-1}',
      '{"day":"2024-02-29","number":10}',
      '{"day":"2024-02-29","number":9}',
    ],
    lines: 8,
  },
  {
    name: 'keys of a boolean, a uuid, a time and a symbol',
    messages: ['true', 'false'].map((flag) =>
      upsert(
        1,
        {},
        {
          dataset: 'typed',
          key: [flag, '0123abcd-4567-89ef-0123-456789abcdef', '2024-02-29T12:34:56.000001Z', 'LOW'],
        },
      ),
    ),
    holds: [
      '{"dataset":"typed","key":{"b":false,"u":"0123abcd-4567-89ef-0123-456789abcdef","t":"2024-02-29T12:34:56.000001Z","e":"LOW"}',
      '{"b":true,',
    ],
    lines: 2,
  },
  {
    name: 'datasets by their names',
    messages: [
      upsert(1),
      upsert(1, {}, { dataset: 'plain', key: ['x'] }),
      upsert(1, {}, { dataset: 'must', key: ['x'] }),
    ],
    holds: ['{"dataset":"must"', '{"dataset":"plain"', '{"dataset":"tracks"'],
    lines: 3,
  },
  {
    name: 'required columns hide a row where they are null or absent',
    messages: [
      upsert(1, { a: 1n, b: 'x' }, { dataset: 'must', key: ['1 both'] }),
      upsert(1, { a: 1n }, { dataset: 'must', key: ['2 absent'] }),
      upsert(1, { a: 1n, b: null }, { dataset: 'must', key: ['3 null'] }),
      upsert(1, { a: null, b: 'x', c: 1n }, { dataset: 'must', key: ['4 null'] }),
      update(1, { a: 1n, b: 'x' }, { dataset: 'must', key: ['5 no row'] }),
      upsert(1, { a: 1n, b: '', c: null }, { dataset: 'must', key: ['6 optional null'] }),
    ],
    holds: [
      '"1 both"',
      '"visible":true}',
      '"visible":false}',
      '"5 no row"',
      '"6 optional null"',
      '"c","value":null',
    ],
    lines: 19,
  },
]

const MUST =
  '{"kind":"dataset","schema":{"fields":[{"name":"id","type":"string"},{"name":"a","required":true,"type":["null","long"]},{"name":"b","required":true,"type":["null","string"]},{"name":"c","type":["null","long"]}],"key":["id"],"name":"must","type":"record"}}'

export function mergeVectors() {
  const definitions = [...DEFINITION_TEXTS, MUST]
  const records = definitions.map((text, i) => ({
    partition: DEFINITIONS,
    offset: BigInt(i),
    appendMs: 0n,
    stampedByLog: true,
    key: null,
    value: Buffer.from(text),
    headers: [],
  }))
  const { catalogue, taken } = judgeOpenDefinitions(EMPTY_CATALOGUE, records, 100n, LOG_ID)
  demand('definitions taken', taken, definitions.length)
  const cellsOf = (messages: readonly Mutation[]) => {
    const fold = createFold()
    for (const mutation of messages) foldMutation(fold, mutation)
    return [...stateLines(catalogue, fold)]
  }
  checkTies(cellsOf)
  return CASES.map(({ name, messages, holds, lines }) => {
    const cells = cellsOf(messages)
    demand(`${name}: backwards`, cellsOf(messages.toReversed()), cells)
    demand(`${name}: lines`, cells.length, lines)
    checkHolds(name, cells.join(''), holds)
    return {
      name,
      definitions,
      messages: messages.map(toMutationForm),
      cells: cells.map((line) => line.slice(0, -1)),
      fingerprint: createHash('sha256').update(cells.join('')).digest('hex'),
    }
  })
}

/** The greater value has to be what the state with that value alone says. */
function checkTies(cellsOf: (messages: readonly Mutation[]) => readonly string[]): void {
  for (const [column, smaller, greater] of TIES) {
    const both = cellsOf([upsert(1, { [column]: greater }), upsert(1, { [column]: smaller })])
    demand(`${column}: ${shown(greater)} wins`, both, cellsOf([upsert(1, { [column]: greater })]))
  }
}

function checkHolds(name: string, text: string, parts: readonly string[]): void {
  let from = 0
  for (const part of parts) {
    const at = text.indexOf(part, from)
    if (at < 0) throw new Error(`${name}: ${part} does not stand where it should in\n${text}`)
    from = at + part.length
  }
}

function shown(value: Value): string {
  return value instanceof Uint8Array
    ? Buffer.from(value).toString('hex')
    : JSON.stringify(value, (_, part) => String(part))
}
