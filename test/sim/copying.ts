// Copies in simulations: targets that fail at random, runs that are ended at any point, several at once, until one comes to the end.

import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import type { SigningKey } from '../../src/codec/signing/batch-signer.ts'
import { type CopyOutcome, copyLog } from '../../src/log/copy/copy.ts'
import type { KeptLog, Log, NewRecord } from '../../src/log/log.ts'
import type { MemoryLog } from '../../src/log/memory/log.ts'
import { below, type Random } from './world.ts'

const RUNS_MAX = 400

export interface Copying {
  readonly source: KeptLog
  readonly target: Log
  readonly random: Random
  /** Closes a guarded source. */
  readonly key?: SigningKey
  /** What may be said of the source while writers go on. */
  readonly mayRefuse?: RegExp
}

/** Now and then something that no writer of ours would send. */
export function hostile(random: Random, record: NewRecord): NewRecord {
  const dice = random()
  const header = (name: string) => ({ name, value: Buffer.from('forged') })
  const mark = header('spindexer-quarantined')
  if (dice < 0.02) return { ...record, headers: [mark] }
  if (dice < 0.03) return { ...record, headers: [mark, mark] }
  if (dice < 0.05) return { ...record, headers: [header('spindexer-unknown')] }
  if (dice < 0.07) return { ...record, headers: [header('trace'), header('trace')], key: Buffer.from('k') }
  if (dice < 0.08) return { ...record, value: Buffer.alloc(900_001) }
  if (dice < 0.09) return { ...record, value: Buffer.alloc(900_001), headers: [mark] }
  if (dice < 0.1) return { ...record, value: Buffer.from('{"generation":1,"kind":"close"}') }
  return random() < 0.5 ? { ...record, key: Buffer.from(`key ${below(random, 9)}`) } : record
}

export class Lost extends Error {}

/** Appends fail before, in the middle and after; answers come late and out of order. */
export function createFaultyTarget(log: MemoryLog, random: Random, isHealed: () => boolean): Log {
  return {
    ...log,
    async append(records, how) {
      const dice = isHealed() ? 1 : random()
      // Others overtake what fails, too.
      if (random() < 0.3) await sleep(below(random, 6))
      if (dice < 0.02) throw new Lost('before')
      if (dice < 0.04) await log.append(records.slice(0, below(random, records.length + 1)), how)
      if (dice < 0.04) throw new Lost('in the middle')
      const answers = await log.append(records, how)
      if (dice < 0.06) throw new Lost('after')
      return answers
    },
  }
}

/** Copies that are ended at any point, or end by themselves. */
export async function runOften(copying: Copying, times: number, isClosing: () => boolean): Promise<void> {
  for (let i = 0; i < times; i++) {
    const stop = new AbortController()
    const timer = setTimeout(() => stop.abort(), below(copying.random, 40))
    const outcome = await attempt(copying, isClosing(), stop.signal)
    clearTimeout(timer)
    if (outcome?.type === 'refused') {
      expect(outcome.problems[0]!.what).toMatch(copying.mayRefuse ?? /^never$/)
    }
  }
}

export async function runToEnd(
  copying: Copying,
  isClosing: boolean,
): Promise<CopyOutcome & { readonly type: 'copied' }> {
  for (let runs = 0; runs < RUNS_MAX; runs++) {
    // Two at once must not harm each other.
    const signal = new AbortController().signal
    const all = Array.from({ length: copying.random() < 0.2 ? 2 : 1 }, () =>
      attempt(copying, isClosing, signal),
    )
    for (const outcome of await Promise.all(all)) {
      if (outcome !== null && outcome.type !== 'copied') throw new Error(JSON.stringify(outcome))
      if (outcome !== null) return outcome
    }
  }
  throw new Error('the copy goes nowhere')
}

async function attempt(
  { source, target, key }: Copying,
  isClosing: boolean,
  signal: AbortSignal,
): Promise<CopyOutcome | null> {
  try {
    return await copyLog({
      source,
      target,
      isClosing,
      key: key ?? null,
      signal,
      copyId: randomUUID(),
      nowMs: () => performance.now(),
      onEvent: () => {},
      parcelRecordsMax: 8,
    })
  } catch (error) {
    if (!(error instanceof Lost)) throw error
    return null
  }
}
