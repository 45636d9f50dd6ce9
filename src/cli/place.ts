// Places and times of the log as people type and read them.

import { InvalidArgumentError } from 'commander'
import { DEFINITIONS } from '../codec/record.ts'

const DEFINITIONS_NAME = 'definitions'
const PARTITION_MAX = 10_000
const OFFSET_END = 1n << 63n
/** The last millisecond that ISO 8601 has four digits for; times are those of whoever wrote the record. */
const YEAR_10000_MS = 253_402_300_800_000n

/** A number, or `definitions` (also -1). Throws what Commander prints. */
export function parsePartition(text: string): number {
  if (text === DEFINITIONS_NAME) return DEFINITIONS
  const partition = Number(text)
  if (/^(?:-1|\d{1,5})$/.test(text) && partition < PARTITION_MAX) return partition
  throw new InvalidArgumentError(`It should be the number of a partition, from 0, or ${DEFINITIONS_NAME}.`)
}

/** Throws what Commander prints. */
export function parseOffset(text: string): bigint {
  const offset = /^\d{1,19}$/.test(text) ? BigInt(text) : OFFSET_END
  if (offset < OFFSET_END) return offset
  throw new InvalidArgumentError('It should be an offset: a whole number, from 0.')
}

export function partitionName(partition: number): string {
  return partition === DEFINITIONS ? DEFINITIONS_NAME : String(partition)
}

/** ISO 8601 in UTC, or null for what is no time of these millennia. */
export function msToIso(ms: bigint): string | null {
  return ms >= 0n && ms < YEAR_10000_MS ? new Date(Number(ms)).toISOString() : null
}
