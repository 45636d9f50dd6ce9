// A message that was taken apart, as JSON text: every part by its branch, and the line that `publish` would take for it.

import type { Value } from '../crdt/value.ts'
import type { Dataset, KeyColumn } from './catalogue.ts'
import type { Inspected } from './inspect.ts'
import { quoteJson } from './json.ts'
import { keyTextToJson, refuseKeyText, refuseValue, valueToJson } from './values.ts'

/** `[{"column","type","value"},…]`: numbers exact, bytes as base64; what JSON has no number for (NaN) as a string. */
export function columnsToJson(columns: Inspected['columns']): string {
  const items = columns.map(
    ({ name, value }) =>
      `{"column":${quoteJson(name)},"type":"${branchOf(value)}","value":${branchToJson(value)}}`,
  )
  return `[${items.join(',')}]`
}

/**
 * The line of JSON that says the same, as `publish` reads it; null where none can: the message is not whole, or its
 * dataset is not defined. What the definition does not allow is printed by its branch, so that it can be mended.
 */
export function inspectedToLine(
  inspected: Inspected,
  dataset: Dataset | undefined,
  timeNs: bigint | null,
): string | null {
  const { operation, key, columns, stop } = inspected
  if (stop !== null || operation === null || dataset === undefined) return null
  const names = new Set([...dataset.key, ...columns].map(({ name }) => name))
  const isPrintable = columns.every(({ name, value }) => isTypeable(dataset.columns.get(name), value))
  if (key.length !== dataset.key.length || names.size !== key.length + columns.length || !isPrintable)
    return null
  const data = [
    ...dataset.key.map((column, i) => `${quoteJson(column.name)}:${keyToJson(column, key[i]!)}`),
    ...columns.map(
      ({ name, value }) => `${quoteJson(name)}:${columnToJson(dataset.columns.get(name), value)}`,
    ),
  ]
  const timestamp = timeNs === null ? '' : `"timestamp":"${timeNs}",`
  return `{${timestamp}"dataset":${quoteJson(dataset.name)},"operation":"${operation}","data":{${data.join(',')}}}`
}

/** JSON has no NaN, and the JSON text `null` reads as the null value. */
function isTypeable(column: KeyColumn | undefined, value: Value): boolean {
  return typeof value === 'number' ? Number.isFinite(value) : column?.type !== 'json' || value !== 'null'
}

function keyToJson(column: KeyColumn, text: string): string {
  return refuseKeyText(column, text) === null ? keyTextToJson(column, text) : quoteJson(text)
}

function columnToJson(column: KeyColumn | undefined, value: Value): string {
  return column !== undefined && refuseValue(column, value) === null
    ? valueToJson(column, value)
    : branchToJson(value)
}

/** A value by its branch, whatever its column: bytes as base64; what JSON has no number for (NaN) as a string. */
export function branchToJson(value: Value): string {
  if (typeof value === 'number' && (!Number.isFinite(value) || Object.is(value, -0))) {
    return `"${Object.is(value, -0) ? '-0' : value}"`
  }
  if (typeof value === 'string') return quoteJson(value)
  if (value instanceof Uint8Array) return `"${Buffer.from(value).toString('base64')}"`
  return String(value)
}

function branchOf(value: Value): string {
  if (value === null) return 'null'
  const names: Readonly<Record<string, string>> = { bigint: 'long', number: 'double', object: 'bytes' }
  return names[typeof value] ?? typeof value
}
