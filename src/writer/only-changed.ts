// Of rows to import, those that a node does not have as they are: compared cell by cell before they are sent.

import { hash } from 'node:crypto'
import type { TypedChange } from '../codec/line.ts'
import { Cells } from '../crdt/cells.ts'
import { rowExists } from '../crdt/merge.ts'
import { type KeyText, keyToText } from '../crdt/mutation.ts'
import { type Stamp, stampToTime, ZERO_STAMP } from '../crdt/stamp.ts'
import { compareValues, type Value } from '../crdt/value.ts'
import type { StoredRow } from '../store/store.ts'
import type { Entry, Source } from './source.ts'
import { createRepeatIndex } from './ties.ts'

/** The rows that a node has of these keys, in any order; none of the keys stands there twice. */
export type FindRows = (keys: readonly (readonly string[])[]) => AsyncIterable<StoredRow>

/** Rows by what became of them; `older`: the node has newer cells, so that nothing would come of sending it. */
export interface ChangeCounts {
  readonly new: number
  readonly changed: number
  readonly equal: number
  readonly older: number
}

export interface OnlyChanged {
  /**
   * What is left to send. A row that the node does not have: the upsert that it is. One that it has otherwise: an
   * update of the columns that differ. Not an upsert, which would bring a row back that somebody deletes meanwhile,
   * with these few columns alone.
   */
  readonly source: Source
  /** Of the last reading of the source, so far. */
  counts(): ChangeCounts
}

/**
 * Compares the upserts of a source with what a node has when they are read. A column that the node never set counts as
 * null, as readers see it. Reads the source once before, for the keys that repeat: a later row of a key is compared
 * with the earlier one.
 */
export async function onlyChanged(
  source: Source,
  findRows: FindRows,
  signal: AbortSignal,
): Promise<OnlyChanged> {
  const isRepeated = await findRepeatedKeys(source, signal)
  let counts = { new: 0, changed: 0, equal: 0, older: 0 }

  async function* readChanged(): AsyncGenerator<readonly Entry[]> {
    counts = { new: 0, changed: 0, equal: 0, older: 0 }
    const known: KnownRows = new Map()
    for await (const entries of source()) {
      const compare = await lookUp(entries, findRows, isRepeated, known)
      const left: Entry[] = []
      for (const entry of entries) {
        if (entry.type === 'bad') {
          left.push(entry)
          continue
        }
        const { type, change } = compare(entry.change)
        counts[type]++
        if (change !== null) left.push({ ...entry, change })
      }
      yield left
    }
  }
  return { source: readChanged, counts: () => counts }
}

interface Compared {
  readonly type: keyof ChangeCounts
  /** What to send, if anything. */
  readonly change: TypedChange | null
}

/** Rows whose key comes again, as the node will have them. */
type KnownRows = Map<KeyText, StoredRow | null>

/** The comparison of some entries' changes, to be asked in their order. Holds rows only where the key repeats. */
async function lookUp(
  entries: readonly Entry[],
  findRows: FindRows,
  isRepeated: (change: TypedChange) => boolean,
  known: KnownRows,
): Promise<(change: TypedChange) => Compared> {
  const wanted = new Map<KeyText, TypedChange>()
  for (const entry of entries) {
    const text = entry.type === 'change' ? keyToText(entry.change.key) : null
    if (entry.type === 'change' && text !== null && !known.has(text)) wanted.set(text, entry.change)
  }
  const found = new Map<KeyText, Compared>()
  if (wanted.size > 0) {
    for await (const row of findRows([...wanted.values()].map(({ key }) => key))) {
      const text = keyToText(row.key)
      const change = wanted.get(text)!
      if (isRepeated(change)) known.set(text, row)
      else found.set(text, compareRow(change, row))
    }
  }
  return (change) => {
    const text = keyToText(change.key)
    if (!isRepeated(change)) return found.get(text) ?? { type: 'new', change }
    const row = known.get(text) ?? null
    const compared: Compared = row === null ? { type: 'new', change } : compareRow(change, row)
    known.set(text, compared.change === null ? row : afterwards(row, compared.change))
    return compared
  }
}

function compareRow(change: TypedChange, row: StoredRow): Compared {
  const { timeNs } = change
  const isOlderThan = (stamp: Stamp | null) =>
    timeNs !== null && stamp !== null && stampToTime(stamp) > timeNs
  if (!rowExists(row)) {
    return isOlderThan(row.dead) ? { type: 'older', change: null } : { type: 'new', change }
  }
  const columns = new Map<string, Value>()
  let hasOlder = false
  for (const [name, value] of change.columns) {
    const cell = row.cells.get(name)
    if (compareValues(cell?.value ?? null, value) === 0) continue
    if (isOlderThan(cell?.stamp ?? null)) hasOlder = true
    else columns.set(name, value)
  }
  if (columns.size > 0) return { type: 'changed', change: { ...change, operation: 'update', columns } }
  return { type: hasOlder ? 'older' : 'equal', change: null }
}

const NEWEST = 'f'.repeat(32) as Stamp

/** The row once the change is merged: all that matters of it is that it exists, and its values. */
function afterwards(row: StoredRow | null, change: TypedChange): StoredRow {
  const cells = new Cells()
  if (row !== null && rowExists(row))
    for (const [name, cell] of row.cells) cells.set(name, cell.stamp, cell.value)
  for (const [name, value] of change.columns) cells.set(name, ZERO_STAMP, value)
  return { key: change.key, alive: NEWEST, dead: null, cells }
}

/** Says of a change whether its key occurs more than once (and, very rarely, of another one). Eight bytes a row. */
async function findRepeatedKeys(
  source: Source,
  signal: AbortSignal,
): Promise<(change: TypedChange) => boolean> {
  const index = createRepeatIndex()
  for await (const entries of source()) {
    signal.throwIfAborted()
    for (const entry of entries) if (entry.type === 'change') index.add(hashOf(entry.change))
  }
  const repeated = index.findRepeated()
  return repeated.size === 0 ? () => false : (change) => repeated.has(hashOf(change))
}

function hashOf({ key }: TypedChange): bigint {
  return hash('sha256', keyToText(key), 'buffer').readBigUInt64BE(0)
}
