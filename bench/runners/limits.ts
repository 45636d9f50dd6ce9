// What nothing on this machine can be faster than: KafkaJS that only reads, and COPY into a table without an index.

import { createWriteStream } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { ClientBase } from 'pg'
import { copyIn } from '../../src/store/postgres/copy-in.ts'
import { withClient } from '../database.ts'
import { measure } from '../measure.ts'
import { root } from '../paths.ts'
import type { Services } from '../section.ts'

/** Messages a second of a topic's first `count` messages, from the first answer on. */
export async function readBare(
  { brokers }: Services,
  topic: string,
  count: number,
): Promise<{ readonly perSecond: number; readonly messages: number }> {
  const script = join(root, 'bench/bare-read.ts')
  const { stdout } = await measure([script, brokers.join(','), topic, String(count)], process.env)
  const { messages, ms } = JSON.parse(stdout) as { messages: number; ms: number }
  return { perSecond: (messages / ms) * 1_000, messages }
}

/** Writes lines to a file that the server may read; returns its path. */
export async function writeCopyFile(
  { scratch }: Services,
  name: string,
  lines: Iterable<string>,
): Promise<string> {
  const file = join(scratch, name)
  await pipeline(Readable.from(inBlocks(lines)), createWriteStream(file, { mode: 0o644 }))
  return file
}

const BLOCK_LINES = 10_000

function* inBlocks(lines: Iterable<string>): Iterable<string> {
  let block: string[] = []
  for (const line of lines) {
    block.push(line)
    if (block.length < BLOCK_LINES) continue
    yield block.join('')
    block = []
  }
  yield block.join('')
}

/** A line of COPY's text format. */
export function copyLine(values: readonly (string | bigint | null)[]): string {
  const texts = values.map((value) =>
    value === null ? '\\N' : String(value).replaceAll(/[\\\t\n\r]/g, (found) => ESCAPES[found]!),
  )
  return `${texts.join('\t')}\n`
}

const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r' }

/**
 * Seconds until the server has taken `count` lines that come over a connection, as whoever loads from elsewhere has to
 * send them; they are made before.
 */
export function copyOverConnection(
  databaseUrl: string,
  pieces: readonly Buffer[],
  count: number,
): Promise<number> {
  return withClient(databaseUrl, async (client) => {
    await createBareTable(client)
    const began = performance.now()
    await copyIn(client, 'copy bare from stdin', pieces)
    const seconds = (performance.now() - began) / 1_000
    const { rows } = await client.query('select count(*)::int as count from bare')
    if (rows[0].count !== count) throw new Error(`COPY took ${rows[0].count} rows, not ${count}`)
    return seconds
  })
}

/** Lines in pieces of a size at which a connection is used well. */
export function toPieces(lines: Iterable<string>): Buffer[] {
  return [...inBlocks(lines)].map((block) => Buffer.from(block))
}

async function createBareTable(client: ClientBase): Promise<void> {
  await client.query('drop table if exists bare')
  await client.query(
    'create table bare (stamp uuid, seq bigint, operation text, dataset text, id text, plays bigint, title text)',
  )
  await client.query('checkpoint')
}

/** Seconds that the server takes to copy a file of `count` lines on its machine into a fresh table without an index. */
export function copyBare(databaseUrl: string, file: string, count: number): Promise<number> {
  return withClient(databaseUrl, async (client) => {
    await createBareTable(client)
    const began = performance.now()
    const { rowCount } = await client.query(`copy bare from '${file}'`)
    const seconds = (performance.now() - began) / 1_000
    if (rowCount !== count) throw new Error(`COPY took ${rowCount} rows, not ${count}`)
    return seconds
  })
}
