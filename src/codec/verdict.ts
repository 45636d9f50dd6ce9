// The verdict on a record: merged, parked, quarantined or a control record. A pure function of the record, of the log's rules, of what stands before it in its partition and of the definitions.

import type { Mutation } from '../crdt/mutation.ts'
import { STAMP_TIME_END, timeToHex } from '../crdt/stamp.ts'
import { decodeMutation } from './avro.ts'
import { createCursor } from './avro-cursor.ts'
import type { Catalogue, Dataset } from './catalogue.ts'
import { type Control, parseControl } from './control.ts'
import { CONTROL_MAGIC, findAvro } from './framing.ts'
import { VALUE_BYTES_MAX } from './limits.ts'
import { permit } from './policy/rights.ts'
import {
  close,
  type GuardedStanding,
  OPEN,
  refuseStranger,
  type Standing,
  succeed,
} from './policy/standing.ts'
import type { ParkReason, QuarantineReason } from './reasons.ts'
import { DEFINITIONS, type Header, type LogRecord } from './record.ts'
import { type Proof, UNSIGNED } from './signing/proof.ts'
import type { Signer } from './signing/signer-key.ts'
import { refuseKeyText, refuseValue } from './values.ts'
import { quoteShort, shorten } from './words.ts'

/**
 * What has to be defined before another verdict on a parked message is possible at all: a column of its dataset (that
 * it exists, or that its symbols are more), the dataset itself (FIRST_DEFINITION), or null: nothing can. Other things
 * may be wrong with the message too; a definition that does not bring this one leaves it parked for the same reason.
 */
export type WaitsFor = string | null

/** No column has this name. */
export const FIRST_DEFINITION = ''

export type Verdict =
  | { readonly type: 'merge'; readonly mutation: Mutation; readonly signer: Signer }
  | {
      readonly type: 'parked'
      readonly mutation: Mutation
      readonly signer: Signer
      readonly dataset: string
      readonly reason: ParkReason
      readonly detail: string
      readonly waitsFor: WaitsFor
    }
  | {
      readonly type: 'quarantined'
      /** Null where the message does not decode so far. */
      readonly dataset: string | null
      readonly reason: QuarantineReason
      readonly detail: string
    }
  /** `standing` is what holds behind it. */
  | { readonly type: 'control'; readonly control: Control; readonly standing: Standing }

/** `standing` is what holds at the record's place in its partition, `proof` what its signature proves. */
export type Judge = (record: LogRecord, catalogue: Catalogue, standing: Standing, proof: Proof) => Verdict

/** All from the log's genesis. */
export interface JudgeOptions extends OpenJudgeOptions {
  readonly generation: number
}

export interface OpenJudgeOptions {
  readonly logId: string
  /** Milliseconds. */
  readonly maxClockAheadMs: bigint
}

/**
 * A judge for which neither signature nor policy decides anything: of an open log, and of messages that have passed the
 * policy already.
 */
export type OpenJudge = (record: LogRecord, catalogue: Catalogue) => Verdict

export function createOpenJudge(options: OpenJudgeOptions): OpenJudge {
  // Of which generation a log is, only the closes of a guarded one look at.
  const judge = createJudge({ ...options, generation: 0 })
  return (record, catalogue) => judge(record, catalogue, OPEN, UNSIGNED)
}

/**
 * A judge of one log. What it keeps between two records (names, the clock rule's limit) saves time and decides
 * nothing: it answers alike whatever it was asked before.
 */
export function createJudge({ logId, generation, maxClockAheadMs }: JudgeOptions): Judge {
  const cursor = createCursor()
  let limitOfMs = -1n
  let limit = ''

  return (record, catalogue, standing, proof) => {
    const { value } = record
    if (value === null) return quarantine('no-value', '')
    if (!record.stampedByLog) return quarantine('not-log-time', '')
    const headerFault = record.headers.length === 0 ? null : judgeHeaders(record.headers)
    if (headerFault !== null) return headerFault
    const isGuarded = standing.type === 'guarded'
    if (isGuarded && standing.isClosed) return quarantine('closed', '')
    if (isGuarded && proof.type === 'bad') return quarantine('bad-signature', proof.detail)
    const signer = isGuarded && proof.type === 'signed' ? proof.signer : null
    if (value.length > VALUE_BYTES_MAX) return quarantine('too-large', `it has ${value.length} bytes`)
    if (value[0] === CONTROL_MAGIC) {
      const verdict = judgeControl(record.partition, value, logId, standing)
      return isGuarded && verdict.type === 'control'
        ? judgeAuthor(verdict.control, standing, generation, signer)
        : verdict
    }
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
    if (isGuarded) {
      const { operation, columns } = mutation
      const permission = permit(standing, signer, {
        operation,
        dataset: mutation.dataset,
        columns: columns.keys(),
      })
      if (permission.type === 'refused')
        return quarantine(permission.reason, permission.detail, mutation.dataset)
    }
    const dataset = catalogue.datasets.get(mutation.dataset)
    if (dataset === undefined) return park(mutation, signer, 'unknown-dataset', '', FIRST_DEFINITION)
    return judgeByDefinition(mutation, signer, dataset)
  }
}

