// `import --only-changed` end to end: what the node has already is not sent, and what others write meanwhile is kept.

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { inspectValue } from '../../src/codec/inspect.ts'
import { cli, runCli } from '../support/cli.ts'
import { temporaryDir } from '../support/services.ts'
import {
  catchUp,
  cellsOf,
  countsOf,
  createLogOfKind,
  createTestNode,
  LOG_KINDS,
  realDataFolder,
  type TestLog,
  type TestNode,
} from './support.ts'

const dir = temporaryDir()
const file = join(dir.path, 'tracks.csv')
const ROWS = 1_500

afterAll(() => dir.remove())

describe.each(LOG_KINDS)('on a log in %s', (kind) => {
  let log: TestLog
  let node: TestNode

  beforeAll(async () => {
    log = await createLogOfKind(kind, 'changed', { partitions: 1, datasets: 'examples/catalogue' })
    node = await createTestNode(log, 'changed')
  })
  afterAll(async () => {
    await node?.drop()
  })

  const importRows = async (dataset: string, path: string, ...flags: readonly string[]) => {
    const args = ['import', dataset, path, '--only-changed', ...flags]
    const { code, stdout, stderr } = await runCli(args, { env: node.env })
    return { code, stderr, result: code === 0 ? JSON.parse(stdout) : null }
  }
  const sent = (counts: Readonly<Record<string, number>>) => ({
    ...{ durable: 0, skipped: 0, new: 0, changed: 0, equal: 0, older: 0 },
    ...counts,
  })
  const writeRows = (title: (n: number) => string, rows = ROWS) => {
    const lines = Array.from({ length: rows }, (_, n) => `t${n},"${title(n)}",${n},,"[""a"", ""b""]"`)
    writeFileSync(file, ['id,title,plays,artistId,tags', ...lines].join('\n'))
  }
  /** The messages of partition 0 from an offset on. */
  async function messagesFrom(offset: bigint) {
    const opened = log.open()
    try {
      const { end } = (await opened.describe()).partitions[0]!
      const places = Array.from({ length: Number(end - offset) }, (_, i) => ({
        partition: 0,
        offset: offset + BigInt(i),
      }))
      return { end, messages: (await opened.pick(places)).map((record) => inspectValue(record!.value!)) }
    } finally {
      await opened.close()
    }
  }

  describe('import --only-changed', () => {
    it('needs a database of a node that follows the log, and a file', async () => {
      writeRows((n) => `Song ${n}`)
      const none = await runCli(['import', 'tracks', file, '--only-changed'], { env: log.env })
      expect([none.code, none.stderr]).toEqual([2, expect.stringMatching(/DATABASE_URL is not set/)])
      const stream = await runCli(['import', 'tracks', '-', '--only-changed'], { env: node.env, input: '' })
      expect([stream.code, stream.stderr]).toEqual([2, expect.stringMatching(/needs a file/)])
      await cli(['migrate'], { env: node.env })
      const fresh = await importRows('tracks', file)
      expect([fresh.code, fresh.stderr]).toEqual([
        1,
        expect.stringMatching(/has not run yet\n.*run --until-end/),
      ])
    })

    it('new rows are sent whole; the same file again sends nothing', async () => {
      await catchUp(node)
      expect((await importRows('tracks', file, '--dry-run')).stderr).toMatch(
        /Of 1,500 rows: 1,500 are new, 0 changed, 0 as they are\. Nothing was sent/,
      )
      expect((await importRows('tracks', file)).result).toEqual(sent({ durable: ROWS, new: ROWS }))
      const lagging = await importRows('tracks', file, '--dry-run')
      expect(lagging.stderr).toMatch(
        /warning: the node that is compared with is 1,500 records behind the log/,
      )
      await catchUp(node)
      const again = await importRows('tracks', file)
      expect(again.result).toEqual(sent({ equal: ROWS }))
      expect(again.stderr).not.toMatch(/warning/)
      expect(await countsOf(node)).toMatchObject({ consumed: BigInt(ROWS) })
    })

    it('of ten changed rows ten messages with one column each; a concurrent change of another column is kept', async () => {
      const before = await messagesFrom(0n)
      writeRows((n) => (n % 150 === 7 ? `Other ${n}` : `Song ${n}`))
      // On its way to the node while the file is compared.
      const other = { dataset: 'tracks', operation: 'update', data: { id: 't7', plays: 4_711 } }
      await cli(['publish', '-'], { env: log.env, input: JSON.stringify(other) })
      const { result, stderr } = await importRows('tracks', file)
      expect(result).toEqual(sent({ durable: 10, changed: 10, equal: ROWS - 10 }))
      expect(stderr).toMatch(/of the rows 0 are new, 10 changed, 1,490 as they are/)
      const { messages } = await messagesFrom(before.end + 1n)
      expect(messages.map(({ operation, columns }) => [operation, columns.map(({ name }) => name)])).toEqual(
        Array.from({ length: 10 }, () => ['update', ['title']]),
      )
      await catchUp(node)
      const rows = await node.query("select title, plays from data.tracks where id = 't7'")
      expect(rows).toEqual([{ title: 'Other 7', plays: '4711' }])
    })

    it('a row that somebody deletes meanwhile does not come back in part, and whole with the next import', async () => {
      writeRows((n) => (n === 3 ? 'Third' : `Song ${n}`), 10)
      const gone = { dataset: 'tracks', operation: 'delete', data: { id: 't3' } }
      await cli(['publish', '-'], { env: log.env, input: JSON.stringify(gone) })
      expect((await importRows('tracks', file)).result).toMatchObject({ changed: 2 })
      await catchUp(node)
      expect(await node.query("select from data.tracks where id = 't3'")).toEqual([])
      expect((await importRows('tracks', file)).result).toEqual(sent({ durable: 1, new: 1, equal: 9 }))
      await catchUp(node)
      const rows = await node.query("select title, plays, tags from data.tracks where id = 't3'")
      expect(rows).toEqual([{ title: 'Third', plays: '3', tags: ['a', 'b'] }])
      // Rows that the file does not have are left alone.
      expect((await node.query('select count(*) from data.tracks'))[0]).toEqual({ count: String(ROWS) })
    })
  })

  const folder = realDataFolder()
  if (folder !== null) {
    const readLines = (name: string) =>
      gunzipSync(readFileSync(join(folder, name)))
        .toString('utf8')
        .trimEnd()
        .split('\n')

    it('real data: two tables again send nothing, ten changed rows ten cells', async () => {
      const music = await createLogOfKind(kind, 'changed-real', { partitions: 3, datasets: 'examples/music' })
      const own = await createTestNode(music, 'changed')
      const run = async (dataset: string, path: string) => {
        const { code, stdout, stderr } = await runCli(['import', dataset, path, '--only-changed'], {
          env: own.env,
        })
        expect([code, stderr]).toEqual([0, expect.not.stringMatching(/warning: the node/)])
        return JSON.parse(stdout)
      }
      await catchUp(own)
      for (const dataset of ['processed_tracks', 'nft_factories']) {
        await cli(['import', dataset, join(folder, `${dataset}.jsonl.gz`)], { env: own.env })
      }
      await catchUp(own)
      const cells = await cellsOf(own)
      for (const [dataset, rows] of [
        ['processed_tracks', 3_576],
        ['nft_factories', 6_094],
      ] as const) {
        expect(await run(dataset, join(folder, `${dataset}.jsonl.gz`))).toEqual(sent({ equal: rows }))
      }
      const changed = readLines('processed_tracks.jsonl.gz').map((line, n) =>
        n % 350 === 5 && n < 3_500 ? JSON.stringify({ ...JSON.parse(line), title: `Changed ${n}` }) : line,
      )
      const path = join(dir.path, 'processed_tracks.jsonl')
      writeFileSync(path, changed.join('\n'))
      expect(await run('processed_tracks', path)).toEqual(sent({ durable: 10, changed: 10, equal: 3_566 }))
      await catchUp(own)
      const before = new Set(cells.split('\n'))
      const differing = (await cellsOf(own)).split('\n').filter((line) => !before.has(line))
      expect(differing.map((line) => JSON.parse(line).column)).toEqual(
        Array.from({ length: 10 }, () => 'title'),
      )
      await own.drop()
    })
  }
})
