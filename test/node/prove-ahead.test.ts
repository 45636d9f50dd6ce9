// The stage that has signatures verified ahead: order, bound, new assignments, ends and errors, with a pool and a log made by hand.

import { setImmediate as turn } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import type { Records } from '../../src/codec/record.ts'
import { aborted } from '../../src/log/aborted.ts'
import type { LogEvent } from '../../src/log/log.ts'
import { listRecords } from '../../src/log/records.ts'
import { proveAhead } from '../../src/node/prove-ahead.ts'
import type { Chunk } from '../../src/node/window.ts'
import type { ProofPool } from '../../src/proofs/pool.ts'
import { createProofs, type Proofs } from '../../src/proofs/proofs.ts'
import { below, createRandom, one } from '../sim/world.ts'
import { announceSeed } from '../support/seed.ts'
import { soaked } from '../support/soak.ts'

const seed = announceSeed('test/node/prove-ahead.test.ts')
const LOG_ID = '00112233-4455-6677-8899-aabbccddeeff'
const KIB = 1_024

const chunkOf = (from: number, partition = 0): LogEvent & { readonly type: 'chunk' } => ({
  type: 'chunk',
  partition,
  from: BigInt(from),
  next: BigInt(from + 1),
  end: 1_000n,
  records: listRecords([]),
})

interface Asked {
  readonly records: Records
  readonly proofs: Proofs
  finish(): void
  fail(error: Error): void
}

/** A pool that proves when the test says so. */
function handPool(bytes = KIB): Pick<ProofPool, 'prove'> & { readonly asked: Asked[] } {
  const asked: Asked[] = []
  return {
    asked,
    prove(_, records) {
      const { promise, resolve, reject } = Promise.withResolvers<Proofs>()
      const proofs = createProofs(0)
      asked.push({ records, proofs, finish: () => resolve(proofs), fail: reject })
      return { bytes, proofs: promise }
    },
  }
}

/** Turns enough for everything that can happen to have happened. */
async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await turn()
}

interface Stage {
  readonly pool: ReturnType<typeof handPool>
  readonly read: (signal: AbortSignal) => AsyncIterable<LogEvent>
  readonly signal?: AbortSignal
  readonly bytesMax?: number
}

/** The stage, and what has come out of it. */
function start({ pool, read, signal = new AbortController().signal, bytesMax = 64 * KIB }: Stage) {
  const out: (LogEvent | Chunk)[] = []
  const stage = proveAhead({ read, pool, logId: LOG_ID, signal, bytesMax })
  const ended = (async () => {
    for await (const event of stage) out.push(event)
  })()
  ended.catch(() => {})
  return { out, ended, stage }
}

const froms = (events: readonly (LogEvent | Chunk)[]) =>
  events.map((event) => (event.type === 'chunk' ? Number(event.from) : event.type))

