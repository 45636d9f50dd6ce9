// A guarded log in which policies change at random while writers go on: rightly and wrongly signed, with and without rights.

import type { Policy, PolicyRule } from '../../src/codec/control.ts'
import { DEFINITIONS } from '../../src/codec/record.ts'
import type { SigningKey } from '../../src/codec/signing/batch-signer.ts'
import type { Log, NewRecord } from '../../src/log/log.ts'
import { controlRecord, signatureOf, signRecords, testKey, withSignature } from '../support/signers.ts'
import { below, one, type Random, randomDefinition, randomRecord } from './world.ts'

const ADMIN_KEYS = [testKey('admin'), testKey('second admin', 'eip191'), testKey('third admin')]
const WRITER_KEYS = [testKey('writer'), testKey('second writer'), testKey('wallet', 'eip191')]
const STRANGER = testKey('stranger')

export const FIRST_ADMINS = ADMIN_KEYS.slice(0, 2).map(({ signer }) => signer)

export interface GuardedWriter {
  /** Records of one write, for one place or several. */
  next(nowMs: bigint): readonly NewRecord[]
  /** The next policy, for each partition and the definitions, each signed by an admin of the one before. */
  nextPolicy(): readonly NewRecord[]
  /** An admin by the newest policy. */
  admin(): SigningKey
}

export function createGuardedWriter(random: Random, logId: string, partitions: number): GuardedWriter {
  let policy: Policy = { kind: 'policy', version: 0, admins: FIRST_ADMINS, rules: [], unsigned: false }
  let seq = 0n
  const sign = (key: SigningKey, record: NewRecord) => signRecords(key, logId, [record])[0]!
  const admin = () =>
    one(
      random,
      ADMIN_KEYS.filter(({ signer }) => policy.admins.includes(signer)),
    )
  const anybody = () =>
    one(random, [...WRITER_KEYS, ...WRITER_KEYS.slice(0, 2), ...WRITER_KEYS.slice(0, 2), admin(), STRANGER])
  const places = [DEFINITIONS, ...Array.from({ length: partitions }, (_, partition) => partition)]

  /** A control record that decides nothing, or is refused; never the next policy, rightly signed. */
  const forgery = (): NewRecord => {
    const partition = one(random, places)
    const version = policy.version + one(random, [0, 1, 1, 2]) || 1
    const all = ADMIN_KEYS.map(({ signer }) => signer)
    const rest = { admins: all, rules: [], unsigned: true }
    const record = controlRecord(
      partition,
      random() < 0.5
        ? { kind: 'policy', version, ...rest }
        : { kind: 'close', generation: 1 + below(random, 3) },
    )
    const dice = random()
    if (dice < 0.3) return record
    if (dice < 0.6) return sign(one(random, [STRANGER, ...WRITER_KEYS]), record)
    if (dice < 0.8) return withSignature(record, broken(random, signatureOf(sign(admin(), record))))
    // Rightly signed: an old version, or a close of another generation.
    const old = { kind: 'policy' as const, version: policy.version - 1, ...rest }
    const isOld = policy.version > 1 && random() < 0.5
    return sign(
      admin(),
      controlRecord(partition, isOld ? old : { kind: 'close', generation: 2 + below(random, 2) }),
    )
  }

  return {
    next(nowMs) {
      const dice = random()
      if (dice < 0.06) return [forgery()]
      if (dice < 0.14) {
        const definition = randomDefinition(random)
        return [
          random() < 0.7
            ? sign(admin(), definition)
            : random() < 0.5
              ? sign(anybody(), definition)
              : definition,
        ]
      }
      const records = Array.from({ length: 1 + below(random, 4) }, () =>
        randomRecord(random, partitions, nowMs + 200n, seq++),
      )
      if (random() < 0.15) return records
      const signed = signRecords(anybody(), logId, records, 1 + below(random, 4))
      if (random() < 0.9) return signed
      return signed.map((record) => withSignature(record, broken(random, signatureOf(record))))
    },
    nextPolicy() {
      const signer = admin()
      const admins = ADMIN_KEYS.filter(() => random() < 0.6).map((key) => key.signer)
      policy = {
        kind: 'policy',
        version: policy.version + 1,
        admins: admins.length > 0 ? admins : [ADMIN_KEYS[0]!.signer],
        rules: Array.from({ length: below(random, 4) }, () => randomRule(random)),
        unsigned: random() < 0.2,
      }
      // At times anew for each place, so that the bytes of the signatures differ.
      const together = random() < 0.5 ? places.length : 1
      return signRecords(
        signer,
        logId,
        places.map((partition) => controlRecord(partition, policy)),
        together,
      )
    },
    admin,
  }
}

/** Appends a policy to one place after the other, in any order, while others write in between. */
export async function applyPolicy(
  log: Log,
  random: Random,
  records: readonly NewRecord[],
  between: () => Promise<void>,
): Promise<void> {
  const left = [...records]
  while (left.length > 0) {
    await log.append(left.splice(below(random, left.length), 1))
    if (random() < 0.5) await between()
  }
}

function randomRule(random: Random): PolicyRule {
  return {
    signers: random() < 0.2 ? '*' : WRITER_KEYS.filter(() => random() < 0.6).map(({ signer }) => signer),
    datasets: random() < 0.5 ? '*' : [one(random, ['d', 'e'])],
    operations: (['upsert', 'update', 'delete'] as const).filter(() => random() < 0.7),
    columns: random() < 0.5 ? '*' : ['a', 'b', 'late'].filter(() => random() < 0.6),
  }
}

function broken(random: Random, header: Buffer): Buffer {
  if (random() < 0.2) return header.subarray(0, below(random, header.length))
  const changed = Buffer.from(header)
  const at = below(random, changed.length)
  changed[at] = changed[at]! ^ (1 << below(random, 8))
  return changed
}
