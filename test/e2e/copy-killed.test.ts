// `log copy` that is killed at random points and begun again: complete, marked, equal. Ctrl-C ends it in order.

import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createRandom } from '../../scripts/demo/random.ts'
import { block, branch, RAW_TIME_NS, rawMutation, stampOf, text } from '../../scripts/golden/raw-avro.ts'
import { frameSingleObject } from '../../src/codec/framing.ts'
import type { NewRecord } from '../../src/log/log.ts'
import { cli, ROOT, type RunningCli, startCli } from '../support/cli.ts'
import { expectCopy, type ReadLog } from '../support/copies.ts'
import { announceSeed } from '../support/seed.ts'
import { waitFor } from '../support/wait.ts'
import {
  copy,
  createLogAt,
  kafkaPlace,
  type LogPlace,
  postgresPlace,
  readPlace,
  withLog,
} from './copy-support.ts'

const SEED = announceSeed('test/e2e/copy-killed.test.ts')
const KILLS = 10
const PARTITIONS = 3
const MESSAGES = 100_000
/** Of the time that a whole copy takes, from its first word on: how long one lives that is killed, at most. */
const LIFE_SHARE_MAX = 0.3
/** About what it takes until a copy begins. */
const START_MS = 1_000

let source: LogPlace
let original: ReadLog
let wholeMs: number
const places: LogPlace[] = []

beforeAll(async () => {
  source = await kafkaPlace('killed')
  await createLogAt(source, '--partitions', String(PARTITIONS))
  await cli(['datasets', 'apply', `${ROOT}/examples/catalogue`], { env: { SPINDEXER_LOG: source.url } })
  await withLog(source, async (log) => {
    for (let from = 0; from < MESSAGES; from += 10_000) {
      await log.append(Array.from({ length: 10_000 }, (_, i) => message(from + i)))
    }
  })
  original = await readPlace(source)
  wholeMs = await timeOfCopy()
}, 180_000)

afterAll(async () => {
  for (const place of places) await place.drop()
})

it('killed ten times it is whole at the end, however little each run brings', async () => {
  const random = createRandom(SEED)
  const target = await postgresPlace('killed')
  places.push(target)
  const args = ['log', 'copy', '--from', source.url, '--to', target.url]
  const copyIds = new Set<string>()
  let isUnfinished = 0
  for (let i = 0; i < KILLS; i++) {
    const run = startCli(args)
    // The first is killed while it makes the log.
    if (i > 0) await waitFor('the copy to begin', () => hasBegun(run), { everyMs: 10 })
    await sleep(random() * (i > 0 ? LIFE_SHARE_MAX * wholeMs : START_MS))
    run.kill('SIGKILL')
    const { signal, stderr } = await run.ended
    if (signal === 'SIGKILL') isUnfinished++
    const copyId = /copy ([0-9a-f-]{36})/.exec(stderr)?.[1]
    if (copyId !== undefined) copyIds.add(copyId)
  }
  expect(isUnfinished).toBeGreaterThan(KILLS / 3)
  const last = await copy(source, target)
  copyIds.add(last.copyId)
  expect([...copyIds]).toHaveLength(1)
  expectCopy(original, await readPlace(target))
}, 180_000)

it('Ctrl-C ends it in order, says how to go on, and what is there already is not copied again', async () => {
  const target = await postgresPlace('stopped')
  places.push(target)
  const run = startCli(['log', 'copy', '--from', source.url, '--to', target.url])
  await waitFor('the copy to begin', () => hasBegun(run))
  await sleep(700)
  run.kill('SIGINT')
  const { code, stdout, stderr } = await run.ended
  const rest = await copy(source, target)
  // On a fast machine it may have been done already.
  const before =
    code === 0
      ? JSON.parse(stdout).copied
      : Number(/(\S+) records? copied/.exec(stderr)![1]!.replaceAll(',', ''))
  if (code !== 0) {
    expect(code).toBe(1)
    expect(stderr).toMatch(
      /stopped before the end; .*\n.*Run the same command again: it goes on where it was/,
    )
  }
  const is = await readPlace(target)
  expectCopy(original, is)
  expect(before + rest.copied).toBe(is.records.length)
  // What was acknowledged while it ended may come twice; nothing else does.
  expect(is.records.length - original.records.length).toBeLessThan(40_000)
}, 120_000)

const hasBegun = (run: RunningCli) => run.child.exitCode !== null || run.stderr().includes('records to copy')

/** How long a copy that nobody disturbs goes on after its first word. */
async function timeOfCopy(): Promise<number> {
  const target = await postgresPlace('undisturbed')
  places.push(target)
  const run = startCli(['log', 'copy', '--from', source.url, '--to', target.url])
  await waitFor('the copy to begin', () => hasBegun(run), { everyMs: 10 })
  const beganMs = performance.now()
  const { code, stderr } = await run.ended
  expect(code, stderr).toBe(0)
  return performance.now() - beganMs
}

/** One in fifty is quarantined. */
function message(n: number): NewRecord {
  if (n % 50 === 0) return { partition: n % PARTITIONS, key: null, value: Buffer.from(`rubbish ${n}`) }
  const columns = block([Buffer.concat([text('title'), branch.string(`title ${n}`)])])
  const avro = rawMutation({
    stamp: stampOf(RAW_TIME_NS + BigInt(n)),
    dataset: text('tracks'),
    key: block([text(`t${n % 4_000}`)]),
    columns,
  })
  return { partition: n % PARTITIONS, key: null, value: frameSingleObject(avro) }
}
