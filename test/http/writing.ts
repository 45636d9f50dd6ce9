// The writing half of a door for tests: a log that is defined in, and sessions on it.

import { type Json, plainToJson } from '../../src/codec/json.ts'
import { createRecordProver, type ProveAll } from '../../src/codec/signing/proof.ts'
import type { LogTrouble, PostingPorts } from '../../src/http/posting/ports.ts'
import { checkLog, type LogGenesis } from '../../src/log/check.ts'
import type { Log } from '../../src/log/log.ts'
import { appendDefinitions, planDefinitions, readDefinitions } from '../../src/writer/definitions.ts'
import { createRelay, type Relay } from '../../src/writer/relay.ts'
import { createWriting, type Writing } from '../../src/writer/writing.ts'
import { createTestSession, MAX_CLOCK_AHEAD_MS } from '../writer/support.ts'

/** As the command line does it. */
export async function defineIn(log: Log, schema: Json): Promise<void> {
  const { signal } = new AbortController()
  const description = await log.describe()
  const checked = checkLog(description)
  if (checked.type === 'refused') throw new Error(checked.problems[0]!.what)
  const { catalogue } = await readDefinitions(log, checked.genesis, signal)
  const plan = planDefinitions(catalogue, [{ source: 'a test', json: schema }])
  if (plan.type === 'refused') throw new Error(plan.problems[0]!.what)
  await appendDefinitions({ log, genesis: checked.genesis, plan, signal, signer: null })
}

/** `tracks` with one more column. */
export function tracksWith(column: string, type: unknown = 'string'): Json {
  return plainToJson({
    type: 'record',
    name: 'tracks',
    key: ['id'],
    fields: [
      { name: 'id', type: 'string' },
      { name: column, type: ['null', type] },
    ],
  })
}

export function createTestWriting(log: Log, waitMs: number, now: () => number = Date.now): Writing {
  const nowNs = () => BigInt(now()) * 1_000_000n
  let sessions = 0
  return createWriting({
    log,
    waitMs,
    nowNs,
    inspect: () => inspectTestLog(log),
    openSession: async () =>
      createTestSession(log, {
        nowNs,
        maxClockAheadMs: MAX_CLOCK_AHEAD_MS,
        origin: `aaaaaaaaaaaa${(++sessions).toString(16).padStart(4, '0')}` as never,
      }),
  })
}

export function createTestRelay(log: Log, { genesis, doubt }: Writing, waitMs: number): Relay {
  return createRelay({ log, genesis, onDoubt: doubt, waitMs })
}

export async function inspectTestLog(log: Log): Promise<LogGenesis> {
  const checked = checkLog(await log.describe())
  if (checked.type === 'refused') throw new Error(checked.problems[0]!.what)
  return checked.genesis
}

export const explainTestLog: PostingPorts['explainLog'] = (error): LogTrouble => {
  const detail = (error as Error).message
  return { kind: detail.includes('closed for ever') ? 'log-closed' : 'log-away', detail }
}

/** On this thread. */
export const proveHere: ProveAll = async (logId, records) => records.map(createRecordProver(logId))
