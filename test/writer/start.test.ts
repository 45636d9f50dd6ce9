// Where a session's clock starts: from a node where one answers in time; else the writer says why it could not.

import { describe, expect, it } from 'vitest'
import { createStamp, type Origin } from '../../src/crdt/stamp.ts'
import { findStart, unfollowedMs } from '../../src/writer/start.ts'

describe('the start of a session', () => {
  it('is what the node has seen', async () => {
    const newest = { stamp: null, appendMs: 5n }
    expect(await findStart(async () => newest)).toEqual({ type: 'node', newest })
  })

  it('is unknown without a database, with another log’s, with a broken and with a silent one', async () => {
    const reasonOf = async (readNewest: Parameters<typeof findStart>[0]) => {
      const start = await findStart(readNewest, 20)
      return start.type === 'unknown' ? start.reason : null
    }
    expect(await reasonOf(null)).toMatch(/no database/)
    expect(await reasonOf(async () => null)).toMatch(/does not follow this log/)
    expect(await reasonOf(() => Promise.reject(new Error('refused')))).toMatch(/refused/)
    expect(await reasonOf(() => new Promise(() => {}))).toMatch(/within 20 ms/)
  })
})

describe('the newest stamp of a node', () => {
  const MINUTE_MS = 60_000n
  const NOW_MS = 1_700_000_000_000n
  const aheadOf = (aheadMs: bigint, appendMs: bigint | null = null) => {
    const stamp = createStamp((NOW_MS + aheadMs) * 1_000_000n, 'ab'.repeat(8) as Origin)
    return unfollowedMs({ stamp, appendMs }, NOW_MS * 1_000_000n, MINUTE_MS)
  }

  it('is followed up to half of what the log allows, counted from the later of the two clocks', () => {
    expect([aheadOf(-5_000n), aheadOf(0n), aheadOf(30_000n)]).toEqual([0n, 0n, 0n])
    expect([aheadOf(30_001n), aheadOf(59_000n)]).toEqual([1n, 29_000n])
    expect(aheadOf(59_000n, NOW_MS + 29_000n)).toBe(0n)
    expect(aheadOf(59_000n, NOW_MS - 10_000n)).toBe(29_000n)
    expect(unfollowedMs({ stamp: null, appendMs: NOW_MS }, 0n, MINUTE_MS)).toBe(0n)
  })
})
