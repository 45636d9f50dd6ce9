// Policies on the command line, in Kafka and in Postgres: applied, completed, refused, shown, and asked about a message.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DEFINITIONS } from '../../src/codec/record.ts'
import { appendRaw, createLogOfKind, LOG_KINDS, type TestLog } from '../e2e/support.ts'
import { cli, ROOT, runCli } from '../support/cli.ts'
import { createDatabase } from '../support/services.ts'
import { controlRecord, signRecords, testKey, testKeyText } from '../support/signers.ts'
import { commonVersion } from '../writer/policy/support.ts'

const KEYS = {
  ada: testKey('ada'),
  ben: testKey('ben', 'eip191'),
  writer: testKey('writer'),
  stranger: testKey('stranger'),
}
const [ADA, BEN, WRITER] = [KEYS.ada.signer, KEYS.ben.signer, KEYS.writer.signer]

const dir = mkdtempSync(join(tmpdir(), 'spindexer-policy-'))
afterAll(() => rmSync(dir, { recursive: true }))

function file(name: string, content: unknown): string {
  const path = join(dir, name)
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content), { mode: 0o600 })
  return path
}
const keyFile = (name: keyof typeof KEYS) =>
  file(`${name}.pem`, testKeyText(name, name === 'ben' ? 'eip191' : 'ed25519'))

const RULE = {
  signers: [WRITER],
  operations: ['upsert', 'update'],
  datasets: ['tracks'],
  columns: ['title', 'plays'],
}
const FIRST = { admins: [ADA, BEN], rules: [RULE] }
const SECOND = { admins: [ADA, BEN], rules: [RULE, { ...RULE, operations: ['delete'], columns: [] }] }

const upsert = JSON.stringify({ dataset: 'tracks', operation: 'upsert', data: { id: 't1', title: 'Blue' } })
const erase = JSON.stringify({ dataset: 'tracks', operation: 'delete', data: { id: 't1' } })

