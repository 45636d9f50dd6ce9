// Commands killed half-way and run again, and several `log create` at once: one log, one set of messages.

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { generateLines } from '../../scripts/demo/generate.ts'
import { createRandom } from '../../scripts/demo/random.ts'
import { checkLog } from '../../src/log/check.ts'
import { createKafkaLog } from '../../src/log/kafka/log.ts'
import type { LogDescription } from '../../src/log/log.ts'
import { cli, ROOT, type RunningCli, runCli, startCli } from '../support/cli.ts'
import {
  CREATE_TOPICS,
  type Fate,
  PRODUCE,
  type ProxiedKafka,
  startProxiedKafka,
} from '../support/kafka-proxy.ts'
import { announceSeed } from '../support/seed.ts'
import { temporaryDir, uniqueTopic } from '../support/services.ts'
import {
  catchUp,
  cellsOf,
  countsOf,
  createTestNode,
  foldInPython,
  type KafkaTestLog,
  kafkaTestLog,
  sha256,
} from './support.ts'

const seed = announceSeed('test/e2e/interrupted.test.ts')
const dir = temporaryDir()
let kafka: ProxiedKafka

beforeAll(async () => {
  kafka = await startProxiedKafka(dir.path)
})
afterEach(() => kafka.decide(null))
afterAll(async () => {
  await kafka?.end()
  dir.remove()
})

/** Addresses of a log: through the proxy, where commands are killed, and past it. */
function addressesOf(topic: string): { proxied: KafkaTestLog; direct: KafkaTestLog } {
  return { proxied: kafkaTestLog(kafka.brokers, topic), direct: kafkaTestLog(kafka.broker.brokers, topic) }
}

/** Runs a command until its request number `nth` (from 1) of these kinds; kills it before that arrives, or behind it. */
async function killAt(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  { kinds, nth, fate }: { kinds: readonly number[]; nth: number; fate: Exclude<Fate, 'pass'> },
): Promise<void> {
  let seen = 0
  let running: RunningCli | null = null
  kafka.decide((apiKey) => {
    if (!kinds.includes(apiKey) || ++seen < nth) return 'pass'
    // What reaches the broker is done by it, whether the sender lives on or not.
    running?.kill('SIGKILL')
    return fate
  })
  running = startCli(args, { env })
  const { signal, stderr } = await running.ended
  kafka.decide(null)
  expect(signal, stderr).toBe('SIGKILL')
  if (fate === 'cut answer') await sleep(200)
}

async function describe(log: KafkaTestLog): Promise<LogDescription> {
  const handle = createKafkaLog({ connection: { brokers: log.brokers }, topic: log.topic, onLog: () => {} })
  try {
    return await handle.describe()
  } finally {
    await handle.close()
  }
}

/** The log is whole, and nothing but one genesis is in each of its partitions. */
async function expectBare(log: KafkaTestLog, logId: string | null) {
  const description = await describe(log)
  const states = [...description.partitions, description.definitions!]
  expect(states.map(({ end }) => end)).toEqual(states.map(() => 1n))
  const check = checkLog(description)
  if (check.type === 'refused') throw new Error(JSON.stringify(check.problems))
  if (logId !== null) expect(check.genesis.logId).toBe(logId)
}

// Two topics, then the genesis of partition 0, of partition 1, and of the definitions.
it.each([1, 2, 3, 4, 5])(
  'log create killed behind change %d of 5 is refused with the remedy, and resumes',
  async (nth) => {
    const { proxied, direct } = addressesOf(uniqueTopic('created'))
    await killAt(['log', 'create', '--partitions', '2'], proxied.env, {
      kinds: [CREATE_TOPICS, PRODUCE],
      nth,
      fate: 'cut answer',
    })
    const before = await describe(direct)
    const isWhole = checkLog(before).type === 'ok'
    expect(isWhole).toBe(nth === 5)
    if (nth % 2 === 0) {
      const refused = await runCli(['publish', '-'], { env: direct.env, input: '' })
      expect(refused.stderr).toMatch(/log create/)
      expect(refused.code).toBe(1)
    }
    const { logId } = JSON.parse(await cli(['log', 'create', '--partitions', '2'], { env: direct.env }))
    const first = before.partitions[0]?.genesis?.value
    if (first !== undefined && first !== null) expect(JSON.parse(first.toString('utf8')).logId).toBe(logId)
    await expectBare(direct, logId)
  },
)

