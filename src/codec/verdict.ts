// The verdict on a record: merged, parked, quarantined or a control record. A pure function of the record, of the log's rules and of the definitions.

import type { Mutation } from '../crdt/mutation.ts'
import { STAMP_TIME_END, timeToHex } from '../crdt/stamp.ts'
import { decodeMutation } from './avro.ts'
import { createCursor } from './avro-cursor.ts'
import type { Catalogue, Dataset } from './catalogue.ts'
import { type Control, parseControl } from './control.ts'
import { CONTROL_MAGIC, findAvro } from './framing.ts'
import { quoteJson } from './json.ts'
import { VALUE_BYTES_MAX } from './limits.ts'
import type { ParkReason, QuarantineReason } from './reasons.ts'
import { DEFINITIONS, type Header, type LogRecord } from './record.ts'
import { refuseKeyText, refuseValue } from './values.ts'

export type Verdict =
  | { readonly type: 'merge'; readonly mutation: Mutation }
  | {
      readonly type: 'parked'
      readonly mutation: Mutation
      readonly dataset: string
      readonly reason: ParkReason
      readonly detail: string
    }
  | {
      readonly type: 'quarantined'
      /** Null where the message does not decode so far. */
      readonly dataset: string | null
      readonly reason: QuarantineReason
      readonly detail: string
    }
  | { readonly type: 'control'; readonly control: Control }

export type Judge = (record: LogRecord, catalogue: Catalogue) => Verdict

export interface JudgeOptions {
  readonly logId: string
  /** Milliseconds, from the log's genesis. */
  readonly maxClockAheadMs: bigint
}

/**
 * A judge of one log. What it keeps between two records (names, the clock rule's limit) saves time and decides
 * nothing: it answers alike whatever it was asked before.
 */
export function createJudge({ logId, maxClockAheadMs }: JudgeOptions): Judge {
  const cursor = createCursor()
  let limitOfMs = -1n
  let limit = ''

  return (record, catalogue) => {
    const { value } = record
    if (value === null) return quarantine('no-value', '')
    if (!record.stampedByLog) return quarantine('not-log-time', '')
    const headerFault = record.headers.length === 0 ? null : judgeHeaders(record.headers)
    if (headerFault !== null) return headerFault
    if (value.length > VALUE_BYTES_MAX) return quarantine('too-large', `it has ${value.length} bytes`)
    if (value[0] === CONTROL_MAGIC) return judgeControl(record.partition, value, logId)
    const start = findAvro(value)
    if (typeof start === 'string') return quarantine(start, '')
    const decoded = decodeMutation(value, start, cursor)
    if (decoded.type === 'quarantined') return decoded
    const { mutation } = decoded
    if (record.partition === DEFINITIONS) return quarantine('mutation-in-definitions', '', mutation.dataset)
    // The records of a batch share their append time.
    if (record.appendMs !== limitOfMs || limit === '') {
      limitOfMs = record.appendMs
      limit = greatestStamp(limitOfMs + maxClockAheadMs)
    }
    if (mutation.stamp > limit) return quarantine('clock-ahead', aheadBy(mutation, record), mutation.dataset)
    const dataset = catalogue.datasets.get(mutation.dataset)
    if (dataset === undefined) return park(mutation, 'unknown-dataset', '')
    return judgeByDefinition(mutation, dataset)
  }
}

function quarantine(reason: QuarantineReason, detail: string, dataset: string | null = null): Verdict {
  return { type: 'quarantined', dataset, reason, detail }
}

function park(mutation: Mutation, reason: ParkReason, detail: string): Verdict {
  return { type: 'parked', mutation, dataset: mutation.dataset, reason, detail }
}

const OUR_PREFIX = 'spindexer-'
const OUR_HEADERS: ReadonlySet<string> = new Set(['spindexer-signature', 'spindexer-quarantined'])

function judgeHeaders(headers: readonly Header[]): Verdict | null {
  const seen = new Set<string>()
  for (const { name } of headers) {
    if (!name.startsWith(OUR_PREFIX)) continue
    if (!OUR_HEADERS.has(name)) return quarantine('unknown-header', shorten(quoteJson(name)))
    if (seen.has(name)) return quarantine('repeated-header', name)
    seen.add(name)
  }
  return seen.has('spindexer-quarantined') ? quarantine('marked', '') : null
}

function judgeControl(partition: number, value: Buffer, logId: string): Verdict {
  const parsed = parseControl(value)
  if (parsed.type === 'quarantined') return quarantine(parsed.reason, shorten(parsed.detail))
  const { control } = parsed
  if (control.kind === 'genesis' && control.logId !== logId) {
    return quarantine('foreign-genesis', `it names log ${control.logId}`)
  }
  if (control.kind === 'dataset' && partition !== DEFINITIONS) return quarantine('dataset-in-data', '')
  return parsed
}

/** The greatest stamp that a record may have whose append time and allowance add up to `ms`: `-` is below every one. */
function greatestStamp(ms: bigint): string {
  const timeNs = ms * 1_000_000n
  if (timeNs < 0n) return '-'
  return timeNs < STAMP_TIME_END ? `${timeToHex(timeNs)}ffffffffffffffff` : 'f'.repeat(32)
}

function aheadBy(mutation: Mutation, record: LogRecord): string {
  const aheadMs = BigInt(`0x${mutation.stamp.slice(0, 16)}`) / 1_000_000n - record.appendMs
  return `the stamp is ${aheadMs} ms ahead of the append time`
}

function judgeByDefinition(mutation: Mutation, dataset: Dataset): Verdict {
  const { key, columns } = mutation
  if (key.length !== dataset.key.length) {
    return park(
      mutation,
      'wrong-key',
      `it has ${key.length} texts, the dataset ${dataset.key.length} key columns`,
    )
  }
  for (let i = 0; i < key.length; i++) {
    const column = dataset.key[i]!
    const fault = refuseKeyText(column, key[i]!)
    if (fault === null) continue
    const reason = column.symbols === null ? 'wrong-key' : 'unknown-symbol'
    return park(mutation, reason, `key column ${column.name}: ${fault}`)
  }
  for (const [name, value] of columns) {
    const column = dataset.columns.get(name)
    if (column === undefined) return judgeUnknownColumn(mutation, dataset, name)
    const fault = refuseValue(column, value)
    if (fault === null) continue
    const reason = column.symbols !== null && typeof value === 'string' ? 'unknown-symbol' : 'wrong-value'
    return park(mutation, reason, `column ${name}: ${fault}`)
  }
  return { type: 'merge', mutation }
}

function judgeUnknownColumn(mutation: Mutation, dataset: Dataset, name: string): Verdict {
  const isKey = dataset.key.some((column) => column.name === name)
  return park(mutation, isKey ? 'key-as-column' : 'unknown-column', name)
}

const DETAIL_MAX = 200

function shorten(text: string): string {
  return text.length <= DETAIL_MAX ? text : `${text.slice(0, DETAIL_MAX - 1)}…`.toWellFormed()
}
