// Real production data, 162,000 rows: what goes in comes out, row by row; twice, shuffled and replayed it is the same.

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { cli } from '../support/cli.ts'
import { temporaryDir } from '../support/services.ts'
import {
  catchUp,
  cellsOf,
  countsOf,
  createLogOfKind,
  createTestNode,
  foldInPython,
  LOG_KINDS,
  realDataFolder,
  sha256,
} from './support.ts'

const TIMESTAMP = '2022-11-01T00:00:00Z'
const FILES: Readonly<Record<string, { keys: string[]; rows: number }>> = {
  platforms: { keys: ['id'], rows: 17 },
  artists: { keys: ['id'], rows: 1_064 },
  artist_profiles: { keys: ['artistId', 'platformId'], rows: 1_216 },
  processed_tracks: { keys: ['id'], rows: 3_576 },
  nft_factories: { keys: ['id'], rows: 6_094 },
  nfts_processed_tracks: { keys: ['nftId', 'processedTrackId'], rows: 46_592 },
  nfts_collectors: { keys: ['nftId', 'collectorId'], rows: 103_384 },
}

const folder = realDataFolder()

if (folder === null) {
  describe('real data', () => {
    it('IS NOT HERE: nothing was tested on it', () => {
      console.warn(
        'real-data.test.ts: the folder ../shared/data (or SPINDEXER_TEST_DATA) is not there, so the tests on real production data did not run.',
      )
      expect(folder).toBe(null)
    })
  })
} else {
  const readLines = (name: string): string[] => {
    const bytes = readFileSync(join(folder, name))
    return (name.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8').trimEnd().split('\n')
  }

  describe.each(LOG_KINDS)('real data, on a log in %s', (kind) => {
    it('comes out as it went in, and is the same twice, replayed, shuffled, over 6 partitions and 1', async () => {
      const log = await createLogOfKind(kind, 'real', { partitions: 6, datasets: 'examples/music' })
      const node = await createTestNode(log, 'real')
      const importAll = async () => {
        for (const dataset of Object.keys(FILES)) {
          await cli(['import', dataset, join(folder, `${dataset}.jsonl.gz`), '--timestamp', TIMESTAMP], {
            env: log.env,
          })
        }
      }
      await importAll()
      await catchUp(node)
      let rows = 0
      for (const [dataset, { keys, rows: expected }] of Object.entries(FILES)) {
        const lines = readLines(`${dataset}.jsonl.gz`)
        expect(lines.length).toBe(expected)
        compareRows(dataset, keys, lines, await cli(['dump', dataset], { env: node.env }))
        rows += lines.length
      }
      expect(rows).toBe(161_943)
      const cells = await cellsOf(node)
      compareCells(cells, readLines)
      expect(await countsOf(node)).toMatchObject({
        consumed: 161_943n,
        merged: 161_943n,
        parked: 0n,
        quarantined: 0n,
      })

      // Published twice: as many messages again, not a byte of difference.
      await importAll()
      await catchUp(node)
      expect(await countsOf(node)).toMatchObject({ consumed: 323_886n })
      expect(sha256(await cellsOf(node))).toBe(sha256(cells))

      // Replayed from zero onto the full database.
      await node.query(
        'begin; delete from spindexer.positions; delete from spindexer.parked; delete from spindexer.quarantined; delete from spindexer.origins; commit',
      )
      await catchUp(node)
      expect(await countsOf(node)).toMatchObject({ consumed: 323_886n, quarantined: 0n })
      expect(sha256(await cellsOf(node))).toBe(sha256(cells))

      // Shuffled, as JSON lines, into another log of one partition.
      const dir = temporaryDir()
      const single = await createLogOfKind(kind, 'real-shuffled', {
        partitions: 1,
        datasets: 'examples/music',
      })
      const shuffledNode = await createTestNode(single, 'shuffled')
      const file = join(dir.path, 'shuffled.jsonl')
      writeFileSync(file, shuffledLines(readLines).join('\n'))
      await cli(['publish', file], { env: single.env })
      await catchUp(shuffledNode)
      expect(sha256(await cellsOf(shuffledNode))).toBe(sha256(cells))
      expect(sha256(await foldInPython(single))).toBe(sha256(cells))
      dir.remove()
      await node.drop()
      await shuffledNode.drop()
    }, 600_000)

    it('the operators’ seeds: 47 rows visible and 21 waiting; with the factories all, the seeds winning, in any order', async () => {
      const seeds = ['publish', join(folder, 'seeds.jsonl')]
      const factories = [
        'import',
        'raw_nft_factories',
        join(folder, 'nft_factories.jsonl.gz'),
        '--timestamp',
        '2022-01-01T00:00:00Z',
      ]
      const dumps: string[] = []
      for (const order of [
        [seeds, factories],
        [factories, seeds],
      ]) {
        const log = await createLogOfKind(kind, 'seeds', { partitions: 3, datasets: 'examples/music' })
        const node = await createTestNode(log, 'seeds')
        await cli(order[0]!, { env: log.env })
        await catchUp(node)
        if (order[0] === seeds) {
          const lines = (await cellsOf(node))
            .trimEnd()
            .split('\n')
            .map((line) => JSON.parse(line))
          const rows = lines.filter((line) => 'alive' in line)
          expect(rows.filter((row) => row.visible).length).toBe(47)
          const waiting = rows.filter((row) => !row.visible)
          expect(waiting.length).toBe(21)
          expect(
            waiting.every(
              (row) => row.alive === null && row.dead === null && row.dataset === 'raw_nft_factories',
            ),
          ).toBe(true)
          const cells = lines.filter((line) => line.column !== undefined && !line.visible)
          expect(cells.length).toBe(42)
        }
        await cli(order[1]!, { env: log.env })
        await catchUp(node)
        compareSeeds(readLines, await cli(['dump', 'raw_nft_factories'], { env: node.env }))
        dumps.push(await cellsOf(node))
        expect(sha256(await foldInPython(log))).toBe(sha256(dumps.at(-1)!))
        await node.drop()
      }
      expect(dumps[1]).toBe(dumps[0])
    }, 300_000)
  })
}

type Plain = Readonly<Record<string, unknown>>

/** JSON with every number as the text that stands there, so that no digit is lost in comparing. */
function parseExact(line: string): Plain {
  return JSON.parse(line, ((_key: string, value: unknown, context: { source?: string }) =>
    typeof value === 'number' ? { number: context.source } : value) as never)
}

function compareRows(dataset: string, keys: readonly string[], input: readonly string[], dump: string): void {
  const output = dump === '' ? [] : dump.trimEnd().split('\n').map(parseExact)
  const idOf = (row: Plain) => JSON.stringify(keys.map((key) => row[key]))
  const outputById = new Map(output.map((row) => [idOf(row), row]))
  expect(output.length, `rows of ${dataset}`).toBe(input.length)
  for (const line of input) {
    const row = parseExact(line)
    const stored = outputById.get(idOf(row))
    expect(stored, `${dataset}: ${line}`).toBeDefined()
    for (const [column, value] of Object.entries(row)) {
      if (!isSame(column, value, stored![column])) {
        expect.fail(
          `${dataset} ${idOf(row)}, ${column}: ${JSON.stringify(value)} became ${JSON.stringify(stored![column])}`,
        )
      }
    }
  }
}

/** Instants as instants, integers by their digits (some come as strings), everything else as it is. */
function isSame(column: string, given: unknown, stored: unknown): boolean {
  if (column === 'createdAtTime') return microsOf(String(given)) === microsOf(String(stored))
  if (/BlockNumber$|^startingBlock$|^amount$/.test(column) && given !== null) {
    return digitsOf(given) === digitsOf(stored)
  }
  return canonical(given) === canonical(stored)
}

function digitsOf(value: unknown): string {
  return BigInt(typeof value === 'string' ? value : (value as { number: string }).number).toString()
}

function microsOf(text: string): bigint {
  const match = /^(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?(Z|[+-]\d\d)$/.exec(text)
  if (match === null) throw new Error(`no instant: ${text}`)
  const [, day, time, fraction = '', zone] = match
  const ms = Date.parse(`${day}T${time}${zone === 'Z' ? 'Z' : `${zone}:00`}`)
  return BigInt(ms) * 1_000n + BigInt(fraction.padEnd(6, '0'))
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, inner) =>
    inner !== null && typeof inner === 'object' && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  )
}

