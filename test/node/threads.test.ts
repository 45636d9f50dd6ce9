// A node and its threads: none where nothing is signed or nobody is asked, an end that names the one that died, and no memory for a flood.

import { spawn } from 'node:child_process'
import { subscribe } from 'node:diagnostics_channel'
import { join } from 'node:path'
import type { Worker } from 'node:worker_threads'
import { expect, it } from 'vitest'
import { createLog } from '../../src/log/genesis.ts'
import type { NewRecord } from '../../src/log/log.ts'
import { createMemoryLog } from '../../src/log/memory/log.ts'
import type { NodeEvent } from '../../src/node/context.ts'
import { runNode } from '../../src/node/run.ts'
import { createProofPool } from '../../src/proofs/pool.ts'
import { createMemoryDatabase } from '../../src/store/memory/database.ts'
import { createMemoryStore } from '../../src/store/memory/store.ts'
import type { CommitResult } from '../../src/store/store.ts'
import { plan } from '../log/samples.ts'
import { ADMINS, guardedDefinitions, guardedPartition } from '../support/guarded-world.ts'
import { waitFor } from '../support/wait.ts'

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

/** Threads of this process that have begun and not ended. */
const alive = new Set<Worker>()
subscribe('worker_threads', (message) => {
  const { worker } = message as { readonly worker: Worker }
  alive.add(worker)
  worker.once('exit', () => alive.delete(worker))
})

it('threads end as soon as the node is told to, though a database keeps it waiting', async () => {
  const log = createMemoryLog({ partitions: 1, now: () => 1_800_000_000_000n })
  await createLog(log, { ...plan(1), admins: ADMINS })
  await log.append(signed)
  const stop = new AbortController()
  const answer = Promise.withResolvers<CommitResult>()
  const committing = Promise.withResolvers<void>()
  const ended = runNode({
    log,
    store: { ...createMemoryStore(), commit: () => answer.promise },
    scope: { type: 'all' },
    signal: stop.signal,
    untilEnd: false,
    isTransient: () => false,
    emit: ({ type }) => {
      if (type === 'committing') committing.resolve()
    },
  })
  await committing.promise
  expect(alive.size).toBeGreaterThan(0)
  stop.abort()
  await waitFor('the threads to end', () => alive.size === 0)
  answer.resolve({ type: 'committed' })
  expect(await ended).toEqual({ type: 'stopped' })
})

it('threads of its own end with it', async () => {
  const log = createMemoryLog({ partitions: 1, now: () => 1_800_000_000_000n })
  await createLog(log, { ...plan(1), admins: ADMINS })
  await log.append([...definitions, ...signed])
  const database = createMemoryDatabase()
  let seen = 0
  const ended = await runNode({
    log,
    store: createMemoryStore(database),
    scope: { type: 'all' },
    signal: new AbortController().signal,
    untilEnd: true,
    isTransient: () => false,
    emit: () => {
      seen = Math.max(seen, alive.size)
    },
  })
  expect(ended).toEqual({ type: 'ended' })
  expect(database.standings.get(0)).toMatchObject({ version: 3, isClosed: true })
  expect([alive.size, seen > 0]).toEqual([0, true])
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
