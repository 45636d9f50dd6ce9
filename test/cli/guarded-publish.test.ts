// Writing to a guarded log on the command line, in Kafka and in Postgres: signed with a key, judged by the policy before
// anything is sent, and told when the policy changes while it is sent.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Policy, PolicyRule } from '../../src/codec/control.ts'
import { DEFINITIONS, type LogRecord } from '../../src/codec/record.ts'
import { createRecordProver } from '../../src/codec/signing/proof.ts'
import { appendRaw, createLogOfKind, LOG_KINDS, type TestLog } from '../e2e/support.ts'
import { cli, runCli, startCli } from '../support/cli.ts'
import { temporaryDir } from '../support/services.ts'
import { controlRecord, signRecords, testKey, testKeyText } from '../support/signers.ts'
import { waitFor } from '../support/wait.ts'

const ADMIN = testKey('admin')
const WRITER = testKey('wallet', 'eip191')
const PARTITIONS = 2

const dir = temporaryDir()
const fileOf = (name: string, text: string) => {
  const path = join(dir.path, name)
  writeFileSync(path, text, { mode: 0o600 })
  return path
}
const KEY_FILES = {
  admin: fileOf('admin.pem', testKeyText('admin')),
  writer: fileOf('writer.hex', testKeyText('wallet', 'eip191')),
  stranger: fileOf('stranger.pem', testKeyText('stranger')),
}
afterAll(() => dir.remove())

const track = (id: string, data: object, operation = 'upsert') =>
  `${JSON.stringify({ dataset: 'tracks', operation, data: { id, ...data } })}\n`

