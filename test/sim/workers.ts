// Workers of nodes in a simulation: started again whenever they are killed, on stores that fail at random; and what they hold, to compare.

import { setTimeout as sleep } from 'node:timers/promises'
import type { Fold } from '../../src/crdt/fold.ts'
import type { Log } from '../../src/log/log.ts'
import { runNode } from '../../src/node/run.ts'
import type { ProofPool } from '../../src/proofs/pool.ts'
import type { MemoryDatabase } from '../../src/store/memory/database.ts'
import { createMemoryStore } from '../../src/store/memory/store.ts'
import { createFaultyStore, Killed, Passing, type Random } from './world.ts'

const WORKER_STARTS_MAX = 1_000

/** A worker that is started again whenever it is killed, as a supervisor would. */
export async function keepRunning(
  log: Log,
  database: MemoryDatabase,
  random: Random,
  isHealed: () => boolean,
  group: string,
  signal: AbortSignal,
  pool?: ProofPool,
): Promise<void> {
  for (let starts = 0; !signal.aborted; starts++) {
    if (starts > WORKER_STARTS_MAX)
      throw new Error('a worker was killed too often: the simulation goes nowhere')
    try {
      const outcome = await runWorker(log, database, random, isHealed, { group, signal, pool })
      if (outcome.type === 'refused') throw new Error(JSON.stringify(outcome.problems))
    } catch (error) {
      if (!(error instanceof Killed)) throw error
    }
  }
}

export function runWorker(
  log: Log,
  database: MemoryDatabase,
  random: Random,
  isHealed: () => boolean,
  options: { group?: string; signal?: AbortSignal; untilEnd?: boolean; pool?: ProofPool | undefined },
) {
  const { group, signal = new AbortController().signal, untilEnd = false, pool } = options
  return runNode({
    log,
    store: createFaultyStore(createMemoryStore(database), random, isHealed),
    scope: group === undefined ? { type: 'all' } : { type: 'group', group, member: `${random()}` },
    signal,
    untilEnd,
    isTransient: (error) => error instanceof Passing,
    emit: () => {},
    windowBytesMax: 2_000,
    // Several chunks each time, so that kills and definitions fall between two.
    rejudgeMessagesMax: 3,
    ...(pool === undefined ? {} : { pool }),
  })
}

export function plain(fold: Fold): unknown {
  return [...fold]
    .flatMap(([dataset, rowsByKey]) =>
      [...rowsByKey].map(([text, { alive, dead, cells }]) => ({
        id: `${dataset}/${text}`,
        alive,
        dead,
        cells: [...cells].sort(([a], [b]) => (a < b ? -1 : 1)),
      })),
    )
    .sort((a, b) => (a.id < b.id ? -1 : 1))
}

export function sumOf(database: MemoryDatabase, of: 'consumed' | 'merged'): bigint {
  return [...database.partitions.values()].reduce((sum, partition) => sum + partition[of], 0n)
}

export const consumedOf = (database: MemoryDatabase): bigint => sumOf(database, 'consumed')

export async function waitUntil(isSo: () => boolean, timeoutMs = 30_000): Promise<void> {
  const until = Date.now() + timeoutMs
  while (!isSo()) {
    if (Date.now() > until) throw new Error('waited in vain for the nodes to catch up')
    await sleep(5)
  }
}
