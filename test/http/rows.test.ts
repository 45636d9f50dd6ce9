// Rows over HTTP: found by their keys whatever is in them, paged in order, exact, and missing for a reason that is said.

import { describe, expect, it, onTestFinished } from 'vitest'
import { isVisible, visibleRowJson } from '../../src/codec/dump.ts'
import { keyToSegment } from '../../src/http/key-path.ts'
import { addRoutes } from '../../src/http/routes.ts'
import { stampOf } from '../contract/store-fixture.ts'
import { openPostgres } from '../store/postgres-bench.ts'
import { FLAG, fillStore, memoryStore, PAIRS, portsOf, SINGLES, type TestStore } from './memory-node.ts'
import { openTestDoor } from './support.ts'

async function openStore(name: string): Promise<TestStore> {
  if (name === 'memory') return memoryStore()
  const bench = await openPostgres(name === 'Postgres 15' ? 15 : 18)
  onTestFinished(() => bench.close())
  return bench
}

interface Answer {
  readonly status: number
  readonly text: string
  readonly json: Record<string, unknown>
  readonly link: string | null
}

async function openRows(name: string) {
  const store = await openStore(name)
  await fillStore(store)
  const { url, bugs } = await openTestDoor({ addRoutes: (app) => addRoutes(app, portsOf(store)) })
  const get = async (path: string): Promise<Answer> => {
    const response = await fetch(`${url}${path}`)
    const text = await response.text()
    return { status: response.status, text, json: JSON.parse(text), link: response.headers.get('link') }
  }
  /** All rows of a dataset, one page after the other. */
  const walk = async (dataset: string, limit: number): Promise<string[]> => {
    const rows: string[] = []
    for (let path: string | null = `/v1/datasets/${dataset}/rows?limit=${limit}`; path !== null; ) {
      const { status, text, json, link }: Answer = await get(path)
      expect(status, text).toBe(200)
      const page = json.rows as unknown[]
      expect(page.length).toBeLessThanOrEqual(limit)
      rows.push(...page.map((row) => JSON.stringify(row)))
      path = json.next as string | null
      expect(link).toBe(path === null ? null : `<${path}>; rel="next"`)
    }
    return rows
  }
  /** What `dump` prints. */
  const dump = async (dataset: string): Promise<string[]> => {
    const reader = await store.reader()
    try {
      const definition = (await reader.catalogue()).datasets.get(dataset)!
      const lines: string[] = []
      for await (const row of reader.rows(dataset)) {
        if (isVisible(definition, row)) lines.push(visibleRowJson(definition, row))
      }
      return lines
    } finally {
      await reader.close()
    }
  }
  return { get, walk, dump, bugs }
}

