// A reading of the log for those who want to hear of it: never ahead of what the node has applied.

import { setTimeout as sleep } from 'node:timers/promises'
import { createOpenJudge } from '../../codec/verdict.ts'
import type { LogGenesis } from '../../log/check.ts'
import type { Log } from '../../log/log.ts'
import { createWaker } from '../../log/waker.ts'
import type { LogIdentity } from '../../store/store.ts'
import type { Applied } from '../applied.ts'
import { type ChangeChunk, createPending, type OffsetRange } from './pending.ts'
import type { Vector } from './vector.ts'

/**
 * The offsets within a range that the node has quarantined for good, of the records that it has processed in this log.
 * Null while its database cannot say: it follows another copy of the log, or is not at the range's end (any more).
 */
export type FindQuarantined = (identity: LogIdentity, range: OffsetRange) => Promise<readonly bigint[] | null>

export interface ReadingOptions {
  readonly log: Log
  readonly genesis: LogGenesis
  readonly findQuarantined: FindQuarantined
  readonly applied: Pick<Applied, 'position' | 'settled' | 'watch'>
  readonly start: Vector
  readonly signal: AbortSignal
}

/** What is read and waits for the node, in bytes: then reading waits too. */
const WAITING_BYTES_MAX = 8 * 1024 * 1024
/** Another worker's partitions are looked at so often, in milliseconds. */
const LOOK_MS = 100
/** When nothing could be told for so long, the reading starts again: other partitions may have something to tell. */
const STUCK_MS = 5_000
const RETRY_MS = 500

/** The log has lost a position: it is another one. */
export class LostError extends Error {}

/** Until the signal is aborted. Throws LostError; failures of the log are waited for. */
export async function* readChanges(options: ReadingOptions): AsyncGenerator<ChangeChunk> {
  const { log, genesis, applied } = options
  const ending = new AbortController()
  const signal = AbortSignal.any([options.signal, ending.signal])
  const pending = createPending({
    ...options,
    logId: genesis.logId,
    isGuarded: genesis.admins.length > 0,
    judge: createOpenJudge(genesis),
  })
  const news = createWaker(signal)
  const drained = createWaker(signal)
  const unwatch = applied.watch(news.wake, LOOK_MS)
  let isLost = false
  /** True while nothing that was read may be told. */
  let isWaiting = false

  /** Reads until it fails, or nothing has moved for long. */
  async function readOnce(scope: 'definitions' | 'all'): Promise<void> {
    const stop = new AbortController()
    const positions = async (partitions: readonly number[]): Promise<ReadonlyMap<number, bigint>> => {
      const told = scope === 'all' ? pending.rewind() : null
      return new Map(
        partitions.map((each) => [each, told?.get(each) ?? (told === null ? pending.definitionsFrom() : 0n)]),
      )
    }
    try {
      for await (const event of log.read({
        scope: { type: scope },
        positions,
        signal: AbortSignal.any([signal, stop.signal]),
      })) {
        if (event.type === 'lost') isLost = true
        if (event.type === 'chunk') {
          pending.add(event)
          news.wake()
          if (scope === 'all' && !(await hasRoom())) return
        }
      }
    } finally {
      stop.abort()
    }
  }

  async function hasRoom(): Promise<boolean> {
    while (pending.bytes() >= WAITING_BYTES_MAX && !signal.aborted) {
      const before = pending.bytes()
      await drained.wait(STUCK_MS)
      if (isWaiting && pending.bytes() === before) return false
    }
    return true
  }

  async function keepReading(scope: 'definitions' | 'all'): Promise<void> {
    while (!signal.aborted && !isLost) {
      // Why the log fails, the node says; this waits until it is back.
      await readOnce(scope).catch(() => {})
      if (!isLost) await sleep(RETRY_MS, undefined, { signal, ref: false }).catch(() => {})
    }
    news.wake()
  }

  /** The bytes do not say what a policy has refused, and nothing is verified twice: the node's own verdicts count. */
  async function ask(range: OffsetRange): Promise<void> {
    const offsets = await options.findQuarantined(genesis, range).catch(() => null)
    if (offsets !== null) pending.exclude(range, offsets)
    else await sleep(RETRY_MS, undefined, { signal, ref: false }).catch(() => {})
  }

  const tasks = [keepReading('definitions'), keepReading('all')]
  try {
    while (!signal.aborted) {
      const chunk = pending.take()
      if (chunk !== null) {
        yield chunk
        drained.wake()
        continue
      }
      if (isLost) throw new LostError('the log no longer has what was asked for')
      const range = pending.unknown()
      if (range !== null) {
        await ask(range)
        continue
      }
      isWaiting = true
      await news.wait(null)
      isWaiting = false
    }
  } finally {
    unwatch()
    ending.abort()
    await Promise.all(tasks)
  }
}
