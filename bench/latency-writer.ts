// The writer of the latency benchmark, a process of its own: numbered upserts at a steady pace, and when each was acknowledged.

import { setTimeout as sleep } from 'node:timers/promises'
import { encodeMutation } from '../src/codec/avro-encode.ts'
import { frameSingleObject } from '../src/codec/framing.ts'
import { createStamp, type Origin } from '../src/crdt/stamp.ts'
import { createKafkaLog } from '../src/log/kafka/log.ts'
import type { NewRecord } from '../src/log/log.ts'
import { monotonicMs, rowOf } from './latency-clock.ts'

/** By message: when it was due, when its append was answered (ms of the machine's monotonic clock), and its offset. */
export interface Written {
  readonly dueMs: readonly number[]
  readonly ackMs: readonly number[]
  readonly offsets: readonly number[]
}

const ORIGIN = '0123456789abcdef' as Origin
const TICK_MS = 1
/** Appends under way beyond which the pace is not to be had: the log does not keep up. */
const UNDER_WAY_MAX = 100_000

const [brokers, topic, first, rate, seconds] = process.argv.slice(2) as [
  string,
  string,
  string,
  string,
  string,
]

function createRecord(number: number): NewRecord {
  const row = rowOf(number)
  const value = frameSingleObject(
    encodeMutation({
      stamp: createStamp(BigInt(Date.now()) * 1_000_000n + BigInt(number % 1_000_000), ORIGIN),
      seq: BigInt(number),
      operation: 'upsert',
      dataset: 'bench',
      key: [row],
      columns: new Map<string, string | bigint>([
        ['plays', BigInt(number)],
        ['title', `title ${number}`],
      ]),
    }),
  )
  return { partition: 0, key: Buffer.from(JSON.stringify(['bench', row])), value }
}

/** Sends each message when its time has come, whatever became of those before it. */
async function write(): Promise<Written> {
  const log = createKafkaLog({ connection: { brokers: brokers.split(',') }, topic, onLog: () => {} })
  const count = Number(rate) * Number(seconds)
  const [dueMs, ackMs, offsets] = [0, 0, 0].map(() => new Array<number>(count).fill(0)) as [
    number[],
    number[],
    number[],
  ]
  let sent = 0
  let acknowledged = 0
  let failure: unknown = null
  const send = (from: number, to: number): void => {
    const records = Array.from({ length: to - from }, (_, i) => createRecord(Number(first) + from + i))
    log.append(records).then(
      (answers) => {
        const now = monotonicMs()
        answers.forEach(({ offset }, i) => {
          ackMs[from + i] = now
          offsets[from + i] = Number(offset)
        })
        acknowledged += answers.length
      },
      (error: unknown) => {
        failure ??= error
      },
    )
  }
  try {
    // Alone, because connections are opened for it; until then, calls may overtake each other.
    const [answer] = await log.append([createRecord(Number(first))])
    const began = monotonicMs()
    sent = acknowledged = 1
    dueMs[0] = ackMs[0] = began
    offsets[0] = Number(answer!.offset)
    while (acknowledged < count) {
      if (failure !== null) throw failure
      const due = Math.min(count, Math.floor(((monotonicMs() - began) / 1_000) * Number(rate)) + 1)
      if (due > sent) {
        for (let i = sent; i < due; i++) dueMs[i] = began + (i / Number(rate)) * 1_000
        send(sent, due)
        sent = due
      }
      if (sent - acknowledged > UNDER_WAY_MAX)
        throw new Error(`the log does not take ${rate} messages a second`)
      await sleep(TICK_MS)
    }
  } finally {
    await log.close()
  }
  return { dueMs, ackMs, offsets }
}

// Whoever started it is gone.
process.once('disconnect', () => process.exit(1))
process.stdout.write(JSON.stringify(await write()), () => process.exit())
