// Writers of a guarded log and a node of it agree: what a writer calls durable is merged, what it refuses is never in the log.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import type { Policy, PolicyRule } from '../../src/codec/control.ts'
import { DEFINITIONS } from '../../src/codec/record.ts'
import { below, createRandom } from '../sim/world.ts'
import { cli, runCli } from '../support/cli.ts'
import { announceSeed } from '../support/seed.ts'
import { temporaryDir } from '../support/services.ts'
import { controlRecord, signRecords, testKey, testKeyText } from '../support/signers.ts'
import {
  appendRaw,
  catchUp,
  cellsOf,
  countsOf,
  createLogOfKind,
  createTestNode,
  type TestLog,
} from './support.ts'

const random = createRandom(announceSeed('test/e2e/guarded-writers.test.ts'))
const ADMIN = testKey('admin')
const WRITERS = ['writer', 'wallet', 'stranger'] as const
const SCHEMES = { writer: 'ed25519', wallet: 'eip191', stranger: 'ed25519' } as const
const signerOf = (name: (typeof WRITERS)[number]) => testKey(name, SCHEMES[name]).signer

const dir = temporaryDir()
afterAll(() => dir.remove())

const OPERATIONS = ['upsert', 'update', 'delete'] as const
const COLUMNS = ['title', 'plays'] as const
const pick = <T>(items: readonly T[]): T => items[below(random, items.length)]!
const some = <T>(items: readonly T[]): T[] => items.filter(() => random() < 0.6)

function randomLine(i: number): string {
  const operation = pick(OPERATIONS)
  const columns = operation === 'delete' ? [] : some(COLUMNS)
  if (operation === 'update' && columns.length === 0) columns.push('title')
  const data = {
    id: `t${below(random, 20)}`,
    ...Object.fromEntries(columns.map((column) => [column, contentOf(column, i)])),
  }
  return `${JSON.stringify({ dataset: 'tracks', operation, data })}\n`
}

const contentOf = (column: (typeof COLUMNS)[number], i: number) => (column === 'plays' ? i : `title ${i}`)

function randomRules(): readonly PolicyRule[] {
  return Array.from({ length: 1 + below(random, 4) }, () => ({
    signers: random() < 0.3 ? '*' : some(WRITERS).map(signerOf),
    operations: some(OPERATIONS),
    datasets: random() < 0.5 ? '*' : ['tracks'],
    columns: random() < 0.5 ? '*' : some(COLUMNS),
  }))
}

async function applyPolicy(log: TestLog, logId: string, version: number, rules: readonly PolicyRule[]) {
  const policy: Policy = { kind: 'policy', version, admins: [ADMIN.signer], rules, unsigned: false }
  for (const partition of [0, 1, DEFINITIONS]) {
    await appendRaw(log, signRecords(ADMIN, logId, [controlRecord(partition, policy)]))
  }
}

it('under random policies, one after the other, nothing is quarantined', async () => {
  const log = await createLogOfKind('kafka', 'guarded-writers', {
    partitions: 2,
    datasets: 'examples/catalogue',
    admins: [ADMIN.signer],
    key: testKeyText('admin'),
  })
  const { logId } = JSON.parse(await cli(['log', 'check'], { env: log.env }))
  let durable = 0n
  let refused = 0
  for (let version = 1; version <= 4; version++) {
    await applyPolicy(log, logId, version, randomRules())
    const sent = await Promise.all(
      WRITERS.map((name) => {
        const input = Array.from({ length: 40 }, (_, i) => randomLine(i)).join('')
        const env = { ...log.env, SPINDEXER_KEY: testKeyText(name, SCHEMES[name]) }
        return runCli(['publish', '-', '--skip-invalid'], { env, input })
      }),
    )
    for (const { code, stdout, stderr } of sent) {
      // Whoever no rule names is told so before anything is read.
      if (code === 1) expect(stderr).toMatch(/takes nothing that .* signs/)
      else expect([code, stderr]).toEqual([0, expect.any(String)])
      const answer = code === 0 ? JSON.parse(stdout) : { durable: 0, skipped: 40 }
      expect(answer.durable + answer.skipped).toBe(40)
      durable += BigInt(answer.durable)
      refused += answer.skipped
    }
  }
  const node = await createTestNode(log)
  await catchUp(node)
  const counts = await countsOf(node)
  expect(counts).toMatchObject({ merged: durable, parked: 0n, quarantined: 0n })
  expect(durable > 0n || refused === 480).toBe(true)
  await node.drop()
}, 600_000)

it('import --only-changed asks for what it sends alone: a row that is as it stands needs no right', async () => {
  const log = await createLogOfKind('postgres', 'guarded-changed', {
    partitions: 2,
    datasets: 'examples/catalogue',
    admins: [ADMIN.signer],
    key: testKeyText('admin'),
  })
  const { logId } = JSON.parse(await cli(['log', 'check'], { env: log.env }))
  const node = await createTestNode(log)
  const env = { ...node.env, SPINDEXER_KEY: testKeyText('admin') }
  const csvOf = (name: string, text: string) => {
    const path = join(dir.path, name)
    writeFileSync(path, `id,title,plays\n${text}`)
    return path
  }
  await cli(['import', 'tracks', csvOf('first.csv', 'a,Blue,1\nb,Red,2\n')], { env })
  await applyPolicy(log, logId, 1, [
    { signers: [signerOf('writer')], operations: ['update'], datasets: ['tracks'], columns: ['plays'] },
  ])
  await catchUp(node)
  const own = { ...node.env, SPINDEXER_KEY: testKeyText('writer') }
  const changed = (path: string, ...args: string[]) =>
    runCli(['import', 'tracks', path, '--only-changed', ...args], { env: own })
  const retitled = csvOf('retitled.csv', 'a,Green,1\nb,Red,2\n')
  for (const args of [[], ['--dry-run']]) {
    expect(await changed(retitled, ...args)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/line 2: not allowed: .* column "title"/),
    })
  }
  const played = csvOf('played.csv', 'a,Blue,7\nb,Red,2\n')
  expect(await changed(played)).toMatchObject({ code: 0, stdout: expect.stringMatching(/"durable":1,/) })
  await catchUp(node)
  expect(await countsOf(node)).toMatchObject({ merged: 3n, quarantined: 0n })
  const cells = (await cellsOf(node)).split('\n').filter((line) => line.includes('"plays"'))
  expect(cells.find((line) => line.includes('"a"'))).toContain(`"signer":"${signerOf('writer')}"`)
  await node.drop()
}, 600_000)
