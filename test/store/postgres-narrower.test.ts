// Validation is narrower than Postgres: whatever gets the verdict `merge` is stored without an error and read back equal.

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { encodeMutation } from '../../src/codec/avro-encode.ts'
import type { Dataset } from '../../src/codec/catalogue.ts'
import { frameSingleObject } from '../../src/codec/framing.ts'
import type { Mutation } from '../../src/crdt/mutation.ts'
import { createStamp, type Origin } from '../../src/crdt/stamp.ts'
import type { Value } from '../../src/crdt/value.ts'
import { below, createRandom, one, type Random } from '../sim/world.ts'
import { edgeValue, nearText } from '../support/edges.ts'
import { announceSeed } from '../support/seed.ts'
import type { PostgresVersion } from '../support/services.ts'
import { soaked } from '../support/soak.ts'
import { createNarrowWorld, defineAll, judgeValue, type NarrowWorld } from './narrower.ts'
import { randomDefinitions } from './narrower-catalogue.ts'

const FILE = 'test/store/postgres-narrower.test.ts'
const ROUNDS = soaked(3)
const MESSAGES = 150

const STAMP_TIMES = [1n, 1_700_000_000_000_000_000n, (1n << 63n) - 1n]

function randomMutation(random: Random, dataset: Dataset): Mutation {
  const isNear = random() < 0.2
  const textOf = (column: Dataset['key'][number]): string =>
    isNear ? nearText(random, column) : String(edgeValue(random, column))
  const key = dataset.key.map((column) => textOf(column))
  const operation = one(random, ['upsert', 'upsert', 'upsert', 'update', 'delete'] as const)
  const share = one(random, [0, 0.2, 1])
  const columns = new Map<string, Value>()
  for (const column of dataset.columns.values()) {
    if (operation === 'delete' || random() >= share) continue
    const isText = !['boolean', 'long', 'double', 'bytes'].includes(column.type)
    const value = isNear && isText && random() < 0.1 ? nearText(random, column) : edgeValue(random, column)
    columns.set(column.name, random() < 0.1 ? null : value)
  }
  const origin = one(random, ['0000000000000000', 'ffffffffffffffff', '00000000000000aa']) as Origin
  const stamp = createStamp(one(random, STAMP_TIMES), origin)
  return { stamp, seq: null, operation, dataset: dataset.name, key, columns }
}

/** Keys of few texts meet again, so that rows are updated and tie. */
function randomMutations(random: Random, datasets: readonly Dataset[]): Mutation[] {
  const made: Mutation[] = []
  for (let i = 0; i < MESSAGES; i++) {
    const mutation = randomMutation(random, one(random, datasets))
    const earlier = made.filter(({ dataset }) => dataset === mutation.dataset)
    const again = earlier.length > 0 && random() < 0.4 ? one(random, earlier).key : mutation.key
    made.push({ ...mutation, key: again })
  }
  return made
}

async function runRound(world: NarrowWorld, random: Random): Promise<void> {
  await defineAll(world, randomDefinitions(random))
  const datasets = [...world.catalogue().datasets.values()]
  const mutations = randomMutations(random, datasets)
  // In two batches: what is inserted in one is updated in the other.
  const half = below(random, mutations.length)
  for (const some of [mutations.slice(0, half), mutations.slice(half)]) {
    await world.store(some.map((mutation) => frameSingleObject(encodeMutation(mutation))))
  }
  const { merge, parked } = world.verdicts()
  expect(merge, 'the messages are mostly such that are merged').toBeGreaterThan(MESSAGES / 3)
  expect(parked, 'and some that are not').toBeGreaterThan(0)
  await world.expectSame()
}

/** Every code point but NUL and surrogates, in texts as long as a key may be. */
const CODE_POINTS: readonly string[] = (() => {
  const chunks: string[] = []
  for (let code = 1; code <= 0x10ffff; ) {
    let text = ''
    for (let bytes = 0; bytes <= 1_020 && code <= 0x10ffff; code++) {
      if (code === 0xd800) code = 0xe000
      const character = String.fromCodePoint(code)
      bytes += Buffer.byteLength(character)
      text += character
    }
    chunks.push(text)
  }
  return chunks
})()

const seed = announceSeed(FILE)

it('there are 1,112,063 code points to be stored', () => {
  expect(new Set(CODE_POINTS.join('')).size).toBe(0x10ffff - 0x800)
})

describe.each([15, 18] as const)('on Postgres %i', (version: PostgresVersion) => {
  for (let round = 0; round < ROUNDS; round++) {
    it(`random definitions and messages at the edges, round ${round + 1}`, async () => {
      const world = await createNarrowWorld(version)
      try {
        await runRound(world, createRandom(seed + round))
      } finally {
        await world.close()
      }
    })
  }

  describe('one dataset of every type', () => {
    let world: NarrowWorld
    beforeAll(async () => {
      world = await createNarrowWorld(version)
    })
    afterAll(() => world?.close())

    it('texts that are nearly of a type, a row each', async () => {
      const random = createRandom(seed)
      const types = ['uuid', 'decimal', 'date', 'timestamp', 'json', 'string'] as const
      const fields = types.map((type) => ({ type, symbols: null }))
      const values = Array.from({ length: soaked(4_000) }, () => {
        const column = one(random, fields)
        return { type: column.type, value: nearText(random, column) }
      })
      await world.storeValues('near', values)
      const { merge, parked } = world.verdicts()
      expect(Math.min(merge, parked)).toBeGreaterThan(values.length / 10)
    })

    it('every code point there is, in a key, in a text and in json', async () => {
      await world.storeKeyed('points', CODE_POINTS)
      expect(world.verdicts()).toEqual({ merge: CODE_POINTS.length, parked: 0, quarantined: 0 })
    })

    it('a lone surrogate is no UTF-8, and NUL no text: both are stopped by the verdict', () => {
      expect(judgeValue('string', 'a\0b')).toMatchObject({ type: 'quarantined', reason: 'nul' })
      expect(judgeValue('json', '"\\u0000"')).toMatchObject({ type: 'parked', reason: 'wrong-value' })
      expect(judgeValue('json', '"\\ud800"')).toMatchObject({ type: 'parked', reason: 'wrong-value' })
    })
  })
})
