// A whole node in this process: a log in memory, the node's own loop on a store in memory, and the door in front of them.

import type { FastifyInstance } from 'fastify'
import { onTestFinished } from 'vitest'
import type { Control, Policy } from '../../src/codec/control.ts'
import type { Json, JsonObject } from '../../src/codec/json.ts'
import { DEFINITIONS } from '../../src/codec/record.ts'
import type { SigningKey } from '../../src/codec/signing/batch-signer.ts'
import { createApplied, type Look } from '../../src/http/applied.ts'
import type { OffsetRange } from '../../src/http/changes/pending.ts'
import { LIMITS, type Limits } from '../../src/http/limits.ts'
import { addRoutes, type DoorPorts } from '../../src/http/routes.ts'
import type { Log } from '../../src/log/log.ts'
import { createMemoryLog, type MemoryLog } from '../../src/log/memory/log.ts'
import type { NodeEvent } from '../../src/node/context.ts'
import { runNode } from '../../src/node/run.ts'
import { createMemoryDatabase, type MemoryDatabase } from '../../src/store/memory/database.ts'
import { createMemoryReader } from '../../src/store/memory/reader.ts'
import { createMemoryStore } from '../../src/store/memory/store.ts'
import type { Store } from '../../src/store/store.ts'
import type { Writing } from '../../src/writer/writing.ts'
import { controlRecord, signRecords } from '../support/signers.ts'
import { waitFor } from '../support/wait.ts'
import { LOG_ID, makeTestLog, TRACKS } from '../writer/support.ts'
import { portsOf } from './memory-node.ts'
import { openTestDoor, type TestDoor } from './support.ts'
import { createTestRelay, createTestWriting, defineIn, explainTestLog, inspectTestLog } from './writing.ts'

export interface LiveOptions {
  /** Of a guarded log; the first one signs definitions and policies. */
  readonly admins?: readonly SigningKey[]
  readonly partitions?: number
  readonly limits?: Partial<Limits>
  /** True while the node's database does not say what it has quarantined. */
  readonly isSilent?: () => boolean
  /** Workers of the node; the door belongs to the first. */
  readonly workers?: number
  /** What the door writes to and reads from, of the log that the node reads. */
  readonly doorLog?: (log: MemoryLog) => Log
  readonly store?: (store: Store) => Store
  /** The door's clock, milliseconds since 1970. */
  readonly now?: () => number
  readonly chunkRecords?: number
  readonly ringBytes?: number
  readonly beatMs?: number
}

export interface LiveNode extends TestDoor {
  readonly log: MemoryLog
  readonly database: MemoryDatabase
  readonly writing: Writing
  readonly post: (body: string | Buffer, query?: string, type?: string) => Promise<Posted>
  readonly define: (schema: Json) => Promise<void>
  /** Appends the next policy to every partition and to the definitions; resolves when the door knows it. */
  readonly setPolicy: (policy: Partial<Policy>) => Promise<void>
  /** Resolves when the node has everything that is in the log. */
  readonly caughtUp: () => Promise<void>
}

export interface Posted {
  readonly status: number
  readonly text: string
  // biome-ignore lint/suspicious/noExplicitAny: answers are looked at as they come
  readonly json: any
}

