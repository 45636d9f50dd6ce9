// Vectors of whole mutations: their canonical Avro bytes, both framings, and the origin of their content.

import { decodeMutation } from '../../src/codec/avro.ts'
import { encodeMutation } from '../../src/codec/avro-encode.ts'
import { frameConfluent, frameSingleObject } from '../../src/codec/framing.ts'
import { hashOrigin } from '../../src/codec/origin.ts'
import type { Mutation, Operation } from '../../src/crdt/mutation.ts'
import { createStamp, type Origin, stampToTime } from '../../src/crdt/stamp.ts'
import type { Value } from '../../src/crdt/value.ts'
import { demand, hex, toMutationForm } from './forms.ts'
import {
  block,
  branch,
  END,
  long,
  type RawMutation,
  rawMutation,
  sizedBlock,
  stampOf,
  text,
} from './raw-avro.ts'

const TIME_NS = 1_666_283_719_896_000_000n
const ORIGIN = '00112233aabbccdd' as Origin
const LONGS = [0n, -1n, 63n, 64n, -64n, -65n, 8191n, 8192n, (1n << 48n) - 1n, 1n << 48n, 1n << 62n]
const LONG_ENDS = [(1n << 63n) - 1n, -(1n << 63n)]

interface Message {
  readonly name: string
  readonly operation?: Operation
  readonly timeNs?: bigint
  readonly seq?: bigint
  readonly dataset?: string
  readonly key?: readonly string[]
  readonly columns?: Readonly<Record<string, Value>>
  readonly schemaId?: number
  /** Other bytes that are the same message to a reader. */
  readonly others?: readonly RawMutation[]
}

const numbered = (values: readonly Value[], prefix: string) =>
  Object.fromEntries(values.map((value, i) => [`${prefix}${i}`, value]))

const MESSAGES: readonly Message[] = [
  { name: 'an upsert without columns' },
  { name: 'a delete', operation: 'delete', schemaId: 7 },
  { name: 'an update with null', operation: 'update', columns: { title: null } },
  { name: 'seq 0', seq: 0n },
  { name: 'seq 1 with a great schema id', seq: 1n, schemaId: 4_294_967_295 },
  { name: 'the greatest seq', seq: (1n << 53n) - 1n },
  { name: 'the first time', timeNs: 1n },
  { name: 'the last time', timeNs: (1n << 63n) - 1n },
  { name: 'booleans', columns: { no: false, yes: true } },
  { name: 'longs', columns: { ...numbered(LONGS, 'n'), ...numbered(LONG_ENDS, 'end') } },
  { name: 'doubles', columns: numbered([0, 1, -1.5, 0.1, 5e-324, 1.7976931348623157e308], 'd') },
  { name: 'strings', columns: numbered(['', 'a', 'é', '\ufffd', '\u{10000}', '\u0001\n"\\'], 's') },
  { name: 'a string of 64 bytes', columns: { s: 'x'.repeat(64) } },
  { name: 'a string of 40 bytes that are not ASCII', columns: { s: 'é'.repeat(20) } },
  { name: 'bytes', columns: { empty: hex(''), one: hex('00'), some: hex('00ff80c328') } },
  { name: 'names in order of bytes', columns: { b: 1n, a: 2n, B: 3n, a_: 4n, aa: 5n, a1: 6n } },
  { name: 'every branch', columns: { a: null, b: true, c: -7n, d: 2.5, e: 'text', f: hex('f00d') } },
  {
    name: 'columns in other orders and blocks',
    columns: { B: null, a: 7n, b: 'x' },
    others: otherColumns({ B: branch.null, a: branch.long(7), b: branch.string('x') }),
  },
  {
    name: 'a key in other blocks',
    key: ['x', 'y'],
    others: [
      { key: Buffer.concat([long(1), text('x'), block([text('y')])]) },
      { key: Buffer.concat([sizedBlock([text('x'), text('y')]), END]) },
    ],
  },
  { name: 'a key of three texts', key: ['', 'é', 'x'.repeat(70)] },
  { name: 'a key of sixteen texts', key: Array.from({ length: 16 }, (_, i) => String(i)) },
  { name: 'the longest names', dataset: 'd'.repeat(55), columns: { ['c'.repeat(55)]: 0n } },
  { name: 'sixty-four columns', columns: numbered(Array<Value>(64).fill(null), 'c') },
]

