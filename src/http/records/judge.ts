// What every node will make of a record, as far as it can be known before the log has it.

import { explainReason, type QuarantineReason } from '../../codec/reasons.ts'
import type { LogRecord } from '../../codec/record.ts'
import { SIGNATURE_HEADER } from '../../codec/signing/header.ts'
import { type ProveAll, UNSIGNED } from '../../codec/signing/proof.ts'
import { createJudge, type Judge, type Verdict } from '../../codec/verdict.ts'
import type { LogGenesis } from '../../log/check.ts'
import type { MadeRecord } from '../../writer/relay.ts'
import type { Rules } from '../../writer/target.ts'
import type { ProblemKind } from '../problem.ts'
import type { PostedRecord, ReadRecord } from './read.ts'

export interface RecordFault {
  readonly kind: Extract<ProblemKind, 'invalid-record' | 'bad-signature' | 'not-allowed' | 'log-closed'>
  /** For which every node would set it aside; null where it is no record at all. */
  readonly reason: string | null
  readonly detail: string
}

export type JudgedRecord =
  | { readonly type: 'record'; readonly record: MadeRecord }
  | { readonly type: 'refused'; readonly fault: RecordFault }

export type JudgeRecords = (
  records: readonly PostedRecord[],
  rules: Rules,
) => Promise<readonly JudgedRecord[]>

/**
 * Judges as a node does, by the definitions and the policy that this machine knows, and by its clock in the log's place.
 * It spares others what would come to nothing; it decides nothing, because every node judges for itself.
 */
export function createRecordJudge(prove: ProveAll): JudgeRecords {
  let held: { readonly genesis: LogGenesis; readonly judge: Judge } | null = null

  const judgeOf = (genesis: LogGenesis): Judge => {
    if (held?.genesis !== genesis) held = { genesis, judge: createJudge(genesis) }
    return held.judge
  }

  return async (posted, { genesis, catalogue, standing, latestNs }) => {
    const appendMs = latestNs / NS_PER_MS - genesis.maxClockAheadMs
    const records = posted.map((each) => toLogRecord(each, appendMs))
    const proofs = standing.type === 'guarded' ? await prove(genesis.logId, records) : []
    const judge = judgeOf(genesis)
    return posted.map((each, i) => {
      const verdict = judge(records[i]!, catalogue, standing, proofs[i] ?? UNSIGNED)
      return toJudged(each, verdict)
    })
  }
}

/** The same of what was read, some of which may be no record at all. */
export async function judgeRead(
  read: readonly ReadRecord[],
  rules: Rules,
  judge: JudgeRecords,
): Promise<readonly JudgedRecord[]> {
  const judged = await judge(
    read.flatMap((each) => (each.type === 'record' ? [each.record] : [])),
    rules,
  )
  let next = 0
  return read.map((each) =>
    each.type === 'record' ? judged[next++]! : refuse('invalid-record', null, each.detail),
  )
}

const NS_PER_MS = 1_000_000n

/** Which partition it will be in, decides nothing but that it is not among the definitions. */
function toLogRecord({ value, signature }: PostedRecord, appendMs: bigint): LogRecord {
  const headers = signature === null ? [] : [{ name: SIGNATURE_HEADER, value: signature }]
  return { partition: 0, offset: 0n, appendMs, stampedByLog: true, key: null, value, headers }
}

function toJudged({ value, signature }: PostedRecord, verdict: Verdict): JudgedRecord {
  switch (verdict.type) {
    case 'merge': {
      const { stamp, dataset, key } = verdict.mutation
      return { type: 'record', record: { stamp, dataset, key, value, signature } }
    }
    case 'parked':
      return refuse(
        'invalid-record',
        verdict.reason,
        `no definition allows it so far: ${explain(verdict.reason, verdict.detail)}`,
      )
    case 'quarantined':
      return refuse(KINDS[verdict.reason] ?? 'invalid-record', verdict.reason, wordsOf(verdict))
    case 'control':
      return refuse(
        'invalid-record',
        null,
        `it is a control record (${verdict.control.kind}), and only mutations are taken here; the commands of spindexer append those`,
      )
  }
}

const KINDS: Readonly<Partial<Record<QuarantineReason, RecordFault['kind']>>> = {
  'bad-signature': 'bad-signature',
  unsigned: 'not-allowed',
  'not-allowed': 'not-allowed',
  closed: 'log-closed',
}

function wordsOf({ reason, detail }: Extract<Verdict, { type: 'quarantined' }>): string {
  // What a policy says is a sentence of its own: its version, the rule, the signer.
  if (KINDS[reason] === 'not-allowed') return detail
  return `every node would quarantine it: ${explain(reason, detail)}`
}

/** The meaning in half a sentence, and the particulars. */
function explain(reason: string, detail: string): string {
  const meaning = explainReason(reason)?.meaning.replace(/\.$/, '') ?? reason
  const half = meaning.charAt(0).toLowerCase() + meaning.slice(1)
  return detail === '' ? half : `${half} (${detail})`
}

function refuse(kind: RecordFault['kind'], reason: string | null, detail: string): JudgedRecord {
  return { type: 'refused', fault: { kind, reason, detail } }
}
