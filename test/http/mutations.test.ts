// Mutations over HTTP: what is answered is what is in the log, exactly, whatever the form and whatever befalls the log.

import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { createStamp, type Origin } from '../../src/crdt/stamp.ts'
import type { Log, NewRecord } from '../../src/log/log.ts'
import type { MemoryLog } from '../../src/log/memory/log.ts'
import { createTestSession, recordsOf, upsert } from '../writer/support.ts'
import { LINES, type LiveNode, openLive, upsertJson } from './live-node.ts'
import { tracksWith } from './writing.ts'

const idsOf = (json: { ids: { partition: number; offset: number }[] }) =>
  json.ids.map(({ partition, offset }) => ({ partition, offset: BigInt(offset) }))

async function rowOf({ url }: LiveNode, id: string): Promise<Record<string, unknown> | null> {
  const response = await fetch(`${url}/v1/datasets/tracks/rows/${id}`)
  return response.ok ? ((await response.json()) as { row: Record<string, unknown> }).row : null
}

/** A log that does to appends what a test wants. */
function withAppend(append: (log: MemoryLog, records: readonly NewRecord[]) => ReturnType<Log['append']>) {
  return (log: MemoryLog): Log => ({ ...log, append: (records) => append(log, records) })
}

describe('POST /v1/mutations with JSON', () => {
  it('answers with what names each mutation for ever', async () => {
    const node = await openLive()
    const one = await node.post(upsertJson('t1', { plays: 1 }))
    expect([one.status, one.json]).toEqual([200, { durable: 1, ids: [expect.anything()] }])
    const many = await node.post(`[${[1, 2, 3].map((n) => upsertJson(`u${n}`)).join(',')}]`)
    expect(many.json.durable).toBe(3)
    const found = await node.log.pick([...idsOf(one.json), ...idsOf(many.json)])
    expect(found.map((record) => record!.key!.toString())).toEqual(
      ['t1', 'u1', 'u2', 'u3'].map((id) => JSON.stringify(['tracks', id])),
    )
    for (const [i, { stamp }] of [...one.json.ids, ...many.json.ids].entries()) {
      expect(found[i]!.value!.toString('hex')).toContain(stamp)
    }
    expect((await node.post('[]')).json).toEqual({ durable: 0, ids: [] })
    expect(node.bugs).toEqual([])
  })

  it('loses no digit', async () => {
    const node = await openLive()
    const body = '{"dataset":"tracks","operation":"upsert","data":{"id":"t","plays":9223372036854775807}}'
    expect((await node.post(body, '?wait=applied')).json).toMatchObject({ durable: 1, applied: true })
    expect(await (await fetch(`${node.url}/v1/datasets/tracks/rows/t`)).text()).toContain(
      '"plays":9223372036854775807',
    )
  })

  it('writes nothing of an array that is not valid, and names all that is wrong', async () => {
    const node = await openLive()
    const items = Array.from({ length: 300 }, (_, i) => upsertJson(`t${i}`, { plays: i % 2 ? 'many' : i }))
    const { status, json } = await node.post(`[${items.join(',')}]`)
    expect([status, json.type, json.invalid, json.durable, json.where.length]).toEqual([
      422,
      'urn:spindexer:problem:invalid-mutation',
      150,
      0,
      100,
    ])
    expect(json.where[0]).toEqual({ in: 'body', at: '/1', detail: expect.stringContaining('data.plays') })
    const one = await node.post('{"dataset":"trakcs","operation":"upsert","data":{"id":"x"}}')
    expect([one.status, one.json.where]).toEqual([
      422,
      [{ in: 'body', at: '', detail: expect.stringContaining('did you mean tracks?') }],
    ])
    expect(await recordsOf(node.log)).toEqual([])
  })

  it('refuses what contradicts itself, and what is ahead of the log', async () => {
    const node = await openLive()
    const time = '2022-11-01T00:00:00Z'
    const tie = await node.post(
      `[${upsertJson('a', { plays: 1 }, time)},${upsertJson('a', { plays: 2 }, time)}]`,
    )
    expect([tie.status, tie.json.type, tie.json.where]).toEqual([
      422,
      'urn:spindexer:problem:contradicting-mutations',
      [
        {
          in: 'body',
          at: '/1',
          detail: 'it has the timestamp of item 0, and they disagree about column plays',
        },
      ],
    ])
    const ahead = await node.post(upsertJson('a', {}, '2200-01-01T00:00:00Z'))
    expect([ahead.status, ahead.json.detail]).toEqual([
      422,
      expect.stringContaining('further ahead of the present time than the log allows'),
    ])
    expect(await recordsOf(node.log)).toEqual([])
  })

  it.each([
    ['', 'the text ends where a value should be'],
    ['{', 'a name in double quotes should be here'],
    ['[1', 'a comma or the end of the array should be here'],
    [`[${upsertJson('a')}]x`, 'something follows the value'],
    [`[${upsertJson('a')},]`, 'this is no JSON value'],
    ['['.repeat(100_000), 'nest too deep'],
    ['{"a":'.repeat(100_000), 'nest too deep'],
    [`{"data":{"a":${'['.repeat(65)}${']'.repeat(65)}}}`, 'nest too deep'],
    [Buffer.from([0x7b, 0xff, 0x7d]), 'not UTF-8'],
  ])('refuses what is no JSON: %.20s', async (body, words) => {
    const node = await openLive()
    const { status, json } = await node.post(body)
    expect([status, json.detail]).toEqual([400, expect.stringContaining(words)])
    expect(await recordsOf(node.log)).toEqual([])
  })

  it('says which are durable when the log fails in the middle', async () => {
    let appends = 0
    const node = await openLive({
      doorLog: withAppend((log, records) =>
        ++appends === 2 ? Promise.reject(new Error('the broker is gone')) : log.append(records),
      ),
    })
    const { status, json } = await node.post(`[${[1, 2, 3].map((n) => upsertJson(`t${n}`)).join(',')}]`)
    expect([status, json]).toMatchObject([
      503,
      {
        type: 'urn:spindexer:problem:log-away',
        ...{ durable: 1, unknown: 2, unsent: 0, refused: 0 },
        detail: expect.stringContaining('the broker is gone'),
        ids: [{ partition: expect.any(Number) }, null, null],
      },
    ])
    expect((await recordsOf(node.log)).length).toBe(1)
    // Another session goes on.
    expect((await node.post(upsertJson('t4'))).status).toBe(200)
  })

  it('waits for a log that does not answer no longer than it may', async () => {
    const release = Promise.withResolvers<void>()
    const node = await openLive({
      limits: { appendMs: 300 },
      doorLog: withAppend(async (log, records) => {
        await release.promise
        return log.append(records)
      }),
    })
    const [first, ...others] = await Promise.all(
      ['a', 'b', 'c'].map((id) => node.post(`[${upsertJson(id)},${upsertJson(`${id}2`)}]`)),
    )
    expect([first!.status, first!.json]).toMatchObject([503, { durable: 0, unknown: 2, unsent: 0 }])
    for (const { status, json } of others) {
      expect([status, json.type, json.durable]).toEqual([503, 'urn:spindexer:problem:log-away', 0])
    }
    release.resolve()
    await expect.poll(() => node.post(upsertJson('d')).then(({ status }) => status)).toBe(200)
  })

  it('says that a log is closed', async () => {
    const node = await openLive()
    await node.log.seal([])
    const { status, json } = await node.post(upsertJson('a'))
    expect([status, json.type]).toEqual([409, 'urn:spindexer:problem:log-closed'])
    const lines = await node.post(`${upsertJson('a')}\n`, '', LINES)
    expect([lines.status, lines.json.durable]).toEqual([409, 0])
  })

  it('never takes what every node quarantines for a success', async () => {
    const node = await openLive({ now: () => Date.now() + 120_000 })
    const { status, json } = await node.post(`[${upsertJson('a')},${upsertJson('b')}]`)
    expect([status, json]).toMatchObject([
      503,
      { type: 'urn:spindexer:problem:clock-ahead', durable: 0, refused: 1, unsent: 1, ids: [null, null] },
    ])
    const again = await node.post(upsertJson('c'))
    expect([again.status, again.json]).toMatchObject([503, { durable: 0, unsent: 1 }])
    const lines = await node.post(`${upsertJson('d')}\n`, '', LINES)
    expect([lines.status, lines.json.durable]).toEqual([503, 0])
    // One message went out to find out.
    expect((await recordsOf(node.log)).length).toBe(1)
  })

  it('a correction wins over what was read here, also over a writer whose clock is ahead', async () => {
    const node = await openLive()
    await node.post(upsertJson('t', { plays: 1 }), '?wait=applied')
    const ahead = createStamp(BigInt(Date.now() + 20_000) * 1_000_000n, 'bbbbbbbbbbbbbbbb' as Origin)
    const other = createTestSession(node.log, { nowNs: () => BigInt(`0x${ahead.slice(0, 16)}`) })
    await other.append([upsert('t', 2n)])
    await node.caughtUp()
    expect(await rowOf(node, 't')).toMatchObject({ plays: 2 })
    await node.post(upsertJson('t', { plays: 3 }), '?wait=applied')
    expect(await rowOf(node, 't')).toMatchObject({ plays: 3 })
  })
})

