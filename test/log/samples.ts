// Records and plans that tests of logs are made of.

import type { GenesisPlan } from '../../src/log/genesis.ts'
import type { NewRecord } from '../../src/log/log.ts'

/** One record a text, without key. */
export function text(partition: number, ...values: readonly string[]): NewRecord[] {
  return values.map((value) => ({ partition, key: null, value: Buffer.from(value) }))
}

export function textOf(bytes: Uint8Array | null): string {
  return bytes === null ? '(null)' : Buffer.from(bytes).toString('utf8')
}

/** A plan for an open log, with ids made of one digit. */
export function plan(digit: number): GenesisPlan {
  const id = (end: string) => `${String(digit).repeat(8)}-0000-4000-8000-00000000000${end}`
  return { logId: id('1'), copyId: id('2'), generation: 1, maxClockAheadMs: 60_000n, admins: [] }
}