it('log create killed at random moments resumes in the end', async () => {
  const random = createRandom(seed)
  for (let round = 0; round < 2; round++) {
    const { direct } = addressesOf(uniqueTopic('killed'))
    for (let kill = 0; kill < 2; kill++) {
      const running = startCli(['log', 'create', '--partitions', '3'], { env: direct.env })
      await sleep(300 + random() * 700)
      running.kill('SIGKILL')
      await running.ended
    }
    await cli(['log', 'create', '--partitions', '3'], { env: direct.env })
    await expectBare(direct, null)
  }
})

it('five log create at once: all succeed with one id, and nothing is left over', async () => {
  const { direct } = addressesOf(uniqueTopic('raced'))
  const outputs = await Promise.all(
    Array.from({ length: 5 }, () => cli(['log', 'create', '--partitions', '3'], { env: direct.env })),
  )
  const ids = new Set(outputs.map((output) => JSON.parse(output).logId))
  expect(ids.size).toBe(1)
  await expectBare(direct, [...ids][0])
})

it('two log create that ask for different numbers of partitions: one log, and the other is told', async () => {
  const { direct } = addressesOf(uniqueTopic('unequal'))
  const results = await Promise.all(
    ['2', '3'].map((count) => runCli(['log', 'create', '--partitions', count], { env: direct.env })),
  )
  const refused = results.filter(({ code }) => code !== 0)
  expect(refused).toHaveLength(1)
  expect(refused[0]!.stderr).toMatch(/exists with \d partitions?, not \d/)
  expect(refused[0]!.stderr).toMatch(/name that number/)
  await expectBare(direct, null)
})

it('datasets apply and publish FILE, killed half-way and run again: the same definitions, the same set', async () => {
  const { proxied, direct } = addressesOf(uniqueTopic('resumed'))
  await cli(['log', 'create', '--partitions', '2'], { env: direct.env })
  const definitions = join(ROOT, 'examples/catalogue')
  for (const fate of ['cut', 'cut answer'] as const) {
    await killAt(['datasets', 'apply', definitions], proxied.env, { kinds: [PRODUCE], nth: 1, fate })
  }
  await cli(['datasets', 'apply', definitions], { env: direct.env })

  const COUNT = 12_000
  const start = BigInt(Date.parse('2024-01-01T00:00:00Z')) * 1_000_000n
  const lines = [...generateLines('file', seed, COUNT)].map((line, i) =>
    JSON.stringify({ timestamp: String(start + BigInt(i)), ...JSON.parse(line) }),
  )
  mkdirSync(join(dir.path, 'files'))
  const file = join(dir.path, 'files', 'changes.jsonl')
  writeFileSync(file, `${lines.join('\n')}\n`)
  for (const [nth, fate] of [
    [2, 'cut'],
    [3, 'cut answer'],
  ] as const) {
    await killAt(['publish', file], proxied.env, { kinds: [PRODUCE], nth, fate })
  }
  const killed = (await describe(direct)).partitions.reduce((sum, { end }) => sum + end, 0n)
  expect(killed).toBeGreaterThan(2n)
  expect(JSON.parse(await cli(['publish', file], { env: direct.env }))).toEqual({
    durable: COUNT,
    skipped: 0,
  })

  const node = await createTestNode(direct, 'resumed')
  await catchUp(node)
  const counts = await countsOf(node)
  expect(counts).toMatchObject({ parked: 0n, quarantined: 0n, merged: counts.consumed })
  expect(counts.consumed).toBe(killed - 2n + BigInt(COUNT))
  const cells = await cellsOf(node)
  expect(sha256(await foldInPython(direct))).toBe(sha256(cells))

  const calm = addressesOf(uniqueTopic('calm')).direct
  await cli(['log', 'create', '--partitions', '2'], { env: calm.env })
  await cli(['datasets', 'apply', definitions], { env: calm.env })
  await cli(['publish', file], { env: calm.env })
  const other = await createTestNode(calm, 'calm')
  await catchUp(other)
  expect(sha256(await cellsOf(other))).toBe(sha256(cells))
  await node.drop()
  await other.drop()
}, 240_000)
