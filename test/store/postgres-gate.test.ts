// Two workers at the moment of a definition: what one parks while the other defines is judged again; without the lock it is parked for ever.

import type { Pool, PoolClient } from 'pg'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createPostgresStore } from '../../src/store/postgres/store.ts'
import type { Store } from '../../src/store/store.ts'
import {
  batchOf,
  catalogueOf,
  datasetOf,
  definitionStep,
  foldOf,
  LOG,
  loadState,
  mutationOf,
  parkedOf,
  pendingOf,
  prepare,
} from '../contract/store-fixture.ts'
import { waitFor } from '../support/wait.ts'
import { openPostgres, type PostgresBench } from './postgres-bench.ts'

const TRACKS = datasetOf('tracks', { columns: { title: 'string' } })
const WIDER = datasetOf('tracks', { columns: { title: 'string', plays: 'long' }, changedAt: 2n })
const columns = { title: 'string', plays: 'long', mood: 'string' } as const
const WIDEST = datasetOf('tracks', { columns, changedAt: 3n })
const AT = { partition: 0, offset: 0n }

/** The statement that opens a batch's or a definition's turn, as it stands in a list of statements or alone. */
const GATE = /lock table spindexer\.definitions in (row share|exclusive) mode/
/** By then a worker has compared its D with the database's, and has written nothing. */
const HEAD = /from spindexer\.node cross join spindexer\.definitions/

let bench: PostgresBench
beforeEach(async () => {
  bench = await openPostgres(18)
})
afterEach(() => bench.close())

interface Seam {
  /** Gets every text before it is sent; gives what is sent instead. */
  readonly rewrite?: (text: string) => string
  /** Is awaited after every answered statement. */
  readonly after?: (text: string) => Promise<void>
}

/** The bench's pool, seen through the seam. */
function seenThrough({ rewrite = (text) => text, after = async () => {} }: Seam): Pool {
  const wrap = (client: PoolClient): PoolClient =>
    new Proxy(client, {
      get(target, name) {
        const member = Reflect.get(target, name, target)
        if (name !== 'query') return typeof member === 'function' ? member.bind(target) : member
        return async (statement: string | { readonly text: string }, values?: unknown[]) => {
          const text = typeof statement === 'string' ? statement : statement.text
          const sent = rewrite(text)
          const result = await target.query(
            typeof statement === 'string' ? sent : { ...statement, text: sent },
            values,
          )
          await after(text)
          return result
        }
      },
    })
  return new Proxy(bench.pool, {
    get(target, name) {
      if (name === 'connect') return async () => wrap(await target.connect())
      const member = Reflect.get(target, name, target)
      return typeof member === 'function' ? member.bind(target) : member
    },
  })
}

/** Two workers; the slow one stops when it has read D, until it is told to go on. */
function createWorkers(isGated: boolean) {
  let replaced = 0
  const rewrite = (text: string): string => {
    if (isGated || !GATE.test(text)) return text
    replaced++
    return text.replace(GATE, 'select 1')
  }
  const reached = Promise.withResolvers<void>()
  const goOn = Promise.withResolvers<void>()
  const after = async (text: string): Promise<void> => {
    if (!HEAD.test(text)) return
    reached.resolve()
    await goOn.promise
  }
  return {
    slow: createPostgresStore({ pool: seenThrough({ rewrite, after }) }),
    quick: createPostgresStore({ pool: seenThrough({ rewrite }) }),
    reached: reached.promise,
    goOn: goOn.resolve,
    replaced: () => replaced,
  }
}

/** True as soon as somebody waits for the lock on the definitions. */
async function isWaiting(): Promise<boolean> {
  const { rowCount } = await bench.pool.query(
    `select from pg_locks where not granted and relation = 'spindexer.definitions'::regclass`,
  )
  return rowCount! > 0
}

/**
 * The slow worker has looked at D and found it to be its own; then the other one takes a definition; then the slow one
 * writes. With the gate the definition has to wait.
 */
