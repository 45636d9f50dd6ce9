// Where a session's clock starts: from a node where one answers in time; else the writer says why it could not.

import { describe, expect, it } from 'vitest'
import { findStart } from '../../src/writer/start.ts'

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
