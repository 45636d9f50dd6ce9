// Words about what somebody sent: bounded, on one line, and nothing that a terminal acts on.

import { describe, expect, it } from 'vitest'
import { encodeControl, parseControl } from '../../src/codec/control.ts'
import { foldDefinition } from '../../src/codec/definitions.ts'
import { type JsonObject, parseJson } from '../../src/codec/json.ts'
import { readLine } from '../../src/codec/line.ts'
import { readSchema } from '../../src/codec/schema.ts'
import { createOpenJudge } from '../../src/codec/verdict.ts'
import { quoteShort, showName } from '../../src/codec/words.ts'
import { CATALOGUE, LOG_ID, recordOf } from '../fuzz/corpus.ts'
import { checkWords } from '../fuzz/rules.ts'

const EVIL = `\u001b]0;gone\u0007\u009b31m\u202e\u2028${'x'.repeat(100_000)}`
const judge = createOpenJudge({ logId: LOG_ID, maxClockAheadMs: 60_000n })

function jsonOf(text: string) {
  const parsed = parseJson(text)
  if (parsed.type === 'refused') throw new Error(parsed.detail)
  return parsed.value
}

describe('words about a text that takes over a terminal, as', () => {
  const quoted = JSON.stringify(EVIL)
  it.each([
    ['a name that stands twice', () => parseJson(`{${quoted}:1,${quoted}:2}`)],
    [
      'a member of a control record',
      () => judge(recordOf(Buffer.from(`{"kind":"close",${quoted}:1}`)), CATALOGUE),
    ],
    [
      'a header',
      () =>
        judge(
          recordOf(Buffer.alloc(1), { headers: [{ name: `spindexer-${EVIL}`, value: Buffer.alloc(0) }] }),
          CATALOGUE,
        ),
    ],
    ['a member of a schema', () => readSchema(jsonOf(`{${quoted}:1}`))],
    [
      'a member of a field',
      () => readSchema(jsonOf(`{"type":"record","name":"d","fields":[{"name":"a",${quoted}:1}]}`)),
    ],
    [
      'a type',
      () => readSchema(jsonOf(`{"type":"record","name":"d","fields":[{"name":"a","type":${quoted}}]}`)),
    ],
    [
      'a member of a type',
      () => readSchema(jsonOf(`{"type":"record","name":"d","fields":[{"name":"a","type":{${quoted}:1}}]}`)),
    ],
    ['a member of a line', () => readLine(`{${quoted}:1}`, CATALOGUE)],
    ['a dataset', () => readLine(`{"dataset":${quoted},"operation":"delete","data":{}}`, CATALOGUE)],
    [
      'a column',
      () => readLine(`{"dataset":"tracks","operation":"update","data":{"id":"1",${quoted}:1}}`, CATALOGUE),
    ],
  ])('%s', (_, judged) => {
    const result = judged()
    expect(result).toHaveProperty('detail')
    checkWords((result as { readonly detail: string }).detail, 1_000)
  })

  it('sixteen long names of key columns', () => {
    const fields = Array.from({ length: 16 }, (_, i) => ({ name: `k${i}_`.padEnd(55, 'x'), type: 'string' }))
    const read = readSchema(
      jsonOf(JSON.stringify({ type: 'record', name: 'tracks', fields, key: fields.map(({ name }) => name) })),
    )
    const folded = read.type === 'schema' ? foldDefinition(CATALOGUE, read.schema, 9n) : read
    expect(folded).toMatchObject({ type: 'refused', reason: 'key-changed' })
    checkWords((folded as { readonly detail: string }).detail)
  })
})

describe('names in sentences', () => {
  it('stand as they are where they look like names, and are quoted where they do not', () => {
    expect(showName('plays_2')).toBe('plays_2')
    expect(showName('a b')).toBe('"a b"')
    expect(showName('')).toBe('""')
    expect(quoteShort('\ud800\u{1f600}\n"')).toBe('"\ufffd\u{1f600}\\n\\""')
    expect(quoteShort('x'.repeat(61))).toBe(`"${'x'.repeat(59)}…"`)
  })
})

it('a definition with a number in it, which no node takes, is written as it was read', () => {
  const text = '{"kind":"dataset","schema":{"name":1,"type":"record"}}'
  const schema = jsonOf('{"type":"record","name":1}') as JsonObject
  expect(encodeControl({ kind: 'dataset', schema }).toString()).toBe(text)
  expect(parseControl(Buffer.from(text))).toEqual({
    type: 'control',
    control: { kind: 'dataset', schema: jsonOf('{"name":1,"type":"record"}') },
  })
})
