// Control records, and the definitions in them.

import assert from 'node:assert/strict'
import type { Catalogue } from '../../../src/codec/catalogue.ts'
import { datasetFromJson, datasetToJson } from '../../../src/codec/catalogue-json.ts'
import { encodeControl, parseControl } from '../../../src/codec/control.ts'
import { definitionWarnings, foldDefinition, judgeOpenDefinitions } from '../../../src/codec/definitions.ts'
import { type JsonObject, parseJson } from '../../../src/codec/json.ts'
import { DEFINITIONS } from '../../../src/codec/record.ts'
import { readSchema } from '../../../src/codec/schema.ts'
import { createOpenJudge } from '../../../src/codec/verdict.ts'
import { planDefinitions } from '../../../src/writer/definitions.ts'
import { one } from '../../sim/world.ts'
import { CATALOGUE, CONTROL_TEXTS, DEFINITION_TEXTS, LOG_ID, recordOf } from '../corpus.ts'
import { mutateBytes, mutateText } from '../mutate.ts'
import { checkEqual, checkWords } from '../rules.ts'
import type { Target } from '../target.ts'

const CONTROLS = [...CONTROL_TEXTS, ...DEFINITION_TEXTS]
const CONTROL_BYTES = CONTROLS.map((text) => Buffer.from(text))
const judge = createOpenJudge({ logId: LOG_ID, maxClockAheadMs: 60_000n })

/** Words of control records and of Avro schemas, and what is quoted in refusals. */
const WORDS = [
  '"kind"',
  '"genesis"',
  '"dataset"',
  '"policy"',
  '"close"',
  '"__proto__"',
  '"constructor"',
  '"required":true',
  '"type":',
  '"logicalType":"',
  '"enum"',
  '"symbols":[',
  '"record"',
  '["null",',
  '"null"',
  '"timestamp-micros"',
  '"decimal"',
  '"json"',
  '"long"',
  '"key":[',
  '"fields":[',
  '{',
  '}',
  '[',
  ']',
  ',',
  ':',
  '0',
  '-1',
  '9007199254740992',
  '1e3',
  'null',
  '\u001b[2J',
  '\u009b31m',
  '\u202e',
  '"\\u001b]0;x\\u0007"',
  `"${'x'.repeat(2_000)}"`,
  '\ud800',
]

export const control: Target = {
  name: 'control',
  make(random) {
    if (random() < 0.3) return mutateBytes(random, one(random, CONTROL_BYTES), CONTROL_BYTES)
    return Buffer.from(mutateText(random, one(random, CONTROLS), CONTROLS, WORDS))
  },
  check(input) {
    const bytes = input as Buffer
    const parsed = parseControl(bytes)
    checkEqual(parseControl(bytes), parsed, 'read twice')
    for (const partition of [0, DEFINITIONS]) {
      const verdict = judge(recordOf(bytes, { partition }), CATALOGUE)
      if (verdict.type === 'quarantined') checkWords(verdict.detail)
    }
    if (parsed.type === 'control') {
      assert.ok(encodeControl(parsed.control).equals(bytes), 'a control record has one form')
    }
  },
}

/** What somebody's .avsc file holds. */
export const definition: Target = {
  name: 'definition',
  make(random) {
    const schemaOf = (text: string) => text.slice(text.indexOf('"schema":') + 9, -1)
    return mutateText(random, schemaOf(one(random, DEFINITION_TEXTS)), DEFINITION_TEXTS, WORDS)
  },
  check(input) {
    const parsed = parseJson(input as string)
    if (parsed.type === 'refused') return checkWords(parsed.detail)
    const read = readSchema(parsed.value)
    const plan = planDefinitions(CATALOGUE, [{ source: 'a.avsc', json: parsed.value }])
    if (plan.type === 'refused') for (const { what } of plan.problems) checkWords(what, 400)
    if (read.type === 'refused') return checkWords(read.detail)
    for (const warning of definitionWarnings(CATALOGUE, read.schema)) checkWords(warning, 1_000)
    const folded = foldDefinition(CATALOGUE, read.schema, CATALOGUE.offset)
    assert.equal(plan.type, folded.type === 'taken' ? 'plan' : 'refused', 'the command says what nodes do')
    if (folded.type === 'refused') return checkWords(folded.detail)
    checkTaken(folded.catalogue, folded.dataset.name, parsed.value as JsonObject)
  },
}

function checkTaken(catalogue: Catalogue, name: string, schema: JsonObject): void {
  const dataset = catalogue.datasets.get(name)!
  const record = recordOf(encodeControl({ kind: 'dataset', schema }), {
    partition: DEFINITIONS,
    offset: CATALOGUE.offset,
  })
  const judged = judgeOpenDefinitions(CATALOGUE, [record], CATALOGUE.offset + 1n, LOG_ID)
  checkEqual(judged.catalogue.datasets, catalogue.datasets, 'a node takes it alike')
  const read = readSchema(schema)
  assert.ok(read.type === 'schema')
  const twice = foldDefinition(catalogue, read.schema, CATALOGUE.offset + 1n)
  assert.ok(twice.type === 'taken' && !twice.changed, 'taken twice it changes nothing')
  const kept = parseJson(JSON.stringify(datasetToJson(dataset)))
  assert.ok(kept.type === 'parsed')
  const { symbols: _, ...held } = { ...datasetFromJson(kept.value, dataset.changedAt), symbols: null }
  checkEqual(datasetToJson(held), datasetToJson(dataset), 'as a store keeps it')
}
