// `policy apply` killed before, between and behind its requests, on logs of many partitions: run again, every partition has one valid record of the version, the same everywhere.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { DEFINITIONS } from '../../src/codec/record.ts'
import { cli, type RunningCli, startCli } from '../support/cli.ts'
import { type Fate, PRODUCE, type ProxiedKafka, startProxiedKafka } from '../support/kafka-proxy.ts'
import { createDatabase, temporaryDir, uniqueTopic } from '../support/services.ts'
import { testKey, testKeyText } from '../support/signers.ts'
import { waitFor } from '../support/wait.ts'
import { commonVersion, judgeAll } from '../writer/policy/support.ts'
import { createPostgresTestLog, kafkaTestLog, type TestLog } from './support.ts'

const ADA = testKey('ada').signer
const PARTITIONS = 8
/** Five commands each. */
const TIMEOUT_MS = 300_000

const dir = mkdtempSync(join(tmpdir(), 'spindexer-policy-killed-'))
afterAll(() => rmSync(dir, { recursive: true }))
const keyFile = join(dir, 'ada.pem')
writeFileSync(keyFile, testKeyText('ada'), { mode: 0o600 })

/** Large ones go four partitions at a time, small ones to all at once; then come the definitions. */
function policyFile(version: number, columns: number): string {
  const name = (i: number) => `column_${String(i + version).padStart(45, '0')}`
  const rule = {
    signers: [ADA],
    operations: ['upsert'],
    datasets: ['later'],
    columns: Array.from({ length: columns }, (_, i) => name(i)),
  }
  const path = join(dir, `policy-${version}.json`)
  writeFileSync(path, JSON.stringify({ version, admins: [ADA], rules: [rule] }))
  return path
}
const [SMALL, LARGE] = [1, 9_000]
const applying = (version: number, columns: number) => [
  'policy',
  'apply',
  policyFile(version, columns),
  '--key',
  keyFile,
]

/** Applies it again and looks at every record of the log. */
async function complete(log: TestLog, version: number, columns: number): Promise<void> {
  const applied = JSON.parse(await cli(applying(version, columns), { env: log.env }))
  expect(applied).toMatchObject({ version, left: null })
  expect(JSON.parse(await cli(applying(version, columns), { env: log.env }))).toMatchObject({
    policy: 'unchanged',
  })
  const handle = log.open()
  try {
    expect(await commonVersion(handle)).toBe(version)
    expect(new Set((await judgeAll(handle)).map(({ valid }) => valid.join())).size).toBe(1)
  } finally {
    await handle.close()
  }
}

describe('a log in Kafka', () => {
  const files = temporaryDir()
  let kafka: ProxiedKafka
  beforeAll(async () => {
    kafka = await startProxiedKafka(files.path)
  })
  afterEach(() => kafka.decide(null))
  afterAll(async () => {
    await kafka?.end()
    files.remove()
  })

  it.each([
    { columns: SMALL, nth: 1, fate: 'cut' },
    { columns: SMALL, nth: 2, fate: 'cut answer' },
    { columns: LARGE, nth: 1, fate: 'cut answer' },
    { columns: LARGE, nth: 2, fate: 'cut' },
    { columns: LARGE, nth: 3, fate: 'cut' },
  ] as const)(
    'with $columns columns, at request $nth: $fate',
    async ({ columns, nth, fate }) => {
      const topic = uniqueTopic('killed')
      const direct = kafkaTestLog(kafka.broker.brokers, topic)
      await cli(['log', 'create', '--partitions', `${PARTITIONS}`, '--admin', ADA], { env: direct.env })
      let seen = 0
      let running: RunningCli | null = null
      kafka.decide((apiKey): Fate => {
        if (apiKey !== PRODUCE || ++seen < nth) return 'pass'
        running?.kill('SIGKILL')
        return fate
      })
      running = startCli(applying(1, columns), { env: kafkaTestLog(kafka.brokers, topic).env })
      const { signal, stderr } = await running.ended
      kafka.decide(null)
      expect(signal, stderr).toBe('SIGKILL')
      // What has reached the broker is done by it.
      if (fate === 'cut answer') await sleep(200)
      await complete(direct, 1, columns)
    },
    TIMEOUT_MS,
  )
})

describe('a log in Postgres', () => {
  let log: TestLog
  let url: string
  let drop: () => Promise<void>
  beforeAll(async () => {
    const database = await createDatabase(18, 'killed')
    url = database.url
    drop = database.drop
    log = await createPostgresTestLog('killed', { partitions: PARTITIONS, url, admins: [ADA] })
  })
  afterAll(() => drop?.())

  const endOf = async (partition: number): Promise<bigint> => {
    const handle = log.open()
    try {
      const { partitions, definitions } = await handle.describe()
      return (partition === DEFINITIONS ? definitions! : partitions[partition]!).end
    } finally {
      await handle.close()
    }
  }

  it.each(
    [
      { columns: SMALL, held: 0 },
      { columns: SMALL, held: DEFINITIONS },
      { columns: LARGE, held: 6 },
    ].map((kill, i) => ({ ...kill, version: i + 1 })),
  )(
    'with $columns columns, while partition $held is held by somebody else',
    async (kill) => {
      const { columns, held, version } = kill
      const holder = new pg.Client({ connectionString: url })
      await holder.connect()
      let running: RunningCli | null = null
      try {
        // What an append takes first.
        await holder.query('begin')
        await holder.query('select pg_advisory_xact_lock(1936747623, $1)', [held])
        running = startCli(applying(version, columns), { env: log.env })
        await waitFor('the apply to wait', async () => {
          const { rows } = await holder.query(
            `select from pg_locks where locktype = 'advisory' and not granted
           and database = (select oid from pg_database where datname = current_database())`,
          )
          return rows.length > 0
        })
        running.kill('SIGKILL')
        expect((await running.ended).signal).toBe('SIGKILL')
        expect(await endOf(held)).toBe(BigInt(version))
        if (columns === LARGE) expect(await endOf(0)).toBe(BigInt(version + 1))
      } finally {
        running?.kill('SIGKILL')
        await holder.query('rollback')
        await holder.end()
      }
      await complete(log, version, columns)
    },
    TIMEOUT_MS,
  )
})
