// Small makers of what stores are fed with, and a whole state as plain data to compare.

import type { Catalogue, Column, ColumnType, Dataset } from '../../src/codec/catalogue.ts'
import type { GuardedStanding } from '../../src/codec/policy/standing.ts'
import type { Pointer } from '../../src/codec/record.ts'
import type { Cell } from '../../src/crdt/cells.ts'
import type { Mutation, Operation } from '../../src/crdt/mutation.ts'
import { createPackedFold } from '../../src/crdt/packed/fold.ts'
import type { Branch, Shape } from '../../src/crdt/packed/shape.ts'
import type { Stamp } from '../../src/crdt/stamp.ts'
import type { Value } from '../../src/crdt/value.ts'
import type {
  Batch,
  DefinitionStep,
  LogIdentity,
  ParkedMessage,
  PartitionStep,
  PendingMessage,
  RowSelection,
  SetAside,
  Store,
  StoredRow,
  StoreReader,
  StoreState,
  StoreStatus,
} from '../../src/store/store.ts'

export const LOG: LogIdentity = {
  logId: '0a1b2c3d-0000-4000-8000-000000000001',
  copyId: '0a1b2c3d-0000-4000-8000-0000000000c1',
  generation: 1,
}

export const ALL_TYPES: readonly ColumnType[] = [
  'boolean',
  'long',
  'double',
  'string',
  'bytes',
  'uuid',
  'decimal',
  'date',
  'timestamp',
  'json',
]

/** A stamp by its rank: `stampOf(2)` is greater than `stampOf(1)`. */
export function stampOf(rank: number): Stamp {
  return rank.toString(16).padStart(16, '0').padEnd(32, 'a') as Stamp
}

export interface DatasetShape {
  readonly key?: Readonly<Record<string, ColumnType>>
  readonly columns?: Readonly<Record<string, ColumnType>>
  readonly required?: readonly string[]
  readonly changedAt?: bigint
}

export function datasetOf(name: string, shape: DatasetShape = {}): Dataset {
  const { key = { id: 'string' }, columns = {}, required = [], changedAt = 1n } = shape
  return {
    name,
    key: Object.entries(key).map(([name, type]) => ({ name, type, symbols: null })),
    columns: new Map(
      Object.entries(columns).map(([name, type]): [string, Column] => [
        name,
        { name, type, symbols: null, required: required.includes(name) },
      ]),
    ),
    fieldNames: [...Object.keys(key), ...Object.keys(columns)],
    changedAt,
  }
}

export function catalogueOf(offset: bigint, ...datasets: readonly Dataset[]): Catalogue {
  return { offset, datasets: new Map(datasets.map((dataset) => [dataset.name, dataset])) }
}

export function definitionStep(
  from: bigint,
  catalogue: Catalogue,
  more: Partial<DefinitionStep> = {},
): DefinitionStep {
  return {
    identity: LOG,
    from,
    catalogue,
    last: null,
    taken: 1,
    controls: 0,
    standing: null,
    refused: [],
    ...more,
  }
}

export function mutationOf(
  operation: Operation,
  dataset: string,
  key: string | readonly string[],
  rank: number,
  columns: Readonly<Record<string, Value>> = {},
): Mutation {
  return {
    stamp: stampOf(rank),
    seq: null,
    operation,
    dataset,
    key: typeof key === 'string' ? [key] : key,
    columns: new Map(Object.entries(columns)),
  }
}

export function foldOf(mutations: readonly Mutation[]): Batch['rows'] {
  const fold = createPackedFold({ first: 1, second: 2 })
  const shapes = shapesOf(mutations)
  for (const mutation of mutations) fold.add(shapes.get(mutation.dataset)!, mutation)
  return fold
}

/** Shapes with just the columns that occur: a store must not take its own order of columns for granted. */
function shapesOf(mutations: readonly Mutation[]): ReadonlyMap<string, Shape> {
  const branchesByDataset = new Map<string, Map<string, Branch>>()
  for (const { dataset, columns } of mutations) {
    const branches = branchesByDataset.get(dataset) ?? new Map<string, Branch>()
    branchesByDataset.set(dataset, branches)
    for (const [name, value] of columns) {
      if (value !== null || !branches.has(name)) branches.set(name, branchOf(value))
    }
  }
  const keyTextsByDataset = new Map(mutations.map(({ dataset, key }) => [dataset, key.length]))
  return new Map(
    [...branchesByDataset].map(([dataset, branches]): [string, Shape] => [
      dataset,
      {
        dataset,
        keyTexts: keyTextsByDataset.get(dataset)!,
        columns: [...branches].map(([name, branch]) => ({ name, branch })),
      },
    ]),
  )
}

