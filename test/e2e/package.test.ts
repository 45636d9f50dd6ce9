// `npx spindexer run` in an empty folder of a machine that has only Node: the packed program, its own Postgres, root and others.

import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createTemporaryDir } from '../../scripts/services/temporary-dir.ts'
import { SIGNATURE_HEADER } from '../../src/codec/signing/header.ts'
import { type Identity, identify, isAlive } from '../../src/embedded/identity.ts'
import { postgresUser, type User } from '../../src/embedded/user.ts'
import { runCli } from '../support/cli.ts'
import { signatureOf, signRecords, testKey } from '../support/signers.ts'
import { waitFor } from '../support/wait.ts'
import {
  install,
  makeBin,
  npmEnvironment,
  pack,
  type Ran,
  type RunHow,
  run,
  start,
} from './package-support.ts'

const dir = createTemporaryDir('package')
const app = join(dir.path, 'app')
let bin: string
let env: NodeJS.ProcessEnv

beforeAll(async () => {
  bin = makeBin(dir.path)
  env = npmEnvironment(bin)
  await install(await pack(dir.path, env), app, env)
}, 400_000)
afterAll(() => dir.remove())

/** A folder of this user's, in which nothing is. */
function emptyFolder(name: string, user: User | undefined): RunHow {
  const cwd = join(app, name)
  const home = join(app, `${name}-home`)
  for (const path of [cwd, home]) {
    mkdirSync(path)
    if (user) chownSync(path, user.uid, user.gid)
  }
  return { cwd, env: { ...env, HOME: home, npm_config_cache: join(home, 'cache') }, user }
}

const npx = (args: readonly string[], how: RunHow) => start(join(bin, 'npx'), ['spindexer', ...args], how)
const spindexer = (args: readonly string[], how: RunHow): Promise<string> =>
  run(join(app, 'node_modules/.bin/spindexer'), args, how)

const NAMELESS: User = { uid: 54_321, gid: 54_321 }
const DEFINITION = {
  type: 'record',
  name: 'tracks',
  key: ['id'],
  fields: [
    { name: 'id', type: 'string' },
    { name: 'title', type: ['null', 'string'] },
  ],
}
const line = (id: string, title: string): string =>
  JSON.stringify({ dataset: 'tracks', operation: 'upsert', data: { id, title } })

interface Node {
  readonly identity: Identity
  readonly server: Identity
  readonly ended: Promise<Ran>
  stderr(): string
}

/** `npx spindexer run`, once it serves. */
async function startNode(how: RunHow): Promise<Node> {
  const { ended, stderr } = npx(['run'], how)
  let isOver = false
  void ended.finally(() => {
    isOver = true
  })
  await waitFor('the node to run', () => {
    if (isOver) throw new Error(`the node has ended: ${stderr()}`)
    return /Node of log/.test(stderr())
  })
  const folder = join(how.cwd, '.spindexer/postgres')
  const { owner } = JSON.parse(readFileSync(join(folder, 'state.json'), 'utf8'))
  const pid = Number.parseInt(readFileSync(join(folder, 'data/postmaster.pid'), 'utf8'), 10)
  return { identity: owner.process, server: identify(pid)!, ended, stderr }
}

const shows = (how: RunHow, row: object) => async () =>
  (await spindexer(['dump', 'tracks'], how)).split('\n').includes(JSON.stringify(row))

