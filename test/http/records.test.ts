// Records over HTTP: what their writers made is in the log byte for byte, and what a node would set aside never gets there.

import { describe, expect, it } from 'vitest'
import type { LogRecord } from '../../src/codec/record.ts'
import { SIGNATURE_BYTES_MAX, SIGNATURE_HEADER } from '../../src/codec/signing/header.ts'
import type { Log, NewRecord } from '../../src/log/log.ts'
import type { MemoryLog } from '../../src/log/memory/log.ts'
import { KEYS } from '../support/guarded-world.ts'
import { controlRecord, signatureOf, signRecords, withSignature } from '../support/signers.ts'
import { LOG_ID, MAX_CLOCK_AHEAD_MS, recordsOf } from '../writer/support.ts'
import { openGuarded, sendRecords as send, WRITER_RULE } from './guarded-live.ts'
import { LINES, openLive, upsertJson } from './live-node.ts'
import { messageOf, recordJson, signedMessage } from './signed.ts'

/** What the log holds of values and signatures, and what it should. */
function bytesIn(records: readonly LogRecord[]) {
  return records
    .map(({ value, headers }) => [
      value!.toString('hex'),
      headers.map(({ name, value }) => [name, hex(value)]),
    ])
    .sort()
}
function bytesOf(records: readonly NewRecord[]) {
  return records
    .map(({ value, headers = [] }) => [
      value.toString('hex'),
      headers.map(({ name, value }) => [name, hex(value)]),
    ])
    .sort()
}
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

