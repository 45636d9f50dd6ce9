// The front door of a guarded log, in Kafka and in Postgres: what its policy allows is in the log as it was signed, and what goes around the door is seen by the node.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it, onTestFinished } from 'vitest'
import type { NewRecord } from '../../src/log/log.ts'
import { openEvents } from '../http/event-stream.ts'
import { post } from '../http/live-node.ts'
import { messageOf, recordJson } from '../http/signed.ts'
import { cli, startCli } from '../support/cli.ts'
import { guardedPartition, KEYS } from '../support/guarded-world.ts'
import { temporaryDir } from '../support/services.ts'
import { signatureOf, signRecords, testKeyText, withSignature } from '../support/signers.ts'
import { waitFor } from '../support/wait.ts'
import { appendRaw, countsOf, createLogOfKind, createTestNode, LOG_KINDS } from './support.ts'

const dir = temporaryDir()
afterAll(() => dir.remove())

const POLICY = {
  admins: [KEYS.admin.signer],
  rules: [
    {
      signers: [KEYS.writer.signer],
      operations: ['upsert', 'update'],
      datasets: ['tracks'],
      columns: ['title'],
    },
    { signers: [KEYS.wallet.signer], operations: ['upsert', 'delete'], datasets: '*', columns: '*' },
  ],
}
const ADMIN_KEY = { SPINDEXER_KEY: testKeyText('admin') }

