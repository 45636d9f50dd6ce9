// A node and its threads: none where nothing is signed or nobody is asked, an end that names the one that died, and no memory for a flood.

import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { createLog } from '../../src/log/genesis.ts'
import type { NewRecord } from '../../src/log/log.ts'
import { createMemoryLog } from '../../src/log/memory/log.ts'
import type { NodeEvent } from '../../src/node/context.ts'
import { runNode } from '../../src/node/run.ts'
import { createProofPool } from '../../src/proofs/pool.ts'
import { createMemoryDatabase } from '../../src/store/memory/database.ts'
import { createMemoryStore } from '../../src/store/memory/store.ts'
import { plan } from '../log/samples.ts'
import { ADMINS, guardedDefinitions, guardedPartition } from '../support/guarded-world.ts'

const LOG_ID = plan(1).logId
const signed = guardedPartition(LOG_ID, 0).map(({ record }) => record)
const unsigned = signed.filter(({ headers }) => headers === undefined)
const definitions = guardedDefinitions(LOG_ID).map(({ record }) => record)

/** A node over these records, whose threads end as soon as there is one. */
async function runWithout(threads: string, admins: readonly string[], records: readonly NewRecord[]) {
  const log = createMemoryLog({ partitions: 1, now: () => 1_800_000_000_000n, chunkRecords: 7 })
  await createLog(log, { ...plan(1), admins })
  await log.append(records)
  const database = createMemoryDatabase()
  const events: NodeEvent[] = []
  const pool = createProofPool({ threads: 2, worker: new URL(`data:text/javascript,${threads}`) })
  try {
    const ended = await runNode({
      log,
      store: createMemoryStore(database),
      scope: { type: 'all' },
      signal: new AbortController().signal,
      untilEnd: true,
      isTransient: () => false,
      emit: (event) => events.push(event),
      pool,
    })
    return { ended, events, database }
  } finally {
    await pool.close()
  }
}

it('nobody verifies anything in an open log, nor where nothing is signed', async () => {
  const open = await runWithout('process.exit(3)', [], [...definitions, ...signed])
  expect(open.ended).toEqual({ type: 'ended' })
  expect(open.database.authors.size).toBe(0)
  expect(open.events).toContainEqual({ type: 'warning', text: expect.stringMatching(/^this log is open/) })
  const guarded = await runWithout('process.exit(3)', ADMINS, unsigned)
  expect(guarded.ended).toEqual({ type: 'ended' })
  expect(guarded.events.filter(({ type }) => type === 'warning')).toEqual([])
  expect(guarded.database.quarantined.size).toBe(unsigned.length)
})

it('a thread that dies ends the node with an error that names it, wherever it was needed', async () => {
  for (const records of [signed, definitions]) {
    await expect(runWithout('process.exit(3)', ADMINS, records)).rejects.toThrow(
      /^thread \d of 2 that verify signatures has died: it ended with code 3/,
    )
  }
})

it('threads of its own end with it', async () => {
  const log = createMemoryLog({ partitions: 1, now: () => 1_800_000_000_000n })
  await createLog(log, { ...plan(1), admins: ADMINS })
  await log.append([...definitions, ...signed])
  const threads = () => process.getActiveResourcesInfo().filter((name) => name === 'MessagePort').length
  const before = threads()
  const database = createMemoryDatabase()
  const ended = await runNode({
    log,
    store: createMemoryStore(database),
    scope: { type: 'all' },
    signal: new AbortController().signal,
    untilEnd: true,
    isTransient: () => false,
    emit: () => {},
  })
  expect(ended).toEqual({ type: 'ended' })
  expect(database.standings.get(0)).toMatchObject({ version: 3, isClosed: true })
  expect(threads()).toBe(before)
})

it('a flood of bad signatures passes through little memory', async () => {
  const child = spawn(
    process.execPath,
    ['--max-old-space-size=32', join(import.meta.dirname, 'flood.ts'), '60000'],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  let said = ''
  child.stdout.setEncoding('utf8').on('data', (text) => {
    said += text
  })
  const code = await new Promise((resolve) => child.once('close', resolve))
  expect([code, said]).toEqual([0, 'quarantined 60000\n'])
})