export function messageVectors() {
  checkByHand()
  return MESSAGES.map((message) => {
    const mutation = createMutation(message)
    const avro = encodeMutation(mutation)
    demand(`${message.name}: decoded`, decodeMutation(avro, 0), {
      type: 'mutation',
      mutation: plainBytes(mutation),
    })
    const others = (message.others ?? []).map((parts) =>
      checkOther(message.name, mutation, rawMutation(parts)),
    )
    const schemaId = message.schemaId ?? 1
    return {
      name: message.name,
      mutation: toMutationForm(mutation),
      avro: avro.toString('hex'),
      singleObject: frameSingleObject(avro).toString('hex'),
      confluent: { schemaId, hex: frameConfluent(schemaId, avro).toString('hex') },
      contentOrigin: hashOrigin(mutation, stampToTime(mutation.stamp)),
      ...(others.length === 0 ? {} : { otherAvro: others.map((other) => other.toString('hex')) }),
    }
  })
}

/** The origin is a hash of the content, so it may not follow the order in which somebody wrote it. */
function checkOther(name: string, mutation: Mutation, avro: Buffer): Buffer {
  const decoded = decodeMutation(avro, 0)
  demand(`${name}: decoded from other bytes`, decoded, { type: 'mutation', mutation: plainBytes(mutation) })
  demand(`${name}: bytes that differ`, avro.equals(encodeMutation(mutation)), false)
  if (decoded.type !== 'mutation') return avro
  const timeNs = stampToTime(mutation.stamp)
  demand(`${name}: the same origin`, hashOrigin(decoded.mutation, timeNs), hashOrigin(mutation, timeNs))
  return avro
}

function otherColumns(values: Readonly<Record<string, Buffer>>): readonly RawMutation[] {
  const backwards = Object.entries(values)
    .map(([name, value]) => Buffer.concat([text(name), value]))
    .reverse()
  const [first, ...rest] = backwards
  return [
    { columns: block(backwards) },
    { columns: Buffer.concat([long(1), first!, block(rest)]) },
    { columns: Buffer.concat([sizedBlock(backwards), END]) },
  ]
}

function createMutation(message: Message): Mutation {
  return {
    stamp: createStamp(message.timeNs ?? TIME_NS, ORIGIN),
    seq: message.seq ?? null,
    operation: message.operation ?? 'upsert',
    dataset: message.dataset ?? 'tracks',
    key: message.key ?? ['t1'],
    columns: new Map(Object.entries(message.columns ?? {})),
  }
}

/** Decoded columns come sorted, and bytes as plain Uint8Arrays. */
function plainBytes(mutation: Mutation): Mutation {
  const sorted = [...mutation.columns].sort(([a], [b]) => (a < b ? -1 : 1))
  const plain = sorted.map(([name, value]): [string, Value] => [
    name,
    value instanceof Uint8Array ? new Uint8Array(value) : value,
  ])
  return { ...mutation, columns: new Map(plain) }
}

function checkByHand(): void {
  const encode = (message: Message) => encodeMutation(createMutation(message)).toString('hex')
  demand(
    'the plainest message',
    encode({ name: '' }),
    '171fd437036ae600 00112233aabbccdd 00 00 0c747261636b73 020474310000'.replaceAll(' ', ''),
  )
  const every = createMutation(MESSAGES.find(({ name }) => name === 'every branch')!)
  const columns = block([
    Buffer.concat([text('a'), branch.null]),
    Buffer.concat([text('b'), branch.boolean(1)]),
    Buffer.concat([text('c'), branch.long(-7)]),
    Buffer.concat([text('d'), branch.double(2.5)]),
    Buffer.concat([text('e'), branch.string('text')]),
    Buffer.concat([text('f'), branch.bytes(hex('f00d'))]),
  ])
  demand('every branch', encodeMutation(every).toString('hex'), rawMutation({ columns }).toString('hex'))
  demand(
    'seq and delete',
    encodeMutation({ ...createMutation({ name: '', operation: 'delete' }), seq: 300n }).toString('hex'),
    rawMutation({
      stamp: stampOf(TIME_NS),
      seq: Buffer.concat([Buffer.from([2]), long(300)]),
      operation: long(2),
    }).toString('hex'),
  )
}
