// Cases of definitions that meet: columns and symbols unite, required goes, contradictions are refused.

import { enumOf, field, ID, logical, nullable, record, schema } from './definition-texts.ts'
import type { DefinitionCase, DefinitionStep } from './definitions.ts'
import { LOG_ID, OTHER_LOG_ID } from './verdicts-world.ts'

const taken = (text: string, why = ''): DefinitionStep => [text, 'taken', why]
const refused = (text: string, why: string): DefinitionStep => [text, 'refused', why]
const columns = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => nullable(`c${from + i}`, 'long'))
const only = (...fields: Parameters<typeof schema>[0]) => record(schema([ID, ...fields]))
const genesis = (logId: string) =>
  `{"admins":[],"copyId":"${LOG_ID}","generation":1,"kind":"genesis","logId":"${logId}","maxClockAhead":60000,"partition":-1,"partitions":1,"rules":1}`

export function definitionFoldCases(): readonly DefinitionCase[] {
  return [...uniting(), ...contradicting(), ...requiring(), ...symbols(), ...filling(), ...others()]
}

function uniting(): readonly DefinitionCase[] {
  return [
    { name: 'one dataset', records: [taken(only(nullable('title', 'string')))] },
    {
      name: 'a record that is repeated',
      records: [
        taken(only(nullable('title', 'string'))),
        taken(only(nullable('title', 'string')), 'changes nothing'),
      ],
    },
    {
      name: 'columns unite, and readers see them in the order in which they came',
      records: [
        taken(only(nullable('b', 'string'), nullable('a', 'long'))),
        taken(only(nullable('z', 'bytes'), nullable('a', 'int')), 'a is of an equal type'),
        taken(only(nullable('c', 'double'))),
      ],
    },
    {
      name: 'the key stands where the first definition has it',
      records: [taken(record(schema([nullable('a', 'long'), ID, nullable('b', 'long')])))],
    },
    {
      name: 'fields in another order, the key in the same',
      records: [
        taken(record(schema([field('x', 'long'), field('y', 'string')], { key: ['y', 'x'] }))),
        taken(
          record(schema([field('y', 'string'), field('x', 'int')], { key: ['y', 'x'] })),
          'changes nothing',
        ),
      ],
    },
    {
      name: 'several datasets',
      records: [
        taken(record(schema([ID, nullable('a', 'long')], { name: 'first' }))),
        taken(record(schema([ID, nullable('a', 'string')], { name: 'second' }))),
        taken(record(schema([ID, nullable('b', 'long')], { name: 'first' }))),
        taken(record(schema([ID], { name: 'First' })), 'another name'),
      ],
    },
  ]
}

function contradicting(): readonly DefinitionCase[] {
  const two = (key: readonly string[], x = 'long') =>
    record(schema([field('x', x), field('y', 'string'), nullable('z', 'long')], { key }))
  return [
    {
      name: 'the key is fixed',
      records: [
        taken(two(['x', 'y'])),
        refused(two(['y', 'x']), 'another order'),
        refused(two(['x']), 'a field less'),
        refused(two(['x', 'y'], 'string'), 'another type'),
        refused(
          record(schema([field('x', 'long'), field('w', 'string')], { key: ['x', 'w'] })),
          'another field',
        ),
        refused(record(schema([ID])), 'another key'),
      ],
    },
    {
      name: 'a column can not become part of the key',
      records: [
        taken(record(schema([ID, nullable('a', 'string')]))),
        refused(record(schema([ID, field('a', 'string')], { key: ['id', 'a'] })), 'a is a column'),
      ],
    },
    {
      name: 'types are fixed',
      records: [
        taken(only(nullable('a', 'long'), nullable('b', logical('string', 'date')))),
        refused(only(nullable('a', 'double')), 'another type'),
        refused(only(nullable('a', logical('long', 'timestamp-micros'))), 'another type'),
        refused(
          only(nullable('a', 'long'), nullable('b', 'string'), nullable('c', 'long')),
          'taken whole or not at all',
        ),
        taken(only(nullable('b', logical('int', 'date'))), 'an equal type'),
      ],
    },
    {
      name: 'types that stand in one row are equal',
      records: [
        taken(
          only(
            nullable('t', logical('string', 'timestamp-micros')),
            nullable('n', 'int'),
            nullable('e', 'string'),
          ),
        ),
        taken(
          only(
            nullable('t', logical('long', 'timestamp-millis')),
            nullable('n', 'long'),
            nullable('e', enumOf('A')),
          ),
        ),
      ],
    },
  ]
}

