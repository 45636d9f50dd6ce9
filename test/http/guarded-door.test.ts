// The door of a guarded log: what a policy says is said before anything is read, and the door judges as a node does.

import { describe, expect, it, onTestFinished } from 'vitest'
import { EMPTY_CATALOGUE } from '../../src/codec/catalogue.ts'
import { judgeDefinitions, nothingDefined } from '../../src/codec/definitions.ts'
import { initialStanding, type Standing } from '../../src/codec/policy/standing.ts'
import { DEFINITIONS, type LogRecord } from '../../src/codec/record.ts'
import { createRecordProver } from '../../src/codec/signing/proof.ts'
import { createJudge } from '../../src/codec/verdict.ts'
import { createRecordJudge } from '../../src/http/records/judge.ts'
import { createProve } from '../../src/http/records/prove.ts'
import type { LogGenesis } from '../../src/log/check.ts'
import type { NewRecord } from '../../src/log/log.ts'
import { createProofPool } from '../../src/proofs/pool.ts'
import { ADMINS, guardedDefinitions, guardedPartition, KEYS } from '../support/guarded-world.ts'
import { controlRecord, signatureOf, signRecords } from '../support/signers.ts'
import { LOG_ID, MAX_CLOCK_AHEAD_MS, recordsOf } from '../writer/support.ts'
import { openGuarded, sendRecords as send, WRITER_RULE } from './guarded-live.ts'
import { LINES, type LiveNode, openLive, upsertJson } from './live-node.ts'
import { signedMessage } from './signed.ts'

/** A machine may be busy. */
const SLOW = { timeout: 30_000 }

describe('POST /v1/mutations in a guarded log', () => {
  it('is refused before the body is read, with what to do, as long as the policy asks for signatures', async () => {
    const node = await openGuarded()
    const before = await recordsOf(node.log)
    const early = await node.post('this is no JSON')
    expect([early.status, early.json]).toMatchObject([
      403,
      {
        type: 'urn:spindexer:problem:not-allowed',
        ...{ policyVersion: 0, reason: 'unsigned' },
        detail: expect.stringMatching(
          /the genesis, before any policy: only admins may write.*publish --key FILE.*POST \/v1\/records/,
        ),
      },
    ])
    expect((await node.post(`${upsertJson('a')}\n`, '', LINES)).status).toBe(403)
    expect(await recordsOf(node.log)).toEqual(before)
    await node.setPolicy({ unsigned: true })
    expect((await node.post(upsertJson('a'))).status).toBe(200)
    await node.setPolicy({ unsigned: false })
    const late = await node.post(upsertJson('a'))
    expect([late.status, late.json.policyVersion]).toEqual([403, 2])
  })

  it('a policy that comes while lines do ends them', async () => {
    const node = await openGuarded()
    await node.setPolicy({ unsigned: true })
    const { readable, writable } = new TransformStream<string, string>()
    const writer = writable.getWriter()
    const answer = fetch(`${node.url}/v1/mutations`, {
      method: 'POST',
      headers: { 'content-type': LINES },
      body: readable.pipeThrough(new TextEncoderStream()),
      duplex: 'half',
    } as RequestInit)
    const count = (await recordsOf(node.log)).length
    await writer.write(`${upsertJson('a')}\n`)
    await expect.poll(async () => (await recordsOf(node.log)).length, SLOW).toBe(count + 1)
    await node.setPolicy({ unsigned: false })
    await writer.write(`${upsertJson('b')}\n`).catch(() => {})
    const response = await answer
    expect([response.status, await response.json()]).toMatchObject([
      403,
      { type: 'urn:spindexer:problem:not-allowed', durable: 1, where: [{ line: 2 }] },
    ])
    writer.close().catch(() => {})
  })

  it('both routes say that the log is closed', async () => {
    const node = await openGuarded()
    const close = controlRecord(DEFINITIONS, { kind: 'close', generation: 1 })
    await node.log.append(signRecords(KEYS.admin, LOG_ID, [close]))
    await expect.poll(async () => (await node.post(upsertJson('a'))).status, SLOW).toBe(409)
    const { status, json } = await send(node, signedMessage(KEYS.admin, 'a'))
    expect([status, json.type]).toEqual([409, 'urn:spindexer:problem:log-closed'])
  })
})

describe('GET /v1/policy', () => {
  it('says who may write, as the log has it now', async () => {
    const ask = async ({ url }: LiveNode) => (await fetch(`${url}/v1/policy`)).json()
    expect(await ask(await openLive())).toEqual({
      ...{ logId: LOG_ID, type: 'open', version: null, admins: [], rules: [], unsigned: true, closed: false },
    })
    const node = await openGuarded()
    const admins = [KEYS.admin.signer, KEYS.secondAdmin.signer]
    const before = {
      logId: LOG_ID,
      type: 'guarded',
      version: 0,
      admins,
      rules: [],
      unsigned: false,
      closed: false,
    }
    expect(await ask(node)).toEqual(before)
    await node.setPolicy({ rules: [WRITER_RULE], unsigned: true })
    expect(await ask(node)).toEqual({ ...before, version: 1, rules: [WRITER_RULE], unsigned: true })
    const close = controlRecord(DEFINITIONS, { kind: 'close', generation: 1 })
    await node.log.append(signRecords(KEYS.admin, LOG_ID, [close]))
    await expect.poll(() => ask(node), SLOW).toMatchObject({ version: 1, closed: true })
  })
})

describe('the judge of the door', () => {
  const genesis: LogGenesis = {
    ...{ logId: LOG_ID, copyId: LOG_ID, generation: 1, partitions: 1 },
    ...{ maxClockAheadMs: MAX_CLOCK_AHEAD_MS, admins: ADMINS },
  }

  it('says of every record of a guarded log what a node says', async () => {
    const definitions = guardedDefinitions(LOG_ID).map(({ record }, i) => asRead(record, i))
    const { catalogue } = judgeDefinitions(nothingDefined(ADMINS), definitions, 99n, genesis)
    const pool = createProofPool({ threads: 2 })
    const judge = createRecordJudge(createProve(pool))
    onTestFinished(() => pool.close())
    const nodeJudge = createJudge(genesis)
    const prove = createRecordProver(LOG_ID)
    const nowMs = BigInt(Date.now())
    let standing: Standing = initialStanding(ADMINS)
    for (const [i, { name, record, expected }] of guardedPartition(LOG_ID, 0).entries()) {
      const [found] = await judge(
        [{ value: record.value, signature: record.headers === undefined ? null : signatureOf(record) }],
        { genesis, catalogue, standing, latestNs: (nowMs + MAX_CLOCK_AHEAD_MS) * 1_000_000n },
      )
      const said = found!.type === 'record' ? 'merge' : (found!.fault.reason ?? 'control')
      expect([name, said]).toEqual([name, expected])
      const read = asRead(record, i)
      const verdict = nodeJudge(read, EMPTY_CATALOGUE, standing, prove(read))
      if (verdict.type === 'control') standing = verdict.standing
    }
  })
})

function asRead({ partition, key, value, headers = [] }: NewRecord, i: number): LogRecord {
  const appendMs = BigInt(Date.now())
  return { partition: partition!, offset: BigInt(i), appendMs, stampedByLog: true, key, value, headers }
}
