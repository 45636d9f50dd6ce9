// Checking and sending a source: everything valid becomes durable once, and what stops it is named by its line.

import { describe, expect, it } from 'vitest'
import type { Log } from '../../src/log/log.ts'
import { checkSource } from '../../src/writer/check.ts'
import { createChangeSource, createRowSource } from '../../src/writer/json-source.ts'
import { type SendOptions, sendSource } from '../../src/writer/send.ts'
import type { Source } from '../../src/writer/source.ts'
import { createTieCheck } from '../../src/writer/ties.ts'
import { bytesOf, CATALOGUE, createTestLog, createTestSession, NOW_MS, recordsOf } from './support.ts'

const LATEST_NS = (NOW_MS + 60_000n) * 1_000_000n
const line = (id: string, plays: unknown, timestamp?: string) =>
  JSON.stringify({ timestamp, dataset: 'tracks', operation: 'upsert', data: { id, plays } })

function sourceOf(lines: readonly string[]): Source {
  return createChangeSource(
    () => bytesOf(lines.join('\n'), 4_096),
    () => CATALOGUE,
  )
}

function check(source: Source) {
  const signal = new AbortController().signal
  return checkSource(source, { latestNs: LATEST_NS, ties: null, signal, onProgress: () => {} })
}

function send(log: Log, source: Source, options: Partial<SendOptions> = {}) {
  return sendSource(source, {
    sender: createTestSession(log),
    skipInvalid: false,
    latestNs: () => LATEST_NS,
    ties: null,
    signal: new AbortController().signal,
    onProgress: () => {},
    ...options,
  })
}

describe('checking a source', () => {
  it('counts what is valid, and names the first ten of what is not', async () => {
    const lines = Array.from({ length: 30 }, (_, i) => line(`t${i}`, i % 2 === 0 ? i : 'many'))
    const result = await check(sourceOf(lines))
    expect(result).toMatchObject({ valid: 15, unstamped: 15, invalid: 15, ties: 0 })
    expect(result.problems.length).toBe(10)
    expect(result.problems[0]).toEqual({ line: 2, what: expect.stringContaining('data.plays') })
  })

  it('names both lines that contradict each other under one timestamp', async () => {
    const time = '2022-11-01T00:00:00Z'
    const lines = [line('a', 1, time), line('b', 1, time), line('a', 1, time), '', line('a', 2, time)]
    const result = await check(sourceOf(lines))
    expect(result.ties).toBe(1)
    expect(result.tieProblems).toEqual([
      { line: 5, what: 'it has the timestamp of line 1, and they disagree about column plays' },
    ])
    expect(result.unstamped).toBe(0)
  })

  it('refuses a timestamp beyond what the log allows, and a message that is too large', async () => {
    const large = JSON.stringify({
      dataset: 'tracks',
      operation: 'upsert',
      data: { id: 'x', title: 'a'.repeat(900_000) },
    })
    const result = await check(sourceOf([line('a', 1, '2262-01-01T00:00:00Z'), large]))
    expect(result.problems.map(({ line }) => line)).toEqual([1, 2])
    expect(result.problems[0]!.what).toContain('further ahead of the present time than the log allows')
    expect(result.problems[1]!.what).toContain('at most 900000')
  })

  it('reads rows of an import as upserts at one time', async () => {
    const dataset = CATALOGUE.datasets.get('tracks')!
    const rows = ['{"id":"a","plays":1}', '{"id":"a","plays":2}', '[]']
    const result = await check(createRowSource(() => bytesOf(rows.join('\n')), dataset, NOW_MS * 1_000_000n))
    expect(result).toMatchObject({ valid: 2, unstamped: 0, invalid: 1, ties: 1 })
  })
})

describe('sending a source', () => {
  it('makes every line durable once, in batches', async () => {
    const log = await createTestLog()
    const lines = Array.from({ length: 9_000 }, (_, i) => line(`t${i}`, i))
    expect(await send(log, sourceOf(lines))).toMatchObject({ type: 'done', durable: 9_000, skipped: 0 })
    expect((await recordsOf(log)).length).toBe(9_000)
  })

  it('stops at the first bad line, with everything before it durable', async () => {
    const log = await createTestLog()
    const lines = [line('a', 1), line('b', 2), '{"dataset":"trucks"}', line('c', 3)]
    const result = await send(log, sourceOf(lines))
    expect(result).toMatchObject({ type: 'stopped', durable: 2, refused: 0 })
    expect(result.problems).toEqual([{ line: 3, what: expect.stringContaining('did you mean tracks?') }])
    expect((await recordsOf(log)).length).toBe(2)
  })

  it('leaves bad lines out where that was asked for, but not contradictions', async () => {
    const log = await createTestLog()
    const time = '2022-11-01T00:00:00Z'
    const lines = [line('a', 1, time), 'x', line('b', 2), line('a', 2, time), line('c', 3)]
    const options = { skipInvalid: true, ties: createTieCheck() }
    const result = await send(log, sourceOf(lines), options)
    expect(result).toMatchObject({ type: 'stopped', durable: 2, skipped: 1 })
    expect(result.problems).toEqual([{ line: 4, what: expect.stringContaining('line 1') }])
    expect(result.skippedProblems).toEqual([{ line: 2, what: expect.stringContaining('not valid JSON') }])
  })

  it('sends a slow stream as it comes', async () => {
    const log = await createTestLog()
    let isSecondOut = false
    async function* slow(): AsyncIterable<Buffer> {
      yield Buffer.from(`${line('a', 1)}\n${line('b', 1)}\n`)
      while ((await recordsOf(log)).length < 2) await new Promise((resolve) => setTimeout(resolve, 1))
      isSecondOut = true
      yield Buffer.from(`${line('c', 1)}\n`)
    }
    const result = await send(
      log,
      createChangeSource(slow, () => CATALOGUE),
    )
    expect(isSecondOut).toBe(true)
    expect(result).toMatchObject({ type: 'done', durable: 3 })
  })

  it('says how many are durable when the log fails, and when the source does', async () => {
    const log = await createTestLog()
    let appends = 0
    const failing: Log = {
      ...log,
      append: (records) => (++appends > 1 ? Promise.reject(new Error('gone')) : log.append(records)),
    }
    const lines = Array.from({ length: 3 }, (_, i) => line(`t${i}`, i))
    expect(await send(failing, sourceOf(lines))).toMatchObject({
      type: 'failed',
      durable: 1,
      error: expect.objectContaining({ message: 'gone' }),
    })
    async function* broken(): AsyncIterable<Buffer> {
      yield Buffer.from(`${line('a', 1)}\n`)
      throw new Error('the pipe broke')
    }
    const result = await send(
      await createTestLog(),
      createChangeSource(broken, () => CATALOGUE),
    )
    expect(result).toMatchObject({ type: 'failed', durable: 1 })
  })

  it('stops in an orderly way when it is told to', async () => {
    const log = await createTestLog()
    const stopping = new AbortController()
    async function* endless(): AsyncIterable<Buffer> {
      for (let i = 0; ; i++) {
        if (i === 20) stopping.abort()
        yield Buffer.from(`${line(`t${i}`, i)}\n`)
      }
    }
    const result = await send(
      log,
      createChangeSource(endless, () => CATALOGUE),
      { signal: stopping.signal },
    )
    expect(result).toMatchObject({ type: 'stopped', problems: [] })
    expect(result.durable).toBe((await recordsOf(log)).length)
  })
})
