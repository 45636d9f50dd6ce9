// Reading the Avro record schema of a definition: everything that can be said of it without the definitions before it.

import { type Column, KEY_TYPES, type KeyColumn } from './catalogue.ts'
import { type FieldType, readFieldType } from './field-type.ts'
import { isJsonArray, isJsonObject, type Json, type JsonObject } from './json.ts'
import { COLUMNS_MAX, isName, KEY_TEXTS_MAX, NAME_FORM } from './limits.ts'
import { quoteShort } from './words.ts'

/** A definition that is sound in itself. */
export interface Schema {
  readonly name: string
  readonly key: readonly KeyColumn[]
  /** The other fields; `required` as this definition says. */
  readonly columns: readonly Column[]
  /** All fields in the definition's order. */
  readonly fieldNames: readonly string[]
}

export type ReadSchema =
  | { readonly type: 'schema'; readonly schema: Schema }
  | { readonly type: 'refused'; readonly reason: 'bad-definition'; readonly detail: string }

interface Field extends FieldType {
  readonly name: string
  readonly required: boolean
}

/** Judges the schema of a `dataset` record, or of an `.avsc` file. */
export function readSchema(json: Json): ReadSchema {
  const fault = refuseForm(json)
  if (fault !== null) return refuse(fault)
  const schema = json as JsonObject
  const fields = new Map<string, Field>()
  for (const part of schema.get('fields') as readonly Json[]) {
    const field = readField(part)
    if (typeof field === 'string') return refuse(field)
    if (fields.has(field.name)) return refuse(`field ${field.name} stands there twice`)
    fields.set(field.name, field)
  }
  const key = readKey(schema.get('key')!, fields)
  if (typeof key === 'string') return refuse(key)
  const keyNames = new Set(key.map((column) => column.name))
  const columns = [...fields.values()]
    .filter((field) => !keyNames.has(field.name))
    .map(({ name, type, symbols, required }) => ({ name, type, symbols, required }))
  const name = schema.get('name') as string
  return { type: 'schema', schema: { name, key, columns, fieldNames: [...fields.keys()] } }
}

function refuse(detail: string): ReadSchema {
  return { type: 'refused', reason: 'bad-definition', detail }
}

function refuseForm(json: Json): string | null {
  if (!isJsonObject(json)) return 'the schema is not an object'
  for (const [member, value] of json) {
    if (member === 'namespace' || member === 'doc') {
      if (typeof value !== 'string') return `${member} should be a string`
    } else if (!['type', 'name', 'fields', 'key'].includes(member)) {
      return `the schema has an unknown member ${quoteShort(member)}`
    }
  }
  if (json.get('type') !== 'record') return 'its type should be "record"'
  const name = json.get('name')
  if (typeof name !== 'string' || !isName(name)) return `its name should be ${NAME_FORM}`
  const fields = json.get('fields')
  if (!isJsonArray(fields)) return 'its fields should be an array'
  if (fields.length > COLUMNS_MAX) return `it has more than ${COLUMNS_MAX} fields`
  return null
}

function readField(json: Json): Field | string {
  if (!isJsonObject(json)) return 'a field is not an object'
  const name = json.get('name')
  if (typeof name !== 'string' || !isName(name)) return `the name of a field should be ${NAME_FORM}`
  const required = json.get('required')
  for (const [member, value] of json) {
    if (member === 'doc') {
      if (typeof value !== 'string') return `field ${name}: doc should be a string`
    } else if (member === 'default') {
      if (value !== null) return `field ${name}: default should be null`
    } else if (member === 'required') {
      if (typeof value !== 'boolean') return `field ${name}: required should be true or false`
    } else if (member !== 'name' && member !== 'type') {
      return `field ${name} has an unknown member ${quoteShort(member)}`
    }
  }
  const type = readFieldType(json.get('type') ?? null)
  return typeof type === 'string' ? `field ${name}: ${type}` : { ...type, name, required: required === true }
}

function readKey(json: Json | undefined, fields: ReadonlyMap<string, Field>): readonly KeyColumn[] | string {
  if (!isJsonArray(json) || json.length === 0 || json.length > KEY_TEXTS_MAX) {
    return `"key" should be an array of 1 to ${KEY_TEXTS_MAX} names of fields`
  }
  const names = new Set(json)
  if (names.size < json.length) return 'a field stands in "key" twice'
  const key: KeyColumn[] = []
  for (const name of names) {
    const field = typeof name === 'string' ? fields.get(name) : undefined
    if (field === undefined) return '"key" names a field that is none'
    if (field.isUnion) return `key field ${field.name} should be no union: a key has no null`
    if (field.required) return `key field ${field.name} should not be required: a key always is`
    if (!KEY_TYPES.has(field.type)) return `key field ${field.name}: a ${field.type} can be no key`
    key.push({ name: field.name, type: field.type, symbols: field.symbols })
  }
  return key
}
