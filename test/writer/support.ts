// What the writer's tests share: a log in memory with a genesis and a dataset, changes, a session on it.

import { randomUUID } from 'node:crypto'
import { EMPTY_CATALOGUE } from '../../src/codec/catalogue.ts'
import { type Json, plainToJson } from '../../src/codec/json.ts'
import type { TypedChange } from '../../src/codec/line.ts'
import type { LogRecord } from '../../src/codec/record.ts'
import type { SignerKey } from '../../src/codec/signing/signer-key.ts'
import type { Origin } from '../../src/crdt/stamp.ts'
import { createLog } from '../../src/log/genesis.ts'
import type { Log } from '../../src/log/log.ts'
import { createMemoryLog, type MemoryLog } from '../../src/log/memory/log.ts'
import { planDefinitions } from '../../src/writer/definitions.ts'
import { createEncoder } from '../../src/writer/framing.ts'
import { createSession, type Session, type SessionOptions } from '../../src/writer/session.ts'

export const NOW_MS = 1_700_000_000_000n
export const MAX_CLOCK_AHEAD_MS = 60_000n
export const LOG_ID = '00000000-0000-4000-8000-000000000001'

export const TRACKS: Json = plainToJson({
  type: 'record',
  name: 'tracks',
  key: ['id'],
  fields: [
    { name: 'id', type: 'string' },
    { name: 'title', type: ['null', 'string'] },
    { name: 'plays', type: ['null', 'long'] },
  ],
})

/** The catalogue that holds `tracks`. */
export const CATALOGUE = (() => {
  const plan = planDefinitions(EMPTY_CATALOGUE, [{ source: 'tracks.avsc', json: TRACKS }])
  if (plan.type === 'refused') throw new Error(plan.problems[0]!.what)
  return plan.catalogue
})()

export async function createTestLog(now: () => bigint = () => NOW_MS, partitions = 2): Promise<MemoryLog> {
  const log = createMemoryLog({ partitions, now })
  await makeTestLog(log)
  return log
}

/** Guarded where there are admins. */
export async function makeTestLog(log: Log, admins: readonly SignerKey[] = []): Promise<void> {
  await createLog(log, {
    logId: LOG_ID,
    copyId: randomUUID(),
    generation: 1,
    maxClockAheadMs: MAX_CLOCK_AHEAD_MS,
    admins,
  })
}

export function createTestSession(log: Log, options: Partial<SessionOptions> = {}): Session {
  return createSession({
    log,
    maxClockAheadMs: MAX_CLOCK_AHEAD_MS,
    encode: createEncoder({ type: 'single-object' }),
    origin: 'aaaaaaaaaaaaaaaa' as Origin,
    nowNs: () => NOW_MS * 1_000_000n,
    ...options,
  })
}

export function upsert(id: string, plays: bigint, timeNs: bigint | null = null): TypedChange {
  return { timeNs, operation: 'upsert', dataset: 'tracks', key: [id], columns: new Map([['plays', plays]]) }
}

/** Every record behind the genesis of the data partitions. */
export async function recordsOf(log: Log): Promise<readonly LogRecord[]> {
  const { partitions } = await log.describe()
  const pointers = partitions.flatMap(({ partition, end }) =>
    Array.from({ length: Number(end) - 1 }, (_, i) => ({ partition, offset: BigInt(i + 1) })),
  )
  return (await log.pick(pointers)).filter((record) => record !== null)
}

/** Bytes as a stream, in pieces of `size`. */
export async function* bytesOf(text: string | Buffer, size = 7): AsyncIterable<Buffer> {
  const bytes = Buffer.from(text as string)
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}
