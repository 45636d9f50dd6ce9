// Finds lines with one timestamp that disagree about one row: between them only a hash would decide.

import { hash } from 'node:crypto'
import type { TypedChange } from '../codec/line.ts'
import { keyToText } from '../crdt/mutation.ts'
import type { Value } from '../crdt/value.ts'

/** Two lines that disagree, and about what. */
export interface Tie {
  readonly line: number
  readonly earlierLine: number
  readonly about: string
}

export interface TieCheck {
  /** Takes note of a line; the disagreement with an earlier one, if there is any. Changes without a time never tie. */
  see(change: TypedChange, line: number): Tie | null
}

const CELLS_PER_ROW = 10
/** Longer texts are remembered by their hash. */
const TEXT_CHARS_MAX = 64

/** What lines with one timestamp have said about one row so far: each thing with the line that said it first. */
interface Said {
  upsertLine: number | null
  deleteLine: number | null
  readonly cells: Map<string, { readonly token: string; readonly line: number }>
}

/**
 * A check that remembers at least the newest `rowsMax` rows (twice as many at most), fewer where they have more than ten
 * cells each: for a stream that comes once. For a file, feed it only the lines that `createTieIndex` found suspicious,
 * and no limit.
 */
export function createTieCheck(rowsMax: number = Number.POSITIVE_INFINITY): TieCheck {
  const cellsMax = rowsMax * CELLS_PER_ROW
  let cells = 0
  let recent = new Map<string, Said>()
  let older = new Map<string, Said>()

  function recall(name: string): Said {
    const known = recent.get(name) ?? older.get(name)
    if (known !== undefined) return known
    if (recent.size >= rowsMax || cells >= cellsMax) {
      cells = 0
      older = recent
      recent = new Map()
    }
    const said: Said = { upsertLine: null, deleteLine: null, cells: new Map() }
    recent.set(name, said)
    return said
  }

  return {
    see(change, line) {
      if (change.timeNs === null) return null
      const said = recall(nameOf(change))
      cells += change.columns.size
      const tie = findTie(said, change, line)
      if (tie === null) note(said, change, line)
      return tie
    },
  }
}

export interface TieIndex {
  add(change: TypedChange): void
  /** Says which changes' row and timestamp occur more than once (and, very rarely, one more); null when none do. */
  findSuspects(): ((change: TypedChange) => boolean) | null
}

/** Knows, after a first pass over a file of any size, which lines a tie check must see. */
export function createTieIndex(): TieIndex {
  const index = createRepeatIndex()
  return {
    add(change) {
      if (change.timeNs !== null) index.add(hashOf(change))
    },
    findSuspects() {
      const twice = index.findRepeated()
      return twice.size === 0 ? null : (change) => change.timeNs !== null && twice.has(hashOf(change))
    },
  }
}

export interface RepeatIndex {
  add(bits: bigint): void
  /** Those of the 64-bit numbers that were added more than once. */
  findRepeated(): ReadonlySet<bigint>
}

/** Eight bytes for each number that is added, whatever they are. */
export function createRepeatIndex(): RepeatIndex {
  let all = new BigUint64Array(1024)
  let size = 0
  return {
    add(bits) {
      if (size === all.length) {
        const larger = new BigUint64Array(size * 2)
        larger.set(all)
        all = larger
      }
      all[size++] = bits
    },
    findRepeated() {
      const sorted = all.slice(0, size).sort()
      const twice = new Set<bigint>()
      for (let i = 1; i < sorted.length; i++) if (sorted[i] === sorted[i - 1]) twice.add(sorted[i]!)
      return twice
    },
  }
}

function findTie(said: Said, change: TypedChange, line: number): Tie | null {
  if (change.operation === 'delete') {
    if (said.upsertLine !== null)
      return { line, earlierLine: said.upsertLine, about: 'whether the row exists' }
    for (const [column, cell] of said.cells)
      return { line, earlierLine: cell.line, about: `column ${column}` }
    return null
  }
  if (said.deleteLine !== null) return { line, earlierLine: said.deleteLine, about: 'whether the row exists' }
  for (const [column, value] of change.columns) {
    const cell = said.cells.get(column)
    if (cell !== undefined && cell.token !== tokenOf(value)) {
      return { line, earlierLine: cell.line, about: `column ${column}` }
    }
  }
  return null
}

function note(said: Said, change: TypedChange, line: number): void {
  if (change.operation === 'delete') said.deleteLine ??= line
  if (change.operation === 'upsert') said.upsertLine ??= line
  for (const [column, value] of change.columns) {
    if (!said.cells.has(column)) said.cells.set(column, { token: tokenOf(value), line })
  }
}

/** Equal for equal values of one column, and short. */
function tokenOf(value: Value): string {
  if (value instanceof Uint8Array) return `bytes ${shorten(Buffer.from(value).toString('base64'))}`
  return `${typeof value} ${shorten(String(value))}`
}

function shorten(text: string): string {
  return text.length <= TEXT_CHARS_MAX ? text : `hash ${hash('sha256', text)}`
}

function nameOf(change: TypedChange): string {
  return `${change.timeNs} ${change.dataset} ${keyToText(change.key)}`
}

function hashOf(change: TypedChange): bigint {
  return hash('sha256', nameOf(change), 'buffer').readBigUInt64BE(0)
}
