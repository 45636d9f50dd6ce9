// Definitions from several machines at once: every node makes the same of them, and whoever lost is told so.

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { plainToJson } from '../../src/codec/json.ts'
import type { LogGenesis } from '../../src/log/check.ts'
import { appendDefinitions, planDefinitions, readDefinitions } from '../../src/writer/definitions.ts'
import { type CliResult, runCli } from '../support/cli.ts'
import { temporaryDir } from '../support/services.ts'
import { definedBy, expectEqual, nullable, openLog, refusedOf, schemaOf } from './definitions-support.ts'
import { catchUp, createTestLog, createTestNode, type KafkaTestLog } from './support.ts'

const ROUNDS = 2
const TYPES = ['string', 'long', 'double'] as const

it('commands of several machines at once: those that agree unite, of those that contradict one wins, the others fail', async () => {
  const log = await createTestLog('race', { partitions: 1 })
  const winners: string[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const agreeing = TYPES.map((type) => [schemaOf('agreed', [nullable(`${type}_${round}`, type)])])
    const contradicting = TYPES.map((type) => [schemaOf(`contradicted_${round}`, [nullable('value', type)])])
    const results = await Promise.all([...agreeing, ...contradicting].map((schemas) => apply(log, schemas)))
    for (const { code, stderr } of results.slice(0, TYPES.length)) {
      expect(stderr).toContain('Appended: 1')
      expect(code).toBe(0)
    }
    const contested = results.slice(TYPES.length)
    const won = contested.findIndex(({ code }) => code === 0)
    expect(contested[won]?.stderr).toContain('Appended: 1')
    winners.push(TYPES[won]!)
    for (const { code, stderr } of contested.toSpliced(won, 1)) {
      expect(code).toBe(1)
      expect(stderr).not.toContain('Appended')
      // What it is, and what to do; and whether it is in the log or never came there.
      expect(stderr).toMatch(new RegExp(`contradicted_${round}\\.value is a ${TYPES[won]}, not a `))
      expect(stderr).toMatch(/fixed for ever/)
      expect(stderr).toMatch(/another definition came before it|Nothing was appended/)
    }
  }
  const nodes = [await createTestNode(log, 'one'), await createTestNode(log, 'other')]
  await Promise.all(nodes.map(catchUp))
  await expectEqual(log, nodes)
  const defined = new Map(
    (await definedBy(nodes[0]!)).map(({ name, folded }) => [name, JSON.stringify(folded)]),
  )
  for (const [round, type] of winners.entries()) {
    expect(defined.get(`contradicted_${round}`)).toContain(`"type":"${type}"`)
    for (const each of TYPES) expect(defined.get('agreed')).toContain(`"name":"${each}_${round}"`)
  }
}, 300_000)

it('one whose definitions are in the log already when it finds that another came before: told which were taken, and what holds', async () => {
  const testLog = await createTestLog('forestalled', { partitions: 1 })
  const log = openLog(testLog)
  try {
    const genesis = await genesisOf(testLog)
    const signal = new AbortController().signal
    const { catalogue } = await readDefinitions(log, genesis, signal)
    const planOf = (...schemas: unknown[]) => {
      const brought = schemas.map((schema, i) => ({ source: `${i}.avsc`, json: plainToJson(schema) }))
      const plan = planDefinitions(catalogue, brought)
      if (plan.type === 'refused') throw new Error(plan.problems[0]!.what)
      return plan
    }
    const required = { ...nullable('title', 'string'), required: true }
    const early = planOf(
      schemaOf('tracks', [nullable('plays', 'long'), nullable('title', 'string')]),
      schemaOf('albums', [], [{ name: 'id', type: 'long' }]),
    )
    // Both have planned on the same definitions; neither can know of the other.
    const late = planOf(schemaOf('tracks', [required]), schemaOf('albums', []), schemaOf('artists', []))
    const options = { log, genesis, signal, signer: null }
    expect((await appendDefinitions({ ...options, plan: early })).problems).toEqual([])
    const { appended, problems, warnings } = await appendDefinitions({ ...options, plan: late })
    expect(appended.length).toBe(3)
    expect(problems).toEqual([
      {
        what: expect.stringMatching(
          /^1\.avsc: it is in the log but refused, because another .* albums\.id is a long/,
        ),
        remedy: expect.stringContaining('fixed for ever'),
      },
    ])
    expect(warnings).toEqual([
      expect.stringMatching(/^0\.avsc: tracks\.title: "required" is without effect/),
      expect.stringMatching(/^0\.avsc: tracks keeps the columns plays/),
    ])
    const node = await createTestNode(testLog, 'forestalled')
    await catchUp(node)
    expect(await refusedOf(node)).toEqual([`${appended[1]!.offset} type-changed`])
  } finally {
    await log.close()
  }
}, 120_000)

async function genesisOf({ env }: KafkaTestLog): Promise<LogGenesis> {
  const { stdout } = await runCli(['log', 'check', '--json'], { env })
  return JSON.parse(stdout)
}

async function apply(
  { env }: KafkaTestLog,
  schemas: readonly { readonly name: string }[],
): Promise<CliResult> {
  const dir = temporaryDir()
  mkdirSync(dir.path, { recursive: true })
  for (const schema of schemas) writeFileSync(join(dir.path, `${schema.name}.avsc`), JSON.stringify(schema))
  const result = await runCli(['datasets', 'apply', dir.path], { env })
  dir.remove()
  return result
}
