// Appending to the target: several batches on their way, bounded in bytes, each again until the target's clock accepts all of it.

import { setTimeout as sleep } from 'node:timers/promises'
import type { Appended, Log } from '../log.ts'
import type { TargetClock } from './clock.ts'
import type { Item } from './translate.ts'

export interface CarrierOptions {
  readonly target: Pick<Log, 'append'>
  readonly clock: TargetClock
  /** Once it is aborted nothing more is sent; what is on its way is waited for. */
  readonly signal: AbortSignal
  /** The target's clock is so far behind what is to be appended. */
  readonly onWait: (waitMs: number) => void
}

export interface Carrier {
  /**
   * Takes items when there is room for them and the target's clock is not behind them. `done` is called once all are
   * durable and accepted; never when the signal was aborted before. Throws what an append threw, then or earlier.
   */
  carry(items: readonly Item[], done: () => void): Promise<void>
  /** Waits for what is on its way. Throws what an append threw. */
  settle(): Promise<void>
  /** Rejects when an append has failed. */
  readonly failed: Promise<never>
  /** How many were appended again because the target's clock had refused them. */
  appendedAgain(): number
}

const IN_FLIGHT_BYTES_MAX = 8 * 1024 * 1024
/** A log takes records of this size with key and headers; what is greater may need another setting. */
const LARGE_BYTES = 900_000

export function createCarrier({ target, clock, signal, onWait }: CarrierOptions): Carrier {
  const onTheirWay = new Set<Promise<void>>()
  let inFlightBytes = 0
  let again = 0
  let failure: { readonly error: unknown } | null = null
  const failed = Promise.withResolvers<never>()
  // Whoever waits for it is told; it is no news to anybody else.
  failed.promise.catch(() => {})

  const throwFailure = () => {
    if (failure !== null) throw failure.error
  }
  /** The items that the target's clock refused. */
  const append = async (items: readonly Item[]): Promise<readonly Item[]> => {
    const answers = await appendOrExplain(target, items)
    const refused = items.filter(({ dueMs }, i) => {
      const { partition, appendMs } = answers[i]!
      clock.observe(partition, appendMs)
      return dueMs !== null && appendMs < dueMs
    })
    again += refused.length
    return refused
  }
  const waitMsOf = ({ record, dueMs }: Item) => (dueMs === null ? 0 : clock.waitMs(record.partition, dueMs))
  /** Waits until the target's clock is thought to accept all; items of partitions whose clock is not known count not. */
  const awaitClock = async (items: readonly Item[]): Promise<void> => {
    while (!signal.aborted) {
      const waitMs = items.reduce((most, item) => Math.max(most, waitMsOf(item) ?? 0), 0)
      if (waitMs === 0) return
      onWait(waitMs)
      await sleep(Math.min(waitMs, WAIT_STEP_MS), undefined, { signal }).catch(() => {})
    }
  }
  const deliver = async (items: readonly Item[], done: () => void): Promise<void> => {
    let left = items
    while (left.length > 0) {
      await awaitClock(left)
      if (signal.aborted) return
      left = await append(left)
    }
    done()
  }
  /** One record shows a clock that is not known: otherwise all that come early would be in the target for nothing. */
  const probe = async (items: readonly Item[]): Promise<readonly Item[]> => {
    let left = items
    for (;;) {
      const unknown = left.find((item) => waitMsOf(item) === null)
      if (unknown === undefined || signal.aborted) return left
      await Promise.all(onTheirWay)
      throwFailure()
      if (waitMsOf(unknown) !== null || signal.aborted) continue
      const refused = await append([unknown])
      if (refused.length === 0) left = left.filter((item) => item !== unknown)
    }
  }

  return {
    async carry(items, done) {
      let bytes = 0
      for (const item of items) bytes += item.bytes
      while (inFlightBytes > 0 && inFlightBytes + bytes > IN_FLIGHT_BYTES_MAX) await Promise.race(onTheirWay)
      throwFailure()
      const left = await probe(items)
      await awaitClock(left)
      if (signal.aborted) return
      inFlightBytes += bytes
      const delivery = deliver(left, done)
        .catch((error: unknown) => {
          failure ??= { error }
          failed.reject(error)
        })
        .finally(() => {
          inFlightBytes -= bytes
          onTheirWay.delete(delivery)
        })
      onTheirWay.add(delivery)
    },
    async settle() {
      while (onTheirWay.size > 0) await Promise.all(onTheirWay)
      throwFailure()
    },
    failed: failed.promise,
    appendedAgain: () => again,
  }
}

/** The estimate may become better with other answers while one waits. */
const WAIT_STEP_MS = 1_000

async function appendOrExplain(
  target: Pick<Log, 'append'>,
  items: readonly Item[],
): Promise<readonly Appended[]> {
  try {
    return await target.append(items.map(({ record }) => record))
  } catch (error) {
    const [item, ...others] = items
    if (item === undefined || others.length > 0 || item.bytes <= LARGE_BYTES) throw error
    const what = `a record for partition ${item.record.partition}, offset ${item.offset} of its partition in the source, has ${item.bytes} bytes with its key and headers, and the target does not take it`
    const reason = error instanceof Error ? error.message : String(error)
    throw new Error(`${what}: ${reason}`, { cause: error })
  }
}

/** True for an item that goes alone, so that what the target says of it is said of no other. */
export function isLarge({ bytes }: Item): boolean {
  return bytes > LARGE_BYTES
}