async function race(
  isGated: boolean,
  writeSlowly: (store: Store) => Promise<unknown>,
  define: (store: Store) => Promise<unknown>,
): Promise<void> {
  const workers = createWorkers(isGated)
  const order: string[] = []
  const note = (what: string) => (result: unknown) => {
    order.push(what)
    return result
  }
  const writing = writeSlowly(workers.slow).then(note('written'))
  await workers.reached
  const defining = define(workers.quick).then(note('defined'))
  if (isGated) await waitFor('the definition to wait for its turn', isWaiting)
  else await defining
  workers.goOn()
  expect(await writing).toEqual({ type: 'committed' })
  expect(await defining).toEqual({ type: 'committed' })
  expect(order).toEqual(isGated ? ['written', 'defined'] : ['defined', 'written'])
  // The batch or rejudgement, and the definition: had the seam missed one, the test would prove nothing.
  expect(workers.replaced()).toBe(isGated ? 0 : 2)
}

async function raceBatch(isGated: boolean): Promise<void> {
  await prepare(bench.store(), TRACKS)
  await race(
    isGated,
    (store) => store.commit(batchOf([], { parked: [parkedOf(AT, 'tracks', 'plays')] })),
    (store) => store.define(definitionStep(1n, catalogueOf(2n, WIDER))),
  )
}

/** A message that waited for one column is found, once that is there, to wait for another, which comes in this moment. */
async function raceRejudgement(isGated: boolean): Promise<void> {
  const store = bench.store()
  await prepare(store, TRACKS)
  await store.commit(batchOf([], { parked: [parkedOf(AT, 'tracks', 'plays')] }))
  await store.define(definitionStep(1n, catalogueOf(2n, WIDER)))
  const rejudgement = {
    identity: LOG,
    catalogueOffset: 2n,
    taken: await store.parkedToJudge(null, 10),
    rows: foldOf([]),
    parked: [parkedOf(AT, 'tracks', 'mood')],
    authors: [],
  }
  expect(rejudgement.taken.length).toBe(1)
  await race(
    isGated,
    (slow) => slow.rejudge(rejudgement),
    (quick) => quick.define(definitionStep(2n, catalogueOf(3n, WIDEST))),
  )
}

describe('a message parked at the moment of a definition that cures it', () => {
  it('is judged again when it came in a batch', async () => {
    await raceBatch(true)
    const store = bench.store()
    expect((await loadState(store)).rejudgedTo).toBe(1n)
    const taken = await store.parkedToJudge(null, 10)
    expect(taken).toEqual([pendingOf(AT, 'tracks', 'plays')])
    const rows = batchOf([mutationOf('upsert', 'tracks', 'a', 1, { plays: 1n })]).rows
    const rejudgement = { identity: LOG, catalogueOffset: 2n, taken, rows, parked: [], authors: [] }
    expect(await store.rejudge(rejudgement)).toEqual({ type: 'committed' })
    expect(await store.parkedToJudge(null, 10)).toEqual([])
    expect((await loadState(store)).rejudgedTo).toBe(2n)
  })

  it('is judged again when it came in a rejudgement', async () => {
    await raceRejudgement(true)
    const store = bench.store()
    expect((await loadState(store)).rejudgedTo).toBeLessThan(3n)
    expect(await store.parkedToJudge(null, 10)).toEqual([pendingOf(AT, 'tracks', 'mood', 2n)])
  })

  it.each([
    ['a batch', raceBatch],
    ['a rejudgement', raceRejudgement],
  ] as const)('would be parked for ever without the lock, were it in %s', async (_where, run) => {
    await run(false)
    const store = bench.store()
    expect(await store.parkedToJudge(null, 10)).toEqual([])
    const { rejudgedTo, catalogue } = await loadState(store)
    expect(rejudgedTo).toBe(catalogue.offset)
    const { rows } = await bench.pool.query('select waits_for from spindexer.parked')
    expect(catalogue.datasets.get('tracks')!.columns.has(rows[0].waits_for)).toBe(true)
  })
})