function branchOf(value: Value): Branch {
  switch (typeof value) {
    case 'boolean':
      return 'boolean'
    case 'bigint':
      return 'long'
    case 'number':
      return 'double'
    default:
      return value instanceof Uint8Array ? 'bytes' : 'text'
  }
}

export function setAsideOf(pointer: Pointer, dataset: string | null, reason: string): SetAside {
  return { ...pointer, dataset, reason, detail: 'a test', size: 7, appendMs: 1_000n }
}

export function parkedOf(
  pointer: Pointer,
  dataset: string,
  waitsFor: string | null,
  reason = 'unknown-column',
): ParkedMessage {
  return { ...setAsideOf(pointer, dataset, reason), waitsFor }
}

/** What the store says of a message of `parkedOf` that was judged at D = `judgedAt`. */
export function pendingOf(
  pointer: Pointer,
  dataset: string,
  waitsFor: string,
  judgedAt = 1n,
): PendingMessage {
  return { ...pointer, dataset, waitsFor, judgedAt, size: 7 }
}

export interface BatchShape {
  readonly at?: bigint
  readonly partition?: number
  readonly from?: bigint
  readonly parked?: readonly ParkedMessage[]
  readonly quarantined?: readonly SetAside[]
  readonly origins?: Batch['origins']
  readonly authors?: Batch['authors']
  readonly step?: Partial<PartitionStep>
  readonly identity?: LogIdentity
}

const SIGNER_FORMS = { ed25519: 64, eip191: 40 } as const

/** A signer's key by its rank: those of one scheme are in the order of their ranks. */
export function signerOf(rank: number, scheme: keyof typeof SIGNER_FORMS = 'ed25519'): string {
  return `${scheme}:${rank.toString(16).padStart(SIGNER_FORMS[scheme], '0')}`
}

/** What holds behind some policy. */
export function standingOf(version: number, more: Partial<GuardedStanding> = {}): GuardedStanding {
  const rule = { columns: '*', datasets: ['tracks'], operations: ['upsert'], signers: [signerOf(2)] } as const
  return {
    type: 'guarded',
    version,
    admins: [signerOf(1)],
    rules: [rule],
    unsigned: false,
    isClosed: false,
    ...more,
  }
}

/** A batch of one partition whose counts follow from what is in it. */
export function batchOf(mutations: readonly Mutation[], shape: BatchShape = {}): Batch {
  const { at = 1n, partition = 0, from = 0n, parked = [], quarantined = [], origins = [] } = shape
  const consumed = mutations.length + parked.length + quarantined.length
  const step: PartitionStep = {
    partition,
    from,
    next: from + BigInt(consumed),
    last: null,
    consumed,
    merged: mutations.length,
    parked: parked.length,
    quarantined: quarantined.length,
    controls: 0,
    newestStamp: null,
    newestAppendMs: null,
    standing: null,
    ...shape.step,
  }
  return {
    identity: shape.identity ?? LOG,
    catalogueOffset: at,
    rows: foldOf(mutations),
    steps: [step],
    parked,
    quarantined,
    origins,
    authors: shape.authors ?? [],
  }
}

/** The state of a store that is not refused. */
export async function loadState(store: Store): Promise<StoreState> {
  const state = await store.load(LOG)
  if (state.type === 'refused') throw new Error(state.what)
  return state
}

/** A store bound to LOG whose D is 1 and whose datasets are these. */
export async function prepare(store: Store, ...datasets: readonly Dataset[]): Promise<void> {
  await loadState(store)
  const result = await store.define(definitionStep(0n, catalogueOf(1n, ...datasets)))
  if (result.type !== 'committed') throw new Error(`the definitions were not taken: ${result.type}`)
}

export type RowsOptions = Parameters<StoreReader['rows']>[2]

export async function rowsOf(
  reader: StoreReader,
  dataset: string,
  selection?: RowSelection,
  options?: RowsOptions,
): Promise<StoredRow[]> {
  const rows: StoredRow[] = []
  for await (const row of reader.rows(dataset, selection, options)) rows.push(row)
  return rows
}

/** A row in a form in which equal states are equal: its cells by name. */
export interface PlainRow extends Omit<StoredRow, 'cells'> {
  readonly cells: Readonly<Record<string, Cell>>
}

export interface WholeState {
  readonly status: StoreStatus
  readonly rows: ReadonlyMap<string, readonly PlainRow[]>
}

/** Everything that a reader can see, and who has signed it. */
export async function wholeState(reader: StoreReader): Promise<WholeState> {
  const rows = new Map<string, PlainRow[]>()
  for (const name of (await reader.catalogue()).datasets.keys()) {
    const found = await rowsOf(reader, name, undefined, { signers: true })
    rows.set(
      name,
      found.map((row) => ({ ...row, cells: Object.fromEntries(row.cells) })),
    )
  }
  return { status: await reader.status(), rows }
}
