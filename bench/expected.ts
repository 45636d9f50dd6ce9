// What a table has to hold after a pass, worked out from the changes alone, and whether it does.

import type { ClientBase } from 'pg'
import type { Dataset } from '../src/codec/catalogue.ts'
import type { Value } from '../src/crdt/value.ts'
import type { BenchCase, Pass } from './cases/case.ts'
import { changesOf } from './marks.ts'

const SAMPLES = 20

export type RowValues = readonly (Value | undefined)[]

interface Sample {
  readonly key: readonly string[]
  readonly values: RowValues
}

export interface Expected {
  readonly rows: number
  /** Of the case's summed column; null where there is none. */
  readonly sum: bigint | null
  /** Some rows from the first to the last. */
  readonly samples: readonly Sample[]
}

/** The rows after a pass and all before it, in the order in which their keys came; by the key's texts joined with NUL. */
export function foldRows(benchCase: BenchCase, dataset: Dataset, until: Pass): Map<string, RowValues> {
  const rows = new Map<string, RowValues>()
  for (const pass of benchCase.passes.slice(0, benchCase.passes.indexOf(until) + 1)) {
    for (const { key, values, sets } of changesOf(dataset, benchCase.passes, pass)) {
      const text = key.join('\0')
      const before = rows.get(text)
      // Whole rows, which most are, need no copy.
      if (before === undefined || sets.length === values.length) {
        rows.set(text, values)
        continue
      }
      const after = [...before]
      for (const place of sets) after[place] = values[place]
      rows.set(text, after)
    }
  }
  return rows
}

export function expectAfter(benchCase: BenchCase, dataset: Dataset, pass: Pass): Expected {
  const rows = foldRows(benchCase, dataset, pass)
  const place = [...dataset.columns.keys()].indexOf(benchCase.summed ?? '')
  let sum = 0n
  const samples: Sample[] = []
  const every = Math.max(1, Math.floor(rows.size / SAMPLES))
  let at = 0
  for (const [text, values] of rows) {
    const value = values[place]
    if (typeof value === 'bigint') sum += value
    if (at++ % every === 0 || at === rows.size) samples.push({ key: text.split('\0'), values })
  }
  return { rows: rows.size, sum: benchCase.summed === null ? null : sum, samples }
}

/** A fast node that is wrong is no node. Throws, naming what differs; `isWhole` false: only the number of rows counts. */
export async function checkRows(
  client: ClientBase,
  relation: string,
  dataset: Dataset,
  { expected, summed, isWhole }: { expected: Expected; summed: string | null; isWhole: boolean },
): Promise<void> {
  const sumOf = summed === null ? 'null' : `sum("${summed}")`
  const { rows } = await client.query(
    `select count(*)::text as count, ${sumOf}::text as sum from ${relation}`,
  )
  expectSame(`the number of rows in ${relation}`, rows[0].count, String(expected.rows))
  if (!isWhole) return
  if (expected.sum !== null) expectSame(`the sum of ${summed} in ${relation}`, rows[0].sum, `${expected.sum}`)
  const where = dataset.key.map(({ name }, place) => `"${name}" = $${place + 1}`).join(' and ')
  for (const { key, values } of expected.samples) {
    const found = await client.query(`select * from ${relation} where ${where}`, [...key])
    expectSame(`rows with the key ${key.join(', ')} in ${relation}`, found.rows.length, 1)
    for (const [place, { name, type }] of [...dataset.columns.values()].entries()) {
      // Times and JSON come back in forms of the driver's, doubles as its numbers: others speak for them.
      if (type !== 'string' && type !== 'long' && type !== 'boolean') continue
      const value = values[place] ?? null
      const text = typeof value === 'bigint' ? String(value) : value
      expectSame(`${name} of ${key.join(', ')} in ${relation}`, found.rows[0][name], text)
    }
  }
}

function expectSame(what: string, found: unknown, expected: unknown): void {
  if (found === expected) return
  throw new Error(`${what}: it is ${JSON.stringify(found)}, and should be ${JSON.stringify(expected)}`)
}