async function tellStory(how: RunHow): Promise<void> {
  const first = await startNode(how)
  expect(first.stderr()).toMatch(/Nothing is configured: making an embedded Postgres in \.\/\.spindexer/)
  expect(first.stderr()).toContain('psql "$(cat .spindexer/postgres/url)"')
  expect(first.stderr()).not.toMatch(/postgres:\/\//)
  const definitions = join(how.cwd, 'definitions')
  mkdirSync(definitions)
  writeFileSync(join(definitions, 'tracks.avsc'), JSON.stringify(DEFINITION))
  await spindexer(['datasets', 'apply', 'definitions'], how)
  await spindexer(['publish', '-'], { ...how, input: line('t1', 'Blue') })
  await waitFor('the row', shows(how, { id: 't1', title: 'Blue' }))

  const second = await npx(['run'], how).ended
  expect(second.code).toBe(1)
  expect(second.stderr).toMatch(
    new RegExp(
      `in use: process ${first.identity.pid} \\(spindexer run, since .*\\n.*kill ${first.identity.pid}\\b`,
    ),
  )

  process.kill(first.identity.pid, 'SIGTERM')
  expect(await first.ended).toMatchObject({ code: 0, stderr: expect.stringMatching(/Stopped: /) })
  expect(isAlive(first.server)).toBe(false)
  expect(await shows(how, { id: 't1', title: 'Blue' })()).toBe(true)

  const again = await startNode(how)
  await spindexer(['publish', '-'], { ...how, input: line('t2', 'Night') })
  process.kill(again.identity.pid, 'SIGKILL')
  await again.ended
  const last = await startNode(how)
  await waitFor('the row that was acknowledged', shows(how, { id: 't2', title: 'Night' }))
  expect(await shows(how, { id: 't1', title: 'Blue' })()).toBe(true)
  const config = (await spindexer(['config'], how)).split('\n').slice(0, 2)
  for (const text of config) {
    expect(JSON.parse(text)).toMatchObject({ source: 'embedded', value: expect.stringContaining(':****@') })
  }
  process.kill(last.identity.pid, 'SIGINT')
  expect((await last.ended).code).toBe(0)
  expect(isAlive(last.server)).toBe(false)
}

describe('the package', () => {
  it('holds what it needs and no more: built files with their types, and the schemas', () => {
    const installed = join(app, 'node_modules/spindexer')
    expect(readdirSync(installed).sort()).toEqual(['LICENSE', 'README.md', 'dist', 'package.json', 'schemas'])
    const files = readdirSync(join(installed, 'dist'), { recursive: true }).map(String)
    expect(files.filter((name) => /\.(map|ts)$/.test(name) && !name.endsWith('.d.ts'))).toEqual([])
    expect(existsSync(join(installed, 'schemas/mutation.avsc'))).toBe(true)
    // What development alone needs does not come with it.
    for (const name of ['typescript', 'vitest', 'fast-check', 'node']) {
      expect([name, existsSync(join(app, 'node_modules', name))]).toEqual([name, false])
    }
  })

  it('tells an older Node what it needs, instead of failing over its syntax', async () => {
    const older = `data:text/javascript,Object.defineProperty(process.versions, 'node', { value: '20.20.2' })`
    const main = join(app, 'node_modules/spindexer/dist/cli/main.js')
    const { code, stderr } = await start(join(bin, 'node'), ['--import', older, main, 'run'], {
      cwd: app,
      env,
    }).ended
    expect([code, stderr]).toEqual([
      2,
      expect.stringMatching(/this is Node 20\.20\.2, and spindexer needs Node 24/),
    ])
    const { engines } = JSON.parse(readFileSync(join(app, 'node_modules/spindexer/package.json'), 'utf8'))
    expect(engines).toEqual({ node: '>=24' })
    // Nothing that an older one could not read comes before that.
    expect(readFileSync(main, 'utf8')).not.toMatch(/^import /m)
  })
})

/** A record with its signature, by whoever the built program says has signed it. */
const PROVE = `
  import { createProofPool } from './node_modules/spindexer/dist/proofs/pool.js'
  import { listRecords } from './node_modules/spindexer/dist/log/records.js'
  const [logId, value, name, signature] = process.argv.slice(1)
  const pool = createProofPool()
  const record = { partition: 0, offset: 1n, appendMs: 0n, stampedByLog: true, key: null }
  const headers = [{ name, value: Buffer.from(signature, 'hex') }]
  const records = listRecords([{ ...record, value: Buffer.from(value, 'hex'), headers }])
  console.log((await pool.prove(logId, records).proofs).signers.join())
  await pool.close()`

it('verifies signatures in threads, whose program is another file when it is built', async () => {
  const logId = '00112233-4455-6677-8899-aabbccddeeff'
  const key = testKey('writer')
  const [signed] = signRecords(key, logId, [{ partition: 0, key: null, value: Buffer.from('a value') }])
  const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
  const args = [logId, hex(signed!.value), SIGNATURE_HEADER, hex(signatureOf(signed!))]
  const said = await run(join(bin, 'node'), ['--input-type=module', '-e', PROVE, ...args], { cwd: app, env })
  expect(said).toBe(`${key.signer}\n`)
})

describe('npx spindexer run', () => {
  it('is a whole node, for who runs this', async () => {
    await tellStory(emptyFolder('own', undefined))
  })

  const other = postgresUser()
  if (other) {
    it('is a whole node for another user than root, who is kept out of what is not theirs', async () => {
      const how = emptyFolder('other', other)
      await tellStory(how)
      expect(statSync(join(how.cwd, '.spindexer')).mode & 0o777).toBe(0o700)
      const { code, stderr } = await npx(['run'], { ...how, cwd: join(app, 'own') }).ended
      expect([code, stderr]).toEqual([
        1,
        expect.stringMatching(/cannot be used for an embedded Postgres \(EACCES/),
      ])
      const nameless = emptyFolder('nameless', NAMELESS)
      const unknown = await npx(['run'], nameless).ended
      expect([unknown.code, unknown.stderr]).toEqual([
        1,
        expect.stringMatching(/could not look up effective user ID 54321.*\); give this user a name/),
      ])
      const closed = emptyFolder('closed', other)
      chmodSync(closed.cwd, 0o555)
      const refused = await npx(['run'], closed).ended
      expect([refused.code, refused.stderr]).toEqual([
        1,
        expect.stringMatching(/EACCES[\s\S]*where you may write/),
      ])
    })
  }

  it('leaves the embedded one alone where something is configured: .env counts first, and half of it is refused', async () => {
    const { cwd } = emptyFolder('configured', undefined)
    writeFileSync(join(cwd, '.env'), 'DATABASE_URL=postgres://a:b@127.0.0.1:4/none\n')
    const { code, stderr } = await runCli(['run'], { cwd })
    expect([code, stderr]).toEqual([
      2,
      expect.stringMatching(/SPINDEXER_LOG is not set[\s\S]*SPINDEXER_LOG=kafka:/),
    ])
    expect(existsSync(join(cwd, '.spindexer'))).toBe(false)
  })
})
