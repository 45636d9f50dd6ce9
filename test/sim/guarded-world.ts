// A guarded log whose writers, admins and strangers do what they may and what they may not, at random.

import type { Policy, PolicyRule } from '../../src/codec/control.ts'
import { DEFINITIONS } from '../../src/codec/record.ts'
import { SIGNATURE_HEADER } from '../../src/codec/signing/header.ts'
import type { NewRecord } from '../../src/log/log.ts'
import { controlRecord, signatureOf, signRecords, testKey, withSignature } from '../support/signers.ts'
import { below, one, type Random, randomDefinition, randomRecord } from './world.ts'

const KEYS = {
  admin: testKey('admin'),
  wallet: testKey('admin with a wallet', 'eip191'),
  writer: testKey('writer'),
  other: testKey('other writer'),
  stranger: testKey('stranger'),
}
type Name = keyof typeof KEYS
const NAMES = Object.keys(KEYS) as Name[]
const OTHER_LOG_ID = '22222222-2222-4222-8222-222222222222'

export const ADMINS = [KEYS.admin.signer, KEYS.wallet.signer]

export interface GuardedWriters {
  /** Some records to append at once: messages signed together or alone, by whom ever, or not at all. */
  messages(nowMs: bigint, seq: bigint): readonly NewRecord[]
  definition(): NewRecord
  /** A policy for one partition or for all of them and the definitions, as a rule the next one. */
  policies(): readonly NewRecord[]
  /** Of a partition: valid or not. */
  close(isValid: boolean): NewRecord
}

/** What the writers know of a partition: its admins are never all unknown, or nothing would happen any more. */
interface Known {
  version: number
  admin: Name
}

export function createGuardedWriters(random: Random, partitions: number, logId: string): GuardedWriters {
  const places = [DEFINITIONS, ...Array.from({ length: partitions }, (_, partition) => partition)]
  const known = new Map<number, Known>(places.map((place) => [place, { version: 0, admin: 'admin' }]))
  const sign = (name: Name, records: readonly NewRecord[], log = logId) =>
    signRecords(KEYS[name], log, records, one(random, [1, 4]))
  const signOne = (name: Name, record: NewRecord): NewRecord => sign(name, [record])[0]!
  const author = (place: number): Name =>
    random() < 0.5
      ? known.get(place)!.admin
      : one(random, ['writer', 'writer', 'other', 'stranger', 'wallet'])

  const randomPolicy = (version: number, admin: Name): Policy => ({
    kind: 'policy',
    version,
    admins: [KEYS[admin].signer, ...(random() < 0.5 ? [KEYS.other.signer] : [])],
    rules: Array.from({ length: below(random, 4) }, () => randomRule(random)),
    unsigned: random() < 0.25,
  })
  const policy = (place: number): NewRecord => {
    const held = known.get(place)!
    const dice = random()
    if (dice < 0.1) return controlRecord(place, randomPolicy(held.version + 1, 'stranger'))
    if (dice < 0.2)
      return signOne('stranger', controlRecord(place, randomPolicy(held.version + 1, 'stranger')))
    if (dice < 0.3)
      return signOne(held.admin, controlRecord(place, randomPolicy(held.version + 2, 'stranger')))
    const admin = one(random, ['admin', 'wallet', held.admin] as const)
    const record = controlRecord(place, randomPolicy(held.version + 1, admin))
    const signed = signOne(held.admin, record)
    known.set(place, { version: held.version + 1, admin })
    return signed
  }

  return {
    messages(nowMs, seq) {
      const count = random() < 0.3 ? 1 + below(random, 5) : 1
      const records = Array.from({ length: count }, (_, i) =>
        randomRecord(random, partitions, nowMs, seq + BigInt(i)),
      )
      const dice = random()
      if (dice < 0.15) return records
      const name = author(records[0]!.partition!)
      const signed = sign(name, records, dice < 0.2 ? OTHER_LOG_ID : logId)
      return dice < 0.35 ? signed.map((record) => spoil(random, record)) : signed
    },
    definition() {
      const record = randomDefinition(random)
      return random() < 0.15
        ? record
        : signOne(random() < 0.9 ? known.get(DEFINITIONS)!.admin : 'stranger', record)
    },
    policies: () => (random() < 0.5 ? [policy(one(random, places))] : places.map(policy)),
    close(isValid) {
      const place = below(random, partitions)
      const record = controlRecord(place, { kind: 'close', generation: isValid ? 1 : 2 })
      return signOne(isValid ? known.get(place)!.admin : one(random, NAMES), record)
    },
  }
}

function randomRule(random: Random): PolicyRule {
  const some = <T>(items: readonly T[]): readonly T[] | '*' =>
    random() < 0.4 ? '*' : items.filter(() => random() < 0.6)
  const operations = (['upsert', 'update', 'delete'] as const).filter(() => random() < 0.7)
  const signers = some([KEYS.writer.signer, KEYS.other.signer])
  return { columns: some(['a', 'b', 'late']), datasets: some(['d', 'e']), operations, signers }
}

/** What a stranger, or a faulty writer, makes of a signed record; some of it changes nothing that counts. */
function spoil(random: Random, record: NewRecord): NewRecord {
  const signature = signatureOf(record)
  const flip = (bytes: Buffer): Buffer => {
    const changed = Buffer.from(bytes)
    const at = below(random, changed.length)
    changed[at] = changed[at]! ^ (1 << below(random, 8))
    return changed
  }
  switch (below(random, 7)) {
    case 0:
      return withSignature(record, flip(signature))
    case 1:
      return withSignature(record, signature.subarray(0, below(random, signature.length)))
    case 2:
      return { ...record, value: flip(record.value) }
    case 3:
      return { ...record, headers: [{ name: 'trace', value: Buffer.from('1') }, ...record.headers!] }
    case 4:
      return { ...record, headers: [...record.headers!, { name: 'spindexer-unknown', value: signature }] }
    case 5:
      return { ...record, headers: [...record.headers!, { name: SIGNATURE_HEADER, value: signature }] }
    default:
      return { ...record, headers: [] }
  }
}
