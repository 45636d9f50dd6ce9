// What `status` says of who may write: where the node stands in its log, by partition only where these differ.

import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { DEFINITIONS } from '../../src/codec/record.ts'
import { createPool } from '../../src/postgres/pool.ts'
import { createPostgresStore } from '../../src/store/postgres/store.ts'
import type { LogIdentity, Store } from '../../src/store/store.ts'
import { batchOf, catalogueOf, definitionStep, standingOf } from '../contract/store-fixture.ts'
import { createPostgresTestLog, createTestNode, type TestLog } from '../e2e/support.ts'
import { cli, ROOT } from '../support/cli.ts'
import { testKey } from '../support/signers.ts'

const AS_TERMINAL = { NODE_OPTIONS: `--import=${join(ROOT, 'test/support/as-terminal.ts')}` }

const ends: (() => Promise<void>)[] = []
afterAll(async () => {
  for (const end of ends.reverse()) await end()
})

/** A node of the log, whose positions are moved by hand. */
async function createNode(
  log: TestLog,
): Promise<{ env: TestLog['env']; store: Store; identity: LogIdentity }> {
  const { env, url } = await createTestNode(log)
  await cli(['migrate'], { env })
  const { logId, copyId, generation } = JSON.parse(await cli(['log', 'check'], { env }))
  const pool = createPool(url)
  ends.push(() => pool.end())
  return { env, store: createPostgresStore({ pool }), identity: { logId, copyId, generation } }
}

async function recordIn(env: TestLog['env']): Promise<unknown> {
  return JSON.parse(await cli(['status'], { env })).policy
}

/** As a record and as words. */
async function policyIn(env: TestLog['env']): Promise<readonly [unknown, string]> {
  const [record, words] = await Promise.all([
    cli(['status'], { env }),
    cli(['status'], { env: { ...env, ...AS_TERMINAL } }),
  ])
  return [JSON.parse(record).policy, words]
}

describe('status', () => {
  it('of an open log says that it is open', async () => {
    const { env, store, identity } = await createNode(await createPostgresTestLog('open', { partitions: 2 }))
    const open = { type: 'open', version: null, isClosed: null, partitions: [] }
    expect(await policyIn(env)).toEqual([open, expect.stringMatching(/policy +open: whoever can append/)])
    await store.load(identity)
    expect(await recordIn(env)).toEqual(open)
    expect(await recordIn({ ...env, SPINDEXER_LOG: '' })).toBeNull()
  })

  it('of a guarded one says which version holds, and whether it is closed', async () => {
    const admins = [testKey('admin').signer]
    const { env, store, identity } = await createNode(
      await createPostgresTestLog('guarded', { partitions: 2, admins }),
    )
    const same = (version: number, isClosed: boolean) => ({
      type: 'guarded',
      version,
      isClosed,
      partitions: [],
    })
    expect(await policyIn(env)).toEqual([
      same(0, false),
      expect.stringMatching(/policy +guarded, version 0\n/),
    ])

    await store.load(identity)
    const standing = standingOf(1)
    const define = (from: bigint, to = standing) =>
      store.define(definitionStep(from, catalogueOf(from + 1n), { identity, standing: to }))
    const commit = (partition: number, at: bigint, from = 0n, to = standing) =>
      store.commit(batchOf([], { identity, at, partition, from, step: { next: from + 1n, standing: to } }))
    await define(0n)
    await commit(1, 1n)
    const [policy, words] = await policyIn(env)
    expect(policy).toEqual({
      type: 'guarded',
      version: null,
      isClosed: false,
      partitions: [
        { partition: DEFINITIONS, version: 1, isClosed: false },
        { partition: 0, version: 0, isClosed: false },
        { partition: 1, version: 1, isClosed: false },
      ],
    })
    expect(words).toMatch(/policy +guarded, by partition\n/)
    expect(words).toMatch(/definitions +1 +no\n0 +0 +no\n1 +1 +no\n/)

    await commit(0, 1n)
    expect(await policyIn(env)).toEqual([same(1, false), expect.stringMatching(/guarded, version 1\n/)])
    const closed = standingOf(1, { isClosed: true })
    await commit(0, 1n, 1n, closed)
    expect(await recordIn(env)).toMatchObject({ version: 1, isClosed: null, partitions: [{}, {}, {}] })
    await commit(1, 1n, 1n, closed)
    await define(1n, closed)
    expect(await policyIn(env)).toEqual([
      same(1, true),
      expect.stringMatching(/guarded, version 1, closed\n/),
    ])
    // What the node has met in its log is known while that is away.
    expect(await recordIn({ ...env, SPINDEXER_LOG: '' })).toEqual(same(1, true))
  })
})
