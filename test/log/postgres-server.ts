// A Postgres of a test's own with logs in it, to stop, to kill and to cut off.

import { afterAll, afterEach, beforeAll } from 'vitest'
import { createPostgresLog, type PostgresLog } from '../../src/log/postgres/log.ts'
import { makePostgresLog } from '../../src/log/postgres/make.ts'
import { startProxy, type TcpProxy, type TcpProxyOptions } from '../support/proxy.ts'
import { type PostgresService, startPostgres, temporaryDir } from '../support/services.ts'
import { execute } from './postgres-admin.ts'

export interface Started {
  readonly url: string
  readonly log: PostgresLog
  /** What it said to people. */
  readonly words: string[]
  another(url?: string): PostgresLog
}

/** Starts a server for the tests of a file and ends it behind them; what is opened by a test is closed behind it. */
export function serverForTests() {
  const dir = temporaryDir()
  let server: PostgresService
  let databases = 0
  const closing: (() => Promise<unknown>)[] = []
  beforeAll(async () => {
    server = await startPostgres({ version: 18, dir: dir.path })
  })
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close()
  })
  afterAll(async () => {
    await server?.stop()
    dir.remove()
  })

  return {
    server: () => server,
    /** A database with a new log, without genesis. */
    async start(partitions: number): Promise<Started> {
      const name = `log_${++databases}`
      await execute(server.url, `create database ${name}`)
      const url = server.url.replace(/\/postgres$/, `/${name}`)
      await makePostgresLog({ connectionString: url, partitions, usualPartitions: 1 })
      const words: string[] = []
      const another = (connectionString = url) => {
        const onTrouble = (word: string) => void words.push(word)
        const log = createPostgresLog({ connectionString, onLog: () => {}, onTrouble })
        closing.push(() => log.close())
        return log
      }
      return { url, log: another(), words, another }
    },
    /** The same database behind a proxy. */
    async startBadNetwork(
      url: string,
      options: TcpProxyOptions = {},
    ): Promise<{ proxy: TcpProxy; url: string }> {
      const proxy = await startProxy({ host: '127.0.0.1', port: server.port }, options)
      closing.push(() => proxy.close())
      return { proxy, url: url.replace(/:\d+\//, `:${proxy.port}/`) }
    },
  }
}