describe.each(LOG_KINDS)('a guarded log in %s', { timeout: 600_000 }, (kind) => {
  let log: TestLog
  let logId = ''
  let version = 0

  beforeAll(async () => {
    log = await createLogOfKind(kind, 'publish', {
      partitions: PARTITIONS,
      datasets: 'examples/catalogue',
      admins: [ADMIN.signer],
      key: testKeyText('admin'),
    })
    logId = JSON.parse(await cli(['log', 'check'], { env: log.env })).logId
  }, 600_000)

  const run = (args: readonly string[], input?: string) =>
    runCli(args, { env: log.env, ...(input === undefined ? {} : { input }) })
  const publish = (input: string, ...args: string[]) => run(['publish', '-', ...args], input)

  /** As `policy apply` does it. */
  async function applyPolicy(rules: readonly PolicyRule[], unsigned = false): Promise<void> {
    const policy: Policy = { kind: 'policy', version: ++version, admins: [ADMIN.signer], rules, unsigned }
    for (const partition of [...Array(PARTITIONS).keys(), DEFINITIONS]) {
      await appendRaw(log, signRecords(ADMIN, logId, [controlRecord(partition, policy)]))
    }
  }

  async function mutations(): Promise<readonly LogRecord[]> {
    const handle = log.open()
    try {
      const { partitions } = await handle.describe()
      const places = partitions.flatMap(({ partition, end }) =>
        Array.from({ length: Number(end) }, (_, i) => ({ partition, offset: BigInt(i) })),
      )
      const records = (await handle.pick(places)).filter((record) => record !== null)
      return records.filter(({ value }) => value![0] !== 0x7b)
    } finally {
      await handle.close()
    }
  }

  it('takes nothing before a policy but what an admin signs', async () => {
    // What is refused whatever the file says is told before it is read.
    const unsigned = await publish('no change at all')
    expect([unsigned.code, unsigned.stdout]).toEqual([1, ''])
    expect(unsigned.stderr).toMatch(
      /takes nothing that is not signed: no policy is applied yet, and only the admins[\s\S]*--key FILE/,
    )
    expect(unsigned.stderr).not.toMatch(/line 1/)
    const strange = await publish(track('t', {}), '--key', KEY_FILES.stranger)
    expect([strange.code, strange.stderr]).toEqual([
      1,
      expect.stringMatching(/takes nothing that ed25519:[0-9a-f]{64} signs: the genesis does not name it/),
    ])
    expect(await mutations()).toEqual([])

    const lines = Array.from({ length: 50 }, (_, i) => track(`t${i}`, { plays: i })).join('')
    const taken = await run(['publish', fileOf(`${kind}.jsonl`, lines), '--key', KEY_FILES.admin])
    expect(taken).toMatchObject({ code: 0, stdout: '{"durable":50,"skipped":0}\n' })
    const prove = createRecordProver(logId)
    const proofs = (await mutations()).map(prove)
    expect(proofs).toEqual(proofs.map(() => ({ type: 'signed', signer: ADMIN.signer })))
    expect(proofs.length).toBe(50)
  })

  it('has its definitions signed by an admin', async () => {
    const schema = {
      ...{ type: 'record', name: `more_${kind}`, key: ['id'] },
      fields: [{ name: 'id', type: 'string' }],
    }
    const path = fileOf(`more_${kind}.avsc`, JSON.stringify(schema))
    const apply = (...args: string[]) => run(['datasets', 'apply', path, ...args])
    const unsigned = await apply()
    expect([unsigned.code, unsigned.stdout]).toEqual([1, ''])
    expect(unsigned.stderr).toMatch(
      /an admin has to sign this \(by the genesis: ed25519:.*\)[\s\S]*--key FILE/,
    )
    const strange = await apply('--key', KEY_FILES.writer)
    expect([strange.code, strange.stdout]).toEqual([1, ''])
    expect(strange.stderr).toMatch(/eip191:[0-9a-f]{40} is no admin of .*; by the genesis they are ed25519:/)
    expect(await apply('--dry-run')).toMatchObject({ code: 0, stderr: expect.stringMatching(/1 would be/) })
    expect((await run(['datasets', 'list'])).stdout).not.toContain(`more_${kind}`)
    expect(await apply('--key', KEY_FILES.admin)).toMatchObject({ code: 0 })
    expect((await run(['datasets', 'list'])).stdout).toContain(`more_${kind}`)
    // Nothing to append is nothing to sign.
    expect(await apply()).toMatchObject({ code: 0, stderr: expect.stringMatching(/Nothing to do/) })
  })

  it('takes by the policy what its rules let a signer do, and the rest is told by line', async () => {
    await applyPolicy([
      { signers: [WRITER.signer], operations: ['upsert'], datasets: ['tracks'], columns: ['title'] },
    ])
    const before = (await mutations()).length
    const lines =
      track('a', { title: 'Blue' }) +
      track('b', { title: 'Red', plays: 1 }) +
      track('c', {}, 'delete') +
      track('d', { title: 'Green' })
    const path = fileOf(`${kind}-rules.jsonl`, lines)
    const signed = ['publish', path, '--key', KEY_FILES.writer]
    const refused = await run(signed)
    expect([refused.code, refused.stdout]).toEqual([1, ''])
    expect(refused.stderr).toMatch(
      /2 lines cannot be published; nothing was sent\n {2}line 2: not allowed: policy version 1: rule 1 lets eip191:\S+ upsert rows of tracks, but not column "plays"\n {2}line 3: not allowed: policy version 1: no rule lets eip191:\S+ delete rows of tracks/,
    )
    expect(await run([...signed, '--dry-run'])).toMatchObject({ code: 1 })
    expect((await mutations()).length).toBe(before)
    expect(await run([...signed, '--skip-invalid'])).toMatchObject({
      code: 0,
      stdout: '{"durable":2,"skipped":2}\n',
      stderr: expect.stringMatching(/leaving out 2 lines/),
    })
    const streamed = await publish(lines, '--key', KEY_FILES.writer)
    expect([streamed.code, streamed.stderr]).toEqual([
      1,
      expect.stringMatching(
        /stopped at a line that cannot be published; 1 message durable[\s\S]*line 2: not allowed/,
      ),
    ])
    expect((await mutations()).length).toBe(before + 3)

    const csv = fileOf(`${kind}.csv`, 'id,title,plays\na,Blue,1\n')
    const rows = ['import', 'tracks', csv, '--key']
    expect(await run([...rows, KEY_FILES.writer])).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/line 2: not allowed: .* column "plays"/),
    })
    expect(await run([...rows, KEY_FILES.admin])).toMatchObject({ code: 0 })
    expect(await publish(lines)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/policy version 1 asks for signatures/),
    })
  })

  it('whose policy changes while something is sent says what that means', async () => {
    const rule: PolicyRule = { signers: [WRITER.signer], operations: ['upsert'], datasets: '*', columns: '*' }
    await applyPolicy([rule])
    const sendAround = async (between: () => Promise<void>) => {
      const before = (await mutations()).length
      const sending = startCli(['publish', '-', '--key', KEY_FILES.writer], { env: log.env, keepStdin: true })
      sending.child.stdin.write(track('x', { title: 'Blue' }))
      await waitFor('the line to be in the log', async () => (await mutations()).length > before)
      await between()
      sending.child.stdin.end()
      return sending.ended
    }
    expect(await sendAround(() => applyPolicy([rule, { ...rule, operations: ['delete'] }]))).toMatchObject({
      code: 0,
      stdout: '{"durable":1,"skipped":0}\n',
      stderr: expect.stringMatching(
        /policy was changed meanwhile \(policy version 3 now\), and allows all of this/,
      ),
    })
    // A version in between that did not allow it may have judged some of it.
    const refused = await sendAround(async () => {
      await applyPolicy([{ ...rule, columns: ['plays'] }])
      await applyPolicy([rule])
    })
    expect([refused.code, refused.stdout]).toEqual([1, ''])
    expect(refused.stderr).toMatch(
      /policy was changed while this was sent.*: not allowed: policy version 4: rule 1 .* not column "title"; 1 message durable/,
    )
  })

  it('stops a stream at the first line that a policy which came meanwhile does not allow', async () => {
    const rule: PolicyRule = { signers: [WRITER.signer], operations: ['upsert'], datasets: '*', columns: '*' }
    await applyPolicy([rule])
    const sending = startCli(['publish', '-', '--key', KEY_FILES.writer], { env: log.env, keepStdin: true })
    let isOver = false
    const ended = sending.ended.finally(() => {
      isOver = true
    })
    const before = (await mutations()).length
    sending.child.stdin.write(track('y', { title: 'Blue' }))
    await waitFor('the line to be in the log', async () => (await mutations()).length > before)
    await applyPolicy([{ ...rule, columns: ['plays'] }])
    // Nobody ends the stream: it is stopped once the policy has been seen.
    while (!isOver) {
      sending.child.stdin.write(track('y', { title: 'Red' }))
      await sleep(100)
    }
    const { code, stderr } = await ended
    expect(code).toBe(1)
    expect(stderr).toMatch(
      /the policy was changed while this was sent[\s\S]*; stopped at\n {2}line \d+: not allowed: /,
    )
  })

  it('that asks for no signatures takes everything; one that is closed nothing', async () => {
    await applyPolicy([], true)
    expect(await publish(track('u', {}))).toMatchObject({ code: 0, stdout: '{"durable":1,"skipped":0}\n' })
    const close = controlRecord(DEFINITIONS, { kind: 'close', generation: 1 })
    await appendRaw(log, signRecords(ADMIN, logId, [close]))
    for (const args of [
      ['publish', '-'],
      ['publish', '-', '--key', KEY_FILES.admin],
    ]) {
      expect(await run(args, track('u', {}))).toMatchObject({
        code: 1,
        stderr: expect.stringMatching(/is closed: it was copied[\s\S]*SPINDEXER_LOG/),
      })
    }
  })
})

it('an open log takes what is signed, and says that this decides nothing', async () => {
  const log = await createLogOfKind('postgres', 'open', { partitions: 1, datasets: 'examples/catalogue' })
  const env = { ...log.env, SPINDEXER_KEY: testKeyText('stranger') }
  const sent = await runCli(['publish', '-'], { env, input: track('t', {}) })
  expect([sent.code, sent.stderr]).toEqual([
    0,
    expect.stringMatching(/log is open: signatures decide nothing/),
  ])
  const handle = log.open()
  try {
    const [record] = await handle.pick([{ partition: 0, offset: 1n }])
    const { logId } = JSON.parse(await cli(['log', 'check'], { env }))
    expect(createRecordProver(logId)(record!)).toEqual({ type: 'signed', signer: testKey('stranger').signer })
  } finally {
    await handle.close()
  }
})
