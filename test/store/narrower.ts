// A node without its log: bytes go through the real judge, what gets `merge` into the real store, and is read back.

import { expect } from 'vitest'
import { encodeMutation } from '../../src/codec/avro-encode.ts'
import { type Catalogue, type ColumnType, type Dataset, EMPTY_CATALOGUE } from '../../src/codec/catalogue.ts'
import { encodeControl } from '../../src/codec/control.ts'
import { judgeOpenDefinitions, type RefusedRecord } from '../../src/codec/definitions.ts'
import { cellLines, isVisible, rowLine, stateLines } from '../../src/codec/dump.ts'
import { frameSingleObject } from '../../src/codec/framing.ts'
import { type JsonObject, plainToJson } from '../../src/codec/json.ts'
import { DEFINITIONS, type LogRecord } from '../../src/codec/record.ts'
import { createOpenJudge, type Verdict } from '../../src/codec/verdict.ts'
import { createFold, type Fold, foldMutation } from '../../src/crdt/fold.ts'
import type { Mutation } from '../../src/crdt/mutation.ts'
import { createStamp, ZERO_ORIGIN } from '../../src/crdt/stamp.ts'
import { compareText, type Value } from '../../src/crdt/value.ts'
import type { ParkedMessage, SetAside, Store } from '../../src/store/store.ts'
import { type BatchShape, batchOf, definitionStep, LOG, loadState } from '../contract/store-fixture.ts'
import type { PostgresVersion } from '../support/services.ts'
import { avroType, type DefinitionJson, definitionOf } from './narrower-catalogue.ts'
import { openPostgres, type PostgresBench } from './postgres-bench.ts'

export interface Counts {
  readonly merge: number
  readonly parked: number
  readonly quarantined: number
}

export interface NarrowWorld {
  readonly bench: PostgresBench
  catalogue(): Catalogue
  setCatalogue(catalogue: Catalogue): void
  /** Judges the values of records, and writes those that are to be merged in one batch. */
  store(values: readonly Buffer[]): Promise<void>
  /** A row for each value, in a dataset of its own that has a column for each type. */
  storeValues(dataset: string, values: readonly TypedValue[]): Promise<void>
  /** A row for each text: as its key, in a text and in json, as a name and as a value. */
  storeKeyed(dataset: string, texts: readonly string[]): Promise<void>
  /** Of everything that `store` has judged since the last definition. */
  verdicts(): Counts
  /** The database holds the fold of what was merged, in the state and in the views. */
  expectSame(): Promise<void>
  close(): Promise<void>
}

export interface TypedValue {
  readonly type: ColumnType
  readonly value: Value
}

/** The end of the time that stamps can have: no clock is ahead of it. */
const APPEND_MS = 9_223_372_036_854n
const judge = createOpenJudge({ logId: LOG.logId, maxClockAheadMs: 60_000n })

export function recordOf(value: Buffer, partition = 0, offset = 0n): LogRecord {
  return { partition, offset, appendMs: APPEND_MS, stampedByLog: true, key: null, value, headers: [] }
}

export async function createNarrowWorld(
  version: PostgresVersion,
  bench?: PostgresBench,
): Promise<NarrowWorld> {
  const opened = bench ?? (await openPostgres(version))
  const store = opened.store()
  await loadState(store)
  const fold = createFold()
  let catalogue = EMPTY_CATALOGUE
  let position = 0n
  let counts = { merge: 0, parked: 0, quarantined: 0 }

  const world: NarrowWorld = {
    bench: opened,
    catalogue: () => catalogue,
    setCatalogue(next) {
      catalogue = next
      counts = { merge: 0, parked: 0, quarantined: 0 }
    },
    async store(values) {
      const merged: { readonly mutation: Mutation; readonly value: Buffer }[] = []
      const aside: SetAside = {
        partition: 0,
        offset: 0n,
        dataset: null,
        reason: '',
        detail: '',
        size: 0,
        appendMs: 0n,
      }
      const parked: ParkedMessage[] = []
      const quarantined: SetAside[] = []
      for (const [i, value] of values.entries()) {
        const verdict = judge(recordOf(value), catalogue)
        if (verdict.type === 'control') throw new Error('a mutation was judged to be a control record')
        counts[verdict.type]++
        const offset = position + BigInt(i)
        if (verdict.type === 'merge') merged.push({ mutation: verdict.mutation, value })
        else if (verdict.type === 'parked') parked.push({ ...aside, ...verdict, offset })
        else quarantined.push({ ...aside, ...verdict, offset })
      }
      for (const { mutation } of merged) foldMutation(fold, mutation)
      const mutations = merged.map(({ mutation }) => mutation)
      const shape = { at: catalogue.offset, from: position, parked, quarantined }
      await commit(store, mutations, shape).catch(async (error: unknown) => {
        throw await blame(store, merged, catalogue.offset, position, error)
      })
      position += BigInt(values.length)
    },
    async storeValues(name, values) {
      const types = [...new Set(values.map(({ type }) => type))]
      const columns = types.map((type) => ({ name: `c_${type}`, type: ['null', avroType(type)] }))
      await defineAll(world, [definitionOf(name, [{ name: 'n', type: 'long' }], columns)])
      await world.store(
        values.map(({ type, value }, i) => frameUpsert(name, [String(i)], new Map([[`c_${type}`, value]]))),
      )
      await world.expectSame()
    },
    async storeKeyed(name, texts) {
      const columns = (['string', 'json'] as const).map((type) => ({
        name: type,
        type: ['null', avroType(type)],
      }))
      await defineAll(world, [definitionOf(name, [{ name: 'id', type: 'string' }], columns)])
      await world.store(
        texts.map((text) => {
          const json = `{${JSON.stringify(text)}:${JSON.stringify(text)}}`
          return frameUpsert(
            name,
            [text],
            new Map([
              ['string', text],
              ['json', json],
            ]),
          )
        }),
      )
      await world.expectSame()
    },
    verdicts: () => counts,
    expectSame: () => expectSame(opened, catalogue, fold),
    close: () => opened.close(),
  }
  return world
}