describe('POST /v1/records', () => {
  it('passes on what its writer made, byte for byte, and says where it is', async () => {
    const node = await openGuarded()
    await node.setPolicy({ rules: [WRITER_RULE] })
    const before = await recordsOf(node.log)
    const alone = signedMessage(KEYS.writer, 't\n1', { title: 'é' })
    const together = signRecords(
      KEYS.writer,
      LOG_ID,
      Array.from({ length: 300 }, (_, i) => messageOf(`u${i}`)),
      128,
    )
    const one = await send(node, alone)
    expect([one.status, one.json]).toEqual([200, { durable: 1, ids: [expect.anything()] }])
    const many = await send(node, together)
    expect(many.json.durable).toBe(300)
    const lines = [signedMessage(KEYS.admin, 'a', { plays: 7n }), signedMessage(KEYS.writer, 'b')]
    const streamed = await send(node, `${lines.map(recordJson).join('\n')}\n`, '', LINES)
    expect(streamed.json).toMatchObject({ durable: 2, skipped: 0, ids: [{ line: 1 }, { line: 2 }] })
    const places = [...one.json.ids, ...many.json.ids, ...streamed.json.ids]
    const found = await node.log.pick(
      places.map(({ partition, offset }) => ({ partition, offset: BigInt(offset) })),
    )
    const sent = [alone, ...together, ...lines]
    for (const [i, record] of found.entries()) {
      expect(record!.value!.equals(sent[i]!.value)).toBe(true)
      expect(record!.headers.map(({ name }) => name)).toEqual([SIGNATURE_HEADER])
      expect(Buffer.from(record!.headers[0]!.value).equals(signatureOf(sent[i]!))).toBe(true)
      expect(record!.value!.toString('hex')).toContain(places[i].stamp)
    }
    expect(found[0]!.key!.toString()).toBe(JSON.stringify(['tracks', 't\n1']))
    expect((await recordsOf(node.log)).length).toBe(before.length + 303)
    expect((await send(node, '[]')).json).toEqual({ durable: 0, ids: [] })
    expect(node.bugs).toEqual([])
  })

  it('is put into the partition of its row, as what is posted as JSON', async () => {
    const node = await openLive({ partitions: 7 })
    for (const id of ['a', 'b', 'c', 'ä,"']) {
      const [record, change] = [await send(node, messageOf(id)), await node.post(upsertJson(id))]
      expect(record.json.ids[0].partition).toBe(change.json.ids[0].partition)
    }
  })

  it('names the rule that refuses, and writes nothing', async () => {
    const node = await openGuarded()
    await node.setPolicy({ rules: [WRITER_RULE] })
    const before = await recordsOf(node.log)
    const column = await send(node, signedMessage(KEYS.writer, 'a', { title: 'x', plays: 1n }))
    expect([column.status, column.json]).toMatchObject([
      403,
      {
        type: 'urn:spindexer:problem:not-allowed',
        policyVersion: 1,
        detail: expect.stringMatching(/policy version 1: rule 1 lets ed25519:.* but not column "plays"/),
        where: [{ in: 'body', at: '', reason: 'not-allowed' }],
      },
    ])
    const stranger = await send(node, signedMessage(KEYS.stranger, 'a'))
    expect([stranger.status, stranger.json.detail]).toEqual([403, expect.stringContaining('no rule lets')])
    const nobody = await send(node, messageOf('a'))
    expect([nobody.status, nobody.json.where[0].reason]).toEqual([403, 'unsigned'])
    const mixed = await send(node, [
      signedMessage(KEYS.writer, 'a'),
      signedMessage(KEYS.stranger, 'b'),
      messageOf('c'),
    ])
    expect([mixed.status, mixed.json]).toMatchObject([
      403,
      {
        invalid: 2,
        durable: 0,
        where: [
          { at: '/1', reason: 'not-allowed' },
          { at: '/2', reason: 'unsigned' },
        ],
      },
    ])
    expect(await recordsOf(node.log)).toEqual(before)
  })

  it('refuses what proves nothing, and what is no message, with the reason', async () => {
    const node = await openGuarded()
    await node.setPolicy({ rules: [WRITER_RULE] })
    const before = await recordsOf(node.log)
    const right = signedMessage(KEYS.writer, 'a')
    const flipped = Buffer.from(signatureOf(right))
    flipped[60]! ^= 1
    const forged = await send(node, withSignature(right, flipped))
    expect([forged.status, forged.json]).toMatchObject([
      422,
      { type: 'urn:spindexer:problem:bad-signature', where: [{ reason: 'bad-signature' }] },
    ])
    const elsewhere = signRecords(KEYS.writer, 'ffffffff-4455-6677-8899-aabbccddeeff', [messageOf('a')])
    expect((await send(node, elsewhere)).status).toBe(422)
    const ahead = messageOf('a', {}, { stamp: `7${'0'.repeat(31)}` as never })
    const control = controlRecord(0, { kind: 'close', generation: 1 })
    const words = async (record: NewRecord) => {
      const { status, json } = await send(node, signRecords(KEYS.admin, LOG_ID, [record]))
      return [status, json.where[0].reason, json.where[0].detail]
    }
    expect(await words(ahead)).toEqual([422, 'clock-ahead', expect.stringContaining('ms ahead')])
    expect(await words(messageOf('a', { nothing: 1n }))).toEqual([
      ...[422, 'unknown-column'],
      expect.stringContaining('no definition allows it so far'),
    ])
    expect(await words(messageOf('a', { title: 1n }))).toEqual([422, 'wrong-value', expect.any(String)])
    expect(await words({ ...ahead, value: Buffer.from('rubbish') })).toEqual([
      ...[422, 'unknown-framing'],
      expect.stringContaining('every node would quarantine it'),
    ])
    expect(await words({ ...right, value: Buffer.concat([right.value, Buffer.of(0)]) })).toEqual([
      ...[422, 'bad-avro'],
      expect.any(String),
    ])
    expect(await words(control)).toEqual([422, undefined, expect.stringContaining('control record (close)')])
    // What can never be right is told before what another policy may allow.
    const mixed = await send(node, [
      messageOf('c'),
      withSignature(right, flipped),
      { ...messageOf('d'), value: Buffer.from('rubbish') },
    ])
    expect([mixed.json.type, mixed.json.invalid]).toEqual(['urn:spindexer:problem:invalid-record', 3])
    expect(await recordsOf(node.log)).toEqual(before)
  })

  it.each([
    ['{}', 'value: it is missing'],
    ['1', 'a record should be an object, not'],
    ['{"value":1}', 'value: it should be a string of base64'],
    ['{"value":null}', 'value: it should be a string of base64'],
    ['{"value":"AAA"}', 'value: it should be base64 with padding'],
    ['{"value":"AAB="}', 'value: it should be base64 with padding'],
    ['{"value":"A-A_"}', 'value: it should be base64 with padding'],
    ['{"value":"AAAA\\n"}', 'value: it should be base64 with padding'],
    ['{"value":" AAAA"}', 'value: it should be base64 with padding'],
    ['{"value":"AAAA="}', 'value: it should be base64 with padding'],
    ['{"value":"AAAA","key":"AAAA"}', '"key" is no member of a record'],
    ['{"value":"AAAA","signature":null}', 'signature: it should be a string of base64'],
    ['{"value":"AAAA","signature":"A"}', 'signature: it should be base64 with padding'],
    [
      JSON.stringify({ value: 'AAAA', signature: Buffer.alloc(SIGNATURE_BYTES_MAX + 1).toString('base64') }),
      'signature: it has more than',
    ],
    [
      JSON.stringify({ value: Buffer.alloc(900_001).toString('base64') }),
      'value: it has more than 900000 bytes',
    ],
    [`{"value":"${'A'.repeat(8_000_000)}"}`, 'value: it has more than 900000 bytes'],
  ])('refuses what is no record: %.40s', async (body, words) => {
    const node = await openLive()
    for (const type of ['application/json', LINES]) {
      const { status, json } = await send(node, body, '', type)
      expect([status, json.detail]).toEqual([422, expect.stringContaining(words)])
    }
    expect(await recordsOf(node.log)).toEqual([])
  })

  it('stops at the first line that is not taken, or leaves it out', async () => {
    const node = await openGuarded()
    await node.setPolicy({ rules: [WRITER_RULE] })
    const good = ['a', 'b', 'c'].map((id) => signedMessage(KEYS.writer, id))
    const lines = [recordJson(good[0]!), recordJson(messageOf('x')), recordJson(good[1]!), '{"value":""}']
    const before = (await recordsOf(node.log)).length
    const body = [...lines, recordJson(good[2]!)].join('\n')
    const stopped = await send(node, body, '', LINES)
    expect([stopped.status, stopped.json]).toMatchObject([
      403,
      {
        type: 'urn:spindexer:problem:not-allowed',
        ...{ durable: 1, ids: [{ line: 1 }] },
        where: [{ in: 'body', at: '', line: 2 }],
        detail: expect.stringMatching(
          /^line 2 is not allowed: policy version 1: mutations have to be signed/,
        ),
      },
    ])
    const skipped = await send(node, body, '?skip-invalid=true', LINES)
    expect([skipped.status, skipped.json]).toMatchObject([
      200,
      { durable: 3, skipped: 2, where: [{ line: 2 }, { line: 4 }] },
    ])
    expect((await recordsOf(node.log)).length).toBe(before + 4)
  })

  it('in an open log a signature is passed on and decides nothing', async () => {
    const node = await openLive()
    const sent = [
      signedMessage(KEYS.stranger, 'a'),
      withSignature(messageOf('b'), Buffer.from('no signature at all')),
      messageOf('c'),
    ]
    const { json } = await send(node, sent, '?wait=applied')
    expect(json).toMatchObject({ durable: 3, applied: true })
    expect(bytesIn(await recordsOf(node.log))).toEqual(bytesOf(sent))
  })

  it('tells of a stamp that the log finds too far ahead, and of a log that fails', async () => {
    let isFailing = false
    const node = await openLive({
      doorLog: (log: MemoryLog): Log => ({
        ...log,
        async append(records) {
          if (isFailing) throw new Error('the broker is gone')
          const answers = await log.append(records)
          return answers.map((each) => ({ ...each, appendMs: each.appendMs - MAX_CLOCK_AHEAD_MS }))
        },
      }),
    })
    const aheadNs = BigInt(Date.now() + 30_000) * 1_000_000n
    const stamp = `${aheadNs.toString(16).padStart(16, '0')}dddddddddddddddd` as never
    const { status, json } = await send(node, [messageOf('a', {}, { stamp })])
    expect([status, json]).toMatchObject([
      503,
      { type: 'urn:spindexer:problem:clock-ahead', durable: 0, refused: 1, ids: [null] },
    ])
    const line = await send(node, recordJson(messageOf('a', {}, { stamp })), '', LINES)
    expect([line.status, line.json]).toMatchObject([503, { durable: 0, refused: 1 }])
    // Nobody else suffers for it.
    expect((await send(node, messageOf('b'))).status).toBe(200)
    isFailing = true
    const failed = await send(node, [messageOf('c'), messageOf('d')])
    expect([failed.status, failed.json]).toMatchObject([503, { durable: 0, unknown: 2, ids: [null, null] }])
    isFailing = false
    expect((await send(node, messageOf('e'))).status).toBe(200)
  })
})
