// A log that is far ahead: windows are held back and written as one, unless they are full or the log falls silent.

import { setImmediate as turn } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { createLog } from '../../src/log/genesis.ts'
import type { Log } from '../../src/log/log.ts'
import { createMemoryLog } from '../../src/log/memory/log.ts'
import { runNode } from '../../src/node/run.ts'
import { createMemoryDatabase } from '../../src/store/memory/database.ts'
import { createMemoryStore } from '../../src/store/memory/store.ts'
import type { Store } from '../../src/store/store.ts'
import { plan } from '../log/samples.ts'
import { createRandom, randomRecord } from './world.ts'

const MESSAGES = 60
const CHUNK_RECORDS = 6

/** Messages of each batch that the node wrote. */
async function batchesOf(ahead: bigint, windowBytesMax?: number): Promise<readonly number[]> {
  const random = createRandom(1)
  const log = createMemoryLog({ partitions: 1, now: () => 1_000n, chunkRecords: CHUNK_RECORDS })
  await createLog(log, plan(1))
  for (let i = 0; i < MESSAGES; i++) await log.append([randomRecord(random, 1, 1_000n, BigInt(i))])
  const database = createMemoryDatabase()
  const batches: number[] = []
  const outcome = await runNode({
    log: farAhead(log, ahead),
    store: counted(createMemoryStore(database), batches),
    scope: { type: 'all' },
    // The end that the node waits for comes only when what is held back is written after all.
    signal: AbortSignal.timeout(30_000),
    untilEnd: true,
    isTransient: () => false,
    emit: () => {},
    ...(windowBytesMax !== undefined && { windowBytesMax }),
  })
  expect(outcome).toEqual({ type: 'ended' })
  expect(database.partitions.get(0)).toMatchObject({ consumed: BigInt(MESSAGES) })
  return batches
}

describe('a window', () => {
  it('is written as it comes when the log is not far ahead', async () => {
    expect((await batchesOf(99_000n)).length).toBeGreaterThan(MESSAGES / CHUNK_RECORDS / 3)
  })

  it('is held back when it is, and written when the log falls silent', async () => {
    expect((await batchesOf(1_000_000n)).length).toBe(1)
  })

  it('is written when it is full', async () => {
    expect((await batchesOf(1_000_000n, 1)).length).toBeGreaterThan(MESSAGES / CHUNK_RECORDS / 3)
  })
})

/** The log says that there is more of the data than it has, and never comes to it. */
function farAhead(log: Log, ahead: bigint): Log {
  return {
    ...log,
    async *read(options) {
      for await (const event of log.read(options)) {
        const isData = event.type === 'chunk' && options.scope.type !== 'definitions'
        yield isData ? { ...event, end: event.end + ahead } : event
        await turn()
      }
    },
  }
}

function counted(store: Store, batches: number[]): Store {
  return {
    ...store,
    commit(batch) {
      batches.push(batch.steps.reduce((sum, step) => sum + step.consumed, 0))
      return store.commit(batch)
    },
  }
}
