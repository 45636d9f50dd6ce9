// Records of the log as events: a change with everything that it says, a definition that was taken.

import type { Catalogue, Dataset } from '../../codec/catalogue.ts'
import { judgeOpenDefinitions } from '../../codec/definitions.ts'
import { toJson } from '../../codec/exact-json.ts'
import { branchToJson } from '../../codec/inspect-json.ts'
import { quoteJson } from '../../codec/json.ts'
import type { LogRecord } from '../../codec/record.ts'
import type { Signer } from '../../codec/signing/signer-key.ts'
import { keyTextToJson, valueToJson } from '../../codec/values.ts'
import type { Verdict } from '../../codec/verdict.ts'
import type { Mutation } from '../../crdt/mutation.ts'
import { stampToIso, stampToOrigin } from '../../crdt/stamp.ts'
import { describeDataset } from '../datasets.ts'

export interface ChangeEvent {
  readonly dataset: string
  readonly offset: bigint
  /** Fields of an event of a stream, without the empty line behind them. */
  readonly text: string
}

/** Null for what is no change: quarantined messages, control records. `signer` is who has signed it. */
export function changeEvent(
  record: LogRecord,
  verdict: Verdict,
  catalogue: Catalogue,
  signer: Signer,
): ChangeEvent | null {
  if (verdict.type !== 'merge' && verdict.type !== 'parked') return null
  const { mutation } = verdict
  const dataset = verdict.type === 'merge' ? catalogue.datasets.get(mutation.dataset)! : null
  const why =
    verdict.type === 'parked'
      ? `,"reason":${quoteJson(verdict.reason)},"detail":${quoteJson(verdict.detail)}`
      : ''
  const { stamp, operation } = mutation
  const head = `"dataset":${quoteJson(mutation.dataset)},"operation":"${operation}",${dataset === null ? plainBody(mutation) : body(dataset, mutation)}`
  const origin = `"stamp":"${stamp}","timestamp":"${stampToIso(stamp)}","origin":"${stampToOrigin(stamp)}","signer":${signer === null ? 'null' : `"${signer}"`}`
  const place = `"partition":${record.partition},"offset":${record.offset}`
  const status = dataset === null ? 'parked' : 'merged'
  const json = `{${head},${origin},${place},"status":"${status}"${why}}`
  return { dataset: mutation.dataset, offset: record.offset, text: `event: change\ndata: ${json}\n` }
}

function body(dataset: Dataset, { key, columns }: Mutation): string {
  const keys = dataset.key.map((column, i) => `"${column.name}":${keyTextToJson(column, key[i]!)}`)
  const data = [...columns].map(
    ([name, value]) => `"${name}":${valueToJson(dataset.columns.get(name)!, value)}`,
  )
  return `"key":{${keys.join(',')}},"data":{${data.join(',')}}`
}

/** What the definitions do not explain: the texts of the key as they are, values by their branch. */
function plainBody({ key, columns }: Mutation): string {
  const data = [...columns].map(([name, value]) => `${quoteJson(name)}:${branchToJson(value)}`)
  return `"key":[${key.map(quoteJson).join(',')}],"data":{${data.join(',')}}`
}

export interface FoldedRecord {
  readonly catalogue: Catalogue
  /** Null where nothing has changed. */
  readonly event: ChangeEvent | null
}

/** The definitions behind one more record of theirs, which no policy has refused. */
export function definitionEvent(
  record: LogRecord,
  before: Catalogue,
  logId: string,
  signer: Signer,
): FoldedRecord {
  const next = record.offset + 1n
  const { catalogue } = judgeOpenDefinitions(before, [record], next, logId)
  if (catalogue.datasets === before.datasets) return { catalogue, event: null }
  for (const dataset of catalogue.datasets.values()) {
    if (dataset.changedAt !== next) continue
    const json = toJson({ ...describeDataset(dataset), offset: record.offset, signer })
    const text = `event: definition\ndata: ${json}\n`
    return { catalogue, event: { dataset: dataset.name, offset: record.offset, text } }
  }
  return { catalogue, event: null }
}
