// The node goes on with a later copy of its log: writers write there, and whoever listened has to begin anew.

import { randomUUID } from 'node:crypto'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createLog } from '../../src/log/genesis.ts'
import { LOG_ID, MAX_CLOCK_AHEAD_MS, TRACKS } from '../writer/support.ts'
import { openEvents } from './event-stream.ts'
import { openLive, upsertJson } from './live-node.ts'
import { defineIn } from './writing.ts'

describe('a copy in the place of the log', () => {
  it('is written to and listened to; ids of before are gone', async () => {
    const node = await openLive({ partitions: 1, limits: { appendMs: 5_000 } })
    const before = await openEvents(node.url)
    onTestFinished(() => before.close())
    for (let i = 0; i < 5; i++) await node.post(upsertJson(`t${i}`), '?wait=applied')
    await before.until(5)
    const copyId = randomUUID()
    node.log.remake()
    await createLog(node.log, {
      ...{ logId: LOG_ID, copyId, generation: 2, maxClockAheadMs: MAX_CLOCK_AHEAD_MS, admins: [] },
    })
    await defineIn(node.log, TRACKS)
    await expect.poll(() => node.database.identity?.copyId, { timeout: 10_000 }).toBe(copyId)
    await expect.poll(() => before.hasEnded()).toBe(true)
    await expect(openEvents(node.url, `?after=${before.lastId()}`)).rejects.toThrow(/^410/)
    const after = await openEvents(node.url)
    onTestFinished(() => after.close())
    await expect
      .poll(async () => (await node.post(upsertJson('new'), '?wait=applied')).status, { timeout: 10_000 })
      .toBe(200)
    expect((await after.until(1))[0]!.data).toMatchObject({ key: { id: 'new' } })
    expect((await fetch(`${node.url}/v1/datasets/tracks/rows/t1`)).status).toBe(200)
  })
})