function requiring(): readonly DefinitionCase[] {
  const title = (required?: boolean) =>
    only(nullable('title', 'string', required === undefined ? {} : { required }), nullable('year', 'int'))
  return [
    {
      name: 'required stays while every record that names the column says so',
      records: [
        taken(title(true)),
        taken(title(true)),
        taken(only(nullable('more', 'long')), 'does not name it'),
      ],
    },
    {
      name: 'required goes when a record does not say so, for ever',
      records: [taken(title(true)), taken(title(), 'silent'), taken(title(true), 'without effect')],
    },
    { name: 'required goes by false', records: [taken(title(true)), taken(title(false))] },
    {
      name: 'required comes only with the first record',
      records: [taken(title()), taken(title(true), 'without effect')],
    },
    {
      name: 'a later column is not required',
      records: [taken(only()), taken(only(nullable('late', 'long', { required: true })), 'without effect')],
    },
    {
      name: 'a refused record takes required from nothing',
      records: [
        taken(title(true)),
        refused(only(nullable('title', 'string'), nullable('year', 'string')), 'type'),
      ],
    },
    {
      name: 'required on a column that is no union',
      records: [taken(only(field('a', 'long', { required: true })))],
    },
  ]
}

function symbols(): readonly DefinitionCase[] {
  const level = (type: Parameters<typeof nullable>[1]) => only(nullable('level', type))
  const key = (type: Parameters<typeof nullable>[1]) => record(schema([field('id', type)]))
  return [
    {
      name: 'symbols unite',
      records: [
        taken(level(enumOf('LOW', 'HIGH'))),
        taken(level(enumOf('MID', 'LOW'))),
        taken(level(enumOf('HIGH'))),
      ],
    },
    {
      name: 'a plain string takes the symbols away',
      records: [
        taken(level(enumOf('LOW'))),
        taken(level('string')),
        taken(level(enumOf('HIGH')), 'stays plain'),
      ],
    },
    { name: 'a plain string stays so', records: [taken(level('string')), taken(level(enumOf('LOW')))] },
    { name: 'symbols of a key unite', records: [taken(key(enumOf('A'))), taken(key(enumOf('B', 'A')))] },
    {
      name: 'a key becomes plain',
      records: [taken(key(enumOf('A'))), taken(key('string')), taken(key(enumOf('B')))],
    },
    {
      name: 'the name of an enum decides nothing',
      records: [
        taken(level({ type: 'enum', name: 'One', symbols: ['A'] })),
        taken(level({ type: 'enum', name: '_two', namespace: 'n', doc: 'd', symbols: ['_b'] })),
      ],
    },
    {
      name: 'two columns with enums of one name',
      records: [taken(only(nullable('a', enumOf('A')), nullable('b', enumOf('B'))))],
    },
  ]
}

function filling(): readonly DefinitionCase[] {
  return [
    {
      name: '200 columns, the key included',
      records: [
        taken(only(...columns(0, 199))),
        taken(only(...columns(0, 199)), 'changes nothing'),
        refused(only(nullable('more', 'long')), '201 after the union'),
      ],
    },
    { name: '201 fields at once', records: [refused(only(...columns(0, 200)), '201 fields')] },
    {
      name: '200 columns after the union',
      records: [
        taken(only(...columns(0, 100))),
        refused(only(...columns(100, 200)), '201 after the union'),
        taken(only(...columns(99, 199)), '200 after the union'),
      ],
    },
    {
      name: '100,000 bytes of symbols, of all columns and the key',
      records: [
        taken(
          record(
            schema([field('id', enumOf('K'.repeat(40_000))), nullable('a', enumOf('A'.repeat(60_000)))]),
          ),
        ),
        refused(record(schema([field('id', enumOf('B'))])), 'one more after the union'),
        taken(record(schema([field('id', enumOf('K'.repeat(40_000)))])), 'changes nothing'),
        taken(record(schema([field('id', 'string')])), 'a plain key makes room'),
        taken(record(schema([field('id', 'string'), nullable('b', enumOf('B'.repeat(40_000)))]))),
      ],
    },
    {
      name: '100,001 bytes of symbols at once',
      records: [refused(only(nullable('a', enumOf('A'.repeat(100_001)))), 'one byte more')],
    },
    {
      name: '16 key columns',
      records: [
        taken(
          record(
            schema(
              Array.from({ length: 16 }, (_, i) => field(`k${i}`, 'string')),
              { key: Array.from({ length: 16 }, (_, i) => `k${i}`) },
            ),
          ),
        ),
      ],
    },
  ]
}

function others(): readonly DefinitionCase[] {
  return [
    {
      name: 'other records among the definitions',
      records: [
        [genesis(LOG_ID), 'control', 'genesis'],
        taken(only(nullable('a', 'long'))),
        [genesis(LOG_ID), 'control', 'genesis again'],
        [genesis(OTHER_LOG_ID), 'quarantined', 'genesis of another log'],
        ['{"generation":1,"kind":"close"}', 'control', 'close'],
        ['{"admins":[],"kind":"policy","rules":[],"unsigned":true,"version":1}', 'control', 'policy'],
        ['{"kind":"other"}', 'quarantined', 'an unknown kind'],
        ['{"kind":"dataset", "schema":{}}', 'quarantined', 'not canonical'],
        ['{"kind":"dataset","schema":[]}', 'quarantined', 'the schema is no object'],
        refused('{"kind":"dataset","schema":{}}', 'an empty schema'),
        taken(only(nullable('b', 'long'))),
      ],
    },
  ]
}