describe('POST /v1/mutations?wait=applied', () => {
  it.each([1, 2])('whoever waits reads what he wrote, 50 at once, %i workers', async (workers) => {
    const node = await openLive({ partitions: 4, workers })
    const client = async (n: number): Promise<void> => {
      for (let i = 0; i < 10; i++) {
        const body = `[${upsertJson(`c${n}`, { plays: i })},${upsertJson(`shared${i % 3}`, { plays: n })}]`
        const { status, json } = await node.post(body, '?wait=applied')
        expect([status, json.applied]).toEqual([200, true])
        expect(await rowOf(node, `c${n}`)).toMatchObject({ plays: i })
      }
    }
    await Promise.all(Array.from({ length: 50 }, (_, n) => client(n)))
    expect(node.bugs).toEqual([])
  })

  it('says so when this node does not show it in time', async () => {
    const held = Promise.withResolvers<void>()
    let isHeld = false
    const node = await openLive({
      store: (store) => ({
        ...store,
        async commit(batch) {
          if (isHeld) await held.promise
          return store.commit(batch)
        },
      }),
    })
    isHeld = true
    const { status, json } = await node.post(upsertJson('t'), '?wait=applied&timeout=1')
    expect([status, json]).toMatchObject([202, { durable: 1, applied: false, ids: [{}] }])
    held.resolve()
    await node.caughtUp()
    expect(await rowOf(node, 't')).not.toBeNull()
  })

  it('waits until what the node has parked is judged again', async () => {
    let isHeld = false
    const node = await openLive({
      store: (store) => ({
        ...store,
        // Somebody reads the table: mutations go on under the old definitions.
        define: async (step) => (isHeld ? { type: 'busy', holder: 'a reader' } : store.define(step)),
      }),
    })
    isHeld = true
    await node.define(tracksWith('late'))
    // The door's own view of the definitions is ahead of the node's.
    await expect
      .poll(async () => (await node.post(upsertJson('x', { late: 'x' }))).status, { timeout: 5_000 })
      .toBe(200)
    let answer: unknown = null
    const posted = node.post(upsertJson('t', { late: 'yes' }), '?wait=applied').then(({ json }) => {
      answer = json
    })
    await expect.poll(() => node.database.parked.size).toBe(2)
    await sleep(50)
    expect(answer).toBeNull()
    isHeld = false
    await posted
    expect(answer).toMatchObject({ applied: true })
    expect(await rowOf(node, 't')).toMatchObject({ late: 'yes' })
  })
})

