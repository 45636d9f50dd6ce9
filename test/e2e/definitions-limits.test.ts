// Definitions at every limit and one above: a thousand datasets on a server as it comes, two hundred columns, sixteen key columns.

import { afterAll, beforeAll, expect, it } from 'vitest'
import { cli, runCli } from '../support/cli.ts'
import { type PostgresService, startPostgres, temporaryDir } from '../support/services.ts'
import { definition, nullable, openLog, refusedOf, schemaOf, upsert } from './definitions-support.ts'
import { catchUp, countsOf, createTestLog, createTestNode, query } from './support.ts'

const DATASETS_MAX = 1_000
const COLUMNS_MAX = 200
const KEY_MAX = 16
/** Postgres has room for max_locks_per_transaction (64) times max_connections (100) locks, unless it is set otherwise. */
const LOCKS_BY_DEFAULT = 64 * 100

const dir = temporaryDir()
let server: PostgresService

beforeAll(async () => {
  server = await startPostgres({ dir: `${dir.path}/postgres`, version: 15, removeDirWhenOrphaned: true })
  const [row] = await query(server.url, 'show max_connections')
  await query(
    server.url,
    `alter system set max_locks_per_transaction = ${Math.ceil(LOCKS_BY_DEFAULT / Number(row!.max_connections))}`,
  )
  await server.restart()
})

afterAll(async () => {
  await server?.kill('SIGKILL')
  dir.remove()
})

it('up to the limit all is taken, what is above is refused whole, by the command as by the node', async () => {
  const testLog = await createTestLog('limits', { partitions: 2 })
  const node = await createTestNode(testLog, 'limits', server.url)
  const log = openLog(testLog)
  const key = Array.from({ length: KEY_MAX }, (_, i) => ({ name: `k${i}`, type: 'string' }))
  const names = Array.from({ length: COLUMNS_MAX - KEY_MAX }, (_, i) => `c${i}`)
  const fields = names.map((name) => nullable(name, 'long'))
  const wide = (from: number, to: number) => definition(schemaOf('wide', fields.slice(from, to), key))
  const long = 'n'.repeat(55)
  try {
    const others = Array.from({ length: DATASETS_MAX - 2 }, (_, i) => definition(schemaOf(`d${i}`, [])))
    const appended = await log.append([
      wide(0, 100),
      wide(100, names.length),
      definition(schemaOf('wide', [fields[0], nullable('one_more', 'long')], key)),
      definition(schemaOf(long, [nullable(long.replace('n', 'm'), 'long')])),
      ...others,
      definition(schemaOf('one_more', [])),
      definition(schemaOf('d0', [nullable('still', 'long')])),
    ])
    const keyTexts = key.map(({ name }) => name.repeat(20))
    const all = Object.fromEntries(names.map((name, i) => [name, BigInt(i)]))
    await log.append([
      upsert('wide', 0, all, keyTexts),
      upsert(long, 1, { [long.replace('n', 'm')]: 1n }),
      upsert('one_more', 2),
      upsert('d0', 3, { still: 1n }),
    ])
    await catchUp(node)
    expect(await refusedOf(node)).toEqual([
      `${appended[2]!.offset} dataset-full`,
      `${appended.at(-2)!.offset} catalogue-full`,
    ])
    expect(await countsOf(node)).toMatchObject({ merged: 3n, parked: 1n })
    const [row] = await node.query('select * from data.wide')
    expect(Object.keys(row!).length).toBe(COLUMNS_MAX)
    expect(row).toMatchObject({ k15: 'k15'.repeat(20), c0: '0', c183: '183' })
    const [views] = await node.query(`select count(*) from pg_views where schemaname = 'data'`)
    expect(Number(views!.count)).toBe(DATASETS_MAX)

    const { code, stderr } = await runCli(['datasets', 'apply', 'examples/catalogue'], {
      env: testLog.env,
      cwd: new URL('../..', import.meta.url).pathname,
    })
    expect(stderr).toMatch(/there are 1000 datasets[\s\S]*Datasets never go/)
    expect(code).toBe(1)
    expect((await log.describe()).definitions!.end).toBe(appended.at(-1)!.offset + 1n)
    expect((await cli(['datasets', 'list', '--json'], { env: testLog.env })).trim().split('\n').length).toBe(
      DATASETS_MAX,
    )
  } finally {
    await log.close()
  }
}, 400_000)
