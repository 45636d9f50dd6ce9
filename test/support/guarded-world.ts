// A guarded log in which everything happens that may go wrong with signatures and policies, each record with what becomes of it.

import { encodeMutation } from '../../src/codec/avro-encode.ts'
import type { Catalogue } from '../../src/codec/catalogue.ts'
import type { Policy } from '../../src/codec/control.ts'
import { judgeDefinitions, nothingDefined } from '../../src/codec/definitions.ts'
import { frameSingleObject } from '../../src/codec/framing.ts'
import { parseJson } from '../../src/codec/json.ts'
import { DEFINITIONS, type LogRecord } from '../../src/codec/record.ts'
import type { Operation } from '../../src/crdt/mutation.ts'
import { createStamp, type Origin } from '../../src/crdt/stamp.ts'
import type { Value } from '../../src/crdt/value.ts'
import type { NewRecord } from '../../src/log/log.ts'
import { controlRecord, signatureOf, signRecords, testKey, withSignature } from './signers.ts'

export interface GuardedItem {
  readonly name: string
  readonly record: NewRecord
  /** `merge`, `control`, `taken` (a definition), or the reason to quarantine it. */
  readonly expected: string
}

export const KEYS = {
  admin: testKey('admin'),
  secondAdmin: testKey('second admin', 'eip191'),
  successor: testKey('successor'),
  writer: testKey('writer'),
  wallet: testKey('wallet', 'eip191'),
  stranger: testKey('stranger'),
}

export const ADMINS = [KEYS.admin.signer, KEYS.secondAdmin.signer]
const OTHER_LOG_ID = 'ffffffff-4455-6677-8899-aabbccddeeff'
const BEGAN_NS = 1_700_000_000_000_000_000n
/** The order of Ed25519's group, little-endian: S plus it would be as right in a lax implementation. */
const ED25519_ORDER = 2n ** 252n + 27742317777372353535851937790883648493n
const SECP256K1_ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n

const DATASET = (name: string) =>
  `{"fields":[{"name":"id","type":"string"},{"name":"plays","type":["null","long"]},{"name":"title","type":["null","string"]}],"key":["id"],"name":"${name}","type":"record"}`

const POLICIES: readonly Policy[] = [
  {
    kind: 'policy',
    version: 1,
    admins: [KEYS.admin.signer, KEYS.successor.signer],
    rules: [
      {
        signers: [KEYS.writer.signer],
        operations: ['upsert', 'update'],
        datasets: ['tracks'],
        columns: ['title'],
      },
      { signers: [KEYS.wallet.signer], operations: ['upsert', 'delete'], datasets: ['tracks'], columns: '*' },
    ],
    unsigned: false,
  },
  {
    kind: 'policy',
    version: 2,
    admins: [KEYS.successor.signer],
    rules: [{ signers: [KEYS.wallet.signer], operations: ['upsert'], datasets: '*', columns: '*' }],
    unsigned: false,
  },
  { kind: 'policy', version: 3, admins: [KEYS.successor.signer], rules: [], unsigned: true },
]

/** The definitions of the log `logId` of generation 1, in order, behind the genesis. */
export function guardedDefinitions(logId: string): readonly GuardedItem[] {
  const dataset = (name: string) => {
    const parsed = parseJson(DATASET(name))
    if (parsed.type === 'refused') throw new Error(parsed.detail)
    return controlRecord(DEFINITIONS, { kind: 'dataset', schema: parsed.value as never })
  }
  const sign = (key: keyof typeof KEYS, record: NewRecord) => signRecords(KEYS[key], logId, [record])[0]!
  const policy = (version: number) => controlRecord(DEFINITIONS, POLICIES[version - 1]!)
  return [
    { name: 'a definition by nobody', record: dataset('strange'), expected: 'not-admin' },
    {
      name: 'a definition by a stranger',
      record: sign('stranger', dataset('strange')),
      expected: 'not-admin',
    },
    { name: 'a definition by an admin', record: sign('admin', dataset('tracks')), expected: 'taken' },
    { name: 'one by the other admin', record: sign('secondAdmin', dataset('albums')), expected: 'taken' },
    { name: 'policy 1', record: sign('admin', policy(1)), expected: 'control' },
    { name: 'policy 2', record: sign('successor', policy(2)), expected: 'control' },
    { name: 'one by a replaced admin', record: sign('admin', dataset('late')), expected: 'not-admin' },
    { name: 'policy 3', record: sign('successor', policy(3)), expected: 'control' },
    {
      name: 'one by nobody, though mutations need no signature',
      record: dataset('late'),
      expected: 'not-admin',
    },
  ]
}

