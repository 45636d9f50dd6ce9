// Looks at a node's database about every millisecond, for the newest message that is visible in it.

import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { monotonicMs, rowOf } from './latency-clock.ts'

/** One look: when its answer came, and the offset below which every message is visible. */
interface Look {
  readonly atMs: number
  readonly below: number
}

export interface Watch {
  /** Ends it; resolves with when each offset was visible first, NaN where it was not. */
  stop(offsets: readonly number[]): Promise<Seen>
  /** To be called in any case. */
  close(): Promise<void>
  /** Resolves when everything below the offset is visible. */
  reaches(below: number): Promise<void>
}

export interface Seen {
  readonly seenMs: readonly number[]
  /** Mean time from one look to the next: a message was visible at most so much earlier. */
  readonly intervalMs: number
  /** Cores that the looking kept busy: this process and its session of the server. */
  readonly cores: number
}

const EVERY_MS = 1
const REACH_MS = 60_000
/** Every so many looks the row itself is looked at, too. */
const CHECK_EVERY = 200
const TICKS_PER_SECOND = 100

// A batch is one transaction: its rows are visible when its position is.
const NEWEST = {
  name: 'newest',
  text: 'select next_offset::float8 from spindexer.positions where partition = 0',
  rowMode: 'array',
} as const

/** `numberAt`: the number of the message at an offset. */
export async function startWatch(url: string, numberAt: (offset: number) => number): Promise<Watch> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  const { rows } = await client.query('select pg_backend_pid() as pid')
  const { pid } = rows[0]
  const looks: Look[] = []
  const began = { atMs: monotonicMs(), cpu: process.cpuUsage(), serverTicks: ticksOf(pid) }
  let isOver = false

  const look = async (): Promise<void> => {
    const { rows: found } = await client.query<number[]>({ ...NEWEST })
    const below = found[0]?.[0] ?? 0
    looks.push({ atMs: monotonicMs(), below })
    if (looks.length % CHECK_EVERY === 0) await check(below - 1)
  }
  const check = async (offset: number): Promise<void> => {
    const number = numberAt(offset)
    if (number < 0) return
    const { rows: found } = await client.query('select plays from data.bench where id = $1', [rowOf(number)])
    if (Number(found[0]?.plays ?? -1) < number) throw new Error(`offset ${offset} is passed, and not visible`)
  }
  const looking = (async () => {
    while (!isOver) {
      const beganMs = monotonicMs()
      await look()
      if (monotonicMs() - beganMs < EVERY_MS) await sleep(EVERY_MS)
    }
  })()
  looking.catch(() => {})

  return {
    async close() {
      isOver = true
      await looking.catch(() => {})
      await client.end()
    },
    async reaches(below) {
      const until = monotonicMs() + REACH_MS
      while ((looks.at(-1)?.below ?? 0) < below) {
        if (monotonicMs() > until) throw new Error(`the node did not reach offset ${below}`)
        await Promise.race([sleep(10), looking])
      }
    },
    async stop(offsets) {
      isOver = true
      await looking
      const ms = monotonicMs() - began.atMs
      const { user, system } = process.cpuUsage(began.cpu)
      const serverMs = ((ticksOf(pid) - began.serverTicks) / TICKS_PER_SECOND) * 1_000
      return {
        seenMs: firstSeen(looks, offsets),
        intervalMs: ms / looks.length,
        cores: ((user + system) / 1_000 + serverMs) / ms,
      }
    },
  }
}

/** `offsets` ascend. */
function firstSeen(looks: readonly Look[], offsets: readonly number[]): number[] {
  let at = 0
  return offsets.map((offset) => {
    while (at < looks.length && looks[at]!.below <= offset) at++
    return looks[at]?.atMs ?? Number.NaN
  })
}

/** Of the processor, used by a process of this machine so far; 0 where the server is elsewhere. */
function ticksOf(pid: number): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')
    return Number(fields[11]) + Number(fields[12])
  } catch {
    return 0
  }
}
