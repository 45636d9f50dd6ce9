// Cases about the form of one definition: members, names, types and keys, taken or refused alone.

import { enumOf, field, ID, logical, nullable, record, schema } from './definition-texts.ts'
import type { DefinitionCase } from './definitions.ts'

type Given = Parameters<typeof record>[0]
type Type = Parameters<typeof field>[1]

export function definitionFormCases(): readonly DefinitionCase[] {
  return [...schemaForms(), ...fieldForms(), ...typeForms(), ...enumForms(), ...keyForms()]
}

const taken = (name: string, given: Given): DefinitionCase => ({
  name: `form: ${name}`,
  records: [[record(given), 'taken', '']],
})
const refused = (name: string, given: Given): DefinitionCase => ({
  name: `form: ${name}`,
  records: [[record(given), 'refused', name]],
})

function schemaForms(): readonly DefinitionCase[] {
  const with_ = (members: Parameters<typeof schema>[1]) => schema([ID], members)
  return [
    taken('namespace and doc', with_({ namespace: 'a.b', doc: 'words' })),
    refused('a namespace that is no string', with_({ namespace: 1 })),
    refused('a doc that is no string', with_({ doc: null })),
    refused('an unknown member', with_({ aliases: [] })),
    refused('no type', with_({ type: undefined })),
    refused('another type', with_({ type: 'error' })),
    refused('no name', with_({ name: undefined })),
    refused('an empty name', with_({ name: '' })),
    refused('a name with a point', with_({ name: 'a.b' })),
    refused('a name with _ before it', with_({ name: '_d' })),
    refused('a name with a digit before it', with_({ name: '1d' })),
    taken('a name of 55 bytes', with_({ name: 'd'.repeat(55) })),
    refused('a name of 56 bytes', with_({ name: 'd'.repeat(56) })),
    refused('a name that is not ASCII', with_({ name: 'dé' })),
    refused('a name that is no string', with_({ name: 1 })),
    refused('no fields', with_({ fields: undefined })),
    refused('fields that are no array', with_({ fields: {} })),
    refused('empty fields', with_({ fields: [] })),
    refused('a field that is no object', schema([ID, 'a'])),
  ]
}

function fieldForms(): readonly DefinitionCase[] {
  const with_ = (members: Readonly<Record<string, Type>>) => schema([ID, nullable('a', 'long', members)])
  return [
    taken('a field with doc and default', with_({ doc: 'words', default: null })),
    refused('a field with a doc that is no string', with_({ doc: 1 })),
    refused('a field with a default that is not null', with_({ default: 0 })),
    refused('a field with order', with_({ order: 'ascending' })),
    refused('a field with aliases', with_({ aliases: ['b'] })),
    taken('a field with required false', with_({ required: false })),
    refused('a field with required that is no boolean', with_({ required: 'true' })),
    refused('a field with required null', with_({ required: null })),
    refused('a field without a type', schema([ID, { name: 'a' }])),
    refused('a field without a name', schema([ID, { type: 'long' }])),
    refused('a field with _ before its name', schema([ID, nullable('_a', 'long')])),
    taken('a field’s name of 55 bytes', schema([ID, nullable('a'.repeat(55), 'long')])),
    refused('a field’s name of 56 bytes', schema([ID, nullable('a'.repeat(56), 'long')])),
    refused('a field twice', schema([ID, nullable('a', 'long'), nullable('a', 'long')])),
    refused('a key field twice', schema([ID, ID])),
    taken('names that differ in case', schema([ID, nullable('a', 'long'), nullable('A', 'long')])),
  ]
}