function quarantine(reason: QuarantineReason, detail: string, dataset: string | null = null): Verdict {
  return { type: 'quarantined', dataset, reason, detail }
}

function park(
  mutation: Mutation,
  signer: Signer,
  reason: ParkReason,
  detail: string,
  waitsFor: WaitsFor,
): Verdict {
  return { type: 'parked', mutation, signer, dataset: mutation.dataset, reason, detail, waitsFor }
}

const OUR_PREFIX = 'spindexer-'
const OUR_HEADERS: ReadonlySet<string> = new Set(['spindexer-signature', 'spindexer-quarantined'])

function judgeHeaders(headers: readonly Header[]): Verdict | null {
  const seen = new Set<string>()
  for (const { name } of headers) {
    if (!name.startsWith(OUR_PREFIX)) continue
    if (!OUR_HEADERS.has(name)) return quarantine('unknown-header', quoteShort(name))
    if (seen.has(name)) return quarantine('repeated-header', name)
    seen.add(name)
  }
  return seen.has('spindexer-quarantined') ? quarantine('marked', '') : null
}

function judgeControl(partition: number, value: Buffer, logId: string, standing: Standing): Verdict {
  const parsed = parseControl(value)
  if (parsed.type === 'quarantined') return quarantine(parsed.reason, shorten(parsed.detail))
  const { control } = parsed
  if (control.kind === 'genesis' && control.logId !== logId) {
    return quarantine('foreign-genesis', `it names log ${control.logId}`)
  }
  if (control.kind === 'dataset' && partition !== DEFINITIONS) return quarantine('dataset-in-data', '')
  return { type: 'control', control, standing }
}

/** A genesis decides nothing but at offset 0, so anybody may append one. */
function judgeAuthor(
  control: Control,
  standing: GuardedStanding,
  generation: number,
  signer: Signer,
): Verdict {
  switch (control.kind) {
    case 'genesis':
      return { type: 'control', control, standing }
    case 'dataset': {
      const stranger = refuseStranger(standing, signer)
      return stranger === null
        ? { type: 'control', control, standing }
        : quarantine(stranger.reason, stranger.detail)
    }
    case 'policy':
    case 'close': {
      const succession =
        control.kind === 'policy'
          ? succeed(standing, control, signer)
          : close(standing, control, generation, signer)
      return succession.type === 'valid'
        ? { type: 'control', control, standing: succession.standing }
        : quarantine(succession.reason, succession.detail)
    }
  }
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

function judgeByDefinition(mutation: Mutation, signer: Signer, dataset: Dataset): Verdict {
  const { key, columns } = mutation
  if (key.length !== dataset.key.length) {
    return park(
      mutation,
      signer,
      'wrong-key',
      `it has ${key.length} texts, the dataset ${dataset.key.length} key columns`,
      null,
    )
  }
  for (let i = 0; i < key.length; i++) {
    const column = dataset.key[i]!
    const fault = refuseKeyText(column, key[i]!)
    if (fault === null) continue
    // A key's type is fixed; its symbols are not.
    const isSymbol = column.symbols !== null
    const reason = isSymbol ? 'unknown-symbol' : 'wrong-key'
    return park(
      mutation,
      signer,
      reason,
      `key column ${column.name}: ${fault}`,
      isSymbol ? column.name : null,
    )
  }
  for (const [name, value] of columns) {
    const column = dataset.columns.get(name)
    if (column === undefined) return judgeUnknownColumn(mutation, signer, dataset, name)
    const fault = refuseValue(column, value)
    if (fault === null) continue
    const isSymbol = column.symbols !== null && typeof value === 'string'
    const reason = isSymbol ? 'unknown-symbol' : 'wrong-value'
    return park(mutation, signer, reason, `column ${name}: ${fault}`, isSymbol ? name : null)
  }
  return { type: 'merge', mutation, signer }
}

function judgeUnknownColumn(mutation: Mutation, signer: Signer, dataset: Dataset, name: string): Verdict {
  const isKey = dataset.key.some((column) => column.name === name)
  return isKey
    ? park(mutation, signer, 'key-as-column', name, null)
    : park(mutation, signer, 'unknown-column', name, name)
}
