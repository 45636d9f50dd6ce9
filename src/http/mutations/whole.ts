// A JSON body: one mutation or an array of them, checked whole before anything is sent.

import { isUtf8 } from 'node:buffer'
import { setImmediate as turn } from 'node:timers/promises'
import { parseJson } from '../../codec/json.ts'
import { parseJsonItems } from '../../codec/json-items.ts'
import { CHANGE_DEPTH_MAX, readChange, type TypedChange } from '../../codec/line.ts'
import { checkSource } from '../../writer/check.ts'
import { toEntry } from '../../writer/json-source.ts'
import type { Entry, LineProblem } from '../../writer/source.ts'
import type { Rules } from '../../writer/target.ts'
import { problem, type WrongPlace } from '../problem.ts'

/** Beyond these it is enough to know how many there are. */
const PLACES_MAX = 100
/** Others get their turn after so many items. */
const TURN_ITEMS = 500

/** The changes of a body in their order. Throws a problem that names all that is wrong with it. */
export async function readWhole(
  bytes: Buffer,
  rules: Rules,
  signal: AbortSignal,
): Promise<readonly TypedChange[]> {
  if (!isUtf8(bytes)) throw problem('bad-request', 'the body is not UTF-8; send JSON in UTF-8')
  const text = bytes.toString('utf8')
  const isArray = /^[ \t\r\n]*\[/.test(text)
  const entries = isArray ? await readItems(text, rules) : [readOne(text, rules)]
  await check(entries, isArray, rules, signal)
  return entries.flatMap((entry) => (entry.type === 'change' ? [entry.change] : []))
}

function readOne(text: string, { catalogue }: Rules): Entry {
  const parsed = parseJson(text, CHANGE_DEPTH_MAX)
  if (parsed.type === 'refused') throw notJson(parsed.detail)
  return toEntry(0, readChange(parsed.value, catalogue))
}

async function readItems(text: string, { catalogue }: Rules): Promise<readonly Entry[]> {
  const entries: Entry[] = []
  for (const parsed of parseJsonItems(text, CHANGE_DEPTH_MAX)) {
    if (parsed.type === 'refused') throw notJson(parsed.detail)
    entries.push(toEntry(entries.length, readChange(parsed.value, catalogue)))
    if (entries.length % TURN_ITEMS === 0) await turn()
  }
  return entries
}

function notJson(detail: string) {
  return problem('bad-request', `the body is not valid JSON: ${detail}`)
}

async function check(
  entries: readonly Entry[],
  isArray: boolean,
  { latestNs }: Rules,
  signal: AbortSignal,
): Promise<void> {
  async function* source(): AsyncGenerator<readonly Entry[]> {
    for (let at = 0; at < entries.length; at += TURN_ITEMS) {
      yield entries.slice(at, at + TURN_ITEMS)
      if (at > 0) await turn()
    }
  }
  const result = await checkSource(source, {
    latestNs,
    ties: null,
    signal,
    onProgress: () => {},
    problemsKept: PLACES_MAX,
    unit: 'item',
  })
  const toPlace = ({ line, what }: LineProblem): WrongPlace => ({
    in: 'body',
    at: isArray ? `/${line}` : '',
    detail: what,
  })
  if (result.invalid > 0) {
    const words = isArray
      ? `${result.invalid} of ${entries.length} mutations are not valid; nothing was written: mend what "where" names`
      : `the mutation is not valid, and was not written: ${result.problems[0]!.what}`
    throw problem('invalid-mutation', words, {
      where: result.problems.map(toPlace),
      members: { invalid: result.invalid, durable: 0 },
    })
  }
  if (result.ties > 0) {
    throw problem(
      'contradicting-mutations',
      'mutations with one timestamp disagree about a row; nothing was written: give one of the two another timestamp, or take it out',
      { where: result.tieProblems.map(toPlace), members: { invalid: result.ties, durable: 0 } },
    )
  }
}
