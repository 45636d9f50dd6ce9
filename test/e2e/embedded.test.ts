// From one node to many: a node on an embedded Postgres moves to a log in Kafka, and keeps its rows; `embedded` as a value.

import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { createTemporaryDir } from '../../scripts/services/temporary-dir.ts'
import { type CliOptions, cli, runCli } from '../support/cli.ts'
import { kafka, uniqueTopic } from '../support/services.ts'

const dir = createTemporaryDir('moving')
afterAll(() => dir.remove())

/** Open to all: into mkdtemp's, Postgres's user could not get for root, and the data would be elsewhere. */
function createFolder(name: string): string {
  const path = join(dir.path, name)
  mkdirSync(path)
  return path
}

const DEFINITION = `{"type": "record", "name": "tracks", "key": ["id"],
  "fields": [{"name": "id", "type": "string"}, {"name": "title", "type": ["null", "string"]}]}`

it('a wrong setting of the door is told before a Postgres is made', async () => {
  const cwd = createFolder('slip')
  const { code, stderr } = await runCli(['run'], { cwd, env: { SPINDEXER_HTTP: '99999' } })
  expect([code, stderr]).toEqual([2, expect.stringMatching(/SPINDEXER_HTTP is "99999", which is no address/)])
  expect(readdirSync(cwd)).toEqual([])
})

it('a node on an embedded Postgres takes its log to Kafka, and keeps its rows', async () => {
  const cwd = createFolder('node')
  const here: CliOptions = { cwd }
  mkdirSync(join(cwd, 'definitions'))
  writeFileSync(join(cwd, 'definitions/tracks.avsc'), DEFINITION)
  await cli(['run', '--until-end'], here)
  await cli(['datasets', 'apply', 'definitions'], here)
  const line = '{"dataset":"tracks","operation":"upsert","data":{"id":"t1","title":"Blue"}}'
  await cli(['publish', '-'], { ...here, input: line })
  await cli(['run', '--until-end'], here)
  const before = await cli(['dump', '--cells'], here)
  expect(before).toContain('"Blue"')

  const { brokers } = await kafka()
  const log = `kafka://${brokers[0]}/${uniqueTopic('moved')}`
  await cli(['log', 'copy', '--to', log, '--close'], here)
  const moved: CliOptions = { cwd, env: { SPINDEXER_LOG: log, DATABASE_URL: 'embedded' } }
  const { code, stderr } = await runCli(['run', '--until-end'], moved)
  expect([code, stderr]).toEqual([0, expect.stringMatching(/As configured: using the embedded Postgres/)])
  expect(await cli(['dump', '--cells'], moved)).toBe(before)
  await cli(['publish', '-'], { ...moved, input: line.replace('Blue', 'Red') })
  await cli(['run', '--until-end'], moved)
  expect(await cli(['dump', 'tracks'], moved)).toBe('{"id":"t1","title":"Red"}\n')
  // The old log is closed for good, whoever forgets the settings.
  const late = await runCli(['publish', '-'], { ...here, input: line })
  expect(late.code).toBe(1)
})

it('a value `embedded` is shown with where it came from, and refused where there is none', async () => {
  const cwd = createFolder('none')
  const env = { SPINDEXER_LOG: 'kafka://127.0.0.1:4/log', DATABASE_URL: 'embedded' }
  const { code, stderr } = await runCli(['status'], { cwd, env })
  expect([code, stderr]).toEqual([
    2,
    expect.stringMatching(
      /DATABASE_URL is "embedded", and there is no embedded Postgres in this folder\n.*spindexer run/,
    ),
  ])
  mkdirSync(join(cwd, '.spindexer/postgres'), { recursive: true })
  const state = { port: 4321, password: 'hush', owner: null }
  writeFileSync(join(cwd, '.spindexer/postgres/state.json'), JSON.stringify(state))
  const settings = (await cli(['config'], { cwd, env })).split('\n').slice(0, 2)
  expect(settings.map((text) => JSON.parse(text))).toMatchObject([
    { name: 'SPINDEXER_LOG', value: env.SPINDEXER_LOG, source: 'environment' },
    {
      name: 'DATABASE_URL',
      value: 'postgres://postgres:****@127.0.0.1:4321/spindexer',
      source: 'embedded (environment)',
    },
  ])
})