function typeForms(): readonly DefinitionCase[] {
  const of = (type: Type) => schema([ID, field('a', type)])
  const good: Readonly<Record<string, Type>> = {
    boolean: 'boolean',
    int: 'int',
    long: 'long',
    double: 'double',
    string: 'string',
    bytes: 'bytes',
    'a type in an object': { type: 'bytes' },
    uuid: logical('string', 'uuid'),
    decimal: logical('string', 'decimal'),
    'date of string': logical('string', 'date'),
    'date of int': logical('int', 'date'),
    'timestamp-micros of string': logical('string', 'timestamp-micros'),
    'timestamp-micros of long': logical('long', 'timestamp-micros'),
    'timestamp-millis of string': logical('string', 'timestamp-millis'),
    'timestamp-millis of long': logical('long', 'timestamp-millis'),
    json: logical('string', 'json'),
    'null first': ['null', 'long'],
    'null last': ['long', 'null'],
    'a union with an object': [logical('string', 'json'), 'null'],
    'a union with an enum': ['null', enumOf('A')],
  }
  const wrong: Readonly<Record<string, Type>> = {
    float: 'float',
    null: 'null',
    'null in an object': { type: 'null' },
    fixed: { type: 'fixed', name: 'F', size: 2 },
    array: { type: 'array', items: 'long' },
    map: { type: 'map', values: 'long' },
    record: { type: 'record', name: 'R', fields: [] },
    'a named type': 'E',
    'an object in an object': { type: { type: 'long' } },
    'an object without type': { logicalType: 'uuid' },
    'an object with another member': { type: 'long', doc: 'x' },
    'decimal of bytes': logical('bytes', 'decimal'),
    'decimal with precision': { type: 'string', logicalType: 'decimal', precision: 4 },
    'date of long': logical('long', 'date'),
    'timestamp-micros of int': logical('int', 'timestamp-micros'),
    'time-micros': logical('long', 'time-micros'),
    'local-timestamp-micros': logical('long', 'local-timestamp-micros'),
    'duration of string': logical('string', 'duration'),
    'uuid of bytes': logical('bytes', 'uuid'),
    'an unknown logical type': logical('string', 'url'),
    'a logical type that is null': { type: 'string', logicalType: null },
    'an empty union': [],
    'a union of null alone': ['null'],
    'a union of one': ['long'],
    'a union without null': ['long', 'string'],
    'a union of null twice': ['null', 'null'],
    'a union of three': ['null', 'long', 'string'],
    'a union of null and null in an object': ['null', { type: 'null' }],
    'a union in a union': ['null', ['null', 'long']],
    'an unknown type in a union': ['null', 'float'],
    'a number': 1,
    'no type but null': null,
  }
  return [
    ...Object.entries(good).map(([name, type]) => taken(`type ${name}`, of(type))),
    ...Object.entries(wrong).map(([name, type]) => refused(`type ${name}`, of(type))),
  ]
}

function enumForms(): readonly DefinitionCase[] {
  const of = (members: Readonly<Record<string, Type>>) =>
    schema([ID, nullable('a', { type: 'enum', name: 'E', symbols: ['A'], ...members })])
  return [
    taken('an enum with namespace and doc', of({ namespace: 'n', doc: 'd' })),
    refused('an enum with a doc that is no string', of({ doc: 1 })),
    refused('an enum with a namespace that is no string', of({ namespace: [] })),
    refused('an enum with a default', of({ default: 'A' })),
    refused('an enum with aliases', of({ aliases: [] })),
    refused('an enum with a logical type', of({ logicalType: 'uuid' })),
    refused('an enum whose name is none', of({ name: '1E' })),
    refused('an enum whose name is no string', of({ name: 1 })),
    refused('an enum without a name', schema([ID, nullable('a', { type: 'enum', symbols: ['A'] })])),
    refused('an enum without symbols', schema([ID, nullable('a', { type: 'enum', name: 'E' })])),
    refused('an enum with empty symbols', of({ symbols: [] })),
    refused('an enum with symbols that are no array', of({ symbols: 'A' })),
    refused('an enum with a symbol twice', of({ symbols: ['A', 'B', 'A'] })),
    refused('an enum with an empty symbol', of({ symbols: [''] })),
    refused('an enum with a symbol that is no name', of({ symbols: ['a-b'] })),
    refused('an enum with a symbol that is no string', of({ symbols: [1] })),
    taken('an enum with a long symbol', of({ symbols: ['A'.repeat(100)] })),
    taken('an enum with symbols that differ in case', of({ symbols: ['_a', '_A', 'a1'] })),
  ]
}

function keyForms(): readonly DefinitionCase[] {
  const keyed = (type: Type, members: Readonly<Record<string, Type>> = {}) =>
    schema([field('id', type, members)])
  const with_ = (key: Type) => schema([ID, nullable('a', 'long')], { key })
  const keys: Readonly<Record<string, Type>> = {
    boolean: 'boolean',
    int: 'int',
    long: 'long',
    enum: enumOf('A', 'B'),
    uuid: logical('string', 'uuid'),
    date: logical('int', 'date'),
    timestamp: logical('long', 'timestamp-micros'),
  }
  const none: Readonly<Record<string, Type>> = {
    double: 'double',
    bytes: 'bytes',
    decimal: logical('string', 'decimal'),
    json: logical('string', 'json'),
    union: ['null', 'string'],
  }
  const many = Array.from({ length: 17 }, (_, i) => `k${i}`)
  return [
    ...Object.entries(keys).map(([name, type]) => taken(`a key of ${name}`, keyed(type))),
    ...Object.entries(none).map(([name, type]) => refused(`a key of ${name}`, keyed(type))),
    taken('a key with required false', keyed('string', { required: false })),
    refused('a key with required true', keyed('string', { required: true })),
    taken('a key with default and doc', keyed('string', { default: null, doc: 'x' })),
    refused('no key', schema([ID], { key: undefined })),
    refused('an empty key', with_([])),
    refused('a key that is a string', with_('id')),
    refused('a key that names no field', with_(['other'])),
    refused('a key that names a field twice', with_(['id', 'id'])),
    refused('a key of a number', with_([1])),
    refused(
      '17 key fields',
      schema(
        many.map((name) => field(name, 'string')),
        { key: many },
      ),
    ),
  ]
}
