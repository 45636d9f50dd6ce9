// GET /v1/changes: what this node has applied of the log, as server-sent events that can be resumed.

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { isName } from '../../codec/limits.ts'
import { DEFINITIONS } from '../../codec/record.ts'
import type { LogGenesis } from '../../log/check.ts'
import type { Log } from '../../log/log.ts'
import type { Applied } from '../applied.ts'
import type { Limits } from '../limits.ts'
import { type HttpProblem, problem } from '../problem.ts'
import { sendParts } from '../slow.ts'
import { createHub } from './hub.ts'
import { type FindQuarantined, readChanges } from './reading.ts'
import { CHANGES_SCHEMA, EVENT_STREAM } from './schema.ts'
import { createSlots } from './slots.ts'
import { streamChanges } from './stream.ts'
import { isAtLeast, textToVector, type Vector } from './vector.ts'

export interface ChangesPorts {
  readonly log: Log
  readonly applied: Applied
  /** Looks at the log. Throws what forbids reading it. */
  readonly inspectLog: () => Promise<LogGenesis>
  readonly findQuarantined: FindQuarantined
  readonly limits: Limits
  /** The newest events that are kept for all clients, in bytes; 16 MiB unless set. */
  readonly ringBytes?: number
  /** Silence after which a client is sent a word, in milliseconds; 15 s unless set. */
  readonly beatMs?: number
}

type Where = readonly ['query' | 'header', string]

interface Query {
  readonly after?: string
  readonly from?: 'start'
  readonly dataset?: string
}

const RING_BYTES = 16 * 1024 * 1024
const BEAT_MS = 15_000
/** Clients that read the log on their own, since they are far behind. */
const CATCH_UPS_MAX = 4
const CATCH_UP_WAIT_MS = 10_000

export function addChangesRoutes(app: FastifyInstance, ports: ChangesPorts): void {
  const { log, applied, limits, findQuarantined } = ports
  const closing = new AbortController()
  const slots = createSlots(CATCH_UPS_MAX)
  let genesis: LogGenesis | null = null
  const hub = createHub({
    ringBytes: ports.ringBytes ?? RING_BYTES,
    read: (start, signal) => readChanges({ log, applied, findQuarantined, genesis: genesis!, start, signal }),
  })
  app.addHook('preClose', async () => closing.abort())

  async function requireGenesis(copyId: string): Promise<LogGenesis> {
    if (genesis?.copyId === copyId) return genesis
    const found = await ports.inspectLog().catch((error: unknown) => {
      throw problem('log-away', `the log cannot be read now: ${(error as Error).message}`, RETRY)
    })
    if (found.copyId !== copyId) throw notReady('the node is about to go on with another copy of its log')
    genesis = found
    return found
  }

  async function open(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const query = request.query as Query
    const dataset = query.dataset ?? null
    if (dataset !== null && !isName(dataset))
      throw wrong('query', 'dataset', 'it can be no name of a dataset')
    const identity = applied.identity()
    if (identity === null) throw notReady('the node has not started yet')
    const { copyId } = identity
    const start = await findStart(request, copyId)
    const found = await requireGenesis(copyId)
    const ending = leaving(reply, copyId)
    const place = hub.enter({ copyId, from: start, applied: appliedVector(applied), signal: ending.signal })
    const isJoined = place.join(start)
    const giveSlot = isJoined ? () => {} : await takeSlot(ending)
    const catchUp = isJoined
      ? null
      : readChanges({ log, applied, findQuarantined, genesis: found, start, signal: ending.signal })
    const parts = streamChanges({
      ...{ copyId, start, dataset, place, catchUp, beatMs: ports.beatMs ?? BEAT_MS },
      partitions: applied.partitions(),
      onCaughtUp: giveSlot,
      onTooSlow: () => request.raw.destroy(),
    })
    ending.signal.addEventListener('abort', giveSlot, { once: true })
    reply.type(EVENT_STREAM).headers({ 'cache-control': 'no-store', 'x-accel-buffering': 'no' })
    return sendParts(request, reply, parts, limits.idleMs)
  }

  async function findStart({ headers, query }: FastifyRequest, copyId: string): Promise<Vector> {
    const { after, from } = query as Query
    const last = headers['last-event-id']
    // What a client reconnects with is newer than what stands in its address.
    const text = typeof last === 'string' && last !== '' ? last : after
    if (text === undefined) return from === 'start' ? new Map() : appliedVector(applied)
    const where: Where = text === last ? ['header', 'last-event-id'] : ['query', 'after']
    const parsed = textToVector(text, copyId, applied.partitions())
    if (parsed.type === 'refused') throw wrong(...where, parsed.detail)
    if (parsed.type === 'gone') {
      throw problem(
        'position-gone',
        'the id is of another log, or of the one that was copied to this: read the datasets anew, and the changes from then on (without an id)',
      )
    }
    await requirePast(parsed.vector, where)
    return parsed.vector
  }

  /** Another node of the log may be ahead of this one, but nobody is ahead of the log. */
  async function requirePast(vector: Vector, where: Where): Promise<void> {
    if (isAtLeast(appliedVector(applied), vector)) return
    const { partitions, definitions } = await log.describe().catch((error: unknown) => {
      throw problem('log-away', `the log cannot be read now: ${(error as Error).message}`, RETRY)
    })
    const ends = new Map(
      [...partitions, ...(definitions === null ? [] : [definitions])].map((each) => [
        each.partition,
        each.end,
      ]),
    )
    if (!isAtLeast(ends, vector))
      throw wrong(...where, 'it is of a time to come: the log has not come so far')
  }

  /** Aborted when the client is gone, the door closes, or the node leaves for another copy of the log. */
  function leaving(reply: FastifyReply, copyId: string): AbortController {
    const ending = new AbortController()
    const end = (): void => ending.abort()
    const unwatch = applied.watch(() => applied.identity()?.copyId !== copyId && end(), LOOK_MS)
    closing.signal.addEventListener('abort', end)
    reply.raw.once('close', end)
    ending.signal.addEventListener('abort', () => {
      unwatch()
      closing.signal.removeEventListener('abort', end)
    })
    if (closing.signal.aborted) end()
    return ending
  }

  /** Resolves with what gives it back, once. */
  async function takeSlot(ending: AbortController): Promise<() => void> {
    const isMine = await slots.take(CATCH_UP_WAIT_MS)
    if (!isMine) {
      ending.abort()
      throw problem(
        'too-busy',
        `${CATCH_UPS_MAX} clients that are far behind are served already; try again later`,
        RETRY,
      )
    }
    let isGiven = false
    const give = (): void => {
      if (!isGiven) slots.give()
      isGiven = true
    }
    if (ending.signal.aborted) give()
    return give
  }

  app.get('/v1/changes', { schema: CHANGES_SCHEMA, config: { isStream: true }, exposeHeadRoute: false }, open)
}

/** Another worker's partitions are looked at so often while there are clients. */
const LOOK_MS = 100
const RETRY = { headers: { 'retry-after': '5' } }

function appliedVector(applied: Applied): Vector {
  const vector = new Map([[DEFINITIONS, applied.settled()]])
  for (let partition = 0; partition < applied.partitions(); partition++) {
    vector.set(partition, applied.position(partition))
  }
  return vector
}

function wrong(place: Where[0], at: string, detail: string): HttpProblem {
  return problem('invalid-parameter', `"${at}": ${detail}`, { where: [{ in: place, at, detail }] })
}

function notReady(reason: string): HttpProblem {
  return problem('not-ready', reason, RETRY)
}