describe('POST /v1/mutations with JSON lines', () => {
  it('makes every line durable, and names them in their order', async () => {
    const node = await openLive()
    const lines = Array.from({ length: 5_000 }, (_, i) => upsertJson(`t${i}`, { plays: i }))
    const { status, json } = await node.post(lines.join('\n'), '?wait=applied', LINES)
    expect([status, json.durable, json.skipped, json.applied]).toEqual([200, 5_000, 0, true])
    expect(json.ids.map(({ line }: { line: number }) => line)).toEqual(lines.map((_, i) => i + 1))
    const found = await node.log.pick(idsOf(json))
    expect(found.map((record) => record!.key!.toString())).toEqual(
      lines.map((_, i) => JSON.stringify(['tracks', `t${i}`])),
    )
    const many = Array.from({ length: 10_001 }, (_, i) => upsertJson(`t${i}`)).join('\n')
    expect((await node.post(many, '', LINES)).json).toMatchObject({
      durable: 10_001,
      ids: null,
      note: expect.any(String),
    })
  })

  it('stops at the first bad line, with everything before it durable, or leaves it out', async () => {
    const node = await openLive()
    const body = [upsertJson('a'), upsertJson('b'), '{"dataset":"trucks"}', upsertJson('c')].join('\n')
    const stopped = await node.post(body, '', LINES)
    expect([stopped.status, stopped.json]).toMatchObject([
      422,
      { durable: 2, ids: [{ line: 1 }, { line: 2 }], where: [{ in: 'body', at: '', line: 3 }] },
    ])
    expect((await recordsOf(node.log)).length).toBe(2)
    const skipped = await node.post(body, '?skip-invalid=true', LINES)
    expect([skipped.status, skipped.json]).toMatchObject([
      200,
      { durable: 3, skipped: 1, where: [{ line: 3 }] },
    ])
  })

  it('answers a line for each as it becomes durable, where that is asked for', async () => {
    const node = await openLive()
    const accept = { accept: LINES, 'content-type': LINES }
    const ask = async (body: string) => {
      const response = await fetch(`${node.url}/v1/mutations?wait=applied`, {
        method: 'POST',
        body,
        headers: accept,
      })
      const lines = (await response.text()).trimEnd().split('\n')
      return { status: response.status, lines: lines.map((line) => JSON.parse(line)) }
    }
    const good = await ask(`${upsertJson('a')}\n${upsertJson('b')}\n`)
    expect(
      good.lines
        .slice(0, 2)
        .map(({ line }) => line)
        .sort(),
    ).toEqual([1, 2])
    expect(good.lines.slice(2)).toEqual([{ durable: 2, skipped: 0, applied: true, problem: null }])
    const stopped = await ask(`${upsertJson('c')}\n${upsertJson('d')}\nx\n`)
    expect([stopped.status, stopped.lines.at(-1)]).toMatchObject([
      200,
      { durable: 2, problem: { status: 422, where: [{ line: 3 }] } },
    ])
    // As long as nothing was said, the status says it.
    const bad = await ask('x\n')
    expect([bad.status, bad.lines]).toMatchObject([422, [{ durable: 0 }]])
  })

  it('says how many are durable when the log fails in the middle', async () => {
    let appends = 0
    const node = await openLive({
      doorLog: withAppend((log, records) =>
        ++appends > 2 ? Promise.reject(new Error('the disk is full')) : log.append(records),
      ),
    })
    const lines = Array.from({ length: 20_000 }, (_, i) => upsertJson(`t${i}`)).join('\n')
    const { status, json } = await node.post(lines, '', LINES)
    expect([status, json.detail]).toEqual([503, expect.stringContaining('the disk is full')])
    expect(json.durable).toBe((await recordsOf(node.log)).length)
    expect(json.durable).toBeGreaterThan(0)
  })
})
