// The answers to a body of JSON lines: one object at the end, or a line for each id as soon as it is durable.

import type { FastifyReply, FastifyRequest } from 'fastify'
import { toJson } from '../../codec/exact-json.ts'
import { createChannel } from '../../log/channel.ts'
import { JSON_LINES_TYPE } from '../body.ts'
import { type HttpProblem, problem, problemDocument } from '../problem.ts'
import { sendParts } from '../slow.ts'
import type { LinesOptions, SentLines } from './lines.ts'

/** An answer of one object names so many ids at most. */
export const IDS_MAX = 10_000
/** Ids that wait for the client to take them, in characters; what is on its way comes on top. */
const WAITING_CHARS_MAX = 256 * 1024

export type Send = (listener: Pick<LinesOptions, 'onIds' | 'room'>) => Promise<SentLines>
/** Undefined where nobody asked. */
export type AwaitApplied = (sent: SentLines) => Promise<boolean | undefined>

/** Whether the client asks for ids as they become durable. */
export function wantsLines({ headers }: FastifyRequest): boolean {
  return (headers.accept ?? '').toLowerCase().includes(JSON_LINES_TYPE)
}

export async function answerAtEnd(
  reply: FastifyReply,
  send: Send,
  awaitApplied: AwaitApplied,
): Promise<FastifyReply> {
  let ids: { readonly line: number; readonly json: string }[] | null = []
  const sent = await send({
    onIds(more) {
      if (ids !== null && ids.length + more.length <= IDS_MAX) ids.push(...more)
      else ids = null
    },
    room: async () => {},
  })
  const { durable, skipped, skippedPlaces } = sent
  // Appends are answered as they are, and lines are looked up in their order.
  const json =
    ids === null
      ? 'null'
      : `[${ids
          .sort((a, b) => a.line - b.line)
          .map((id) => id.json)
          .join(',')}]`
  if (sent.problem !== null) throw withIds(sent.problem, json)
  const applied = await awaitApplied(sent)
  const members: Record<string, unknown> = { durable, skipped }
  if (skippedPlaces.length > 0) members.where = skippedPlaces
  if (applied !== undefined) members.applied = applied
  if (ids === null)
    members.note = `more than ${IDS_MAX} ids: with Accept: ${JSON_LINES_TYPE} all are answered`
  return reply
    .code(applied === false ? 202 : 200)
    .type('application/json; charset=utf-8')
    .send(`${toJson(members).slice(0, -1)},"ids":${json}}`)
}

function withIds({ kind, message, options }: HttpProblem, ids: string): HttpProblem {
  // Read back: few ids, each of which is small.
  const members = { ...options.members, ids: JSON.parse(ids, keepDigits) }
  return problem(kind, message, { ...options, members })
}

function keepDigits(this: unknown, name: string, value: unknown, context?: { source?: string }): unknown {
  return name === 'offset' ? BigInt(context?.source ?? String(value)) : value
}

export async function answerAsLines(
  request: FastifyRequest,
  reply: FastifyReply,
  stallMs: number,
  send: Send,
  awaitApplied: AwaitApplied,
): Promise<FastifyReply> {
  const channel = createChannel<string>(WAITING_CHARS_MAX)
  reply.raw.once('close', channel.end)
  let hasBegun = false
  const work = async (): Promise<void> => {
    const sent = await send({
      onIds(ids) {
        hasBegun = true
        const text = `${ids.map(({ json }) => json).join('\n')}\n`
        channel.push(text, text.length)
      },
      room: channel.room,
    })
    // As long as nothing is said, the status still can say it.
    if (sent.problem !== null && !hasBegun) throw sent.problem
    const applied = sent.problem === null ? await awaitApplied(sent) : undefined
    channel.push(`${summaryJson(sent, applied, request.id)}\n`, 0)
    channel.end()
  }
  work().catch(channel.fail)
  const first = await channel.next()
  async function* parts(): AsyncGenerator<string> {
    for (let part = first; part !== undefined; part = await channel.next()) yield part
  }
  reply.type(JSON_LINES_TYPE).header('cache-control', 'no-store')
  return sendParts(request, reply, parts(), stallMs)
}

function summaryJson(
  { durable, skipped, skippedPlaces, problem }: SentLines,
  applied: boolean | undefined,
  requestId: string,
): string {
  return toJson({
    durable,
    skipped,
    ...(skippedPlaces.length === 0 ? {} : { where: skippedPlaces }),
    ...(applied === undefined ? {} : { applied }),
    problem: problem === null ? null : problemDocument(problem, requestId),
  })
}
