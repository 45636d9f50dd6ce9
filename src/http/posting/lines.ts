// A body of JSON lines: items of any number, sent as they come, and what becomes of each told as it becomes known.

import type { Readable } from 'node:stream'
import type { FastifyRequest } from 'fastify'
import { type SendResult, sendEntries } from '../../writer/send.ts'
import { addPlace, type Places } from '../applied.ts'
import { bodyChunks } from '../body.ts'
import { type HttpProblem, problem, type WrongPlace } from '../problem.ts'
import { idJson } from './ids.ts'
import type { PostingPorts } from './ports.ts'
import type { Posting } from './routes.ts'
import { clockProblem, troubleProblem } from './trouble.ts'

const PLACES_MAX = 100

export interface LinesOptions {
  readonly skipInvalid: boolean
  readonly signal: AbortSignal
  /** Is given the ids of lines that have become durable, in no certain order. */
  readonly onIds: (ids: readonly { readonly line: number; readonly json: string }[]) => void
  /** Resolves when more ids can be given. */
  readonly room: () => Promise<void>
}

export interface SentLines {
  readonly durable: number
  readonly skipped: number
  readonly skippedPlaces: readonly WrongPlace[]
  readonly places: Places
  /** Why it ended before the body did, or null. */
  readonly problem: HttpProblem | null
}

/** Resolves when everything that was sent is settled. */
export async function sendLines<C>(
  request: FastifyRequest,
  { explainLog, limits }: PostingPorts,
  { sender, bytesOf, openLines }: Posting<C>,
  { skipInvalid, signal, onIds, room }: LinesOptions,
): Promise<SentLines> {
  const places = new Map<number, { least: bigint; greatest: bigint }>()
  const { source, refuse, stop } = openLines(() => bodyChunks(request.body as Readable, limits))
  const result = await sendEntries(source, {
    ...{ sender, bytesOf, refuse, skipInvalid, signal },
    onProgress: () => {},
    problemsKept: PLACES_MAX,
    listenerRoom: room,
    onSent(entries, outcomes) {
      const ids = entries.flatMap(({ line }, i) => {
        const outcome = outcomes[i]!
        if (outcome.type !== 'durable') return []
        addPlace(places, outcome.appended)
        return [{ line, json: idJson(outcome, line) }]
      })
      if (ids.length > 0) onIds(ids)
    },
  })
  const { durable, skipped } = result
  return {
    durable,
    skipped,
    skippedPlaces: result.skippedProblems.map(toPlace),
    places,
    problem: toProblem(result),
  }

  function toProblem(sent: SendResult): HttpProblem | null {
    const members = { durable, skipped }
    if (sent.type === 'done') return null
    if (sent.type === 'failed') {
      if (request.raw.destroyed && !request.raw.complete) {
        return problem('bad-request', 'the connection ended in the middle of the body', { members })
      }
      return troubleProblem(sent.error, explainLog, members)
    }
    const first = sent.problems[0]
    if (sent.refused > 0) return clockProblem(first!.what, { ...members, refused: sent.refused })
    if (first === undefined) {
      return problem('stopping', 'the node is about to stop; go on behind what is durable', {
        headers: { 'retry-after': '1' },
        members,
      })
    }
    const { kind, word } = stop()
    return problem(
      kind,
      `line ${first.line} is ${word}: ${first.what}; ${durable} before it are durable, and nothing behind it was sent: mend it and go on from there, or leave such lines out with skip-invalid=true`,
      { where: sent.problems.map(toPlace), members },
    )
  }
}

function toPlace({ line, what }: { readonly line: number; readonly what: string }): WrongPlace {
  return { in: 'body', at: '', line, detail: what }
}