export async function openLive(options: LiveOptions = {}): Promise<LiveNode> {
  const log = createMemoryLog({
    partitions: options.partitions ?? 2,
    now: () => BigInt(Date.now()),
    ...(options.chunkRecords === undefined ? {} : { chunkRecords: options.chunkRecords }),
  })
  const admins = options.admins ?? []
  await makeTestLog(
    log,
    admins.map(({ signer }) => signer),
  )
  const database = createMemoryDatabase()
  const stop = new AbortController()
  const look = async (): Promise<Look> => lookAt(database)
  const applied = createApplied({ look })
  const doorLog = options.doorLog?.(log) ?? log
  const limits = { ...LIMITS, ...options.limits }
  const writing = createTestWriting(doorLog, limits.appendMs, options.now)
  const relay = createTestRelay(doorLog, writing, limits.appendMs)
  const ports: DoorPorts = {
    ...portsOf({
      store: () => createMemoryStore(database),
      reader: async () => createMemoryReader(database),
    }),
    findQuarantined: async ({ copyId }, range) =>
      options.isSilent?.() === true ? null : quarantinedIn(database, copyId, range),
    ...{ log: doorLog, inspectLog: () => inspectTestLog(doorLog) },
    ...{ writing, relay, applied, explainLog: explainTestLog, limits },
    ...(options.ringBytes === undefined ? {} : { ringBytes: options.ringBytes }),
    ...(options.beatMs === undefined ? {} : { beatMs: options.beatMs }),
  }
  const workers = Array.from({ length: options.workers ?? 1 }, (_, worker) =>
    runNode({
      log,
      store: (options.store ?? ((store) => store))(createMemoryStore(database)),
      scope: { type: 'group', group: 'g', member: `worker-${worker}` },
      signal: stop.signal,
      untilEnd: false,
      isTransient: () => false,
      emit: (event) => worker === 0 && note(event),
    }),
  )
  function note(event: NodeEvent): void {
    applied.note(event)
    ports.progress.note(event)
    if (event.type === 'moved') writing.forget()
    if (event.type === 'committing')
      writing.follow({ stamp: event.newestStamp, appendMs: event.newestAppendMs })
  }
  const door = await openTestDoor({ addRoutes: (app: FastifyInstance) => addRoutes(app, ports), limits })
  onTestFinished(async () => {
    stop.abort()
    relay.close()
    writing.close()
    await Promise.all(workers)
  })
  async function appendSigned(partition: number, control: Control): Promise<void> {
    await log.append(signRecords(admins[0]!, LOG_ID, [controlRecord(partition, control)]))
  }
  const define = (schema: Json) =>
    admins.length === 0
      ? defineIn(log, schema)
      : appendSigned(DEFINITIONS, { kind: 'dataset', schema: schema as JsonObject })
  let version = 0
  async function setPolicy(policy: Partial<Policy>): Promise<void> {
    version++
    const signers = admins.map(({ signer }) => signer)
    const whole = { kind: 'policy', admins: signers, rules: [], unsigned: false, ...policy, version } as const
    const { partitions } = await log.describe()
    for (const { partition } of partitions) await appendSigned(partition, whole)
    await appendSigned(DEFINITIONS, whole)
    await writing.ready()
    await waitFor('the door to know the policy', async () => {
      const { standing } = writing.rules()
      return standing.type === 'guarded' && standing.version === version
    })
  }
  await define(TRACKS)
  const caughtUp = () =>
    waitFor(
      'the node to be at the end',
      async () => {
        const { partitions, definitions } = await log.describe()
        const { positions } = lookAt(database)
        const isBehind = [...partitions, definitions!].some(
          ({ partition, end }) => (positions.get(partition) ?? 0n) < end,
        )
        return !isBehind && database.rejudgedTo === database.catalogue.offset
      },
      { everyMs: 5 },
    ).then(() => {})
  await caughtUp()
  return {
    ...door,
    log,
    database,
    writing,
    define,
    setPolicy,
    caughtUp,
    post: (...args) => post(door.url, ...args),
  }
}

/** As a database answers it. */
function quarantinedIn(
  { identity, partitions, catalogue, quarantined }: MemoryDatabase,
  copyId: string,
  { partition, from, next }: OffsetRange,
): readonly bigint[] | null {
  const position = partition === DEFINITIONS ? catalogue.offset : (partitions.get(partition)?.position ?? 0n)
  if (identity?.copyId !== copyId || position < next) return null
  return [...quarantined.values()]
    .filter((each) => each.partition === partition && each.offset >= from && each.offset < next)
    .map(({ offset }) => offset)
}

function lookAt({ partitions, catalogue, rejudgedTo }: MemoryDatabase): Look {
  const positions = new Map([...partitions].map(([partition, { position }]) => [partition, position]))
  return { positions: positions.set(-1, catalogue.offset), isJudgingAgain: rejudgedTo !== catalogue.offset }
}

export async function post(
  url: string,
  body: string | Buffer,
  query = '',
  type = 'application/json',
  path = '/v1/mutations',
): Promise<Posted> {
  const response = await fetch(`${url}${path}${query}`, {
    method: 'POST',
    body: Buffer.from(body as string),
    headers: { 'content-type': type },
  })
  const text = await response.text()
  return {
    status: response.status,
    text,
    json: JSON.parse(text.startsWith('{') ? text.split('\n')[0]! : 'null'),
  }
}

export const LINES = 'application/x-ndjson'

/** A line, or a body, that sets a row. */
export function upsertJson(id: string, data: Record<string, unknown> = {}, timestamp?: string): string {
  return JSON.stringify({ timestamp, dataset: 'tracks', operation: 'upsert', data: { id, ...data } })
}
