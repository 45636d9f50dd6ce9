// The reading side of the store in memory: a copy of everything, made when it is opened.

import type { Dataset } from '../../codec/catalogue.ts'
import { isVisible } from '../../codec/dump.ts'
import { createFold, mergeFold } from '../../crdt/fold.ts'
import { type Row, rowExists } from '../../crdt/merge.ts'
import { keyToText } from '../../crdt/mutation.ts'
import { compareText } from '../../crdt/value.ts'
import { compareKeys } from '../key-order.ts'
import { compareSigners, signersOf } from '../signers.ts'
import type {
  RowSelection,
  SetAsideFilter,
  SetAsideMessage,
  StoredRow,
  StoreReader,
  StoreStatus,
} from '../store.ts'
import { type MemoryDatabase, type MemoryOrigin, stateOf } from './database.ts'

export function createMemoryReader(database: MemoryDatabase): StoreReader {
  const { catalogue } = database
  const rows = createFold()
  mergeFold(rows, database.rows)
  const signersByOrigin = new Map(
    [...database.authors].map(([origin, signers]) => [origin, [...signers].sort(compareSigners)]),
  )
  const status = statusOf(database)
  const messages = listSetAside(database)
  return {
    catalogue: async () => catalogue,
    async *rows(name, selection, { signers = false } = {}): AsyncGenerator<StoredRow> {
      const dataset = catalogue.datasets.get(name)
      if (dataset === undefined) throw new Error(`there is no dataset "${name}"`)
      const selected = select(dataset, [...(rows.get(name)?.values() ?? [])], selection)
      yield* signers
        ? selected.map((row) => ({ ...row, signers: signersOf(row, signersByOrigin) }))
        : selected
    },
    setAside(filter) {
      const found = messages.filter((message) => isMeant(message, filter))
      const countKind = (kind: SetAsideMessage['kind']) =>
        countReasons(
          kind,
          found.filter((message) => message.kind === kind),
        )
      return {
        counts: async () => [...countKind('parked'), ...countKind('quarantined')],
        async *messages() {
          yield* found
        },
      }
    },
    status: async () => status,
    close: async () => {},
  }
}

function select(
  dataset: Dataset,
  rows: readonly StoredRow[],
  selection: RowSelection | undefined,
): readonly StoredRow[] {
  if (selection?.type === 'page') {
    const { after, limit } = selection
    return rows
      .filter((row) => isVisible(dataset, row))
      .filter(({ key }) => after === null || compareKeys(dataset, key, after) > 0)
      .sort((a, b) => compareKeys(dataset, a.key, b.key))
      .slice(0, limit)
  }
  const wanted = selection === undefined ? null : new Set<string>(selection.keys.map(keyToText))
  return rows
    .map((row) => ({ text: keyToText(row.key), row }))
    .filter(({ text }) => wanted?.has(text) ?? true)
    .sort((a, b) => compareText(a.text, b.text))
    .map(({ row }) => row)
}

function statusOf(database: MemoryDatabase): StoreStatus {
  const { taken, refused, controls } = database.definitions
  return {
    identity: database.identity,
    state: database.identity === null ? null : stateOf(database),
    definitions: { taken, refused, controls },
    counts: [...database.partitions]
      .sort(([a], [b]) => a - b)
      .map(([partition, { position, consumed, merged, parked, quarantined, controls }]) => ({
        partition,
        position,
        consumed,
        merged,
        parked,
        quarantined,
        controls,
      })),
    reasons: [
      ...countReasons('parked', database.parked.values()),
      ...countReasons('quarantined', database.quarantined.values()),
    ],
    rows: [...database.catalogue.datasets.values()]
      .sort((a, b) => compareText(a.name, b.name))
      .map((dataset) => countRows(dataset, database.rows.get(dataset.name)?.values() ?? [])),
    origins: countOrigins(database.origins.values()),
  }
}

function listSetAside(database: MemoryDatabase): readonly SetAsideMessage[] {
  const all: SetAsideMessage[] = [...database.parked.values()].map(
    ({ judgedAt: _, waitsFor: __, ...message }) => ({
      kind: 'parked',
      ...message,
    }),
  )
  for (const message of database.quarantined.values()) all.push({ kind: 'quarantined', ...message })
  return all.sort((a, b) => a.partition - b.partition || (a.offset < b.offset ? -1 : 1))
}

function isMeant(message: SetAsideMessage, { offsets, ...filter }: SetAsideFilter): boolean {
  const { offset } = message
  if (offsets !== undefined && (offset < offsets.from || offset >= offsets.next)) return false
  return (Object.keys(filter) as (keyof typeof filter)[]).every((name) => message[name] === filter[name])
}

function countReasons<K extends 'parked' | 'quarantined'>(
  kind: K,
  messages: Iterable<{ readonly reason: string }>,
) {
  const counts = new Map<string, bigint>()
  for (const { reason } of messages) counts.set(reason, (counts.get(reason) ?? 0n) + 1n)
  return [...counts].sort(([a], [b]) => compareText(a, b)).map(([reason, count]) => ({ kind, reason, count }))
}

function countRows(dataset: Dataset, rows: Iterable<Row>): StoreStatus['rows'][number] {
  const required = [...dataset.columns.values()].filter((column) => column.required)
  let visible = 0n
  let incomplete = 0n
  let absent = 0n
  for (const row of rows) {
    if (!rowExists(row)) absent++
    else if (required.every(({ name }) => (row.cells.get(name)?.value ?? null) !== null)) visible++
    else incomplete++
  }
  return { dataset: dataset.name, visible, incomplete, absent }
}

/** A session's numbers run from 0 over all partitions: fewer than its greatest + 1 is a gap, more a duplicate. */
function countOrigins(parts: Iterable<MemoryOrigin>): StoreStatus['origins'] {
  const sessions = new Map<string, { highest: bigint; count: bigint }>()
  for (const { origin, highestSeq, count } of parts) {
    const held = sessions.get(origin) ?? { highest: 0n, count: 0n }
    sessions.set(origin, {
      highest: highestSeq > held.highest ? highestSeq : held.highest,
      count: held.count + count,
    })
  }
  const all = [...sessions.values()]
  return {
    seen: BigInt(all.length),
    withGaps: BigInt(all.filter(({ highest, count }) => count < highest + 1n).length),
    withDuplicates: BigInt(all.filter(({ highest, count }) => count > highest + 1n).length),
  }
}
