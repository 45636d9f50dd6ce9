// Workers on a guarded log that are killed, frozen and joined while its policies change: one state, as of a calm node and of the fold in Python.

import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { createRandom } from '../../scripts/demo/random.ts'
import { applyPolicy, createGuardedWriter, FIRST_ADMINS } from '../sim/guarded-writer.ts'
import { cli } from '../support/cli.ts'
import { announceSeed } from '../support/seed.ts'
import { soaked } from '../support/soak.ts'
import { createCrew } from './crew.ts'
import {
  catchUp,
  cellsOf,
  countsOf,
  createTestLog,
  createTestNode,
  foldInPython,
  sha256,
  type TestLog,
  type TestNode,
} from './support.ts'

const SEED = announceSeed('test/e2e/guarded-killed.test.ts')
const PARTITIONS = 4
const CHANGES = soaked(12)
const WRITES_BETWEEN_POLICIES = 20

it('workers that die, freeze and join while policies change judge each record by what stands before it', async () => {
  const log = await createTestLog('guarded_killed', { partitions: PARTITIONS, admins: FIRST_ADMINS })
  const node = await createTestNode(log, 'guarded_killed')
  await cli(['migrate'], { env: node.env })
  const ending = new AbortController()
  const load = writeUntil(log, ending.signal)
  const crew = createCrew(node)
  const random = createRandom(SEED)
  try {
    crew.start()
    for (let change = 0; change < CHANGES; change++) {
      await Promise.race([sleep(300 + 600 * random()), load])
      if (change % 3 === 2) crew.kill(random)
      else crew.change(random)
    }
    ending.abort()
    expect(await load).toBeGreaterThan(2)
    crew.wakeAll()
    await crew.endAll()
  } finally {
    ending.abort()
    await crew.killAll()
  }
  await catchUp(node)
  const calm = await createTestNode(log, 'guarded_calm')
  await catchUp(calm)
  const state = await stateOf(calm)
  expect(state.standings.length).toBe(PARTITIONS + 1)
  expect(state.quarantined.length).toBeGreaterThan(0)
  expect(state.authors.length).toBeGreaterThan(0)
  expect(await stateOf(node)).toEqual(state)
  expect(await countsOf(node)).toEqual(await countsOf(calm))
  const cells = sha256(await cellsOf(calm))
  expect(sha256(await cellsOf(node))).toBe(cells)
  expect(sha256(await foldInPython(log))).toBe(cells)
  await calm.drop()
  await node.drop()
}, 400_000)

/** Writes, and applies policies, until it is told to end; answers how many policies there are. */
async function writeUntil(log: TestLog, signal: AbortSignal): Promise<number> {
  const { logId } = JSON.parse(await cli(['log', 'check'], { env: log.env }))
  const random = createRandom((SEED + 1) >>> 0)
  const writer = createGuardedWriter(random, logId, PARTITIONS)
  const handle = log.open()
  const write = async (): Promise<void> => {
    const nowMs = BigInt(Date.now())
    const records = Array.from({ length: 20 }, () => writer.next(nowMs)).flat()
    await handle.append(records)
  }
  let policies = 0
  try {
    while (!signal.aborted) {
      await applyPolicy(handle, random, writer.nextPolicy(), write)
      policies++
      for (let i = 0; i < WRITES_BETWEEN_POLICIES && !signal.aborted; i++) {
        await write()
        await sleep(20)
      }
    }
    return policies
  } finally {
    await handle.close()
  }
}

/** All that policies and signatures decide, by what the database holds. */
async function stateOf(node: TestNode) {
  const [standings, quarantined, parked, authors] = await Promise.all(
    [
      'select partition, standing::text as standing from spindexer.standings order by 1',
      'select partition, "offset", reason from spindexer.quarantined order by 1, 2',
      'select partition, "offset", reason from spindexer.parked order by 1, 2',
      `select origin, signer from spindexer.authors left join spindexer.signers on id = signer_id
       order by origin, signer collate "C"`,
    ].map((sql) => node.query(sql)),
  )
  return { standings: standings!, quarantined: quarantined!, parked: parked!, authors: authors! }
}
