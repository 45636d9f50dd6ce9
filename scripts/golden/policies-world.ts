// What sequences of policies are made of: records, signed or not, each with what has to become of it.

import { encodeControl, type Policy, type PolicyRule } from '../../src/codec/control.ts'
import { frameSingleObject } from '../../src/codec/framing.ts'
import type { DefinitionReason, ParkReason, QuarantineReason } from '../../src/codec/reasons.ts'
import type { SignerKey } from '../../src/codec/signing/signer-key.ts'
import { block, branch, long, type RawMutation, rawMutation, text } from './raw-avro.ts'
import { type KeyName, keyOf } from './signatures-keys.ts'
import { headersOf } from './signatures-proved.ts'
import { LOG_ID, MAX_CLOCK_AHEAD_MS } from './verdicts-world.ts'

/** `taken`: a definition. */
export type Outcome = 'merge' | 'control' | 'taken' | QuarantineReason | ParkReason | DefinitionReason

export interface Step {
  readonly name: string
  readonly expected: Outcome
  readonly value: Buffer | null
  readonly headers?: readonly { readonly name: string; readonly value: Buffer }[]
  readonly stampedByLog?: boolean
  /** Whom the log knows as its author, when it is merged or parked. */
  readonly signer: SignerKey | null
}

/** The records of one partition behind its genesis. */
export interface Sequence {
  readonly name: string
  readonly admins: readonly SignerKey[]
  readonly generation?: number
  readonly partition?: number
  readonly steps: readonly Step[]
}

export const FIRST = keyOf('first').signer
export const SECOND = keyOf('second').signer
export const WALLET = keyOf('wallet').signer
export const OTHER_WALLET = keyOf('otherWallet').signer

const HEADER = 'spindexer-signature'

export function by(key: KeyName, expected: Outcome, name: string, value: Buffer, logId = LOG_ID): Step {
  const headers = [{ name: HEADER, value: headersOf(keyOf(key), [value], logId)[0]! }]
  return { name, expected, value, headers, signer: keyOf(key).signer }
}

export function unsigned(expected: Outcome, name: string, value: Buffer | null): Step {
  return { name, expected, value, signer: null }
}

/** The same steps, their values signed in one tree. */
export function together(key: KeyName, steps: readonly Step[]): readonly Step[] {
  const headers = headersOf(
    keyOf(key),
    steps.map(({ value }) => value!),
  )
  const { signer } = keyOf(key)
  return steps.map((step, i) => ({ ...step, headers: [{ name: HEADER, value: headers[i]! }], signer }))
}

/** A bit of the signature is another one. */
export function forged(step: Step): Step {
  const value = Buffer.from(step.headers![0]!.value)
  value[60]! ^= 1
  return { ...step, headers: [{ name: HEADER, value }] }
}

export const UPSERT = 0
export const UPDATE = 1
export const DELETE = 2

/** A row of a dataset with columns of any value that fits `tracks`. */
export function row(dataset: string, operation: number, columns: readonly string[] = []): Buffer {
  const values: Readonly<Record<string, Buffer>> = {
    plays: branch.long(7),
    title: branch.string('x'),
    cover: branch.null,
    flag: branch.boolean(1),
  }
  return mutation({
    operation: long(operation),
    dataset: text(dataset),
    ...(columns.length === 0
      ? {}
      : { columns: block(columns.map((name) => Buffer.concat([text(name), values[name]!]))) }),
  })
}

export function mutation(parts: RawMutation): Buffer {
  return frameSingleObject(rawMutation(parts))
}

/** Without rules and with a signature needed, but for the members given. */
export function policy(version: number, members: Partial<Policy>): Buffer {
  const none: Policy = { kind: 'policy', admins: [FIRST], rules: [], unsigned: false, version }
  return encodeControl({ ...none, ...members })
}

/** Upserts of all columns of every dataset by everybody, but for the members given. */
export function rule(members: Partial<PolicyRule>): PolicyRule {
  return { columns: '*', datasets: '*', operations: ['upsert'], signers: '*', ...members }
}

export function closeOf(generation: number): Buffer {
  return encodeControl({ kind: 'close', generation })
}

export function genesisOf(
  admins: readonly SignerKey[],
  generation: number,
  partition: number,
  logId = LOG_ID,
): Buffer {
  return encodeControl({
    kind: 'genesis',
    admins,
    copyId: LOG_ID,
    generation,
    logId,
    maxClockAhead: MAX_CLOCK_AHEAD_MS,
    partition,
    partitions: 1,
    rules: 1,
  })
}
