// Writes one message after the other while a node has other work, and measures how long each takes to be seen.

import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import { encodeMutation } from '../src/codec/avro-encode.ts'
import { frameSingleObject } from '../src/codec/framing.ts'
import { createStamp, type Origin } from '../src/crdt/stamp.ts'
import { createKafkaLog } from '../src/log/kafka/log.ts'

const LOOK_EVERY_MS = 10
const VISIBLE_MS_MAX = 600_000
const PAUSE_MS = 200

/** From before a message was appended until its row was in the view. */
export interface Latencies {
  readonly count: number
  readonly medianMs: number
  readonly p99Ms: number
  readonly maxMs: number
}

export interface LiveWriter {
  /** Appends one upsert to a dataset with the single key column `id`; resolves when its row is in the view. */
  write(dataset: string): Promise<number>
  /** Goes on with `dataset` until the promise settles. */
  during(dataset: string, work: Promise<unknown>): Promise<Latencies>
  close(): Promise<void>
}

export function createLiveWriter(brokers: readonly string[], topic: string, database: pg.Pool): LiveWriter {
  const log = createKafkaLog({ connection: { brokers }, topic, onLog: () => {} })
  const origin = randomBytes(8).toString('hex') as Origin

  const write = async (dataset: string): Promise<number> => {
    const id = randomBytes(8).toString('hex')
    const began = performance.now()
    const stamp = createStamp(BigInt(Date.now()) * 1_000_000n, origin)
    const value = frameSingleObject(
      encodeMutation({ stamp, seq: null, operation: 'upsert', dataset, key: [id], columns: new Map() }),
    )
    await log.append([{ partition: null, key: Buffer.from(JSON.stringify([dataset, id])), value }])
    while (!(await isVisible(database, dataset, id))) {
      if (performance.now() - began > VISIBLE_MS_MAX) throw new Error(`a row of ${dataset} never came`)
      await sleep(LOOK_EVERY_MS)
    }
    return performance.now() - began
  }

  return {
    write,
    async during(dataset, work) {
      const latencies: number[] = []
      let isOver = false
      const over = work.finally(() => {
        isOver = true
      })
      while (!isOver) {
        latencies.push(await write(dataset))
        await sleep(PAUSE_MS)
      }
      await over
      return summarize(latencies)
    },
    close: () => log.close(),
  }
}

/** False too while the view, or the server's answer, is not there. */
async function isVisible(database: pg.Pool, dataset: string, id: string): Promise<boolean> {
  const found = await database
    .query(`select from data."${dataset}" where id = $1`, [id])
    .catch(() => ({ rowCount: 0 }))
  return found.rowCount === 1
}

function summarize(latencies: readonly number[]): Latencies {
  const sorted = latencies.toSorted((a, b) => a - b)
  const at = (share: number) =>
    Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0)
  return { count: sorted.length, medianMs: at(0.5), p99Ms: at(0.99), maxMs: at(1) }
}
