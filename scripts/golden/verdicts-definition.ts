// Cases about what the definitions allow: datasets, keys, columns and values.

import type { ParkReason } from '../../src/codec/reasons.ts'
import { hex } from './forms.ts'
import { block, branch, long, type RawMutation, text } from './raw-avro.ts'
import { type Case, merged, parked } from './verdicts-world.ts'

const UUID = '0123abcd-4567-89ef-0123-456789abcdef'
const TIME = '2024-02-29T12:34:56.000001Z'

const set = (name: string, value: Buffer): RawMutation => ({
  columns: block([Buffer.concat([text(name), value])]),
})
const keyOf = (dataset: string, ...key: readonly string[]): RawMutation => ({
  dataset: text(dataset),
  key: block(key.map(text)),
})

export function definitionCases(): readonly Case[] {
  return [...datasetCases(), ...keyCases(), ...branchCases(), ...formCases()]
}

function datasetCases(): readonly Case[] {
  return [
    merged('a row of key columns only', keyOf('plain', 'x')),
    parked('an unknown dataset', 'unknown-dataset', keyOf('albums', 'x')),
    parked('a dataset in another case', 'unknown-dataset', keyOf('Tracks', 'x')),
    parked('a delete in an unknown dataset', 'unknown-dataset', {
      ...keyOf('albums', 'x'),
      operation: long(2),
    }),
    parked('an unknown column', 'unknown-column', set('artist', branch.null)),
    parked('a column in another case', 'unknown-column', set('Title', branch.null)),
    parked('a key column among the columns', 'key-as-column', set('id', branch.string('t1'))),
    parked('a key column of null among the columns', 'key-as-column', set('id', branch.null)),
    parked('an update with an unknown column', 'unknown-column', {
      ...set('artist', branch.null),
      operation: long(1),
    }),
    parked('an unknown column behind one that is known', 'unknown-column', {
      columns: block([
        Buffer.concat([text('title'), branch.string('a')]),
        Buffer.concat([text('artist'), branch.string('b')]),
      ]),
    }),
  ]
}

function keyCases(): readonly Case[] {
  const pairs = (...key: readonly string[]) => keyOf('pairs', ...key)
  const typed = (...key: readonly string[]) => keyOf('typed', ...key)
  const wrong = (name: string, parts: RawMutation) => parked(name, 'wrong-key', parts)
  return [
    merged('a key of a day and a number', pairs('2024-02-29', '-7')),
    merged('a key with the greatest long', pairs('2024-02-29', '9223372036854775807')),
    merged('a key with the least long', pairs('2024-02-29', '-9223372036854775808')),
    wrong('a key with a long beyond 64 bits', pairs('2024-02-29', '9223372036854775808')),
    wrong('a key with -0', pairs('2024-02-29', '-0')),
    wrong('a key with a leading zero', pairs('2024-02-29', '07')),
    wrong('a key with a day that is none', pairs('2023-02-29', '7')),
    wrong('a key in the order of the fields', pairs('7', '2024-02-29')),
    wrong('a key text too few', pairs('2024-02-29')),
    wrong('a key text too many', pairs('2024-02-29', '7', '8')),
    wrong('a delete with a key text too many', { ...pairs('2024-02-29', '7', '8'), operation: long(2) }),
    merged('a key of a boolean, a uuid, a time and a symbol', typed('true', UUID, TIME, 'LOW')),
    wrong('a key with True', typed('True', UUID, TIME, 'LOW')),
    wrong('a key with a uuid in upper case', typed('true', UUID.toUpperCase(), TIME, 'LOW')),
    wrong('a key with a time without decimals', typed('true', UUID, '2024-02-29T12:34:56Z', 'LOW')),
    parked('a key with an unknown symbol', 'unknown-symbol', typed('true', UUID, TIME, 'MID')),
  ]
}

/** A value for every column, and for every branch whether the column takes it. */
function branchCases(): readonly Case[] {
  const values: Readonly<Record<string, Buffer>> = {
    boolean: branch.boolean(1),
    long: branch.long(7),
    double: branch.double(7),
    string: branch.string('x'),
    bytes: branch.bytes(Buffer.from('x')),
  }
  const columns: Readonly<Record<string, string>> = {
    flag: 'boolean',
    plays: 'long',
    small: 'long',
    rating: 'double',
    title: 'string',
    cover: 'bytes',
  }
  const texts = ['level', 'mbid', 'price', 'released', 'seen', 'extra']
  return [
    ...Object.entries(columns).flatMap(([column, own]) =>
      Object.entries(values).map(([name, value]) =>
        name === own
          ? merged(`${column} as ${name}`, set(column, value))
          : parked(`${column} as ${name}`, 'wrong-value', set(column, value)),
      ),
    ),
    ...texts.map((column) => parked(`${column} as long`, 'wrong-value', set(column, branch.long(0)))),
    ...[...Object.keys(columns), ...texts].map((column) =>
      merged(`${column} as null`, set(column, branch.null)),
    ),
  ]
}

function formCases(): readonly Case[] {
  const string = (column: string, value: string) => set(column, branch.string(value))
  const good = (column: string, ...values: readonly string[]) =>
    values.map((value) => merged(`${column}: ${value}`, string(column, value)))
  const wrong = (column: string, reason: ParkReason, ...values: readonly string[]) =>
    values.map((value) => parked(`${column} is not ${JSON.stringify(value)}`, reason, string(column, value)))
  return [
    merged('an int beyond 32 bits', set('small', branch.long(1n << 40n))),
    ...good('level', 'LOW', 'HIGH'),
    ...wrong('level', 'unknown-symbol', 'MID', 'low', ''),
    ...good('mbid', UUID),
    ...wrong('mbid', 'wrong-value', UUID.toUpperCase(), UUID.replaceAll('-', ''), ''),
    ...good('price', '0', '-1.5', '1200'),
    ...wrong('price', 'wrong-value', '1.50', '-0', '1e3', '', '007'),
    ...good('released', '0001-01-01', '9999-12-31'),
    ...wrong('released', 'wrong-value', '2023-02-29', '0000-01-01', '19000'),
    ...good('seen', TIME, '0001-01-01T00:00:00.000000Z'),
    ...wrong('seen', 'wrong-value', '2024-02-29T12:34:56.000Z', '2024-02-29 12:34:56.000001+00', ''),
    ...good('extra', '{"a":[1,null]}', '"x"', 'null'),
    ...wrong('extra', 'wrong-value', '{"a": 1}', '{"b":1,"a":2}', '1.0', 'x', ''),
    merged('bytes that are not UTF-8', set('cover', branch.bytes(hex('ff')))),
  ]
}