describe.each(LOG_KINDS)('a guarded log in %s', (kind) => {
  let log: TestLog
  let logId = ''
  beforeAll(async () => {
    log = await createLogOfKind(kind, 'policy', {
      partitions: 6,
      admins: [ADA, BEN],
      datasets: 'examples/catalogue',
      key: testKeyText('ada'),
    })
    logId = JSON.parse(await cli(['log', 'check'], { env: log.env })).logId
  })
  const run = (args: readonly string[], input = '') => runCli(args, { env: log.env, cwd: dir, input })
  const must = async (args: readonly string[], input = '') =>
    JSON.parse(await cli(args, { env: log.env, cwd: dir, input }))
  const version = async () => {
    const handle = log.open()
    try {
      return await commonVersion(handle)
    } finally {
      await handle.close()
    }
  }

  it('has none at first, and says so', async () => {
    const { stdout, stderr, code } = await run(['policy', 'show'])
    expect([code, stderr]).toEqual([0, ''])
    expect(JSON.parse(stdout)).toMatchObject({
      guarded: true,
      version: 0,
      closed: false,
      policy: { admins: [ADA, BEN], rules: [], unsigned: false },
    })
  })

  it('takes one from an admin, once', async () => {
    const path = file('first.json', FIRST)
    const dry = ['policy', 'apply', '--dry-run', path, '--key', keyFile('ada')]
    expect(await must(dry)).toEqual({ version: 1, policy: 'new', appended: 0, left: null })
    expect(await version()).toBe(0)
    const apply = ['policy', 'apply', path, '--key', keyFile('ada')]
    const { stdout, stderr, code } = await run(apply)
    expect([code, JSON.parse(stdout)]).toEqual([0, { version: 1, policy: 'new', appended: 7, left: null }])
    expect(stderr).toBe('Version 1 is in force: what comes now is judged by it.\n')
    expect(await version()).toBe(1)
    expect(await must(apply)).toEqual({ version: 1, policy: 'unchanged', appended: 0, left: null })
  })

  it('shows it, in the form of a file', async () => {
    const { policy, partitions } = await must(['policy', 'show'])
    expect(policy).toEqual({ ...FIRST, unsigned: false })
    expect(partitions.map(({ partition }: { partition: number }) => partition)).toEqual([
      0,
      1,
      2,
      3,
      4,
      5,
      DEFINITIONS,
    ])
    const again = ['policy', 'apply', file('shown.json', policy), '--key', keyFile('ben')]
    expect(await must(again)).toMatchObject({ policy: 'unchanged' })
  })

  it('completes one that was broken off, unchanged, whoever it was', async () => {
    const content = { kind: 'policy', version: 2, ...SECOND, unsigned: false } as const
    const [record] = signRecords(KEYS.ada, logId, [controlRecord(0, content as never)])
    await appendRaw(log, [
      { ...record!, partition: 1 },
      { ...record!, partition: 4 },
    ])
    const shown = await run(['policy', 'show'])
    expect(shown.stderr).toMatch(
      /^warning: at policy version 2, not policy version 1: partitions 1, 4; a `policy apply` has not been completed/,
    )
    const other = file('other.json', { version: 2, admins: [BEN] })
    const refused = await run(['policy', 'apply', other, '--key', keyFile('ben')])
    expect([refused.code, refused.stderr]).toEqual([
      1,
      expect.stringMatching(/says something else in partitions[\s\S]*make it version 3/),
    ])
    const second = ['policy', 'apply', file('second.json', SECOND), '--key', keyFile('ben')]
    expect(await must(second)).toEqual({ version: 2, policy: 'completed', appended: 5, left: null })
    expect(await version()).toBe(2)
  })

  it('refuses who is no admin, with those who are', async () => {
    const { code, stderr } = await run([
      'policy',
      'apply',
      file('first.json', FIRST),
      '--key',
      keyFile('stranger'),
    ])
    expect(code).toBe(1)
    expect(stderr).toMatch(
      /is no admin of policy version 2\n {2}sign with the key of an admin: ed25519:.*eip191:/,
    )
    expect(await version()).toBe(2)
  })

  it('says what its author may not expect', async () => {
    const odd = { admins: [BEN], rules: [{ ...RULE, columns: ['titel'] }] }
    const { stderr, code } = await run([
      'policy',
      'apply',
      '--dry-run',
      file('odd.json', odd),
      '--key',
      keyFile('ada'),
    ])
    expect(code).toBe(0)
    expect(stderr).toMatch(/warning: .*odd\.json: admins: ed25519:\w+, who signs this, is not among them/)
    expect(stderr).toMatch(/warning: .*rule 1: no column titel of tracks is defined \(did you mean title\?\)/)
  })

  const checks: readonly [string, readonly string[], string, number, RegExp][] = [
    ['a signer whom a rule names', ['--signer', WRITER], upsert, 0, /version 2: rule 1"/],
    ['one whom the other rule names', ['--signer', WRITER], erase, 0, /version 2: rule 2"/],
    ['an admin', ['--signer', BEN], erase, 0, /is an admin/],
    ['nobody', ['--signer', 'none'], upsert, 1, /"reason":"unsigned"/],
    ['nobody, said otherwise', [], upsert, 1, /"reason":"unsigned"/],
    [
      'a column that no rule names',
      ['--signer', WRITER],
      upsert.replace('"title":"Blue"', '"artistId":"a1"'),
      1,
      /"reason":"not-allowed","detail":"[^"]*but not column/,
    ],
  ]

  it.each(checks)('answers, by its policy or by a file: %s', async (_who, signer, message, code, answer) => {
    const path = file('message.json', `${message}\n`)
    const [current, ofFile] = await Promise.all([
      run(['policy', 'check', '--current', '-', ...signer], message),
      run(['policy', 'check', file('asked.json', { version: 2, ...SECOND }), path, ...signer]),
    ])
    for (const { code: found, stdout, stderr } of [current, ofFile]) {
      expect([found, stdout]).toEqual([code, expect.stringMatching(answer)])
      if (code === 1) expect(stderr).toMatch(/^spindexer: refused: policy version 2: /)
    }
  })

  it('answers for whoever the key of the settings signs as', async () => {
    const check = ['policy', 'check', '--current', '-', '--key', keyFile('writer')]
    expect(await must(check, upsert)).toMatchObject({ allowed: true, signer: WRITER })
    expect(await run([...check, '--signer', 'none'], upsert)).toMatchObject({ code: 1 })
  })

  it('a message that could not be published is no question', async () => {
    const { code, stderr } = await run(
      ['policy', 'check', '--current', '-'],
      upsert.replace('tracks', 'trakcs'),
    )
    expect([code, stderr]).toEqual([2, expect.stringMatching(/stdin: dataset: .*did you mean tracks/)])
    const two = await run(['policy', 'check', '--current', '-'], `${upsert}\n${erase}`)
    expect([two.code, two.stderr]).toEqual([2, expect.stringMatching(/something follows the value/)])
  })

  it('in which two were applied at once says where, and the next version heals it', async () => {
    const at = (partition: number, key: keyof typeof KEYS, admins: readonly string[]) =>
      signRecords(KEYS[key], logId, [
        controlRecord(partition, { kind: 'policy', version: 3, admins, rules: [], unsigned: false }),
      ])[0]!
    await appendRaw(log, [
      ...[0, 1, 2].map((partition) => at(partition, 'ada', [ADA])),
      ...[3, 4, 5, DEFINITIONS].map((partition) => at(partition, 'ben', [ADA, BEN])),
    ])
    const { stderr } = await run(['policy', 'show'])
    expect(stderr).toMatch(/version 3 says something else in partitions 0, 1, 2: two were applied at once/)
    const apply = ['policy', 'apply', file('second.json', SECOND)]
    const refused = await run([...apply, '--key', keyFile('ben')])
    expect([refused.code, refused.stderr]).toEqual([
      1,
      expect.stringMatching(/no admin of policy version 3 in partitions 0, 1, 2\n.*--partly/),
    ])
    const part = await must([...apply, '--partly', '--key', keyFile('ben')])
    expect(part).toEqual({ version: 4, policy: 'new', appended: 3, left: [0, 1, 2, DEFINITIONS] })
    expect(await must([...apply, '--key', keyFile('ada')])).toMatchObject({ version: 4, appended: 4 })
    expect(await version()).toBe(4)
  })

  it('that is closed takes none', async () => {
    const close = (partition: number) => controlRecord(partition, { kind: 'close', generation: 1 })
    await appendRaw(log, signRecords(KEYS.ada, logId, [close(2)]))
    expect((await run(['policy', 'show'])).stderr).toMatch(/closed: partition 2; a `log copy --close`/)
    const { code, stderr } = await run([
      'policy',
      'apply',
      file('first.json', FIRST),
      '--key',
      keyFile('ada'),
    ])
    expect([code, stderr]).toEqual([1, expect.stringMatching(/closed \(partition 2\).*\n.*newest copy/)])
    const check = await run(['policy', 'check', '--current', '-', '--signer', ADA], upsert)
    expect([check.code, check.stdout]).toEqual([1, expect.stringContaining('"reason":"closed"')])
  })
})

describe('beside a node', () => {
  let log: TestLog
  let env: Record<string, string> = {}
  let drop: () => Promise<void>
  beforeAll(async () => {
    const database = await createDatabase(18, 'policy')
    drop = database.drop
    log = await createLogOfKind('postgres', 'policy', {
      partitions: 3,
      admins: [ADA],
      datasets: 'examples/catalogue',
      key: testKeyText('ada'),
    })
    env = { ...log.env, DATABASE_URL: database.url, SPINDEXER_KEY_FILE: keyFile('ada') }
    await cli(['policy', 'apply', file('first.json', FIRST)], { env: { ...env, DATABASE_URL: '' } })
    await cli(['publish', '-'], { env, input: upsert })
    await cli(['run', '--until-end'], { env })
  })
  afterAll(() => drop?.())

  it('the policy is read from where the node is, and is the same', async () => {
    const shown = await cli(['policy', 'show'], { env })
    expect(JSON.parse(shown)).toMatchObject({ version: 1, policy: { admins: [ADA, BEN] } })
    expect(await cli(['policy', 'show'], { env: log.env })).toBe(shown)
    const second = JSON.parse(await cli(['policy', 'apply', file('second.json', SECOND)], { env }))
    expect(second).toMatchObject({ version: 2, appended: 4 })
    const check = ['policy', 'check', '--current', '-', '--signer', WRITER]
    expect(JSON.parse(await cli(check, { env, input: erase }))).toMatchObject({ allowed: true })
  })

  it('what the node is past, and a partition lacks, is found all the same', async () => {
    const content = { kind: 'policy', version: 3, ...FIRST, unsigned: false } as const
    const { logId } = JSON.parse(await cli(['log', 'check'], { env }))
    await appendRaw(log, signRecords(KEYS.ada, logId, [controlRecord(1, content as never)]))
    await cli(['run', '--until-end'], { env })
    const completed = JSON.parse(await cli(['policy', 'apply', file('first.json', FIRST)], { env }))
    expect(completed).toEqual({ version: 3, policy: 'completed', appended: 3, left: null })
    const handle = log.open()
    expect(await commonVersion(handle)).toBe(3)
    await handle.close()
  })

  it('a node that cannot be reached costs time alone', async () => {
    const nowhere = { ...env, DATABASE_URL: 'postgres://ada@127.0.0.1:4/none' }
    const { code, stdout, stderr } = await runCli(['policy', 'show'], { env: nowhere })
    expect([code, JSON.parse(stdout).version]).toEqual([0, 3])
    expect(stderr).toMatch(/^warning: policies are looked for from the log's beginning \(.*ECONNREFUSED/m)
  })

  it('a terminal shows the rules as a table', async () => {
    const preload = { NODE_OPTIONS: `--import ${join(ROOT, 'test/support/as-terminal.ts')}` }
    const shown = await cli(['policy', 'show'], { env: { ...env, ...preload } })
    expect(shown).toMatch(/^admin +may$/m)
    expect(shown).toContain(`${ADA}  write everything, define datasets, change the policy`)
    expect(shown).toMatch(new RegExp(`^ +1 +${WRITER} +upsert, update +tracks +title, plays$`, 'm'))
  })
})

it('an open log has no policy', async () => {
  const { env } = await createLogOfKind('postgres', 'open', { partitions: 1, datasets: 'examples/catalogue' })
  const options = { env, cwd: dir, input: upsert }
  const shown = await runCli(['policy', 'show'], options)
  expect([shown.code, JSON.parse(shown.stdout).guarded]).toEqual([0, false])
  expect(shown.stderr).toMatch(/is open: whoever can append to it may write/)
  const applied = await runCli(
    ['policy', 'apply', file('first.json', FIRST), '--key', keyFile('ada')],
    options,
  )
  expect([applied.code, applied.stderr]).toEqual([
    1,
    expect.stringMatching(/is open: [\s\S]*log create --admin/),
  ])
  expect(await runCli(['policy', 'check', '--current', '-'], options)).toMatchObject({ code: 1, stdout: '' })
})
