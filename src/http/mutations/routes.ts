// POST /v1/mutations: one mutation, an array of them, or JSON lines; answered when they are durable, or when this node
// shows them.

import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { createRoom } from '../../writer/room.ts'
import type { Outcome } from '../../writer/sending.ts'
import { addPlace, type Places } from '../applied.ts'
import { isJsonLines } from '../body.ts'
import { problem } from '../problem.ts'
import { goneSignal } from '../slow.ts'
import { type AwaitApplied, answerAsLines, answerAtEnd, wantsLines } from './answers.ts'
import { countOutcomes, idJson } from './ids.ts'
import { sendLines } from './lines.ts'
import type { MutationsPorts } from './ports.ts'
import { MUTATIONS_BODY, MUTATIONS_SCHEMA, TIMEOUT_DEFAULT_S } from './schema.ts'
import { outcomesProblem, troubleProblem } from './trouble.ts'
import { readWhole } from './whole.ts'

interface Query {
  readonly wait?: 'applied'
  readonly timeout?: number
  readonly 'skip-invalid'?: boolean
}

/** Of JSON bodies that are at work; what becomes of one takes several times as much memory. */
const WORKING_BYTES_MAX = 32 * 1024 * 1024

export function addMutationsRoutes(app: FastifyInstance, ports: MutationsPorts): void {
  const { writing, applied, explainLog, limits } = ports
  const closing = new AbortController()
  const working = createRoom(() => WORKING_BYTES_MAX)
  app.addHook('preClose', async () => closing.abort())

  async function requireReady(): Promise<void> {
    await writing.ready().catch((error: unknown) => {
      throw troubleProblem(error, explainLog)
    })
  }

  /** Undefined where nobody asked. */
  async function awaitApplied(
    { wait, timeout = TIMEOUT_DEFAULT_S }: Query,
    places: Places,
    offset: bigint,
    signal: AbortSignal,
  ): Promise<boolean | undefined> {
    if (wait !== 'applied') return undefined
    const bounded = AbortSignal.any([signal, AbortSignal.timeout(timeout * 1_000)])
    return (await applied.reached(places, offset, bounded)) === 'applied'
  }

  async function postWhole(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const body = request.body as Buffer
    const signal = goneSignal(reply, closing.signal)
    const hasRoom = await Promise.race([
      working.wait(),
      sleep(limits.appendMs, 'late', { signal, ref: false }),
    ])
    if (hasRoom === 'late') {
      throw problem('too-busy', 'too much is being written already; try again later', {
        headers: { 'retry-after': '1' },
      })
    }
    working.take(body.length)
    try {
      const rules = writing.rules()
      const outcomes = await writing.append(await readWhole(body, rules, signal))
      return await answerWhole(request, reply, outcomes, rules.catalogue.offset, signal)
    } finally {
      working.give(body.length)
    }
  }

  async function answerWhole(
    request: FastifyRequest,
    reply: FastifyReply,
    outcomes: readonly Outcome[],
    offset: bigint,
    signal: AbortSignal,
  ): Promise<FastifyReply> {
    const counts = countOutcomes(outcomes)
    if (counts.durable < outcomes.length) {
      const ids = outcomes.map((outcome) =>
        outcome.type !== 'durable' ? null : { stamp: outcome.stamp, ...placeOf(outcome) },
      )
      throw outcomesProblem(outcomes, explainLog, { ...counts, ids })
    }
    const places = new Map<number, { least: bigint; greatest: bigint }>()
    const ids: string[] = []
    for (const outcome of outcomes) {
      if (outcome.type !== 'durable') continue
      addPlace(places, outcome.appended)
      ids.push(idJson(outcome))
    }
    const isApplied = await awaitApplied(request.query as Query, places, offset, signal)
    const more = isApplied === undefined ? '' : `,"applied":${isApplied}`
    return reply
      .code(isApplied === false ? 202 : 200)
      .type('application/json; charset=utf-8')
      .send(`{"durable":${counts.durable}${more},"ids":[${ids.join(',')}]}`)
  }

  async function postLines(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const query = request.query as Query
    const signal = goneSignal(reply, closing.signal)
    const send: Parameters<typeof answerAtEnd>[1] = (listener) =>
      sendLines(request, ports, { ...listener, skipInvalid: query['skip-invalid'] === true, signal })
    const wait: AwaitApplied = ({ places }) =>
      awaitApplied(query, places, writing.rules().catalogue.offset, signal)
    return wantsLines(request)
      ? answerAsLines(request, reply, limits.idleMs, send, wait)
      : answerAtEnd(reply, send, wait)
  }

  app.post(
    '/v1/mutations',
    { schema: MUTATIONS_SCHEMA, config: { requestBody: MUTATIONS_BODY } },
    async (request, reply) => {
      refuseEncoding(request)
      await requireReady()
      return isJsonLines(request) ? postLines(request, reply) : postWhole(request, reply)
    },
  )
}

function placeOf({ appended }: Extract<Outcome, { type: 'durable' }>) {
  return { partition: appended.partition, offset: appended.offset }
}

function refuseEncoding({ headers }: FastifyRequest): void {
  const encoding = headers['content-encoding']
  if (encoding === undefined || encoding.toLowerCase() === 'identity') return
  throw problem(
    'unsupported-media-type',
    `the body is encoded (Content-Encoding: ${encoding.slice(0, 40)}); send it as it is`,
    { headers: { 'accept-encoding': 'identity' } },
  )
}
