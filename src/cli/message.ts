// One message of the log as `quarantine show` tells it: its bytes, what they say, what the rules make of them.

import type { Catalogue } from '../codec/catalogue.ts'
import type { RefusedRecord } from '../codec/definitions.ts'
import { toJson } from '../codec/exact-json.ts'
import { type Inspected, inspectValue } from '../codec/inspect.ts'
import { columnsToJson, inspectedToLine } from '../codec/inspect-json.ts'
import { explainReason } from '../codec/reasons.ts'
import { DEFINITIONS, type LogRecord } from '../codec/record.ts'
import { parseTimestamp } from '../codec/values.ts'
import { createOpenJudge, type Verdict } from '../codec/verdict.ts'
import { escapeJson } from '../codec/words.ts'
import { stampToIso, stampToOrigin, stampToTime } from '../crdt/stamp.ts'
import type { LogGenesis } from '../log/check.ts'
import { msToIso } from './place.ts'

/** What these rules and definitions make of a record; `refused` is a definition that no node takes. */
export interface Judgement {
  readonly type: Verdict['type'] | 'refused'
  readonly reason: string | null
  /** Which byte, column or limit; empty where the reason says it all. */
  readonly detail: string
  readonly meaning: string | null
  readonly remedy: string | null
}

export interface Message {
  readonly record: LogRecord
  readonly inspected: Inspected
  readonly judgement: Judgement
  /** The line of JSON that `publish` takes for it, or null. */
  readonly line: string | null
}

export interface Definitions {
  readonly catalogue: Catalogue
  readonly refused: readonly RefusedRecord[]
}

/** Judges a record as a node does that has taken all these definitions. */
export function describeMessage(record: LogRecord, genesis: LogGenesis, definitions: Definitions): Message {
  const { catalogue } = definitions
  const verdict = createOpenJudge(genesis)(record, catalogue)
  const inspected = inspectValue(record.value ?? Buffer.alloc(0))
  const refusal =
    record.partition === DEFINITIONS
      ? definitions.refused.find(({ offset }) => offset === record.offset)
      : undefined
  const judgement = refusal === undefined || verdict.type === 'quarantined' ? judge(verdict) : refuse(refusal)
  const dataset = inspected.dataset === null ? undefined : catalogue.datasets.get(inspected.dataset)
  return {
    record,
    inspected,
    judgement,
    line: inspectedToLine(inspected, dataset, timeOf(inspected, judgement)),
  }
}

function judge(verdict: Verdict): Judgement {
  switch (verdict.type) {
    case 'merge':
      return { type: 'merge', reason: null, detail: '', meaning: null, remedy: null }
    case 'control':
      return { type: 'control', reason: null, detail: verdict.control.kind, meaning: null, remedy: null }
    default:
      return explain(verdict.type, verdict.reason, verdict.detail)
  }
}

function refuse({ reason, detail }: RefusedRecord): Judgement {
  return explain('refused', reason, detail)
}

function explain(type: Judgement['type'], reason: string, detail: string): Judgement {
  const text = explainReason(reason)
  return { type, reason, detail, meaning: text?.meaning ?? null, remedy: text?.remedy ?? null }
}

/** The time to publish it again with: none where the message's own is what is wrong with it. */
function timeOf({ stamp }: Inspected, { reason }: Judgement): bigint | null {
  if (stamp === null || reason === 'clock-ahead') return null
  const timeNs = stampToTime(stamp)
  return parseTimestamp(timeNs.toString()).type === 'time' ? timeNs : null
}

/** Bytes shown of what does not decode. */
const HEAD_BYTES = 256

/** The message as one JSON object, without a newline; `more` stands in front. */
export function messageToJson(message: Message, more: Readonly<Record<string, unknown>>): string {
  const { record, inspected, judgement, line } = message
  const { framing, schemaId, stop } = inspected
  const plain = toJson({
    ...more,
    appendMs: record.stampedByLog ? record.appendMs : null,
    appendTime: record.stampedByLog ? msToIso(record.appendMs) : null,
    key: record.key === null ? null : textOf(record.key),
    headers: record.headers.map(({ name, value }) => ({ name, value: textOf(value) })),
    size: record.value?.length ?? 0,
    framing,
    schemaId,
    verdict: judgement,
    stop,
    head: isDecoded(message) ? null : textOf((record.value ?? Buffer.alloc(0)).subarray(0, HEAD_BYTES)),
  })
  return `${plain.slice(0, -1)},"control":${controlOf(message) ?? 'null'},"mutation":${mutationToJson(inspected)},"line":${line === null ? 'null' : escapeJson(line)}}`
}

/** True when the value is a whole mutation, or a sound control record. */
export function isDecoded({ inspected, judgement }: Message): boolean {
  if (inspected.framing === 'control') return judgement.reason !== 'bad-control'
  return inspected.stamp !== null && inspected.stop === null
}

/** A sound control record is canonical JSON. */
export function controlOf(message: Message): string | null {
  const isControl = message.inspected.framing === 'control' && isDecoded(message)
  return isControl ? escapeJson(message.record.value!.toString('utf8')) : null
}

function mutationToJson(inspected: Inspected): string {
  const { stamp, seq, operation, dataset, key, columns } = inspected
  if (stamp === null) return 'null'
  const head = toJson({
    stamp,
    timestamp: stampToIso(stamp),
    origin: stampToOrigin(stamp),
    seq,
    operation,
    dataset,
    key,
  })
  return `${head.slice(0, -1)},"columns":${escapeJson(columnsToJson(columns))}}`
}

/** Bytes as text where they are UTF-8, and as hex in any case. */
function textOf(bytes: Uint8Array): { readonly text: string | null; readonly hex: string } {
  return { text: textOrNull(bytes), hex: Buffer.from(bytes).toString('hex') }
}

/** The text that bytes are, or null when they are not UTF-8. */
export function textOrNull(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return null
  }
}
