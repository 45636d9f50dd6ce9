// A body of JSON lines: mutations of any number, sent as they come, and what becomes of each told as it becomes known.

import type { Readable } from 'node:stream'
import type { FastifyRequest } from 'fastify'
import { createChangeSource } from '../../writer/json-source.ts'
import { type SendResult, sendSource } from '../../writer/send.ts'
import { createTieCheck } from '../../writer/ties.ts'
import { addPlace, type Places } from '../applied.ts'
import { bodyChunks } from '../body.ts'
import { type HttpProblem, problem, type WrongPlace } from '../problem.ts'
import { idJson } from './ids.ts'
import type { MutationsPorts } from './ports.ts'
import { clockProblem, troubleProblem } from './trouble.ts'

/** Rows whose timestamps are remembered, to find lines that contradict each other. */
export const TIES_ROWS = 10_000
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
export async function sendLines(
  request: FastifyRequest,
  { writing, explainLog, limits }: MutationsPorts,
  { skipInvalid, signal, onIds, room }: LinesOptions,
): Promise<SentLines> {
  const places = new Map<number, { least: bigint; greatest: bigint }>()
  const source = createChangeSource(
    () => bodyChunks(request.body as Readable, limits),
    () => writing.rules().catalogue,
  )
  const result = await sendSource(source, {
    sender: writing,
    skipInvalid,
    latestNs: () => writing.rules().latestNs,
    ties: createTieCheck(TIES_ROWS),
    signal,
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
    return problem(
      'invalid-mutation',
      `line ${first.line} is not valid: ${first.what}; ${durable} before it are durable, and nothing behind it was sent: mend it and go on from there, or leave such lines out with skip-invalid=true`,
      { where: sent.problems.map(toPlace), members },
    )
  }
}

function toPlace({ line, what }: { readonly line: number; readonly what: string }): WrongPlace {
  return { in: 'body', at: '', line, detail: what }
}
