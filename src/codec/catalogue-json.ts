// A folded dataset as JSON, so that a store can keep it.

import type { ColumnType, Dataset, KeyColumn } from './catalogue.ts'
import type { Json, JsonObject } from './json.ts'

/** Plain data, for JSON.stringify. What a store keeps beside it, `changedAt`, is not in it. */
export interface DatasetJson {
  readonly name: string
  readonly key: readonly KeyColumnJson[]
  readonly columns: readonly (KeyColumnJson & { readonly required: boolean })[]
  readonly fieldNames: readonly string[]
}

interface KeyColumnJson extends Omit<KeyColumn, 'symbols'> {
  /** Sorted. */
  readonly symbols: readonly string[] | null
}

export function datasetToJson(dataset: Dataset): DatasetJson {
  return {
    name: dataset.name,
    key: dataset.key.map(toColumnJson),
    columns: [...dataset.columns.values()].map((column) => ({
      ...toColumnJson(column),
      required: column.required,
    })),
    fieldNames: dataset.fieldNames,
  }
}

/** Reads back what `datasetToJson` made, as `parseJson` gives it. Anything else is a bug. */
export function datasetFromJson(json: Json, changedAt: bigint): Dataset {
  const dataset = json as JsonObject
  return {
    name: dataset.get('name') as string,
    key: objectsOf(dataset, 'key').map(fromColumnJson),
    columns: new Map(
      objectsOf(dataset, 'columns').map((column) => [
        column.get('name') as string,
        { ...fromColumnJson(column), required: column.get('required') as boolean },
      ]),
    ),
    fieldNames: dataset.get('fieldNames') as readonly string[],
    changedAt,
  }
}

function objectsOf(json: JsonObject, member: string): readonly JsonObject[] {
  return json.get(member) as readonly JsonObject[]
}

function toColumnJson({ name, type, symbols }: KeyColumn): KeyColumnJson {
  return { name, type, symbols: symbols === null ? null : [...symbols].sort() }
}

function fromColumnJson(json: JsonObject): KeyColumn {
  const symbols = json.get('symbols') as readonly string[] | null
  return {
    name: json.get('name') as string,
    type: json.get('type') as ColumnType,
    symbols: symbols === null ? null : new Set(symbols),
  }
}
