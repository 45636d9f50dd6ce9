// How vectors write values and mutations, and the comparison of what is computed with what was expected by hand.

import { isDeepStrictEqual } from 'node:util'
import type { Mutation } from '../../src/crdt/mutation.ts'
import { compareText, type Value } from '../../src/crdt/value.ts'

export type Branch = 'null' | 'boolean' | 'long' | 'double' | 'string' | 'bytes'

/** Long as digits, double as 16 hex digits of its bits, bytes as hex. */
export interface ValueForm {
  readonly branch: Branch
  readonly value: null | boolean | string
}

export function toForm(value: Value): ValueForm {
  switch (typeof value) {
    case 'boolean':
      return { branch: 'boolean', value }
    case 'bigint':
      return { branch: 'long', value: String(value) }
    case 'number': {
      const bits = Buffer.alloc(8)
      bits.writeDoubleBE(value)
      return { branch: 'double', value: bits.toString('hex') }
    }
    case 'string':
      return { branch: 'string', value }
    default:
      return value === null
        ? { branch: 'null', value }
        : { branch: 'bytes', value: Buffer.from(value).toString('hex') }
  }
}

/** Columns are listed sorted, as the canonical encoding has them. */
export function toMutationForm({ stamp, seq, operation, dataset, key, columns }: Mutation) {
  const names = [...columns.keys()].sort(compareText)
  return {
    stamp,
    seq: seq === null ? null : String(seq),
    operation,
    dataset,
    key,
    columns: Object.fromEntries(names.map((name) => [name, toForm(columns.get(name)!)])),
  }
}

/** Throws unless the code computes what was expected: a vector is not allowed to bless the code that it tests. */
export function demand(what: string, computed: unknown, expected: unknown): void {
  if (isDeepStrictEqual(computed, expected)) return
  const show = (value: unknown) =>
    JSON.stringify(value, (_, part) => (typeof part === 'bigint' ? `${part}n` : part))
  throw new Error(`${what}: computed ${show(computed)}, expected ${show(expected)}`)
}

export const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex')
