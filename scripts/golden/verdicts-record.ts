// Cases about the record around a mutation: framing, headers, the log's time, partitions and control records.

import { encodeControl } from '../../src/codec/control.ts'
import { frameConfluent, frameSingleObject } from '../../src/codec/framing.ts'
import { DEFINITIONS } from '../../src/codec/record.ts'
import { hex } from './forms.ts'
import { RAW_TIME_NS, rawMutation, stampOf } from './raw-avro.ts'
import {
  APPEND_MS,
  type Case,
  LOG_ID,
  MAX_CLOCK_AHEAD_MS,
  merged,
  OTHER_LOG_ID,
  quarantined,
} from './verdicts-world.ts'

const LIMIT_NS = (APPEND_MS + BigInt(MAX_CLOCK_AHEAD_MS)) * 1_000_000n
const LAST_NS = (1n << 63n) - 1n
const KEY = `ed25519:${'0a'.repeat(32)}`
const ADDRESS = `eip191:${'0a'.repeat(20)}`

export function recordCases(): readonly Case[] {
  return [...framingCases(), ...headerCases(), ...clockCases(), ...controlCases(), ...badControlCases()]
}

function framingCases(): readonly Case[] {
  const avro = rawMutation()
  const single = frameSingleObject(avro)
  const wrong = Buffer.from(single)
  wrong[9]! ^= 1
  const reversed = Buffer.concat([single.subarray(0, 2), Buffer.from(single.subarray(2, 10)).reverse(), avro])
  const bad = (
    name: string,
    reason: 'unknown-framing' | 'unknown-schema' | 'bad-avro',
    value: Buffer,
  ): Case => ({
    name,
    value,
    verdict: 'quarantined',
    reason,
  })
  return [
    { name: 'no value', value: null, verdict: 'quarantined', reason: 'no-value' },
    bad('an empty value', 'unknown-framing', hex('')),
    { name: 'single-object', value: single, verdict: 'merge' },
    { name: 'Confluent, schema id 0', value: frameConfluent(0, avro), verdict: 'merge' },
    {
      name: 'Confluent, the greatest schema id',
      value: frameConfluent(4_294_967_295, avro),
      verdict: 'merge',
    },
    bad('single-object, one bit of the fingerprint wrong', 'unknown-schema', wrong),
    bad('single-object, the fingerprint big-endian', 'unknown-schema', reversed),
    bad('single-object, cut off in the fingerprint', 'unknown-schema', single.subarray(0, 9)),
    bad('single-object, nothing behind the fingerprint', 'bad-avro', single.subarray(0, 10)),
    bad('C3 alone', 'unknown-framing', hex('c3')),
    bad('C3 02', 'unknown-framing', Buffer.concat([hex('c302'), single.subarray(2)])),
    bad('Confluent, cut off in the schema id', 'unknown-framing', hex('00000000')),
    bad('Confluent, nothing behind the schema id', 'bad-avro', hex('0000000001')),
    bad('bare Avro', 'unknown-framing', rawMutation({ stamp: stampOf(RAW_TIME_NS) })),
    bad('JSON with a space before it', 'unknown-framing', Buffer.from(' {}')),
    bad('a JSON array', 'unknown-framing', Buffer.from('[]')),
    bad('FF', 'unknown-framing', hex('ff')),
  ]
}

