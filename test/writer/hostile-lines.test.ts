// Every line that no writer may send is refused, with a word that helps, and its neighbours are not.

import { expect, it } from 'vitest'
import { LOG_ID } from '../../scripts/golden/verdicts-world.ts'
import { EMPTY_CATALOGUE } from '../../src/codec/catalogue.ts'
import { judgeOpenDefinitions } from '../../src/codec/definitions.ts'
import { faultOf } from '../../src/writer/check.ts'
import { createCsvRowSource } from '../../src/writer/csv-source.ts'
import { createChangeSource } from '../../src/writer/json-source.ts'
import { BAD_CSVS, BAD_LINES, LINE_DEFINITIONS, lineOf } from './hostile-lines.ts'
import { bytesOf, NOW_MS } from './support.ts'

const records = LINE_DEFINITIONS.map((text, i) => {
  const place = { partition: -1, offset: BigInt(i), appendMs: NOW_MS, stampedByLog: true }
  return { ...place, key: null, value: Buffer.from(text), headers: [] }
})
const { catalogue } = judgeOpenDefinitions(EMPTY_CATALOGUE, records, BigInt(records.length), LOG_ID)
const newline = Buffer.from('\n')

it.each(BAD_CSVS)('CSV $text', async ({ text, words }) => {
  const said: string[] = []
  try {
    const source = createCsvRowSource(() => bytesOf(text), catalogue.datasets.get('tracks')!, null)
    for await (const entries of source()) {
      for (const entry of entries) said.push(`line ${entry.line}: ${faultOf(entry, NOW_MS * 1_000_000n)}`)
    }
  } catch (error) {
    said.push((error as Error).message)
  }
  expect(said).toEqual([expect.stringMatching(words)])
})

it.each(BAD_LINES)('$name', async ({ line, words }) => {
  const bytes = Buffer.concat([
    Buffer.from(lineOf('')),
    newline,
    Buffer.from(line as string),
    newline,
    Buffer.from(lineOf('')),
  ])
  const faults: (string | null)[] = []
  for await (const entries of createChangeSource(
    () => bytesOf(bytes, 100_000),
    () => catalogue,
  )()) {
    for (const entry of entries) faults.push(faultOf(entry, (NOW_MS + 60_000n) * 1_000_000n))
  }
  expect(faults).toEqual([null, expect.stringMatching(words), null])
  // A word for people fits a terminal, whatever was in the line.
  expect(faults[1]!.length).toBeLessThan(400)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: no control character is what this is about
  expect(faults[1]).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/)
})
