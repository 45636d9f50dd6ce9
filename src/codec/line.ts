// The JSON form in which people bring changes: one line of a file or a body of HTTP, read against the definitions.

import type { Operation } from '../crdt/mutation.ts'
import type { Value } from '../crdt/value.ts'
import type { Catalogue, Dataset } from './catalogue.ts'
import { describeJson, isJsonObject, type Json, type JsonObject, parseJson } from './json.ts'
import { isName, JSON_DEPTH_MAX, KEY_BYTES_MAX, NAME_FORM } from './limits.ts'
import { listNames, nearNames } from './near-names.ts'
import type { UnstampedMutation } from './origin.ts'
import { parseTimestamp, toCanonicalKey, toCanonicalValue } from './values.ts'
import { quoteShort, showName } from './words.ts'

/** A change that its dataset's definition allows, in canonical form. Its size as a message is yet to be judged. */
export interface TypedChange extends UnstampedMutation {
  /** Nanoseconds since 1970 where the caller brings the timestamp; null: the writer's clock gives it. */
  readonly timeNs: bigint | null
}

export type ReadChange =
  | { readonly type: 'change'; readonly change: TypedChange }
  | {
      readonly type: 'refused'
      /** Which member, what is wrong with it, and what would be right. */
      readonly detail: string
    }

/** The change and `data` are two levels around a json column's own. */
export const CHANGE_DEPTH_MAX = JSON_DEPTH_MAX + 2

const OPERATIONS: ReadonlySet<Json> = new Set(['upsert', 'update', 'delete'])
const MEMBERS: ReadonlySet<string> = new Set(['id', 'timestamp', 'dataset', 'table', 'operation', 'data'])

/**
 * Reads `{"timestamp"?, "dataset" or "table", "operation", "data": {key columns and columns}}`. `id` is ignored, any
 * other member refused. JSON null in `data` is the null value; what is absent is left alone.
 */
export function readLine(text: string, catalogue: Catalogue): ReadChange {
  const parsed = parseJson(text, CHANGE_DEPTH_MAX)
  if (parsed.type === 'refused') return refuse(`not valid JSON: ${parsed.detail}`)
  return readChange(parsed.value, catalogue)
}

/** The same of JSON that is parsed already, by the same rules. */
export function readChange(line: Json, catalogue: Catalogue): ReadChange {
  if (!isJsonObject(line)) return refuse(`a change should be an object, not ${describeJson(line)}`)
  for (const member of line.keys()) {
    if (!MEMBERS.has(member)) {
      return refuse(
        `${quoteShort(member)} is no member of a change (timestamp, dataset, operation, data); columns belong into "data"`,
      )
    }
  }
  const timeNs = readTimestamp(line.get('timestamp'))
  if (typeof timeNs === 'string') return refuse(timeNs)
  const dataset = readDataset(line, catalogue)
  if (typeof dataset === 'string') return refuse(dataset)
  const operation = line.get('operation')
  if (operation === undefined || !OPERATIONS.has(operation)) {
    return refuse('operation: it should be "upsert", "update" or "delete"')
  }
  const data = line.get('data')
  if (!isJsonObject(data)) return refuse('data: it should be an object with the key columns and the columns')
  return readData(dataset, operation as Operation, data, timeNs, 'data.')
}

/** Reads one row of an import as an upsert: an object of key columns and columns. */
export function readRow(dataset: Dataset, row: Json): ReadChange {
  if (!isJsonObject(row)) return refuse(`a row should be an object, not ${describeJson(row)}`)
  return readData(dataset, 'upsert', row, null, '')
}

function refuse(detail: string): ReadChange {
  return { type: 'refused', detail }
}

/** A string is the refusal. */
function readTimestamp(json: Json | undefined): bigint | null | string {
  if (json === undefined) return null
  if (typeof json !== 'string') {
    return `timestamp: it should be a string (nanoseconds in digits, or a time with a zone), not ${describeJson(json)}; leave it out to have the change stamped now`
  }
  const parsed = parseTimestamp(json)
  return parsed.type === 'time' ? parsed.timeNs : `timestamp: ${parsed.detail}`
}

/** A string is the refusal. */
function readDataset(line: JsonObject, catalogue: Catalogue): Dataset | string {
  const name = line.get('dataset') ?? line.get('table')
  if (line.has('dataset') && line.has('table')) return '"dataset" and "table" mean the same: give one of them'
  if (typeof name !== 'string') return 'dataset: it should be the name of a dataset'
  const dataset = catalogue.datasets.get(name)
  if (dataset !== undefined) return dataset
  if (!isName(name)) return `dataset: ${quoteShort(name)} can be no dataset's name (${NAME_FORM})`
  const near = nearNames(name, catalogue.datasets.keys())
  const hint = near.length === 0 ? '' : ` (did you mean ${listNames(near)}?)`
  return `dataset: ${quoteShort(name)} is not defined${hint}; define it with: spindexer datasets apply DIR`
}

function readData(
  dataset: Dataset,
  operation: Operation,
  data: JsonObject,
  timeNs: bigint | null,
  path: string,
): ReadChange {
  const key: string[] = []
  for (const column of dataset.key) {
    const json = data.get(column.name)
    if (json === undefined) {
      const fault = `${path}${column.name}: it is missing, and belongs to the key of ${dataset.name}`
      return refuse(fault)
    }
    const typed = toCanonicalKey(column, json)
    if (typed.type === 'refused') return refuse(`${path}${column.name}: ${typed.detail}`)
    key.push(typed.text)
  }
  const keyBytes = key.reduce((sum, text) => sum + Buffer.byteLength(text), 0)
  if (keyBytes > KEY_BYTES_MAX) {
    return refuse(
      `the key has ${keyBytes} bytes; at most ${KEY_BYTES_MAX} can be replicated: use a shorter key`,
    )
  }
  const columns = new Map<string, Value>()
  for (const [name, json] of data) {
    const column = dataset.columns.get(name)
    if (column !== undefined) {
      const typed = toCanonicalValue(column, json)
      if (typed.type === 'refused') return refuse(`${path}${name}: ${typed.detail}`)
      columns.set(name, typed.value)
    } else if (!dataset.key.some((part) => part.name === name)) {
      return refuse(explainUnknown(dataset, name, path))
    }
  }
  const fault = refuseCount(operation, columns.size)
  if (fault !== null) return refuse(fault)
  return { type: 'change', change: { timeNs, operation, dataset: dataset.name, key, columns } }
}

function explainUnknown(dataset: Dataset, name: string, path: string): string {
  if (!isName(name)) return `${path}${showName(name)}: this can be no column's name (${NAME_FORM})`
  const near = nearNames(name, dataset.fieldNames)
  const hint =
    near.length === 0
      ? `it has ${listNames(dataset.fieldNames)}; add a column`
      : `did you mean ${listNames(near)}? Else add it`
  return `${path}${showName(name)}: ${dataset.name} has no such column (${hint} with: spindexer datasets apply DIR)`
}

function refuseCount(operation: Operation, columns: number): string | null {
  if (operation === 'update' && columns === 0) {
    return 'data: an update without columns changes nothing; use "upsert" for a row that has only a key'
  }
  if (operation === 'delete' && columns > 0) {
    return 'data: a delete takes the key columns alone; use "update" with null to empty columns'
  }
  return null
}