function headerCases(): readonly Case[] {
  return [
    merged(
      'headers of others, one of them twice',
      {},
      { headers: ['trace', 'trace', '', 'Spindexer-x', 'spindexer'] },
    ),
    merged('a signature', {}, { headers: ['spindexer-signature'] }),
    quarantined(
      'a signature twice',
      'repeated-header',
      {},
      { headers: ['spindexer-signature', 'a', 'spindexer-signature'] },
    ),
    quarantined('a mark', 'marked', {}, { headers: ['spindexer-quarantined'] }),
    quarantined(
      'a mark twice',
      'repeated-header',
      {},
      { headers: ['spindexer-quarantined', 'spindexer-quarantined'] },
    ),
    quarantined(
      'a mark and a signature',
      'marked',
      {},
      { headers: ['spindexer-signature', 'spindexer-quarantined'] },
    ),
    quarantined('an unknown header of ours', 'unknown-header', {}, { headers: ['spindexer-other'] }),
    quarantined('an empty name behind our prefix', 'unknown-header', {}, { headers: ['spindexer-'] }),
    quarantined('a header of ours in upper case', 'unknown-header', {}, { headers: ['spindexer-Signature'] }),
    quarantined('the writer’s own time', 'not-log-time', {}, { stampedByLog: false }),
    {
      name: 'the writer’s own time on a genesis',
      value: genesis({}),
      verdict: 'quarantined',
      reason: 'not-log-time',
      offset: 0,
      stampedByLog: false,
    },
    quarantined(
      'a mark on a control record',
      'marked',
      {},
      { value: genesis({}), headers: ['spindexer-quarantined'] },
    ),
  ]
}

function clockCases(): readonly Case[] {
  const at = (timeNs: bigint) => ({ stamp: stampOf(timeNs) })
  const early = { appendMs: LAST_NS / 1_000_000n - 59_999n }
  return [
    merged('a stamp at the limit ahead of the append time', at(LIMIT_NS)),
    merged('a stamp at the limit, the greatest origin', { stamp: stampOf(LIMIT_NS, 'f'.repeat(16)) }),
    quarantined('a stamp one nanosecond beyond the limit', 'clock-ahead', at(LIMIT_NS + 1n)),
    quarantined('beyond the limit, the least origin', 'clock-ahead', {
      stamp: stampOf(LIMIT_NS + 1n, '0'.repeat(16)),
    }),
    merged('a stamp of long ago', at(1n)),
    merged('a stamp of time 0 with an origin', { stamp: stampOf(0n, '0000000000000001') }),
    quarantined('the all-zero stamp', 'bad-stamp', { stamp: stampOf(0n, '0'.repeat(16)) }),
    quarantined('the top bit set', 'bad-stamp', { stamp: stampOf(1n << 63n) }),
    quarantined('all bits set', 'bad-stamp', { stamp: stampOf((1n << 64n) - 1n, 'f'.repeat(16)) }),
    quarantined('the last time there is', 'clock-ahead', at(LAST_NS)),
    merged('the last time there is, appended then', at(LAST_NS), early),
    quarantined('the last time there is, appended a little earlier', 'clock-ahead', at(LAST_NS), {
      appendMs: LAST_NS / 1_000_000n - 60_000n,
    }),
    merged('appended in 1970', at(60_000n * 1_000_000n), { appendMs: 0n }),
    quarantined('appended in 1970, beyond the limit', 'clock-ahead', at(60_000n * 1_000_000n + 1n), {
      appendMs: 0n,
    }),
    quarantined('unknown dataset and beyond the limit', 'clock-ahead', {
      ...at(LIMIT_NS + 1n),
      dataset: hex('0861 6161 61'),
    }),
  ]
}

function genesis(members: Readonly<Record<string, unknown>>): Buffer {
  return Buffer.from(
    canonical({
      admins: [],
      copyId: 'ffffffff-0000-0000-0000-000000000001',
      generation: 1,
      kind: 'genesis',
      logId: LOG_ID,
      maxClockAhead: 60_000,
      partition: 0,
      partitions: 3,
      rules: 1,
      ...members,
    }),
  )
}

/** Members sorted; an undefined one is left out. */
function canonical(members: Readonly<Record<string, unknown>>): string {
  return JSON.stringify(sorted(members))
}

function sorted(members: object): object {
  return Object.fromEntries(Object.entries(members).sort(([a], [b]) => (a < b ? -1 : 1)))
}

