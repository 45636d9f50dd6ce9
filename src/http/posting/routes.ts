// Routes that write to the log: one item, an array of them, or a line each; answered when they are durable, or when this
// node shows them.

import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { createRoom } from '../../writer/room.ts'
import type { EntryFault } from '../../writer/send.ts'
import type { Outcome, Sender } from '../../writer/sending.ts'
import type { Entry, Source } from '../../writer/source.ts'
import type { Rules } from '../../writer/target.ts'
import { addPlace, type Places } from '../applied.ts'
import { isJsonLines } from '../body.ts'
import { type HttpProblem, type ProblemKind, problem } from '../problem.ts'
import { goneSignal } from '../slow.ts'
import { type AwaitApplied, answerAsLines, answerAtEnd, wantsLines } from './answers.ts'
import { countOutcomes, idJson } from './ids.ts'
import { sendLines } from './lines.ts'
import type { PostingPorts } from './ports.ts'
import { type PostingDescription, TIMEOUT_DEFAULT_S } from './schema.ts'
import { outcomesProblem, troubleProblem } from './trouble.ts'

/** What a route takes, and how it is read. */
export interface Posting<C> {
  readonly path: string
  readonly description: PostingDescription
  readonly sender: Sender<C>
  /** About, of an item as a message. */
  readonly bytesOf: (change: C) => number
  /** Why nothing that this route takes can be written just now, asked before a body is read; null: it can. */
  readonly refuse: (rules: Rules) => HttpProblem | null
  /** The items of a JSON body in their order. Throws a problem that names all that is wrong with it. */
  readonly readWhole: (bytes: Buffer, rules: Rules, signal: AbortSignal) => Promise<readonly C[]>
  readonly openLines: (open: () => AsyncIterable<Buffer>) => PostedLines<C>
}

/** A body of JSON lines. */
export interface PostedLines<C> {
  readonly source: Source<C>
  readonly refuse: (entry: Entry<C>) => EntryFault | null
  /** What the first line is that was neither taken nor left out; asked once sending has stopped there. */
  readonly stop: () => LineStop
}

export interface LineStop {
  readonly kind: ProblemKind
  /** Behind `line 3 is`. */
  readonly word: string
}

interface Query {
  readonly wait?: 'applied'
  readonly timeout?: number
  readonly 'skip-invalid'?: boolean
}

/** Of JSON bodies that are at work; what becomes of one takes several times as much memory. */
const WORKING_BYTES_MAX = 32 * 1024 * 1024

/** Adds a route; all of them share the memory that bodies may take. */
export type AddPosting = <C>(posting: Posting<C>) => void

export function createPosting(app: FastifyInstance, ports: PostingPorts): AddPosting {
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

  /** Runs `work` when there is memory for what becomes of so many bytes. */
  async function withRoom<T>(bytes: number, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const hasRoom = await Promise.race([
      working.wait(),
      sleep(limits.appendMs, 'late', { signal, ref: false }),
    ])
    if (hasRoom === 'late') {
      throw problem('too-busy', 'too much is being written already; try again later', {
        headers: { 'retry-after': '1' },
      })
    }
    working.take(bytes)
    try {
      return await work()
    } finally {
      working.give(bytes)
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

  return (posting) => {
    const { path, description, sender, refuse, readWhole } = posting

    function postWhole(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
      const body = request.body as Buffer
      const signal = goneSignal(reply, closing.signal)
      return withRoom(body.length, signal, async () => {
        const rules = writing.rules()
        const outcomes = await sender.append(await readWhole(body, rules, signal))
        return answerWhole(request, reply, outcomes, rules.catalogue.offset, signal)
      })
    }

    async function postLines(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
      const query = request.query as Query
      const signal = goneSignal(reply, closing.signal)
      const send: Parameters<typeof answerAtEnd>[1] = (listener) =>
        sendLines(request, ports, posting, {
          ...listener,
          skipInvalid: query['skip-invalid'] === true,
          signal,
        })
      const wait: AwaitApplied = ({ places }) =>
        awaitApplied(query, places, writing.rules().catalogue.offset, signal)
      return wantsLines(request)
        ? answerAsLines(request, reply, limits.idleMs, send, wait)
        : answerAtEnd(reply, send, wait)
    }

    app.post(
      path,
      {
        schema: description.schema,
        config: { requestBody: description.body },
        async onRequest(request) {
          refuseEncoding(request)
          await requireReady()
          const refusal = refuse(writing.rules())
          if (refusal !== null) throw refusal
        },
      },
      (request, reply) => (isJsonLines(request) ? postLines(request, reply) : postWhole(request, reply)),
    )
  }
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
