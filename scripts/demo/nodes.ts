// The demo's nodes: a database each, their counts, and the fingerprint of their whole state.

import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import type { Processes } from './processes.ts'

export interface DemoNode {
  readonly name: string
  readonly env: NodeJS.ProcessEnv
  readonly url: string
}

export interface Counts {
  readonly consumed: bigint
  readonly merged: bigint
  readonly parked: bigint
  readonly quarantined: bigint
}

/** A node with a new, empty database in the Postgres at `adminUrl`; whatever had its name is dropped. */
export async function createNode(name: string, adminUrl: string, env: NodeJS.ProcessEnv): Promise<DemoNode> {
  const url = new URL(adminUrl)
  url.pathname = `/spindexer_demo_${name}`
  const node = { name, url: url.href, env: { ...env, DATABASE_URL: url.href } }
  await emptyDatabase(node, adminUrl)
  return node
}

export async function emptyDatabase({ url }: DemoNode, adminUrl: string): Promise<void> {
  const name = pg.escapeIdentifier(new URL(url).pathname.slice(1))
  await query(adminUrl, `drop database if exists ${name} with (force)`)
  await query(adminUrl, `create database ${name}`)
}

export async function countsOf({ url }: DemoNode): Promise<Counts> {
  const names = ['consumed', 'merged', 'parked', 'quarantined'] as const
  const sums = names.map((name) => `coalesce(sum(${name}), 0) as ${name}`).join(', ')
  const [row] = await query(url, `select ${sums} from spindexer.positions`)
  return Object.fromEntries(names.map((name) => [name, BigInt(row![name]!)])) as unknown as Counts
}

/** Rows in a dataset's view. */
export async function rowsOf({ url }: DemoNode, dataset: string): Promise<bigint> {
  const [row] = await query(url, `select count(*) as rows from data.${pg.escapeIdentifier(dataset)}`)
  return BigInt(row!.rows!)
}

/** Waits until the running node has consumed and parked so many; throws when it takes minutes. */
export async function waitForCounts(
  node: DemoNode,
  wanted: Partial<Counts>,
  minutesMax = 3,
): Promise<Counts> {
  const until = performance.now() + minutesMax * 60_000
  for (;;) {
    const counts = await countsOf(node)
    const isThere = Object.entries(wanted).every(([name, value]) => counts[name as keyof Counts] === value)
    if (isThere) return counts
    if (performance.now() > until) {
      throw new Error(
        `node ${node.name} has ${words(counts)}, and not ${words(wanted)}, after ${minutesMax} minutes`,
      )
    }
    await sleep(100)
  }
}

function words(counts: Partial<Counts>): string {
  return Object.entries(counts)
    .map(([name, value]) => `${name} ${value}`)
    .join(', ')
}

/** SHA-256 of `dump --cells`: every row, cell, stamp and tombstone. */
export async function fingerprintOf(node: DemoNode, processes: Processes): Promise<string> {
  const { child, ended } = processes.start({
    args: ['dump', '--cells'],
    env: node.env,
    note: `${node.name}, hashed`,
  })
  const hash = createHash('sha256')
  child.stdout!.on('data', (chunk: Buffer) => hash.update(chunk))
  const { code, stderr } = await ended
  if (code !== 0) throw new Error(`spindexer dump --cells ended with ${code}:\n${stderr}`)
  return hash.digest('hex')
}

async function query(url: string, sql: string): Promise<Record<string, string>[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query(sql)).rows
  } finally {
    await client.end()
  }
}
