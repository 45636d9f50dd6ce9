// A calm day: two writers at ten changes a second, one live node, no faults. Nothing is lost, nothing goes back.

import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { below, createRandom, one, type Random } from '../sim/world.ts'
import { type RunningCli, startCli } from '../support/cli.ts'
import { anyText } from '../support/edges.ts'
import { announceSeed } from '../support/seed.ts'
import { soaked } from '../support/soak.ts'
import { waitFor } from '../support/wait.ts'
import {
  cellsOf,
  countsOf,
  createLogOfKind,
  createTestNode,
  foldInPython,
  LOG_KINDS,
  sha256,
  type TestNode,
} from './support.ts'

const SECONDS = soaked(6)
const EVERY_MS = 100
const ROWS = 20

/** What a writer's own row comes to, by its own account: the later line wins, since one session's stamps only rise. */
interface OwnRow {
  exists: boolean
  title: string | null
  plays: string | null
}

interface Writer {
  readonly name: string
  readonly running: RunningCli
  readonly rows: Map<string, OwnRow>
  lines: number
}

function write(writer: Writer, random: Random): void {
  const { running, rows, name } = writer
  const number = ++writer.lines
  const isOwn = random() < 0.8
  const id = `${isOwn ? name : 'both'}-${below(random, ROWS)}`
  // Few are deleted: a delete hides what was lost before it.
  const operation = random() < 0.04 ? 'delete' : one(random, ['upsert', 'update'] as const)
  const row = rows.get(id) ?? { exists: false, title: null, plays: null }
  const data: Record<string, string | number | null> = { id }
  if (operation === 'delete') Object.assign(row, { exists: false, title: null, plays: null })
  if (operation === 'upsert') row.exists = true
  if (operation !== 'delete') {
    const withTitle = random() < 0.5
    if (withTitle) row.title = data.title = random() < 0.2 ? null : anyText(random, below(random, 20))
    if (!withTitle || random() < 0.5) {
      data.plays = number
      row.plays = String(number)
    }
  }
  if (isOwn) rows.set(id, row)
  running.child.stdin.write(`${JSON.stringify({ dataset: 'tracks', operation, data })}\n`)
}

/** The greatest number that was seen in each row so far: a reader never sees an older one behind it. */
async function look(node: TestNode, seen: Map<string, bigint>): Promise<void> {
  const rows = await node.query(
    `select id, plays from data.tracks where plays is not null and id not like 'both%'`,
  )
  for (const { id, plays } of rows) {
    const before = seen.get(id!) ?? 0n
    expect(BigInt(plays!), `row ${id}`).toBeGreaterThanOrEqual(before)
    seen.set(id!, BigInt(plays!))
  }
}

describe.each(LOG_KINDS)('on a log in %s', (kind) => {
  it(
    `${SECONDS} seconds of two writers and a live node`,
    async () => {
      const seed = announceSeed('test/e2e/steady.test.ts')
      const random = createRandom(seed)
      const log = await createLogOfKind(kind, 'steady', { partitions: 3, datasets: 'examples/catalogue' })
      const node = await createTestNode(log, 'steady')
      const live = startCli(['run'], { env: node.env })
      const writers = ['a', 'b'].map((name): Writer => {
        const running = startCli(['publish', '-'], { env: log.env, keepStdin: true })
        return { name, running, rows: new Map(), lines: 0 }
      })
      try {
        await waitFor('the node to run', () => live.stderr().includes('Took 2 definitions'))
        const seen = new Map<string, bigint>()
        for (let tick = 0; tick < (SECONDS * 1_000) / EVERY_MS; tick++) {
          for (const writer of writers) write(writer, random)
          if (tick % 10 === 0) await look(node, seen)
          await sleep(below(random, 2 * EVERY_MS))
        }
        for (const { running } of writers) running.child.stdin.end()
        for (const { running } of writers) {
          const { code, stderr } = await running.ended
          expect(code, stderr).toBe(0)
        }
        const lines = BigInt(writers.reduce((sum, writer) => sum + writer.lines, 0))
        await waitFor('the node to have them all', async () => (await countsOf(node)).merged! >= lines)
        expect(await countsOf(node)).toEqual({ consumed: lines, merged: lines, parked: 0n, quarantined: 0n })
        await look(node, seen)
        live.kill('SIGTERM')
        expect((await live.ended).code).toBe(0)
        for (const { rows, name } of writers) {
          const held = await node.query(
            `select id, title, plays from data.tracks where id like $1 order by id collate "C"`,
            [`${name}-%`],
          )
          const expected = [...rows]
            .filter(([, row]) => row.exists)
            .map(([id, { title, plays }]) => ({ id, title, plays }))
          expect(held).toEqual(expected.sort((x, y) => (x.id < y.id ? -1 : 1)))
        }
        expect(sha256(await cellsOf(node))).toBe(sha256(await foldInPython(log)))
      } finally {
        for (const { running } of writers) running.kill('SIGKILL')
        live.kill('SIGKILL')
      }
      await node.drop()
    },
    SECONDS * 1_000 + 300_000,
  )
})