const RULE = { columns: '*', datasets: ['tracks'], operations: ['upsert'], signers: [KEY] }
const policy = (members: Readonly<Record<string, unknown>>) =>
  Buffer.from(
    canonical({ admins: [KEY], kind: 'policy', rules: [RULE], unsigned: false, version: 1, ...members }),
  )

function controlCases(): readonly Case[] {
  const control = (name: string, value: Buffer, rest: Partial<Case> = {}): Case => ({
    name,
    value,
    verdict: 'control',
    ...rest,
  })
  const close = encodeControl({ kind: 'close', generation: 1 })
  const dataset = Buffer.from('{"kind":"dataset","schema":{}}')
  return [
    control('genesis at offset 0', genesis({}), { offset: 0 }),
    control('genesis later, of the same log', genesis({ generation: 2, partition: 1 }), { offset: 9 }),
    control('genesis of the definitions', genesis({ partition: -1 }), { partition: DEFINITIONS, offset: 0 }),
    control('genesis with admins', genesis({ admins: [ADDRESS, KEY] })),
    control('genesis with the least of everything', genesis({ maxClockAhead: 1, partitions: 1 })),
    control(
      'genesis with the most of everything',
      genesis({ maxClockAhead: 86_400_000, partitions: 10_000 }),
    ),
    control('genesis with the greatest numbers', genesis({ generation: 2 ** 53 - 1, rules: 2 ** 53 - 1 })),
    {
      name: 'genesis of another log',
      value: genesis({ logId: OTHER_LOG_ID }),
      verdict: 'quarantined',
      reason: 'foreign-genesis',
    },
    {
      name: 'genesis of another log at offset 0',
      value: genesis({ logId: OTHER_LOG_ID }),
      verdict: 'quarantined',
      reason: 'foreign-genesis',
      offset: 0,
    },
    control('a dataset among the definitions', dataset, { partition: DEFINITIONS }),
    {
      name: 'a dataset in a data partition',
      value: dataset,
      verdict: 'quarantined',
      reason: 'dataset-in-data',
    },
    control('a policy', policy({})),
    control('a policy with nothing in it', policy({ admins: [], rules: [], unsigned: true })),
    control(
      'a policy with empty lists',
      policy({ rules: [{ ...RULE, columns: [], datasets: '*', operations: [] }] }),
    ),
    control('a policy among the definitions', policy({}), { partition: DEFINITIONS }),
    control('a close', close),
    control('a close among the definitions', close, { partition: DEFINITIONS }),
    quarantined(
      'a mutation among the definitions',
      'mutation-in-definitions',
      {},
      { partition: DEFINITIONS },
    ),
    quarantined(
      'a mutation of an unknown dataset among the definitions',
      'mutation-in-definitions',
      {
        dataset: hex('0861 6161 61'),
      },
      { partition: DEFINITIONS },
    ),
  ]
}

