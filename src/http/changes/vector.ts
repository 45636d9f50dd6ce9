// How far somebody has come in the log: an offset for each partition, as a text that clients bring back.

import { DEFINITIONS } from '../../codec/record.ts'

/** By partition, DEFINITIONS included, the offset below which everything was seen. */
export type Vector = ReadonlyMap<number, bigint>

export type ParsedVector =
  | { readonly type: 'vector'; readonly vector: Vector }
  /** Of another log, or another copy of it. */
  | { readonly type: 'gone' }
  /** Half a sentence. */
  | { readonly type: 'refused'; readonly detail: string }

const BASE = 36
const PATTERN = /^[A-Za-z0-9_-]{22}(?:\.[0-9a-z]{1,12})+$/

/**
 * The copy's id in base64url, then the offsets of the definitions and of each partition from 0, in base 36, joined by
 * points. `copyId` is a uuid.
 */
export function vectorToText(copyId: string, partitions: number, vector: Vector): string {
  const parts = [copyText(copyId), offsetText(vector, DEFINITIONS)]
  for (let partition = 0; partition < partitions; partition++) parts.push(offsetText(vector, partition))
  return parts.join('.')
}

export function textToVector(text: string, copyId: string, partitions: number): ParsedVector {
  if (!PATTERN.test(text)) return { type: 'refused', detail: 'it is no id of an event' }
  const [copy, ...offsets] = text.split('.')
  if (copy !== copyText(copyId)) return { type: 'gone' }
  if (offsets.length !== partitions + 1) {
    return {
      type: 'refused',
      detail: `it is of a log of ${offsets.length - 1} partitions, and this has ${partitions}`,
    }
  }
  return {
    type: 'vector',
    vector: new Map(offsets.map((offset, i) => [i === 0 ? DEFINITIONS : i - 1, toOffset(offset)])),
  }
}

/** True when somebody who is at `vector` has everything below `start`. */
export function isAtLeast(vector: Vector, start: Vector): boolean {
  for (const [partition, offset] of start) if ((vector.get(partition) ?? 0n) < offset) return false
  return true
}

/** How many offsets are between two vectors, where the second one is ahead. */
export function distance(from: Vector, to: Vector): bigint {
  let sum = 0n
  for (const [partition, offset] of to) {
    const behind = offset - (from.get(partition) ?? 0n)
    if (behind > 0n) sum += behind
  }
  return sum
}

function copyText(copyId: string): string {
  return Buffer.from(copyId.replaceAll('-', ''), 'hex').toString('base64url')
}

function offsetText(vector: Vector, partition: number): string {
  return (vector.get(partition) ?? 0n).toString(BASE)
}

/** Of at most 12 digits, which 62 bits hold. */
function toOffset(text: string): bigint {
  let value = 0n
  for (const digit of text) value = value * BigInt(BASE) + BigInt(Number.parseInt(digit, BASE))
  return value
}
