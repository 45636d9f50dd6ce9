// `npm run bench:sizes -- FOLDER`: what rows cost on disk, in the log and in a node's Postgres, per dataset of a folder of
// JSONL files that fits the definitions in examples/music.

import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import pg from 'pg'
import { startKafka } from '../scripts/services/kafka.ts'
import { startPostgres } from '../scripts/services/postgres.ts'
import { createTemporaryDir } from '../scripts/services/temporary-dir.ts'
import { measure } from './measure.ts'
import { cli, root } from './paths.ts'

const SUFFIX = '.jsonl.gz'
const TIMESTAMP = '2022-11-01T00:00:00Z'

const { positionals } = parseArgs({ allowPositionals: true })
const [folder] = positionals
if (folder === undefined) throw new Error('usage: npm run bench:sizes -- FOLDER (of DATASET.jsonl.gz files)')

async function main(files: readonly string[]): Promise<void> {
  const dir = createTemporaryDir('sizes')
  const kafkaDir = join(dir.path, 'kafka')
  const kafka = await startKafka({ dir: kafkaDir, removeDirWhenOrphaned: true })
  const postgres = await startPostgres({
    dir: join(dir.path, 'postgres'),
    version: 18,
    removeDirWhenOrphaned: true,
  })
  try {
    for (const file of files) {
      const dataset = file.slice(0, -SUFFIX.length)
      const topic = `sizes-${dataset}`
      const env = {
        ...process.env,
        SPINDEXER_LOG: `kafka://${kafka.brokers.join(',')}/${topic}`,
        DATABASE_URL: postgres.url,
        SCHEMA_REGISTRY_URL: '',
      }
      await execute(postgres.url, 'drop schema if exists spindexer, data cascade')
      await measure([cli, 'log', 'create', '--partitions', '1'], env)
      await measure([cli, 'datasets', 'apply', join(root, 'examples/music')], env)
      await measure([cli, 'import', dataset, join(folder!, file), '--timestamp', TIMESTAMP], env)
      await measure([cli, 'run', '--until-end'], env)
      const rows = Number((await execute(postgres.url, `select count(*) as n from data."${dataset}"`))[0].n)
      const bytes = Number((await execute(postgres.url, TABLE_BYTES))[0].bytes)
      const plain = await plainBytes(postgres.url, dataset)
      const logBytes = segmentBytes(join(kafkaDir, 'data', `${topic}-0`))
      const each = (total: number) => (total / rows).toFixed(0)
      console.log(
        `${dataset}: ${rows} rows; bytes a row: log ${each(logBytes)}, Postgres ${each(bytes)} (a plain table with the same primary key: ${each(plain)})`,
      )
    }
  } finally {
    await kafka.stop()
    await postgres.stop()
    dir.remove()
  }
}

/** Tables, their indexes and long values; bookkeeping included, which is next to nothing. */
const TABLE_BYTES = `select sum(pg_total_relation_size(c.oid)) as bytes
  from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
  where n.nspname = 'spindexer' and c.relkind = 'r'`

/** The same rows without stamps: what anybody's own table would take. */
async function plainBytes(url: string, dataset: string): Promise<number> {
  const schema = readFileSync(join(root, `examples/music/${dataset}.avsc`), 'utf8')
  const key = (JSON.parse(schema).key as readonly string[]).map((name) => `"${name}"`).join(', ')
  await execute(
    url,
    `create table public.plain as select * from data."${dataset}"; alter table public.plain add primary key (${key})`,
  )
  const [size] = await execute(url, `select pg_total_relation_size('public.plain') as bytes`)
  await execute(url, 'drop table public.plain')
  return Number(size.bytes)
}

function segmentBytes(path: string): number {
  return readdirSync(path)
    .filter((name) => name.endsWith('.log'))
    .reduce((sum, name) => sum + statSync(join(path, name)).size, 0)
}

async function execute(url: string, sql: string) {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query(sql)).rows
  } finally {
    await client.end()
  }
}

await main(readdirSync(folder).filter((name) => name.endsWith(SUFFIX)))
