// The state as text: the lines of `dump --cells`, and a visible row as one JSON object.

import type { Cell } from '../crdt/cells.ts'
import type { Fold, FoldedRow } from '../crdt/fold.ts'
import { rowExists } from '../crdt/merge.ts'
import { type Origin, type Stamp, stampToIso, stampToOrigin } from '../crdt/stamp.ts'
import { compareText } from '../crdt/value.ts'
import type { Catalogue, Dataset } from './catalogue.ts'
import { quoteJson } from './json.ts'
import type { Signer } from './signing/signer-key.ts'
import { keyTextToJson, valueToJson } from './values.ts'

/** By origin: who has written under it, in order of UTF-8 bytes, nobody (null) first. One as a rule. */
export type SignersByOrigin = ReadonlyMap<Origin, readonly Signer[]>

/** What is known in an open log. */
export const NO_SIGNERS: SignersByOrigin = new Map()

/** True when readers see the row: it exists, and no required column is null or absent. */
export function isVisible(dataset: Dataset, row: FoldedRow): boolean {
  if (!rowExists(row)) return false
  for (const column of dataset.columns.values()) {
    if (column.required && (row.cells.get(column.name)?.value ?? null) === null) return false
  }
  return true
}

/** The row's own line, without a newline. */
export function rowLine(dataset: Dataset, row: FoldedRow): string {
  const stamp = (text: string | null) => (text === null ? 'null' : `"${text}"`)
  return `{${namesOf(dataset, row)},"alive":${stamp(row.alive)},"dead":${stamp(row.dead)},"visible":${isVisible(dataset, row)}}`
}

/** A line for each cell, by column name in order of UTF-8 bytes, without newlines. */
export function cellLines(
  dataset: Dataset,
  row: FoldedRow,
  signers: SignersByOrigin = NO_SIGNERS,
): readonly string[] {
  const names = namesOf(dataset, row)
  const visible = isVisible(dataset, row)
  const line = (column: string, { value, stamp }: Cell) =>
    `{${names},"column":"${column}","value":${valueToJson(dataset.columns.get(column)!, value)},"stamp":"${stamp}","timestamp":"${stampToIso(stamp)}","origin":"${stampToOrigin(stamp)}","signer":${signerJson(signers, stamp)},"visible":${visible}}`
  return [...row.cells.keys()].sort(compareText).map((column) => line(column, row.cells.get(column)!))
}

/** The whole state of a fold, every line with its newline: the bytes whose SHA-256 is the state's fingerprint. */
export function* stateLines(
  catalogue: Catalogue,
  fold: Fold,
  signers: SignersByOrigin = NO_SIGNERS,
): Generator<string> {
  for (const name of [...fold.keys()].sort(compareText)) {
    const dataset = catalogue.datasets.get(name)!
    const rows = fold.get(name)!
    for (const key of [...rows.keys()].sort(compareText)) {
      const row = rows.get(key)!
      yield `${rowLine(dataset, row)}\n`
      for (const line of cellLines(dataset, row, signers)) yield `${line}\n`
    }
  }
}

/** A visible row as one JSON object, members in readers' order, null for what is null or absent, numbers exact. */
export function visibleRowJson(dataset: Dataset, row: FoldedRow): string {
  const keyJson = new Map(dataset.key.map((column, i) => [column.name, keyTextToJson(column, row.key[i]!)]))
  const members = dataset.fieldNames.map((name) => {
    const column = dataset.columns.get(name)
    const json =
      column === undefined ? keyJson.get(name)! : valueToJson(column, row.cells.get(name)?.value ?? null)
    return `"${name}":${json}`
  })
  return `{${members.join(',')}}`
}

function namesOf(dataset: Dataset, row: FoldedRow): string {
  const key = dataset.key.map((column, i) => `"${column.name}":${keyTextToJson(column, row.key[i]!)}`)
  return `"dataset":${quoteJson(dataset.name)},"key":{${key.join(',')}}`
}

function signerJson(signers: SignersByOrigin, stamp: Stamp): string {
  return JSON.stringify(signerOf(signers, stamp))
}

/** Null for nobody, the one who has signed, or, where several have written under one origin, all of them. */
export function signerOf(signers: SignersByOrigin, stamp: Stamp): Signer | readonly Signer[] {
  const all = signers.get(stampToOrigin(stamp)) ?? [null]
  return all.length === 1 ? all[0]! : all
}