describe.each(['memory', 'Postgres 15', 'Postgres 18'])('rows over HTTP: %s', (name) => {
  it('every key finds its row', async () => {
    const { get, bugs } = await openRows(name)
    for (const text of SINGLES) {
      const { status, json, text: said } = await get(`/v1/datasets/tracks/rows/${encodeURIComponent(text)}`)
      expect([text, status, (json.row as { id: string } | undefined)?.id], said).toEqual([text, 200, text])
    }
    // A comma of the one text need not be encoded, nor what else an address lets stand.
    expect((await get('/v1/datasets/tracks/rows/a,b')).json.row).toMatchObject({ id: 'a,b' })
    for (const key of PAIRS) {
      const { status, json, text } = await get(`/v1/datasets/pairs/rows/${keyToSegment(key)}`)
      expect([status, json.row], text).toEqual([200, { a: key[0], b: key[1], v: 1 }])
    }
    expect((await get('/v1/datasets/numbers/rows/-2')).text).toBe('{"row":{"n":-2}}')
    expect((await get(`/v1/datasets/flags/rows/${keyToSegment(FLAG)}`)).status).toBe(200)
    // What people type for the same.
    const typed = ['true', FLAG[1].toUpperCase(), '2024-03-31T03:30:00.999999+02:00', FLAG[3]]
    expect((await get(`/v1/datasets/flags/rows/${keyToSegment(typed)}`)).json.row).toMatchObject({
      u: FLAG[1],
    })
    expect(bugs).toEqual([])
  })

  it('a row has exact numbers, and stamps where they are asked for', async () => {
    const { get } = await openRows(name)
    const row = '{"id":"t1","title":"Blue","plays":7,"price":"12.5"}'
    expect((await get('/v1/datasets/tracks/rows/great')).text).toContain('"plays":9007199254740993,')
    expect((await get('/v1/datasets/tracks/rows/t1')).text).toBe(`{"row":${row}}`)
    const [first, second] = [stampOf(1), stampOf(2)]
    const of = (value: string, stamp: string, ns: number) =>
      `{"value":${value},"stamp":"${stamp}","timestamp":"1970-01-01T00:00:00.00000000${ns}Z","origin":"aaaaaaaaaaaaaaaa","signer":null}`
    expect((await get('/v1/datasets/tracks/rows/t1?include=stamps')).text).toBe(
      `{"row":${row},"alive":"${first}","aliveSigner":null,"dead":null,"deadSigner":null,"cells":{"title":${of('"Blue"', first, 1)},"plays":${of('7', first, 1)},"price":${of('"12.5"', second, 2)}}}`,
    )
  })

  it('a row that is not there is missing for a reason', async () => {
    const { get, bugs } = await openRows(name)
    const cases: readonly [string, number, string, string][] = [
      ['nothing/rows/t1', 404, 'unknown-dataset', 'there is no dataset "nothing"'],
      ['nothing/rows', 404, 'unknown-dataset', 'there is no dataset "nothing"'],
      ['tracks/rows/never', 404, 'unknown-row', 'as far as it has read the log'],
      ['tracks/rows/early', 404, 'unknown-row', 'only updates have come'],
      ['tracks/rows/gone', 404, 'deleted-row', 'was deleted'],
      ['tracks/rows/hidden', 404, 'hidden-row', 'is hidden while "title" is null'],
      ['pairs/rows/one', 400, 'invalid-parameter', 'has 2 columns (a, b) and this has 1 parts'],
      ['pairs/rows/a,b,c', 400, 'invalid-parameter', 'this has 3 parts'],
      ['pairs/rows?after=x', 400, 'invalid-parameter', 'this has 1 parts'],
      ['numbers/rows/x', 400, 'invalid-parameter', '"n": it should be an integer of 64 bits'],
      ['numbers/rows/9223372036854775808', 400, 'invalid-parameter', '"n": it should be an integer'],
      ['numbers/rows?after=x', 400, 'invalid-parameter', '"n": it should be an integer'],
      ['flags/rows/yes,a,b,c', 400, 'invalid-parameter', '"f": it should be true or false'],
      ['tracks/rows/a%00b', 400, 'invalid-parameter', 'U+0000'],
      [`tracks/rows/${'k'.repeat(1_025)}`, 400, 'invalid-parameter', 'have 1025 bytes'],
      ['tracks/rows?limit=0', 400, 'invalid-parameter', '"limit" in the query must be >= 1'],
      ['tracks/rows?limit=1001', 400, 'invalid-parameter', '"limit" in the query must be <= 1000'],
      ['tracks/rows?limit=x', 400, 'invalid-parameter', '"limit" in the query must be integer'],
      [
        'tracks/rows?offset=1',
        400,
        'invalid-parameter',
        '"offset" in the query is no parameter of this address',
      ],
      [
        'tracks/rows/t1?include=all',
        400,
        'invalid-parameter',
        '"include" in the query must be one of: stamps',
      ],
    ]
    for (const [path, status, kind, words] of cases) {
      const { status: got, json } = await get(`/v1/datasets/${path}`)
      expect([path, got, json.type]).toEqual([path, status, `urn:spindexer:problem:${kind}`])
      expect(json.detail).toContain(words)
    }
    const { json } = await get('/v1/datasets/tracks/rows/gone?include=stamps')
    expect(json).toMatchObject({ dead: stampOf(2), deadAt: '1970-01-01T00:00:00.000000002Z' })
    expect(bugs).toEqual([])
  })

  it('pages hold what dump prints, in key order, whatever their size', async () => {
    const { walk, dump, get, bugs } = await openRows(name)
    for (const dataset of ['tracks', 'pairs', 'flags']) {
      const rows = (await dump(dataset)).map((line) => JSON.stringify(JSON.parse(line)))
      for (const limit of [1, 7, 1_000]) expect(await walk(dataset, limit)).toEqual(rows)
    }
    expect((await walk('numbers', 2)).join()).toBe('{"n":-2},{"n":0},{"n":1},{"n":9},{"n":10}')
    expect((await get('/v1/datasets/numbers/rows?limit=2&after=1')).text).toBe(
      '{"rows":[{"n":9},{"n":10}],"next":null}',
    )
    expect((await get('/v1/datasets/numbers/rows?after=99')).text).toBe('{"rows":[],"next":null}')
    // The default.
    expect((await get('/v1/datasets/pairs/rows')).json.rows).toHaveLength(PAIRS.length)
    expect(bugs).toEqual([])
  })

  it('datasets are told with keys, columns and order', async () => {
    const { get } = await openRows(name)
    const { datasets } = (await get('/v1/datasets')).json as { datasets: Record<string, unknown>[] }
    expect(datasets.map((dataset) => dataset.name)).toEqual(['flags', 'numbers', 'pairs', 'tracks'])
    expect(datasets[3]).toEqual({
      name: 'tracks',
      key: [{ name: 'id', type: 'string', symbols: null }],
      columns: [
        { name: 'title', type: 'string', symbols: null, required: true },
        { name: 'plays', type: 'long', symbols: null, required: false },
        { name: 'price', type: 'decimal', symbols: null, required: false },
      ],
      fields: ['id', 'title', 'plays', 'price'],
    })
  })
})