describe('proving ahead', () => {
  it('hands chunks on in order, each with its proofs, whichever were made first', async () => {
    const pool = handPool()
    const read = async function* () {
      for (let i = 0; i < 5; i++) yield chunkOf(i)
    }
    const { out, ended } = start({ pool, read })
    await settle()
    expect(pool.asked).toHaveLength(5)
    for (const i of [4, 2, 1]) pool.asked[i]!.finish()
    await settle()
    expect(out).toEqual([])
    pool.asked[0]!.finish()
    await settle()
    expect(froms(out)).toEqual([0, 1, 2])
    pool.asked[3]!.finish()
    await ended
    expect(froms(out)).toEqual([0, 1, 2, 3, 4])
    for (const [i, event] of out.entries()) expect((event as Chunk).proofs).toBe(pool.asked[i]!.proofs)
  })

  it('reads no more ahead than its bytes, and one chunk at least', async () => {
    for (const [bytesMax, expected] of [
      [1, 1],
      [50 * KIB, 4],
    ] as const) {
      const pool = handPool(10 * KIB)
      let read = 0
      const source = async function* () {
        for (let i = 0; i < 100; i++) {
          read++
          yield chunkOf(i)
        }
      }
      const { out, ended } = start({ pool, read: source, bytesMax })
      await settle()
      // One has been taken, and its proofs are waited for; the others are held.
      expect(read).toBe(1 + expected)
      while (out.length < 100) {
        for (const { finish } of pool.asked) finish()
        await turn()
        expect(read - out.length).toBeLessThanOrEqual(expected + 2)
      }
      await ended
    }
  })

  it('a new assignment: what was read ahead is forgotten before positions are asked for, whether it is proved or not', async () => {
    const pool = handPool()
    let asksPositions = false
    const read = async function* (): AsyncGenerator<LogEvent> {
      yield { type: 'assigned', partitions: [0] }
      for (let i = 0; i < 4; i++) yield chunkOf(i)
      yield { type: 'assigned', partitions: [0] }
      asksPositions = true
      yield chunkOf(1)
    }
    const { out, ended } = start({ pool, read })
    // None of the proofs is there, and some never will be: it goes on all the same.
    await settle()
    pool.asked[1]!.finish()
    await settle()
    expect(asksPositions).toBe(true)
    expect(froms(out)).toEqual(['assigned', 'assigned'])
    pool.asked[4]!.finish()
    await ended
    expect(froms(out)).toEqual(['assigned', 'assigned', 1])
    expect((out.at(-1) as Chunk).proofs).toBe(pool.asked[4]!.proofs)
  })

  it('does not ask for positions while a chunk is in somebody’s hands, or the assignment is being dealt with', async () => {
    const pool = handPool()
    const order: string[] = []
    const read = async function* (): AsyncGenerator<LogEvent> {
      yield chunkOf(0)
      yield { type: 'assigned', partitions: [0] }
      order.push('positions')
    }
    const stage = proveAhead({ read, pool, logId: LOG_ID, signal: new AbortController().signal, bytesMax: 1 })
    const ended = (async () => {
      for await (const event of stage) {
        order.push(`began ${event.type}`)
        await settle()
        order.push(`ended ${event.type}`)
      }
    })()
    pool.asked[0]?.finish()
    await settle()
    for (const { finish } of pool.asked) finish()
    await ended
    expect(order.at(-1)).toBe('positions')
    expect(order.at(-2)).toBe('ended assigned')
  })

  it('ends at once when it is told to, with chunks unproved, and with it the reading', async () => {
    const pool = handPool()
    const stop = new AbortController()
    let isOver = false
    const read = async function* (signal: AbortSignal): AsyncGenerator<LogEvent> {
      try {
        for (let i = 0; i < 3; i++) yield chunkOf(i)
        await aborted(signal)
      } finally {
        await settle()
        isOver = true
      }
    }
    const { out, ended } = start({ pool, read, signal: stop.signal })
    await settle()
    stop.abort()
    await ended
    expect([out, isOver]).toEqual([[], true])
  })

  it('ends the reading when nobody wants more of it', async () => {
    const pool = handPool()
    let isOver = false
    const read = async function* (signal: AbortSignal): AsyncGenerator<LogEvent> {
      try {
        yield { type: 'reconnected' }
        yield chunkOf(0)
        await aborted(signal)
      } finally {
        isOver = true
      }
    }
    const signal = new AbortController().signal
    for await (const event of proveAhead({ read, pool, logId: LOG_ID, signal, bytesMax: KIB })) {
      expect(event.type).toBe('reconnected')
      break
    }
    expect(isOver).toBe(true)
  })

  it('what the reading fails with comes behind what was read; what a proof fails with comes in its place', async () => {
    const pool = handPool()
    const read = async function* (): AsyncGenerator<LogEvent> {
      yield chunkOf(0)
      throw new Error('the broker is gone')
    }
    const failing = start({ pool, read })
    await settle()
    pool.asked[0]!.finish()
    await expect(failing.ended).rejects.toThrow('the broker is gone')
    expect(froms(failing.out)).toEqual([0])

    const broken = handPool()
    const endless = async function* (signal: AbortSignal): AsyncGenerator<LogEvent> {
      for (let i = 0; !signal.aborted; i++) yield chunkOf(i)
    }
    const other = start({ pool: broken, read: endless })
    await settle()
    broken.asked[1]!.fail(new Error('a thread has died'))
    broken.asked[0]!.finish()
    await expect(other.ended).rejects.toThrow('a thread has died')
    expect(froms(other.out)).toEqual([0])
  })

  it('under any schedule: the chunks of each assignment come in order, and none behind its end', async () => {
    const random = createRandom(seed)
    for (let world = 0; world < soaked(60); world++) {
      const pool = handPool(one(random, [0, KIB, 20 * KIB]))
      let assignment = 0
      let isHandling = false
      const read = async function* (): AsyncGenerator<LogEvent> {
        for (; assignment < 6; ) {
          yield { type: 'assigned', partitions: [assignment] }
          if (isHandling) throw new Error('positions were asked for too early')
          assignment++
          const chunks = below(random, 8)
          for (let i = 0; i < chunks; i++) {
            if (random() < 0.5) await turn()
            yield chunkOf(i, assignment)
          }
        }
      }
      const signal = new AbortController().signal
      const stage = proveAhead({ read, pool, logId: LOG_ID, signal, bytesMax: one(random, [1, 64 * KIB]) })
      let isOver = false
      const proving = (async () => {
        while (!isOver) {
          for (const { finish } of pool.asked) if (random() < 0.3) finish()
          await turn()
        }
      })()
      let current = 0
      let next = 0n
      for await (const event of stage) {
        isHandling = true
        if (event.type === 'assigned') {
          expect(event.partitions).toEqual([current])
          current++
          next = 0n
        } else if (event.type === 'chunk') {
          expect([event.partition, event.from]).toEqual([current, next])
          next = event.next
        }
        for (let turns = below(random, 4); turns > 0; turns--) await turn()
        isHandling = false
      }
      isOver = true
      await proving
      expect(current).toBe(6)
    }
  })
})