/** The framed bytes of an upsert. */
export function frameUpsert(
  dataset: string,
  key: readonly string[],
  columns: ReadonlyMap<string, Value>,
  timeNs = 1n,
): Buffer {
  const stamp = createStamp(timeNs, ZERO_ORIGIN)
  const mutation: Mutation = { stamp, seq: null, operation: 'upsert', dataset, key, columns }
  return frameSingleObject(encodeMutation(mutation))
}

/** The verdict on a record's value. */
export function judgeIn(catalogue: Catalogue, value: Buffer): Verdict {
  return judge(recordOf(value), catalogue)
}

/** Why the definition is refused where nothing is defined; empty when it is taken. */
export function judgeDefinition(definition: DefinitionJson): readonly RefusedRecord[] {
  return judgeOpenDefinitions(EMPTY_CATALOGUE, [definitionRecord(definition, 0n)], 1n, LOG.logId).refused
}

/** The verdict on a value in a column of the type. */
export function judgeValue(type: ColumnType, value: Value): Verdict {
  const definition = definitionOf(
    'd',
    [{ name: 'id', type: 'string' }],
    [{ name: 'c', type: ['null', avroType(type)] }],
  )
  const { catalogue } = judgeOpenDefinitions(
    EMPTY_CATALOGUE,
    [definitionRecord(definition, 0n)],
    1n,
    LOG.logId,
  )
  return judgeIn(catalogue, frameUpsert('d', ['1'], new Map([['c', value]])))
}

/** Takes the definitions, one step each; every one has to be sound. */
export async function defineAll(world: NarrowWorld, definitions: readonly DefinitionJson[]): Promise<void> {
  const store = world.bench.store()
  for (const definition of definitions) {
    const held = world.catalogue()
    const record = definitionRecord(definition, held.offset)
    const judged = judgeOpenDefinitions(held, [record], held.offset + 1n, LOG.logId)
    expect(judged.refused, 'a definition of this test').toEqual([])
    expect(await store.define(definitionStep(held.offset, judged.catalogue))).toEqual({ type: 'committed' })
    world.setCatalogue(judged.catalogue)
  }
}

function definitionRecord(definition: DefinitionJson, offset: bigint): LogRecord {
  const schema = plainToJson(definition) as JsonObject
  return recordOf(encodeControl({ kind: 'dataset', schema }), DEFINITIONS, offset)
}

async function commit(store: Store, mutations: readonly Mutation[], shape: BatchShape): Promise<void> {
  expect(await store.commit(batchOf(mutations, shape))).toEqual({ type: 'committed' })
}

/** An error that names the first message that the store refuses by itself. */
async function blame(
  store: Store,
  merged: readonly { readonly mutation: Mutation; readonly value: Buffer }[],
  at: bigint,
  from: bigint,
  cause: unknown,
): Promise<Error> {
  for (const [i, { mutation, value }] of merged.entries()) {
    try {
      await commit(store, [mutation], { at, from: from + BigInt(i) })
    } catch (error) {
      return new Error(`${(error as Error).message}: stored for ${value.toString('hex')}`, { cause: error })
    }
  }
  return new Error('only a batch of all of them, or what was set aside, is refused', { cause })
}

async function expectSame({ pool, reader }: PostgresBench, catalogue: Catalogue, fold: Fold): Promise<void> {
  const opened = await reader()
  const stored: string[] = []
  const visible = new Map<string, number>()
  try {
    const held = await opened.catalogue()
    for (const name of [...held.datasets.keys()].sort(compareText)) {
      const dataset = held.datasets.get(name)!
      let count = 0
      for await (const row of opened.rows(name)) {
        stored.push(`${rowLine(dataset, row)}\n`, ...cellLines(dataset, row).map((line) => `${line}\n`))
        if (isVisible(dataset, row)) count++
      }
      visible.set(name, count)
    }
  } finally {
    await opened.close()
  }
  const expected = [...stateLines(catalogue, fold)]
  const at = expected.findIndex((line, i) => line !== stored[i])
  if (at >= 0 || stored.length !== expected.length) {
    const show = (line: string | undefined) => line?.slice(0, 2_000)
    expect(show(stored[Math.max(at, 0)])).toBe(show(expected[Math.max(at, 0)]))
    expect(stored.length).toBe(expected.length)
    throw new Error(`line ${at} of the state differs far from its beginning`)
  }
  for (const dataset of catalogue.datasets.values()) {
    const { rowCount } = await pool.query(viewByEveryColumn(dataset))
    expect(rowCount).toBe(visible.get(dataset.name))
  }
}

/** All of the view, in the order of all its columns by their names: names and types that Postgres can work with. */
function viewByEveryColumn(dataset: Dataset): string {
  const names = dataset.fieldNames.map((name) => `v."${name}"`)
  return `select ${names.join(', ')} from data."${dataset.name}" as v order by ${names.join(', ')}`
}
