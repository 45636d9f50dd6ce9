// Folding definitions into the catalogue, in the order of their offsets: a record is taken whole or refused whole.

import { type Catalogue, type Column, type Dataset, EMPTY_CATALOGUE, type KeyColumn } from './catalogue.ts'
import { COLUMNS_MAX, DATASETS_MAX, SYMBOL_BYTES_MAX } from './limits.ts'
import { listNames } from './near-names.ts'
import { initialStanding, OPEN, type Standing } from './policy/standing.ts'
import type { DefinitionReason, QuarantineReason } from './reasons.ts'
import type { LogRecord, Pointer } from './record.ts'
import { readSchema, type Schema } from './schema.ts'
import { createRecordProver, type Proof, UNSIGNED } from './signing/proof.ts'
import type { SignerKey } from './signing/signer-key.ts'
import { createJudge, FIRST_DEFINITION } from './verdict.ts'
import { shorten } from './words.ts'

export type FoldedDefinition =
  | {
      readonly type: 'taken'
      /** Its `offset` is the caller's to move. */
      readonly catalogue: Catalogue
      readonly dataset: Dataset
      /** False when the record said nothing new. */
      readonly changed: boolean
    }
  | { readonly type: 'refused'; readonly reason: DefinitionReason; readonly detail: string }

/** Takes a sound schema, whose record stands at `offset` of the definitions, into the catalogue, or refuses it. */
export function foldDefinition(catalogue: Catalogue, schema: Schema, offset: bigint): FoldedDefinition {
  const known = catalogue.datasets.get(schema.name)
  const fault = known === undefined ? refuseNew(catalogue) : refuseLater(known, schema)
  if (fault !== null) return fault
  const united = known === undefined ? createDataset(schema) : uniteDataset(known, schema)
  if (united === known) return { type: 'taken', catalogue, dataset: known, changed: false }
  const symbolBytes = symbolBytesOf(united)
  if (symbolBytes > SYMBOL_BYTES_MAX) {
    return refuse('dataset-full', `the symbols of ${schema.name} would have ${symbolBytes} bytes`)
  }
  const dataset = { ...united, changedAt: offset + 1n }
  const datasets = new Map(catalogue.datasets).set(dataset.name, dataset)
  return { type: 'taken', catalogue: { ...catalogue, datasets }, dataset, changed: true }
}

/** A record of the definitions that was not taken; shaped like every message that a node sets aside. */
export interface RefusedRecord extends Pointer {
  readonly dataset: string | null
  readonly reason: DefinitionReason | QuarantineReason
  readonly detail: string
  /** Bytes of the value; 0 when there is none. */
  readonly size: number
  readonly appendMs: bigint
}

/** What the definitions below an offset add up to. */
export interface Defined {
  readonly catalogue: Catalogue
  /** What holds in the definitions above them. */
  readonly standing: Standing
}

/** Before the first definition of a log with these admins. */
export function nothingDefined(admins: readonly SignerKey[]): Defined {
  return { catalogue: EMPTY_CATALOGUE, standing: initialStanding(admins) }
}

/** The log that definitions are judged for, and the way in which their signatures are looked at. */
export interface DefinitionRules {
  readonly logId: string
  readonly generation: number
  /** Asked only for records that are signed; verifies at once (`createRecordProver`) unless set. */
  readonly prove?: (record: LogRecord) => Proof
}

export interface JudgedDefinitions extends Defined {
  /** `catalogue` and `standing` are what holds above the records; the catalogue's `offset` is `next`. */
  /** Dataset records taken, those that changed nothing included. */
  readonly taken: number
  /** Other valid control records. */
  readonly controls: number
  readonly refused: readonly RefusedRecord[]
}

