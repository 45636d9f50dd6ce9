// Case c: one table of real rows, whole; then a second edition that changes one column in every tenth row.

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import type { ColumnType, Dataset } from '../../src/codec/catalogue.ts'
import { parseJson } from '../../src/codec/json.ts'
import { readRow } from '../../src/codec/line.ts'
import { root } from '../paths.ts'
import { type BenchCase, type Change, type Pass, readDefinition } from './case.ts'

const SHARE_CHANGED = 10

/** Throws when the folder has no such file, or one that does not fit its definition in examples/music. */
export function createRealRows(folder: string, name: string): BenchCase {
  const file = join(folder, `${name}.jsonl.gz`)
  if (!existsSync(file))
    throw new Error(`--data ${folder} holds no ${name}.jsonl.gz; --dataset names another`)
  const definition = JSON.parse(readFileSync(join(root, `examples/music/${name}.avsc`), 'utf8'))
  const dataset = readDefinition(definition)
  const rows = readRows(file, dataset)
  const changed = columnToChange(dataset)
  const first: Pass = {
    name: 'c1',
    title: `${rows.length} real rows of ${name}, whole`,
    isMeasured: true,
    count: rows.length,
    change: (n) => rows[n]!,
  }
  const perEdition = Math.floor(rows.length / SHARE_CHANGED)
  /** Edition `e` changes the rows number `e`, `e + 10`, …, so that no two of them change the same ones. */
  const editions = (name: string, title: string, first: number, count: number): Pass => ({
    name,
    title,
    isMeasured: true,
    count: count * perEdition,
    change(n) {
      const edition = first + Math.floor(n / perEdition)
      const row = rows[(n % perEdition) * SHARE_CHANGED + edition]!
      return edit(row, changed!, BigInt(rows.length + first * perEdition + n))
    },
  })
  const later: readonly Pass[] =
    changed === null
      ? []
      : [
          editions('c2', `a second edition: one column in every ${SHARE_CHANGED}th of these rows`, 0, 1),
          editions('c3', `${SHARE_CHANGED - 1} more editions, each of other rows`, 1, SHARE_CHANGED - 1),
        ]
  return {
    letter: 'c',
    definition,
    passes: [first, ...later],
    isPeerEqual: true,
    notes: [
      `c: one dataset (${name}), because the peer writes one table a topic; times and JSON, if any, are plain text for it.`,
      ...(changed === null
        ? [`c: ${name} has no column of numbers or texts beside its key, so there are no later editions.`]
        : ['c2, c3: ours is sent that one column, the peer, which has no partial updates, the whole row.']),
    ],
  }
}

function readRows(file: string, dataset: Dataset): readonly Change[] {
  const lines = gunzipSync(readFileSync(file)).toString('utf8').trimEnd().split('\n')
  const names = [...dataset.columns.keys()]
  return lines.map((line, n) => {
    const parsed = parseJson(line)
    const read = parsed.type === 'parsed' ? readRow(dataset, parsed.value) : parsed
    if (read.type !== 'change') throw new Error(`${file}, line ${n + 1}: ${read.detail}`)
    const { key, columns } = read.change
    const values = names.map((name) => columns.get(name))
    const sets = names.flatMap((name, i) => (columns.has(name) ? [i] : []))
    return { number: BigInt(n), operation: 'upsert', key, values, sets }
  })
}

interface ChangedColumn {
  readonly place: number
  readonly type: ColumnType
}

/** The first column of numbers or of any texts; null when there is none. */
function columnToChange(dataset: Dataset): ChangedColumn | null {
  const columns = [...dataset.columns.values()]
  const place = columns.findIndex(
    ({ type, symbols }) => type === 'long' || (type === 'string' && symbols === null),
  )
  return place < 0 ? null : { place, type: columns[place]!.type }
}

function edit(row: Change, { place, type }: ChangedColumn, number: bigint): Change {
  const value = row.values[place] ?? null
  const edited = type === 'long' ? ((value ?? 0n) as bigint) + 1n : `${value ?? ''} (2)`
  const values = row.values.with(place, edited)
  return { number, operation: 'update', key: row.key, values, sets: [place] }
}
