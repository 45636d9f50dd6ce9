// What people bring: lines of changes, rows of JSON and of CSV. What a writer takes, every node merges.

import assert from 'node:assert/strict'
import { encodeMutation } from '../../../src/codec/avro-encode.ts'
import { frameSingleObject } from '../../../src/codec/framing.ts'
import type { TypedChange } from '../../../src/codec/line.ts'
import { hashOrigin } from '../../../src/codec/origin.ts'
import { createOpenJudge } from '../../../src/codec/verdict.ts'
import { createStamp } from '../../../src/crdt/stamp.ts'
import { createCsvRowSource } from '../../../src/writer/csv-source.ts'
import { createChangeSource, createRowSource } from '../../../src/writer/json-source.ts'
import type { Entry, Source } from '../../../src/writer/source.ts'
import { below, one, type Random } from '../../sim/world.ts'
import { CATALOGUE, LOG_ID, recordOf, TYPED } from '../corpus.ts'
import { mutateText } from '../mutate.ts'
import { checkEqual, checkError, checkWords } from '../rules.ts'
import type { Target } from '../target.ts'

const TRACKS = CATALOGUE.datasets.get('tracks')!
const judge = createOpenJudge({ logId: LOG_ID, maxClockAheadMs: 60_000n })
/** The end of the time that stamps can have: no clock is ahead of it. */
const APPEND_MS = 9_223_372_036_854n

const DATA = TYPED.flatMap(({ type, input }) =>
  [...TRACKS.columns.values()]
    .filter((column) => column.type === type)
    .map(({ name }) => `"${name}":${input}`),
)
const ROWS = DATA.map((member, i) => `{"id":"t${i}",${member}}`)
const LINES = ROWS.flatMap((row) => [
  `{"dataset":"tracks","operation":"upsert","data":${row}}`,
  `{"timestamp":"1666283719896000000","table":"tracks","operation":"update","data":${row}}`,
  `{"timestamp":"2022-10-20 16:35:19.896+00","dataset":"tracks","operation":"delete","data":{"id":"t1"}}`,
])
const WORDS = [
  '"id"',
  '"dataset"',
  '"table"',
  '"timestamp":"',
  '"operation"',
  '"delete"',
  '"update"',
  '"data":',
  '"tracks"',
  '"trakcs"',
  '"unknown":1',
  ',',
  ':',
  '{',
  '}',
  '[',
  ']',
  '"',
  '\n',
  '\r\n',
  '\0',
  '\u001b[31m',
  '\u009b',
  '\u202e',
  '\ud800',
  '\\ud800',
  '\\u0000',
  '\ufeff',
  '0',
  '-0',
  '1e5',
  'null',
  'true',
  '9223372036854775808',
  'x'.repeat(1_100),
  '"AA=="',
  `"${'y'.repeat(3_000)}":1,`,
]

/** Some lines, cut into pieces anywhere: within a character too. */
async function* pieces(bytes: Buffer, size: number): AsyncIterable<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

type Open = () => AsyncIterable<Buffer>

async function entriesOf(source: Source): Promise<Entry[]> {
  const all: Entry[] = []
  for await (const entries of source()) all.push(...entries)
  return all
}

function textTarget(
  name: string,
  valid: readonly string[],
  words: readonly string[],
  createSource: (open: Open) => Source,
  error: RegExp,
): Target {
  const make = (random: Random): string => {
    const lines = Array.from({ length: 1 + below(random, 3) }, () => one(random, valid))
    lines[0] = mutateText(random, lines[0]!, valid, words)
    return lines.join('\n')
  }
  const attempt = async (bytes: Buffer, size: number) => {
    try {
      return await entriesOf(createSource(() => pieces(bytes, size)))
    } catch (thrown) {
      checkError(thrown, error)
      return (thrown as Error).message
    }
  }
  return {
    name,
    // Lone surrogates become what a file cannot hold otherwise: bytes that are not UTF-8.
    make: (random) => Buffer.from(make(random), random() < 0.02 ? 'latin1' : 'utf8'),
    async check(input) {
      const bytes = input as Buffer
      const entries = await attempt(bytes, 1 << 20)
      // Of one in four, since reading costs more than all else. Of two faults for which reading ends, it depends on the
      // pieces which one is met first.
      const again =
        bytes.length % 4 === 0 ? await attempt(bytes, Math.max(1, Math.ceil(bytes.length / 3))) : entries
      if (typeof entries === 'string') return assert.equal(typeof again, 'string')
      checkEqual(again, entries, 'the same, whatever the pieces')
      for (const entry of entries) {
        if (entry.type === 'bad') checkWords(entry.fault, 1_000)
        else checkMerged(entry.change)
      }
    },
  }
}

function checkMerged({ timeNs, ...change }: TypedChange): void {
  const stamp = createStamp(timeNs ?? 1n, hashOrigin(change, timeNs ?? 1n))
  const mutation = { stamp, seq: null, ...change }
  const verdict = judge(
    recordOf(frameSingleObject(encodeMutation(mutation)), { appendMs: APPEND_MS }),
    CATALOGUE,
  )
  checkEqual(
    verdict,
    { type: 'merge', mutation, signer: null },
    'what a writer takes, a node merges as it is',
  )
}

export const publishLines = textTarget(
  'publish',
  LINES,
  WORDS,
  (open) => createChangeSource(open, () => CATALOGUE),
  /^none is expected$/,
)
export const importRows = textTarget(
  'import',
  ROWS,
  WORDS,
  (open) => createRowSource(open, TRACKS, null),
  /^none is expected$/,
)

const CELLS = TYPED.map(({ input }) => (input.startsWith('"') ? input.slice(1, -1) : input))
const quoted = (cell: string): string => (/[",\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell)
const NAMES = [...TRACKS.columns.keys()]
const FILES = NAMES.flatMap((name, i) => {
  const cells = CELLS.filter((_, at) => at % NAMES.length === i)
  return [
    `id,${name}\n${cells.map((cell, at) => `t${at},${quoted(cell)}`).join('\n')}\n`,
    `${name},id\r\n"x","y"\r\n`,
  ]
})
const CSV_WORDS = [
  '"',
  '""',
  ',',
  '\n',
  '\r\n',
  '\r',
  ';',
  'id',
  'id,',
  'plays',
  'plasy,',
  '\ufeff',
  '\0',
  't',
  'f',
  '\u001b[2J',
  '\ud800',
  'é',
  ' ',
]

export const importCsv = textTarget(
  'csv',
  FILES,
  CSV_WORDS,
  (open) => createCsvRowSource(open, TRACKS, null),
  /^(the CSV |line \d+ of the CSV |line \d+, the CSV's header: )/,
)

assert.ok(DATA.length > TYPED.length / 2, 'every type of the vectors has a column')
