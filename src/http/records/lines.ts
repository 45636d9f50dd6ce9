// A body of records as JSON lines: judged as they come, some at a time.

import { parseJson } from '../../codec/json.ts'
import { CHANGE_DEPTH_MAX } from '../../codec/line.ts'
import { type Line, readLines } from '../../writer/lines.ts'
import type { MadeRecord } from '../../writer/relay.ts'
import type { Entry } from '../../writer/source.ts'
import type { Rules } from '../../writer/target.ts'
import type { PostedLines } from '../posting/routes.ts'
import { type JudgeRecords, judgeRead, type RecordFault } from './judge.ts'
import { type ReadRecord, readRecord } from './read.ts'

const STOPS: Readonly<Record<RecordFault['kind'], string>> = {
  'log-closed': 'not taken',
  'invalid-record': 'not valid',
  'bad-signature': 'not valid',
  'not-allowed': 'not allowed',
}

export function openRecordLines(
  open: () => AsyncIterable<Buffer>,
  rules: () => Rules,
  judge: JudgeRecords,
): PostedLines<MadeRecord> {
  /** Of the entries that are at hand, by their line; those that went before do not matter any more. */
  let faults: ReadonlyMap<number, RecordFault> = new Map()
  let stopKind: RecordFault['kind'] = 'invalid-record'

  async function* source(): AsyncGenerator<readonly Entry<MadeRecord>[]> {
    for await (const lines of readLines(open())) {
      const judged = await judgeRead(lines.map(readLine), rules(), judge)
      const found = new Map<number, RecordFault>()
      const entries = lines.map(({ number: line }, i): Entry<MadeRecord> => {
        const each = judged[i]!
        if (each.type === 'record') return { type: 'change', line, change: each.record }
        found.set(line, each.fault)
        return { type: 'bad', line, fault: each.fault.detail }
      })
      faults = found
      yield entries
    }
  }

  return {
    source,
    refuse(entry) {
      if (entry.type === 'change') return null
      const kind = faults.get(entry.line)?.kind ?? 'invalid-record'
      stopKind = kind
      // Behind a close nothing is taken any more.
      return { what: entry.fault, canBeSkipped: kind !== 'log-closed' }
    },
    stop: () => ({ kind: stopKind, word: STOPS[stopKind] }),
  }
}

function readLine(line: Line): ReadRecord {
  if (line.type === 'bad') return { type: 'refused', detail: line.fault }
  const parsed = parseJson(line.text, CHANGE_DEPTH_MAX)
  return parsed.type === 'refused'
    ? { type: 'refused', detail: `not valid JSON: ${parsed.detail}` }
    : readRecord(parsed.value)
}