function badControlCases(): readonly Case[] {
  const bad = (name: string, value: Buffer | string, rest: Partial<Case> = {}): Case => ({
    name: `control: ${name}`,
    value: Buffer.from(value),
    verdict: 'quarantined',
    reason: 'bad-control',
    ...rest,
  })
  const close = (text: string) => `{"generation":${text},"kind":"close"}`
  const rule = (members: object) => policy({ rules: [sorted({ ...RULE, ...members })] })
  return [
    bad('an empty object', '{}'),
    bad('{ alone', '{'),
    bad('unknown kind', '{"kind":"other"}'),
    bad('a kind that every object has', '{"kind":"constructor"}'),
    bad('kind is no string', '{"kind":1}'),
    bad('no kind', '{"generation":1}'),
    bad('a space', '{"generation":1, "kind":"close"}'),
    bad('a newline at the end', `${close('1')}\n`),
    bad('members not sorted', '{"kind":"close","generation":1}'),
    bad('a member twice', '{"generation":1,"generation":1,"kind":"close"}'),
    bad('a needless escape', '{"generation":1,"kind":"clos\\u0065"}'),
    bad('not UTF-8', hex('7b226b696e64223a22ff227d')),
    bad('a byte order mark inside', Buffer.from('{"generation":1,"kind":"close\ufeff"}')),
    bad('an unknown member', '{"generation":1,"kind":"close","more":1}'),
    bad('close without a generation', '{"kind":"close"}'),
    bad('generation 0', close('0')),
    bad('generation -1', close('-1')),
    bad('generation 1.5', close('1.5')),
    bad('generation 1.0', close('1.0')),
    bad('generation 1e0', close('1e0')),
    bad('generation as a string', close('"1"')),
    bad('generation beyond 2^53 - 1', close('9007199254740992')),
    bad('dataset without a schema', '{"kind":"dataset"}', { partition: DEFINITIONS }),
    bad('dataset with a schema that is no object', '{"kind":"dataset","schema":[]}', {
      partition: DEFINITIONS,
    }),
    bad('dataset with another member', '{"a":1,"kind":"dataset","schema":{}}', { partition: DEFINITIONS }),
    bad('genesis without admins', genesis({ admins: undefined })),
    bad('genesis with an unknown member', genesis({ name: 'x' })),
    bad('genesis, a key twice', genesis({ admins: [KEY, KEY] })),
    bad('genesis, a key in upper case', genesis({ admins: [KEY.replace('0a', '0A')] })),
    bad('genesis, a key that is too short', genesis({ admins: [KEY.slice(0, -1)] })),
    bad('genesis, a key with digits behind it', genesis({ admins: [`${KEY}0a`] })),
    bad('genesis, an address with digits behind it', genesis({ admins: [`${ADDRESS}${'0a'.repeat(12)}`] })),
    bad('genesis, a key with a newline behind it', genesis({ admins: [`${KEY}\n`] })),
    bad('genesis, a key of another kind', genesis({ admins: [`rsa:${'0a'.repeat(32)}`] })),
    bad('genesis, a log id in upper case', genesis({ logId: LOG_ID.toUpperCase() })),
    bad('genesis, a log id without dashes', genesis({ logId: LOG_ID.replaceAll('-', '') })),
    bad('genesis, a log id with digits behind it', genesis({ logId: `${LOG_ID}0` })),
    bad('genesis, a log id with a newline behind it', genesis({ logId: `${LOG_ID}\n` })),
    bad('genesis, maxClockAhead 0', genesis({ maxClockAhead: 0 })),
    bad('genesis, maxClockAhead above a day', genesis({ maxClockAhead: 86_400_001 })),
    bad('genesis, partition -2', genesis({ partition: -2 })),
    bad('genesis, no partitions', genesis({ partitions: 0 })),
    bad('genesis, 10,001 partitions', genesis({ partitions: 10_001 })),
    bad('genesis, rules 0', genesis({ rules: 0 })),
    bad('policy, version 0', policy({ version: 0 })),
    bad('policy, unsigned is no boolean', policy({ unsigned: 'no' })),
    bad('policy, a key twice', policy({ admins: [KEY, KEY] })),
    bad('policy, a rule without signers', rule({ signers: undefined })),
    bad('policy, a rule with an unknown member', rule({ more: 1 })),
    bad(
      'policy, a rule with its members not sorted',
      policy({ rules: [Object.fromEntries(Object.entries(RULE).reverse())] }),
    ),
    bad('policy, a signer with digits behind it', rule({ signers: [`${KEY}0a`] })),
    bad('policy, an admin with digits behind it', policy({ admins: [`${ADDRESS}0a`] })),
    bad('policy, an unknown operation', rule({ operations: ['insert'] })),
    bad('policy, a name that is none', rule({ datasets: ['_x'] })),
    bad('policy, columns neither a list nor *', rule({ columns: 'title' })),
    bad('policy, a name with a newline behind it', rule({ columns: ['title\n'] })),
  ]
}