/** Judges and folds a chunk of the definitions that ends below `next`. */
export function judgeDefinitions(
  held: Defined,
  records: readonly LogRecord[],
  next: bigint,
  { logId, generation, prove = createRecordProver(logId) }: DefinitionRules,
): JudgedDefinitions {
  // No mutation is valid among the definitions, so how far clocks may run ahead does not matter here.
  const judge = createJudge({ logId, generation, maxClockAheadMs: 0n })
  const refused: RefusedRecord[] = []
  let { catalogue: current, standing } = held
  let taken = 0
  let controls = 0
  for (const record of records) {
    const proof = standing.type === 'open' || record.headers.length === 0 ? UNSIGNED : prove(record)
    const verdict = judge(record, current, standing, proof)
    if (verdict.type === 'control' && verdict.control.kind !== 'dataset') {
      controls++
      standing = verdict.standing
    } else if (verdict.type === 'control' && verdict.control.kind === 'dataset') {
      const read = readSchema(verdict.control.schema)
      const folded = read.type === 'refused' ? read : foldDefinition(current, read.schema, record.offset)
      if (folded.type === 'taken') {
        current = folded.catalogue
        taken++
      } else {
        refused.push(setAside(record, read.type === 'schema' ? read.schema.name : null, folded))
      }
    } else if (verdict.type === 'quarantined') {
      refused.push(setAside(record, verdict.dataset, verdict))
    } else {
      throw new Error(`a record of the definitions was judged to be one to be ${verdict.type}`)
    }
  }
  return { catalogue: { ...current, offset: next }, standing, taken, controls, refused }
}

/** The same of an open log, where nobody has to sign. */
export function judgeOpenDefinitions(
  catalogue: Catalogue,
  records: readonly LogRecord[],
  next: bigint,
  logId: string,
): Omit<JudgedDefinitions, 'standing'> {
  return judgeDefinitions({ catalogue, standing: OPEN }, records, next, { logId, generation: 0 })
}

/** What the author of a definition may not expect of it; sentences for people. The definition is one that is taken. */
export function definitionWarnings(catalogue: Catalogue, schema: Schema): readonly string[] {
  const known = catalogue.datasets.get(schema.name)
  if (known === undefined) return []
  const warnings: string[] = []
  for (const column of schema.columns) {
    const held = known.columns.get(column.name)
    if (column.required && held?.required !== true) {
      warnings.push(
        `${known.name}.${column.name}: "required" is without effect, because only a dataset's first definition can make a column required`,
      )
    } else if (!column.required && held?.required === true) {
      warnings.push(
        `${known.name}.${column.name} is no longer required, and cannot become so again: say "required": true to keep it`,
      )
    }
    if (held !== undefined) warnings.push(...symbolWarnings(known.name, held, column))
  }
  for (const [i, column] of schema.key.entries()) {
    warnings.push(...symbolWarnings(known.name, known.key[i]!, column))
  }
  const named = new Set(schema.fieldNames)
  const unnamed = known.fieldNames.filter((name) => !named.has(name))
  if (unnamed.length > 0) {
    warnings.push(`${known.name} keeps the columns ${listNames(unnamed)}: columns never go`)
  }
  return warnings
}

/**
 * What parked messages may have waited for (`WaitsFor` of the judge) and have now, between two states of a dataset;
 * undefined: it was not defined. For a message that waits for something else, the verdict is still the same.
 */
export function findCures(before: Dataset | undefined, after: Dataset): readonly string[] {
  if (before === undefined) return [FIRST_DEFINITION]
  const cures = [...after.columns.values()].filter(({ name, symbols }) => {
    const held = before.columns.get(name)
    return held === undefined || hasMoreSymbols(held.symbols, symbols)
  })
  const keys = after.key.filter(({ symbols }, i) => hasMoreSymbols(before.key[i]!.symbols, symbols))
  return [...cures, ...keys].map(({ name }) => name)
}

/** Symbols only ever grow; null admits every text. */
function hasMoreSymbols(before: KeyColumn['symbols'], after: KeyColumn['symbols']): boolean {
  return before !== null && (after === null || after.size > before.size)
}

function setAside(
  record: LogRecord,
  dataset: string | null,
  why: Pick<RefusedRecord, 'reason' | 'detail'>,
): RefusedRecord {
  return {
    partition: record.partition,
    offset: record.offset,
    dataset,
    reason: why.reason,
    detail: why.detail,
    size: record.value?.length ?? 0,
    appendMs: record.appendMs,
  }
}

