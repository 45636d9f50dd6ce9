// What a table has to hold after a pass, worked out from the changes alone, and whether it does.

import { hash } from 'node:crypto'
import type { ClientBase } from 'pg'
import type { Dataset } from '../src/codec/catalogue.ts'
import type { Value } from '../src/crdt/value.ts'
import type { BenchCase, Pass } from './cases/case.ts'
import { changesOf } from './marks.ts'

const SAMPLES = 20
const DIGEST_DIGITS = 8

export type RowValues = readonly (Value | undefined)[]

interface Sample {
  readonly key: readonly string[]
  /** Of the compared columns, as texts. */
  readonly texts: readonly (string | null)[]
}

export interface Expected {
  readonly rows: number
  /** The sum over all rows of the first 32 bits of the MD5 of their texts: the same whatever the rows' order. */
  readonly digest: bigint
  /** Some rows, so that a difference can be named. */
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
  const places = comparedColumns(dataset).map(({ place }) => place)
  let digest = 0n
  const samples: Sample[] = []
  const every = Math.max(1, Math.floor(rows.size / SAMPLES))
  let at = 0
  for (const [keyText, values] of rows) {
    const key = keyText.split('\0')
    const texts = places.map((place) => toText(values[place]))
    const line = [...key, ...texts].map((text) => text ?? NULL_TEXT).join(SEPARATOR)
    digest += BigInt(`0x${hash('md5', line).slice(0, DIGEST_DIGITS)}`)
    if (at++ % every === 0) samples.push({ key, texts })
  }
  return { rows: rows.size, digest, samples }
}

const NULL_TEXT = '~'
const SEPARATOR = '|'

function toText(value: Value | undefined): string | null {
  return value === null || value === undefined ? null : String(value)
}

/** Times, JSON and doubles have other texts in Postgres, and the peer's table has them otherwise: others speak for them. */
function comparedColumns(dataset: Dataset): readonly { readonly name: string; readonly place: number }[] {
  return [...dataset.columns.values()].flatMap(({ name, type }, place) =>
    type === 'string' || type === 'long' || type === 'boolean' ? [{ name, place }] : [],
  )
}

/** A fast node that is wrong is no node. Throws, naming what differs; `isWhole` false: only the number of rows counts. */
export async function checkRows(
  client: ClientBase,
  relation: string,
  dataset: Dataset,
  { expected, isWhole }: { expected: Expected; isWhole: boolean },
): Promise<void> {
  const count = await client.query(`select count(*)::text as count from ${relation}`)
  expectSame(`the number of rows in ${relation}`, count.rows[0].count, String(expected.rows))
  if (!isWhole) return
  const columns = comparedColumns(dataset)
  const keys = dataset.key.map(({ name }) => name)
  const where = keys.map((name, place) => `"${name}" = $${place + 1}`).join(' and ')
  const texts = columns.map(({ name }) => `"${name}"::text`).join(', ')
  for (const sample of expected.samples) {
    const query = { text: `select ${texts} from ${relation} where ${where}`, rowMode: 'array' as const }
    const found = await client.query(query, [...sample.key])
    expectSame(`the row ${sample.key.join(', ')} of ${relation}`, found.rows, [sample.texts])
  }
  const line = [...keys, ...columns.map(({ name }) => name)]
    .map((name) => `coalesce("${name}"::text, '${NULL_TEXT}')`)
    .join(` || '${SEPARATOR}' || `)
  const bits = `('x' || left(md5(${line}), ${DIGEST_DIGITS}))::bit(32)::bigint`
  const { rows } = await client.query(`select sum(${bits})::text as digest from ${relation}`)
  expectSame(`the digest of all rows of ${relation}`, rows[0].digest, String(expected.digest))
}

/** Our node's own counts: every message was merged, and none of them twice. */
export async function checkCounts(client: ClientBase, messages: number): Promise<void> {
  const { rows } = await client.query(
    'select sum(consumed)::text as consumed, sum(merged)::text as merged from spindexer.positions',
  )
  expectSame('the messages that the node has counted', rows[0], {
    consumed: String(messages),
    merged: String(messages),
  })
}

function expectSame(what: string, found: unknown, expected: unknown): void {
  const [is, should] = [found, expected].map((one) => JSON.stringify(one))
  if (is !== should) throw new Error(`${what}: it is ${is}, and should be ${should}`)
}