/** As many cells as the files have values beside keys, null ones included; rows of key columns only have none. */
function compareCells(cells: string, readLines: (name: string) => string[]): void {
  let nulls = 0
  let values = 0
  for (const [dataset, { keys }] of Object.entries(FILES)) {
    for (const line of readLines(`${dataset}.jsonl.gz`)) {
      for (const [column, value] of Object.entries(JSON.parse(line))) {
        if (keys.includes(column)) continue
        values++
        if (value === null) nulls++
      }
    }
  }
  const lines = cells
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
  const cellLines = lines.filter((line) => 'column' in line)
  expect(cellLines.length).toBe(values)
  expect(cellLines.filter((line) => line.value === null).length).toBe(nulls)
  expect(lines.length - cellLines.length).toBe(161_943)
}

function shuffledLines(readLines: (name: string) => string[]): string[] {
  const lines = Object.keys(FILES).flatMap((dataset) =>
    readLines(`${dataset}.jsonl.gz`).map(
      (row) => `{"timestamp":"${TIMESTAMP}","operation":"upsert","dataset":"${dataset}","data":${row}}`,
    ),
  )
  // A stride without a factor in common with the count visits every line once, far from its neighbours.
  return lines.map((_, i) => lines[(i * 77_773) % lines.length]!)
}

function compareSeeds(readLines: (name: string) => string[], dump: string): void {
  const rows = new Map(
    dump
      .trimEnd()
      .split('\n')
      .map((line) => [JSON.parse(line).id as string, parseExact(line)]),
  )
  expect(rows.size).toBeGreaterThanOrEqual(6_094)
  const seeds = readLines('seeds.jsonl')
    .map(parseExact)
    .filter(({ table }) => table === 'raw_nft_factories')
  expect(seeds.length).toBe(47)
  for (const seed of seeds) {
    const data = seed.data as Plain
    const row = rows.get(data.id as string)
    expect(row, `row ${data.id}`).toBeDefined()
    for (const [column, value] of Object.entries(data)) {
      expect(isSame(column, value, row![column]), `${data.id}: ${column}`).toBe(true)
    }
  }
}