type Refusal = FoldedDefinition & { readonly type: 'refused' }

function refuse(reason: DefinitionReason, detail: string): Refusal {
  return { type: 'refused', reason, detail: shorten(detail) }
}

function refuseNew(catalogue: Catalogue): Refusal | null {
  if (catalogue.datasets.size < DATASETS_MAX) return null
  return refuse('catalogue-full', `there are ${catalogue.datasets.size} datasets`)
}

function refuseLater(known: Dataset, schema: Schema): Refusal | null {
  const names = (key: readonly KeyColumn[]) => key.map((column) => column.name).join(', ')
  if (names(known.key) !== names(schema.key)) {
    return refuse('key-changed', `the key of ${known.name} is ${names(known.key)}, not ${names(schema.key)}`)
  }
  for (const [i, column] of schema.key.entries()) {
    const held = known.key[i]!
    if (held.type !== column.type) return refuseType(known, held, column)
  }
  let count = known.fieldNames.length
  for (const column of schema.columns) {
    const held = known.columns.get(column.name)
    if (held === undefined) count++
    else if (held.type !== column.type) return refuseType(known, held, column)
  }
  return count > COLUMNS_MAX ? refuse('dataset-full', `${known.name} would have ${count} columns`) : null
}

function refuseType(known: Dataset, held: KeyColumn, column: KeyColumn): Refusal {
  return refuse('type-changed', `${known.name}.${held.name} is a ${held.type}, not a ${column.type}`)
}

function createDataset(schema: Schema): Omit<Dataset, 'changedAt'> {
  const columns = new Map(schema.columns.map((column) => [column.name, column]))
  return { name: schema.name, key: schema.key, columns, fieldNames: schema.fieldNames }
}

/** The dataset itself when the schema, which it does not contradict, says nothing new. */
function uniteDataset(known: Dataset, schema: Schema): Omit<Dataset, 'changedAt'> {
  const key = known.key.map((held, i) => uniteSymbols(held, schema.key[i]!))
  const columns = new Map(known.columns)
  const added: string[] = []
  for (const column of schema.columns) {
    const held = known.columns.get(column.name)
    if (held === undefined) added.push(column.name)
    columns.set(column.name, held === undefined ? { ...column, required: false } : uniteColumn(held, column))
  }
  const isSame =
    added.length === 0 &&
    key.every((column, i) => column === known.key[i]) &&
    [...columns].every(([name, column]) => column === known.columns.get(name))
  return isSame ? known : { ...known, key, columns, fieldNames: [...known.fieldNames, ...added] }
}

function uniteColumn(held: Column, column: Column): Column {
  const united = uniteSymbols(held, column)
  return held.required && !column.required ? { ...united, required: false } : united
}

/** The held column itself when nothing is new. A plain string admits every text, and stays so. */
function uniteSymbols<T extends KeyColumn>(held: T, column: KeyColumn): T {
  if (held.symbols === null) return held
  if (column.symbols === null) return { ...held, symbols: null }
  const isKnown = [...column.symbols].every((symbol) => held.symbols!.has(symbol))
  return isKnown ? held : { ...held, symbols: new Set([...held.symbols, ...column.symbols]) }
}

function symbolBytesOf({ key, columns }: Pick<Dataset, 'key' | 'columns'>): number {
  let bytes = 0
  for (const { symbols } of [...key, ...columns.values()]) {
    for (const symbol of symbols ?? []) bytes += symbol.length
  }
  return bytes
}

function symbolWarnings(dataset: string, held: KeyColumn, column: KeyColumn): readonly string[] {
  if (held.type !== 'string') return []
  if (held.symbols === null && column.symbols !== null) {
    return [`${dataset}.${held.name} stays a plain string: the symbols are without effect`]
  }
  if (held.symbols !== null && column.symbols === null) {
    return [`${dataset}.${held.name} becomes a plain string for ever: it admits every text from now on`]
  }
  const kept = [...(held.symbols ?? [])].filter((symbol) => !column.symbols!.has(symbol))
  return kept.length === 0 ? [] : [`${dataset}.${held.name} keeps the symbols ${shorten(listNames(kept))}`]
}