/** What a data partition of the log holds, in order, behind the genesis. Keys are its own. Ends with a valid close. */
export function guardedPartition(logId: string, partition: number): readonly GuardedItem[] {
  let number = 0
  const items: GuardedItem[] = []
  const add = (expected: string, name: string, record: NewRecord) => items.push({ name, record, expected })
  const message = (
    columns: Readonly<Record<string, Value>> = { title: 'a' },
    operation: Operation = 'upsert',
    dataset = 'tracks',
    origin = sharedOrigin(partition),
  ): NewRecord => {
    number++
    const mutation = {
      stamp: createStamp(BEGAN_NS + BigInt(number), origin),
      seq: null,
      operation,
      dataset,
      key: [`row ${partition} ${operation === 'delete' ? number - 1 : number}`],
      columns: new Map(Object.entries(columns)),
    }
    return { partition, key: null, value: frameSingleObject(encodeMutation(mutation)) }
  }
  const signed = (key: keyof typeof KEYS, record: NewRecord, log = logId) =>
    signRecords(KEYS[key], log, [record])[0]!
  const policy = (version: number) => controlRecord(partition, POLICIES[version - 1]!)
  const tampered = (key: keyof typeof KEYS, change: (header: Buffer) => Buffer) => {
    const record = signed(key, message())
    return withSignature(record, change(signatureOf(record)))
  }

  add('merge', 'before any policy, an admin', signed('admin', message()))
  add('merge', 'the other admin, a wallet', signed('secondAdmin', message()))
  add('not-allowed', 'before any policy, a writer', signed('writer', message()))
  add('unsigned', 'before any policy, nobody', message())
  add('not-admin', 'a policy by a stranger', signed('stranger', policy(1)))
  add('not-admin', 'a policy by nobody', policy(1))
  add('wrong-version', 'a policy that skips a version', signed('admin', policy(2)))
  add('bad-signature', 'a policy signed for another log', signed('admin', policy(1), OTHER_LOG_ID))
  add('control', 'policy 1', signed('admin', policy(1)))

  add('merge', 'a column with the right', signed('writer', message({ title: 'b' })))
  add('not-allowed', 'a column without the right', signed('writer', message({ title: 'b', plays: 7n })))
  add('not-allowed', 'an operation without the right', signed('writer', message({}, 'delete')))
  add('merge', 'an operation with the right', signed('wallet', message({}, 'delete')))
  add('not-allowed', 'a dataset without the right', signed('wallet', message({}, 'upsert', 'albums')))
  add('not-allowed', 'a signer without any right', signed('stranger', message()))
  add('unsigned', 'nobody', message())
  for (const [i, record] of signRecords(
    KEYS.writer,
    logId,
    [message(), message(), message(), message(), message()],
    8,
  ).entries()) {
    add('merge', `message ${i} of a batch`, record)
  }
  const batch = signRecords(KEYS.writer, logId, [message(), message(), message()], 8)
  add('bad-signature', 'a path that proves another message', withSignature(batch[0]!, signatureOf(batch[1]!)))
  add('bad-signature', 'a path with another node', withSignature(batch[1]!, flip(signatureOf(batch[1]!), -1)))
  add(
    'bad-signature',
    'a path that is too short',
    withSignature(batch[2]!, signatureOf(batch[2]!).subarray(0, -32)),
  )
  add('bad-signature', 'on other bytes', withSignature(message(), signatureOf(signed('writer', message()))))
  add('bad-signature', 'for another log', signed('writer', message(), OTHER_LOG_ID))
  add(
    'bad-signature',
    'forged',
    tampered('writer', (header) => flip(header, 40)),
  )
  add(
    'bad-signature',
    'by another key than it names',
    tampered('stranger', (header) => renamed(header)),
  )
  add('bad-signature', 'malleable: S plus the order', tampered('writer', addOrder))
  add('bad-signature', 'malleable: the twin with a high s', tampered('wallet', highS))
  add(
    'bad-signature',
    'the other scheme',
    tampered('writer', (header) => Buffer.concat([Buffer.of(2), header.subarray(1)])),
  )
  add(
    'bad-signature',
    'no scheme',
    tampered('writer', (header) => Buffer.concat([Buffer.of(3), header.subarray(1)])),
  )
  add('bad-signature', 'nothing', withSignature(message(), Buffer.alloc(0)))
  add('bad-signature', 'a key of small order', tampered('writer', smallOrder))
  add('wrong-version', 'the policy in force once more', signed('admin', policy(1)))
  add('not-admin', 'a policy by an admin of the genesis who was replaced', signed('secondAdmin', policy(2)))
  add('control', 'policy 2, which tightens', signed('successor', policy(2)))

  add('not-allowed', 'what policy 1 allowed', signed('writer', message()))
  add('not-allowed', 'an admin who was replaced', signed('admin', message()))
  add(
    'merge',
    'what policy 2 allows',
    signed('wallet', message({ plays: 1n }, 'upsert', 'albums', walletOrigin(partition))),
  )
  add('not-admin', 'an old record of the admins once more', signed('admin', policy(1)))
  add('not-admin', 'the next policy by the replaced admin', signed('admin', policy(3)))
  add('control', 'policy 3, which loosens', signed('successor', policy(3)))

  add('merge', 'nobody, where nobody has to sign', message())
  add('merge', 'a stranger who signs all the same', signed('stranger', message()))
  add(
    'bad-signature',
    'a forged one, where nobody has to sign',
    tampered('writer', (header) => flip(header, 50)),
  )
  add('wrong-version', 'an older version behind a newer one', signed('successor', policy(2)))
  add('not-admin', 'a close by a stranger', signed('stranger', closeOf(partition, 1)))
  add('wrong-generation', 'a close of another generation', signed('successor', closeOf(partition, 2)))
  add('merge', 'behind closes that are none', message())
  add('control', 'the close', signed('successor', closeOf(partition, 1)))
  add('closed', 'behind the close', signed('successor', message()))
  add('closed', 'a policy behind the close', signed('successor', policy(3)))
  return items
}

