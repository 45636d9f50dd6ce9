// An embedded Postgres of this process: its data survive, its port stays, its files are its owner's, its refusals say what to do.

import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { identify } from '../../src/embedded/identity.ts'
import { keepShort } from '../../src/embedded/log-file.ts'
import { rememberedUrl } from '../../src/embedded/state.ts'
import { createPlace, open, query, refusal, serverPid, tryOpen } from './support.ts'

const place = createPlace()
const { directory, folder } = place
afterAll(() => place.remove())

const isRoot = process.getuid!() === 0
const portOf = (url: string): number => Number(new URL(url).port)

async function listen(port: number, host: string): Promise<{ close(): void } | null> {
  const server = createServer()
  return new Promise((resolve) => {
    server.once('error', () => resolve(null))
    server.listen({ port, host, exclusive: true }, () => resolve(server))
  })
}

describe('a folder', () => {
  it('that no node has made is left alone by other commands', async () => {
    expect(await tryOpen(directory, { command: 'dump', isNode: false })).toEqual({ type: 'absent' })
    expect(existsSync(join(directory, '.spindexer'))).toBe(false)
    expect(rememberedUrl(folder)).toBeNull()
  })

  it('has a durable server on 127.0.0.1 alone, with a password, and no file that others may read', async () => {
    const opened = await open(directory)
    expect(opened.portBefore).toBeNull()
    const rows = await query(
      opened.url,
      `select name, setting from pg_settings where name in
        ('fsync', 'synchronous_commit', 'full_page_writes', 'listen_addresses', 'unix_socket_directories',
         'shared_buffers', 'password_encryption', 'data_directory', 'server_encoding') order by name`,
    )
    expect(Object.fromEntries(rows.map(({ name, setting }) => [name, setting]))).toEqual({
      data_directory: opened.data,
      fsync: 'on',
      full_page_writes: 'on',
      listen_addresses: '127.0.0.1',
      password_encryption: 'scram-sha-256',
      server_encoding: 'UTF8',
      shared_buffers: '16384',
      synchronous_commit: 'on',
      unix_socket_directories: '',
    })
    for (const url of [opened.url.replace(/:[^:@]*@/, ':wrong@'), opened.url.replace(/:[^:@]*@/, '@')]) {
      await expect(query(url, 'select 1')).rejects.toThrow(/password/)
    }
    for (const name of ['state.json', 'url', 'postgres.log']) {
      expect([name, statSync(join(folder, name)).mode & 0o077]).toEqual([name, 0])
    }
    expect(statSync(folder).mode & 0o777).toBe(isRoot ? 0o711 : 0o700)
    expect(readFileSync(join(folder, 'url'), 'utf8')).toBe(`${opened.url}\n`)
    expect(readFileSync(join(directory, '.spindexer/.gitignore'), 'utf8')).toBe('*\n')
    await query(opened.url, `create table kept as select 1 as n`)
    const pid = serverPid(opened.data)
    await opened.close()
    expect(identify(pid)).toBeUndefined()
  })

  it('keeps data, port and password, for a command too', async () => {
    const before = rememberedUrl(folder)
    const opened = await open(directory, { command: 'dump', isNode: false })
    expect(opened).toMatchObject({ url: before, portBefore: null })
    expect(await query(opened.url, 'select n from kept')).toEqual([{ n: 1 }])
    await opened.close()
  })

  it('takes another port where somebody has its own, and says so', async () => {
    const before = portOf(rememberedUrl(folder)!)
    const listener = await listen(before, '127.0.0.1')
    const opened = await open(directory)
    listener!.close()
    expect(opened.portBefore).toBe(before)
    expect(portOf(opened.url)).not.toBe(before)
    expect(await query(opened.url, 'select n from kept')).toEqual([{ n: 1 }])
    await opened.close()
    expect(rememberedUrl(folder)).toBe(opened.url)
  })

  it('whose password was lost gets another', async () => {
    rmSync(join(folder, 'state.json'))
    const opened = await open(directory)
    expect(await query(opened.url, 'select n from kept')).toEqual([{ n: 1 }])
    await opened.close()
    writeFileSync(join(folder, 'state.json'), '{')
    await expect(open(directory)).rejects.toThrow(/state\.json is damaged .*; remove it/)
    rmSync(join(folder, 'state.json'))
    await (await open(directory)).close()
  })

  it('brings a server back that ended by itself, on its port', async () => {
    const said: string[] = []
    const opened = await open(directory, { say: (text) => void said.push(text) })
    const pid = serverPid(opened.data)
    process.kill(pid, 'SIGKILL')
    await expect.poll(() => said.join('\n'), { timeout: 30_000 }).toMatch(/ended by itself[\s\S]*is back/)
    expect(await query(opened.url, 'select n from kept')).toEqual([{ n: 1 }])
    const again = serverPid(opened.data)
    expect(again).not.toBe(pid)
    await opened.close()
    expect(identify(again)).toBeUndefined()
  })
})

describe('is refused', () => {
  let version: string
  beforeAll(() => {
    version = join(folder, 'data/PG_VERSION')
  })

  it('where the data are of another major version, older or newer', async () => {
    const own = readFileSync(version, 'utf8')
    writeFileSync(version, '15\n')
    expect(await refusal(directory)).toMatchObject({
      what: expect.stringMatching(/data is of Postgres 15, and this spindexer comes with Postgres 18$/),
      remedy: expect.stringMatching(
        /run the spindexer that made it, and with `spindexer log copy`.*pg_dumpall/,
      ),
    })
    writeFileSync(version, '19\n')
    expect((await refusal(directory)).remedy).toMatch(/newer spindexer/)
    rmSync(version)
    expect(await refusal(directory, { command: 'dump', isNode: false })).toMatchObject({
      what: expect.stringMatching(/holds no data of Postgres/),
      remedy: expect.stringMatching(/backup/),
    })
    writeFileSync(version, own)
    await (await open(directory)).close()
  })

  it('where nothing can be written', async () => {
    // Root may write wherever something can be.
    const closed = isRoot ? '/proc' : join(directory, 'closed')
    if (!isRoot) mkdirSync(closed, { mode: 0o555 })
    expect(await refusal(closed)).toMatchObject({
      what: expect.stringMatching(/cannot be used for an embedded Postgres \((ENOENT|EACCES)/),
      remedy: expect.stringMatching(/where you may write.*SPINDEXER_LOG/),
    })
  })
})

describe("the server's log", () => {
  it('begins anew when it is long, and the server goes on writing into it', async () => {
    const file = join(directory, 'long.log')
    writeFileSync(file, 'x'.repeat(1_000))
    const end = keepShort(file, 999, 10)
    expect([statSync(file).size, statSync(`${file}.1`).size]).toEqual([0, 1_000])
    writeFileSync(file, 'y'.repeat(2_000))
    await expect.poll(() => statSync(file).size).toBe(0)
    end()
    expect(readFileSync(`${file}.1`, 'utf8')).toBe('y'.repeat(2_000))
  })
})
