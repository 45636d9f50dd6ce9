// Which Avro types a definition may use, and the column type that each one is.

import type { ColumnType } from './catalogue.ts'
import { isJsonArray, isJsonObject, type Json, type JsonObject } from './json.ts'
import { quoteShort } from './words.ts'

export interface FieldType {
  readonly type: ColumnType
  /** The texts that an enum admits; null admits every text. */
  readonly symbols: ReadonlySet<string> | null
  /** True for a union with null, whether or not that says more than its other branch. */
  readonly isUnion: boolean
}

const PLAIN: ReadonlyMap<Json, ColumnType> = new Map([
  ['boolean', 'boolean'],
  ['int', 'long'],
  ['long', 'long'],
  ['double', 'double'],
  ['string', 'string'],
  ['bytes', 'bytes'],
])

const LOGICAL: ReadonlyMap<string, ColumnType> = new Map([
  ['string uuid', 'uuid'],
  ['string decimal', 'decimal'],
  ['string date', 'date'],
  ['int date', 'date'],
  ['string timestamp-micros', 'timestamp'],
  ['long timestamp-micros', 'timestamp'],
  ['string timestamp-millis', 'timestamp'],
  ['long timestamp-millis', 'timestamp'],
  ['string json', 'json'],
])

const AVRO_NAME_PATTERN = /^[A-Za-z_][A-Za-z0-9_]*$/

/** Reads a field's type. A string is the refusal, half a sentence. */
export function readFieldType(json: Json): FieldType | string {
  if (!isJsonArray(json)) return readBranch(json)
  const branches = json.filter((branch) => branch !== 'null')
  if (json.length !== 2 || branches.length !== 1) return 'a union should be of "null" and one other type'
  const type = isJsonArray(branches[0]) ? 'a union in a union' : readBranch(branches[0]!)
  return typeof type === 'string' ? type : { ...type, isUnion: true }
}

function readBranch(json: Json): FieldType | string {
  if (isJsonObject(json)) return json.get('type') === 'enum' ? readEnum(json) : readObject(json)
  const type = PLAIN.get(json)
  return type === undefined ? unknownType(json) : { type, symbols: null, isUnion: false }
}

function readObject(json: JsonObject): FieldType | string {
  for (const member of json.keys()) {
    if (member !== 'type' && member !== 'logicalType') return `a type has no member ${quoteShort(member)}`
  }
  const base = json.get('type') ?? null
  const logical = json.get('logicalType')
  if (logical === undefined) return isJsonObject(base) ? unknownType(base) : readBranch(base)
  const type = LOGICAL.get(`${String(base)} ${String(logical)}`)
  if (type === undefined || typeof base !== 'string' || typeof logical !== 'string') {
    return `there is no type ${nameType(base)} with logicalType ${nameType(logical)} here`
  }
  return { type, symbols: null, isUnion: false }
}

function unknownType(json: Json): string {
  return `there is no type ${nameType(json)} here (boolean, int, long, double, string, bytes, an enum)`
}

function nameType(json: Json): string {
  return typeof json === 'string' ? quoteShort(json) : 'of this form'
}

function readEnum(json: JsonObject): FieldType | string {
  for (const [member, value] of json) {
    if (member === 'namespace' || member === 'doc') {
      if (typeof value !== 'string') return `${member} of an enum should be a string`
    } else if (member !== 'type' && member !== 'name' && member !== 'symbols') {
      return `an enum has no member ${quoteShort(member)}`
    }
  }
  const name = json.get('name')
  const list = json.get('symbols')
  if (typeof name !== 'string' || !AVRO_NAME_PATTERN.test(name)) return 'an enum should have an Avro name'
  if (!isJsonArray(list) || list.length === 0) return 'an enum should have one or more symbols'
  const symbols = new Set<string>()
  for (const symbol of list) {
    if (typeof symbol !== 'string' || !AVRO_NAME_PATTERN.test(symbol)) {
      return 'the symbols of an enum should be Avro names'
    }
    symbols.add(symbol)
  }
  if (symbols.size < list.length) return 'a symbol of an enum stands there twice'
  return { type: 'string', symbols, isUnion: false }
}