describe.each(LOG_KINDS)('a guarded log in %s', (kind) => {
  it('has what was allowed as it was signed; the node sees what went around the door, and its stream never shows it', async () => {
    const log = await createLogOfKind(kind, 'guarded-door', {
      ...{ partitions: 2, datasets: 'examples/catalogue' },
      ...{ admins: [KEYS.admin.signer], key: ADMIN_KEY.SPINDEXER_KEY },
    })
    const policy = join(dir.path, `policy-${kind}.json`)
    writeFileSync(policy, JSON.stringify(POLICY))
    await cli(['policy', 'apply', policy], { env: { ...log.env, ...ADMIN_KEY } })
    const node = await createTestNode(log, 'guarded-door')
    // The key of the environment is an admin's, and the door takes no notice of it.
    const running = startCli(['run'], { env: { ...node.env, ...ADMIN_KEY, SPINDEXER_HTTP: '127.0.0.1:0' } })
    onTestFinished(async () => {
      running.kill('SIGTERM')
      await running.ended
      await node.drop()
    })
    const url = await waitFor(
      'the door',
      async () => /\bhttp:\/\/127\.0\.0\.1:\d+/.exec(running.stderr())?.[0],
      {
        timeoutMs: 60_000,
      },
    )
    await waitFor('the node to be ready', async () => (await fetch(`${url}/readyz`)).ok, {
      timeoutMs: 60_000,
    })
    const standing = (await (await fetch(`${url}/v1/policy`)).json()) as { logId: string; version: number }
    expect(standing).toMatchObject({ type: 'guarded', version: 1, rules: POLICY.rules, closed: false })
    const { logId } = standing
    const sign = (key: keyof typeof KEYS, ...records: NewRecord[]) =>
      signRecords(KEYS[key], logId, records, 64)
    const send = (records: readonly NewRecord[], query = '') =>
      post(url, `[${records.map(recordJson).join(',')}]`, query, 'application/json', '/v1/records')
    const events = await openEvents(url, '?from=start')
    onTestFinished(() => events.close())

    // What is refused, and why; the log stays as it is.
    const before = await countsOf(node)
    for (const { name, record, expected } of guardedPartition(logId, 0)) {
      if (expected !== 'bad-signature' || record.value[0] === 0x7b) continue
      const { status, json } = await send([record])
      expect([name, status, json.where[0].reason]).toEqual([name, 422, 'bad-signature'])
    }
    const column = await send(sign('writer', messageOf('a', { title: 'x', plays: 1n })))
    expect([column.status, column.json.detail]).toEqual([
      403,
      expect.stringMatching(/^1 of 1 records are not allowed/),
    ])
    expect(column.json).toMatchObject({
      policyVersion: 1,
      where: [
        {
          reason: 'not-allowed',
          detail: expect.stringMatching(/policy version 1: rule 1 .* not column "plays"/),
        },
      ],
    })
    const unsigned = '{"dataset":"tracks","operation":"upsert","data":{"id":"t"}}'
    expect((await post(url, unsigned)).status).toBe(403)
    expect(await countsOf(node)).toEqual(before)

    // What is allowed.
    const sent = [
      ...sign('writer', ...Array.from({ length: 100 }, (_, i) => messageOf(`w${i}`))),
      ...sign('wallet', messageOf('x', { plays: 9n }), messageOf('y', {}, { operation: 'delete' })),
      ...sign('admin', messageOf('z', { title: 'z' })),
    ]
    const { status, json } = await send(sent, '?wait=applied&timeout=60')
    expect([status, json.durable, json.applied]).toEqual([200, sent.length, true])
    const handle = log.open()
    onTestFinished(() => handle.close())
    const places = json.ids.map(({ partition, offset }: { partition: number; offset: number }) => ({
      partition,
      offset: BigInt(offset),
    }))
    for (const [i, record] of (await handle.pick(places)).entries()) {
      expect(record!.value!.equals(sent[i]!.value)).toBe(true)
      expect(record!.headers.map(({ name }) => name)).toEqual(['spindexer-signature'])
      expect(Buffer.from(record!.headers[0]!.value).equals(signatureOf(sent[i]!))).toBe(true)
    }

    // A door that lies.
    const [right] = sign('writer', messageOf('lie'))
    const lies = [
      withSignature(messageOf('lie'), signatureOf(right!)),
      messageOf('lie'),
      ...sign('stranger', messageOf('lie')),
      ...sign('writer', messageOf('lie', { plays: 1n })),
    ].map((record) => ({ ...record, partition: 0 }))
    await appendRaw(log, lies)
    await waitFor('the lies', async () => (await countsOf(node)).quarantined === BigInt(lies.length), {
      timeoutMs: 60_000,
    })
    const last = sign('admin', messageOf('last', { title: 'z' }))
    expect((await send(last, '?wait=applied&timeout=60')).json.applied).toBe(true)
    await waitFor('the last event', () => events.events.some(({ data }) => data.key?.id === 'last'), {
      timeoutMs: 60_000,
    })
    const told = events.events.filter(({ type }) => type === 'change').map(({ data }) => data)
    expect(told.map(({ key, signer }) => `${key.id} ${signer}`).sort()).toEqual(
      [
        ...Array.from({ length: 100 }, (_, i) => `w${i} ${KEYS.writer.signer}`),
        ...[`x ${KEYS.wallet.signer}`, `y ${KEYS.wallet.signer}`],
        ...[`z ${KEYS.admin.signer}`, `last ${KEYS.admin.signer}`],
      ].sort(),
    )
    const definitions = events.events.filter(({ type }) => type === 'definition').map(({ data }) => data)
    expect(definitions.map(({ name, signer }) => [name, signer]).sort()).toEqual([
      ['artists', KEYS.admin.signer],
      ['tracks', KEYS.admin.signer],
    ])
    const again = await openEvents(url, '?from=start')
    onTestFinished(() => again.close())
    await again.until(events.events.length)
    const dataOf = ({ data }: { readonly data: unknown }) => JSON.stringify(data)
    expect(again.events.map(dataOf).sort()).toEqual(events.events.map(dataOf).sort())

    const row = (await (await fetch(`${url}/v1/datasets/tracks/rows/x?include=stamps`)).json()) as object
    expect(row).toMatchObject({
      cells: { plays: { value: 9, signer: expect.arrayContaining([KEYS.wallet.signer]) } },
    })
    expect(await (await fetch(`${url}/metrics`)).text()).toMatch(/^spindexer_policy_version 1$/m)
    const found = (await (await fetch(`${url}/v1/status`)).json()) as { policy: object; reasons: unknown[] }
    expect(found.policy).toMatchObject({ type: 'guarded', version: 1, isClosed: false })
    expect(found.reasons).toMatchObject([
      { reason: 'bad-signature', count: 1 },
      { reason: 'not-allowed', count: 2 },
      { reason: 'unsigned', count: 1 },
    ])
  }, 300_000)
})
