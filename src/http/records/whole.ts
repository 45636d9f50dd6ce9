// A JSON body of records: one or an array of them, judged whole before anything is passed on.

import { setImmediate as turn } from 'node:timers/promises'
import type { MadeRecord } from '../../writer/relay.ts'
import type { Rules } from '../../writer/target.ts'
import { PLACES_MAX, pointerTo, readItems, TURN_ITEMS } from '../posting/items.ts'
import { type HttpProblem, problem, type WrongPlace } from '../problem.ts'
import { type JudgedRecord, type JudgeRecords, judgeRead, type RecordFault } from './judge.ts'
import { readRecord } from './read.ts'

/** The records of a body in their order. Throws a problem that names all that is wrong with it. */
export async function readWholeRecords(
  bytes: Buffer,
  rules: Rules,
  signal: AbortSignal,
  judge: JudgeRecords,
): Promise<readonly MadeRecord[]> {
  const { items, isArray } = await readItems(bytes, readRecord)
  const records: MadeRecord[] = []
  const faults: NumberedFault[] = []
  for (let at = 0; at < items.length; at += TURN_ITEMS) {
    signal.throwIfAborted()
    const judged = await judgeRead(items.slice(at, at + TURN_ITEMS), rules, judge)
    for (const [i, each] of judged.entries()) take(each, at + i)
    await turn()
  }
  if (faults.length > 0) throw wholeProblem(faults, items.length, isArray, rules)
  return records

  function take(judged: JudgedRecord, number: number): void {
    if (judged.type === 'record') records.push(judged.record)
    else faults.push({ ...judged.fault, number })
  }
}

interface NumberedFault extends RecordFault {
  readonly number: number
}

/** What is wrong for good is told before what another policy may allow. */
const GRAVEST: readonly RecordFault['kind'][] = [
  'log-closed',
  'invalid-record',
  'bad-signature',
  'not-allowed',
]
const WORDS: Readonly<Record<RecordFault['kind'], string>> = {
  'log-closed': 'are not taken',
  'invalid-record': 'are not valid',
  'bad-signature': 'have a signature that proves nothing',
  'not-allowed': 'are not allowed',
}

function wholeProblem(
  faults: readonly NumberedFault[],
  count: number,
  isArray: boolean,
  { standing }: Rules,
): HttpProblem {
  const kind = GRAVEST.find((each) => faults.some((fault) => fault.kind === each))!
  const detail = isArray
    ? `${faults.length} of ${count} records ${WORDS[kind]}; nothing was written: mend what "where" names`
    : `the record was not written: ${faults[0]!.detail}`
  return problem(kind, detail, {
    where: faults.slice(0, PLACES_MAX).map((fault) => toPlace(fault, isArray)),
    members: {
      invalid: faults.length,
      durable: 0,
      ...(standing.type === 'guarded' ? { policyVersion: standing.version } : {}),
    },
  })
}

function toPlace({ number, reason, detail }: NumberedFault, isArray: boolean): WrongPlace {
  const place = { in: 'body', at: pointerTo(number, isArray), detail } as const
  return reason === null ? place : { ...place, reason }
}
