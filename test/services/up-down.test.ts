// make up and make down as commands, in a directory of their own.
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { parseEnv } from 'node:util'
import { Client } from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { servicesKind, temporaryDir } from '../support/services.ts'
import { removeStack, runStack } from '../support/stack.ts'

const dir = temporaryDir()
const envFile = join(dir.path, '.env')
let kafkaPort = 0
const own = 'MINE=1\n# no line break at the end'

beforeAll(() => writeFileSync(envFile, own))
afterAll(async () => {
  await removeStack(dir.path)
  dir.remove()
})

describe('make up, make down', () => {
  test('up starts all three and writes their addresses; both up at once start them once', async () => {
    const [one, two] = await Promise.all([run(['up']), run(['up'])])
    expect([one.code, two.code]).toEqual([0, 0])
    expect(`${one.stderr}${two.stderr}`.match(/all of them run already/g)).toHaveLength(1)
    expect(one.stdout).toBe(two.stdout)
    expect(one.stdout.match(/running/g)).toHaveLength(3)

    const env = parseEnv(readFileSync(envFile, 'utf8'))
    expect(env.SPINDEXER_LOG).toMatch(/^kafka:\/\/127\.0\.0\.1:\d+\/spindexer$/)
    expect(env.MINE).toBe('1')
    kafkaPort = kafkaPortOf(readFileSync(envFile, 'utf8'))
    expect((await fetch(`${env.SCHEMA_REGISTRY_URL}/subjects`)).status).toBe(200)
    await query(env.DATABASE_URL!, 'create table kept ()')
  })

  test('down stops them, keeps the data and leaves .env as it was', async () => {
    const before = readFileSync(envFile, 'utf8')
    expect(await run(['down'])).toMatchObject({ code: 0, stderr: expect.stringContaining('Stopped kafka') })
    expect(readFileSync(envFile, 'utf8')).toBe(own)
    expect((await run(['status'])).stdout.match(/stopped/g)).toHaveLength(3)

    expect((await run(['up'])).code).toBe(0)
    expect(readFileSync(envFile, 'utf8')).toBe(before)
    await query(parseEnv(before).DATABASE_URL!, 'select from kept')
    expect((await run(['down'])).code).toBe(0)
    expect((await run(['down'])).stderr).toContain('none of them runs')
  })

  test('up takes another port where somebody took one meanwhile; what runs in one way is not run in another', async () => {
    const other = createServer().listen(kafkaPort, '127.0.0.1')
    await once(other, 'listening')
    try {
      const outcome = await run(['up'])
      expect(outcome, outcome.stderr).toMatchObject({ code: 0 })
      expect(kafkaPortOf(readFileSync(envFile, 'utf8'))).not.toBe(kafkaPort)
    } finally {
      other.close()
    }
    const [kind, otherKind] = servicesKind() === 'native' ? ['native', 'docker'] : ['docker', 'native']
    for (const command of ['up', 'down', 'status']) {
      const refused = await run([command], { SERVICES: otherKind! })
      expect(refused).toMatchObject({
        code: 2,
        stderr: expect.stringContaining(`SERVICES=${kind} make down`),
      })
    }
    expect((await run(['status'], { SERVICES: '' })).stdout.match(/running/g)).toHaveLength(3)
    expect((await run(['down'])).code).toBe(0)
  })

  test.each([
    [['sideways'], {}, /usage/],
    [['up', '--port', '1'], {}, /usage/],
    [['up'], { SERVICES: 'docker', PATH: '' }, /SERVICES=docker: .*there is no docker.*; start Docker/],
    [['up'], { SERVICES: 'magic' }, /unknown/],
  ])('%j with %j is wrong usage', async (args, env, message) => {
    expect(await run(args, env)).toMatchObject({ code: 2, stderr: expect.stringMatching(message) })
  })

  test('without java it says what to install', async () => {
    const outcome = await run(['up'], { PATH: '', SERVICES: '' })
    expect(outcome).toMatchObject({ code: 1, stderr: expect.stringMatching(/apt-get install default-jre/) })
    expect(outcome.stderr).toContain(
      'Not in containers either: no container engine answers (there is no docker).',
    )
    expect(readFileSync(envFile, 'utf8')).toBe(own)
  })
})

function kafkaPortOf(env: string): number {
  return Number(new URL(parseEnv(env).SPINDEXER_LOG!).port)
}

function run(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  return runStack(dir.path, args, env)
}

async function query(connectionString: string, sql: string): Promise<void> {
  const client = new Client({ connectionString })
  await client.connect()
  try {
    await client.query(sql)
  } finally {
    await client.end()
  }
}
