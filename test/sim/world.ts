// A small world for simulations: one log in memory, random writers and definitions, nodes on stores that fail at random.

import { createRandom } from '../../scripts/demo/random.ts'
import { encodeMutation } from '../../src/codec/avro-encode.ts'
import { encodeControl } from '../../src/codec/control.ts'
import { frameConfluent, frameSingleObject } from '../../src/codec/framing.ts'
import { type JsonObject, plainToJson } from '../../src/codec/json.ts'
import { DEFINITIONS } from '../../src/codec/record.ts'
import type { Mutation } from '../../src/crdt/mutation.ts'
import { createStamp, type Origin } from '../../src/crdt/stamp.ts'
import type { Value } from '../../src/crdt/value.ts'
import type { NewRecord } from '../../src/log/log.ts'
import type { Store } from '../../src/store/store.ts'

export type Random = () => number

export { createRandom }

export const below = (random: Random, n: number): number => Math.floor(random() * n)
export const one = <T>(random: Random, items: readonly T[]): T => items[below(random, items.length)]!

const ORIGINS = ['00000000000000aa', '00000000000000bb'] as Origin[]
const VALUES: readonly Value[] = [null, 1n, -1n, 'x', 'y', '2020-01-01', true, new Uint8Array([1])]

/** The record of a mutation that may or may not be applicable: few stamps, so that equal ones meet. */
export function randomRecord(random: Random, partitions: number, nowMs: bigint, seq: bigint): NewRecord {
  const dice = random()
  const partition = below(random, partitions)
  if (dice < 0.02) return { partition, key: null, value: Buffer.from('rubbish') }
  if (dice < 0.03) return { partition, key: null, value: Buffer.from('{"kind":"unknown"}') }
  const operation = one(random, ['upsert', 'upsert', 'update', 'delete'] as const)
  // Most are around now; some are from a clock that is minutes ahead, which the clock rule refuses.
  const aheadMs = random() < 0.03 ? 120_000n : 0n
  const time = (nowMs + aheadMs) * 1_000_000n - BigInt(below(random, 6))
  const columns = new Map<string, Value>()
  const count = operation === 'update' ? 1 + below(random, 2) : below(random, 3)
  for (let i = 0; operation !== 'delete' && i < count; i++) {
    columns.set(one(random, ['a', 'b', 'late']), one(random, VALUES))
  }
  const mutation: Mutation = {
    stamp: createStamp(time, one(random, ORIGINS)),
    seq,
    operation,
    dataset: one(random, ['d', 'd', 'e', 'never']),
    key: random() < 0.03 ? ['1', '2'] : [one(random, ['1', '2', '3', '4', '5'])],
    columns,
  }
  const avro = encodeMutation(mutation)
  return { partition, key: null, value: random() < 0.5 ? frameSingleObject(avro) : frameConfluent(7, avro) }
}

/** A definition of `d` or `e`, now narrow, now with the late column, sometimes contradictory. */
export function randomDefinition(random: Random): NewRecord {
  const field = (name: string, type: unknown) => ({ name, type: ['null', type] })
  const fields = [
    { name: 'id', type: random() < 0.1 ? 'long' : 'string' },
    field('a', random() < 0.1 ? 'bytes' : 'long'),
    ...(random() < 0.6 ? [field('b', 'string')] : []),
    ...(random() < 0.4
      ? [field('late', { type: 'enum', name: 'l', symbols: [one(random, ['x', 'y'])] })]
      : []),
  ]
  const schema = plainToJson({
    type: 'record',
    name: one(random, ['d', 'e']),
    key: ['id'],
    fields,
  }) as JsonObject
  return { partition: DEFINITIONS, key: null, value: encodeControl({ kind: 'dataset', schema }) }
}

/** An error that passes by itself. */
export class Passing extends Error {}
/** The end of a process, as far as a test in one process can have it. */
export class Killed extends Error {}

/** A store that fails at random: before a step, after it (the answer is lost), by being busy, or by the process's death. */
export function createFaultyStore(store: Store, random: Random, isHealed: () => boolean): Store {
  const around = async <T>(step: () => Promise<T>): Promise<T> => {
    const dice = isHealed() ? 1 : random()
    if (dice < 0.02) throw new Passing('the connection was lost before the step')
    if (dice < 0.03) throw new Killed('killed before the step')
    const result = await step()
    if (dice > 0.97 && dice < 0.99) throw new Passing('the connection was lost before the answer')
    if (dice >= 0.99 && dice < 1) throw new Killed('killed after the step')
    return result
  }
  const isBusy = () => !isHealed() && random() < 0.17
  return {
    load: store.load,
    parkedToJudge: (after, limit) => around(() => store.parkedToJudge(after, limit)),
    commit: (batch) => around(() => store.commit(batch)),
    define: async (step) =>
      isBusy() ? { type: 'busy', holder: 'a reader' } : around(() => store.define(step)),
    rejudge: (rejudgement) => around(() => store.rejudge(rejudgement)),
  }
}
