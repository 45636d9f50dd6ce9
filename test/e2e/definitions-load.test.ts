// Two workers of one node, a definition every second under load, and one of them killed: nothing stays parked that the definitions allow.

import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import type { KafkaLog } from '../../src/log/kafka/log.ts'
import { startCli } from '../support/cli.ts'
import { waitFor } from '../support/wait.ts'
import {
  awaitDefinitions,
  definition,
  enumOf,
  expectEqual,
  nullable,
  openLog,
  schemaOf,
  upsert,
} from './definitions-support.ts'
import { catchUp, countsOf, createTestLog, createTestNode } from './support.ts'

const DEFINITIONS = 8
const DATASETS = ['tracks', 'albums'] as const
const BATCH = 100

it('definitions every second: in the end nothing is parked, and the workers hold what a calm node holds', async () => {
  const testLog = await createTestLog('load', { partitions: 2 })
  const node = await createTestNode(testLog, 'load')
  const calm = await createTestNode(testLog, 'calm')
  const log = openLog(testLog)
  const workers = [startCli(['run'], { env: node.env }), startCli(['run'], { env: node.env })]
  const stop = new AbortController()
  try {
    await Promise.all(
      workers.map((worker) => waitFor('the workers to run', () => worker.stderr().includes('Node of log'))),
    )
    const writing = writeUntil(log, stop.signal)
    for (let i = 0; i < DEFINITIONS; i++) {
      await sleep(1_000)
      await log.append(definitionsAt(i))
      if (i === DEFINITIONS / 2) {
        workers[0]!.kill('SIGKILL')
        workers.push(startCli(['run'], { env: node.env }))
      }
    }
    stop.abort()
    const written = BigInt(await writing)
    await awaitDefinitions(node, log)
    await waitFor('all to be consumed', async () => (await countsOf(node)).consumed === written, {
      timeoutMs: 120_000,
    })
    await awaitDefinitions(node, log)
    expect(await countsOf(node)).toEqual({ consumed: written, merged: written, parked: 0n, quarantined: 0n })
    // Without messages that came before their definitions this would have shown nothing.
    expect(workers.map((worker) => worker.stderr()).join('')).toMatch(/Judged [\d,]+ parked messages again/)
    await catchUp(calm)
    await expectEqual(testLog, [calm, node])
  } finally {
    stop.abort()
    for (const worker of workers) worker.kill('SIGKILL')
    await log.close()
  }
}, 300_000)

/** The definitions of one second: the next column, and the next symbol, of each dataset, the two datasets apart. */
function definitionsAt(i: number) {
  const fields = [nullable(`c${i}`, 'long'), enumOf('mood', `S${i}`)]
  return DATASETS.map((name) => definition(schemaOf(name, fields)))
}

/** Writes of columns and symbols that are defined sooner or later; how many. */
async function writeUntil(log: KafkaLog, signal: AbortSignal): Promise<number> {
  let n = 0
  while (!signal.aborted) {
    const records = Array.from({ length: BATCH }, () => {
      const at = n++
      const dataset = DATASETS[at % DATASETS.length]!
      const later = (at >> 1) % DEFINITIONS
      return upsert(dataset, at, at % 3 === 0 ? { mood: `S${later}` } : { [`c${later}`]: BigInt(at) }, [
        `k${at % 500}`,
      ])
    })
    await log.append(records)
    await sleep(20)
  }
  return n
}