/** Under this origin everybody writes, signed or not. */
export function sharedOrigin(partition: number): Origin {
  return `00000000000000${partition.toString(16).padStart(2, '0')}` as Origin
}

/** Under this one the wallet alone. */
export function walletOrigin(partition: number): Origin {
  return `aaaaaaaaaaaaaa${partition.toString(16).padStart(2, '0')}` as Origin
}

function closeOf(partition: number, generation: number): NewRecord {
  return controlRecord(partition, { kind: 'close', generation })
}

/** One bit of a byte; counted from the end where it is negative. */
function flip(header: Buffer, at: number): Buffer {
  const changed = Buffer.from(header)
  const place = at < 0 ? changed.length + at : at
  changed[place] = changed[place]! ^ 1
  return changed
}

/** The header names the writer; the signature is the stranger's. */
function renamed(header: Buffer): Buffer {
  const changed = Buffer.from(header)
  changed.set(Buffer.from(KEYS.writer.signer.slice('ed25519:'.length), 'hex'), 1)
  return changed
}

const ED25519_S_AT = 1 + 32 + 32
function addOrder(header: Buffer): Buffer {
  const changed = Buffer.from(header)
  const s = BigInt(
    `0x${Buffer.from(header.subarray(ED25519_S_AT, ED25519_S_AT + 32))
      .reverse()
      .toString('hex')}`,
  )
  const sum = (s + ED25519_ORDER).toString(16).padStart(64, '0')
  changed.set(Buffer.from(sum, 'hex').reverse(), ED25519_S_AT)
  return changed
}

const EIP191_S_AT = 1 + 20 + 32
function highS(header: Buffer): Buffer {
  const changed = Buffer.from(header)
  const s = BigInt(`0x${header.subarray(EIP191_S_AT, EIP191_S_AT + 32).toString('hex')}`)
  changed.set(Buffer.from((SECP256K1_ORDER - s).toString(16).padStart(64, '0'), 'hex'), EIP191_S_AT)
  changed[EIP191_S_AT + 32] = header[EIP191_S_AT + 32] === 27 ? 28 : 27
  return changed
}

/** The neutral element as key and as R, with S 0: right for every message in a lax implementation. */
function smallOrder(header: Buffer): Buffer {
  const changed = Buffer.from(header)
  changed.fill(0, 1, 1 + 32 + 64)
  changed[1] = 1
  changed[1 + 32] = 1
  return changed
}

/** What the definitions of the log add up to. */
export function guardedCatalogue(logId: string): Catalogue {
  const records = guardedDefinitions(logId).map(({ record }, i): LogRecord => {
    const { key, value, headers = [] } = record
    return {
      partition: DEFINITIONS,
      offset: BigInt(i + 1),
      appendMs: 0n,
      stampedByLog: true,
      key,
      value,
      headers,
    }
  })
  const end = BigInt(records.length + 1)
  return judgeDefinitions(nothingDefined(ADMINS), records, end, { logId, generation: 1 }).catalogue
}
