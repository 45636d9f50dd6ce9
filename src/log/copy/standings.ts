// What holds in each partition of the source, at the place up to which it was judged.

import { initialStanding, type Standing } from '../../codec/policy/standing.ts'
import type { LogRecord } from '../../codec/record.ts'
import type { SignerKey } from '../../codec/signing/signer-key.ts'

export interface Standings {
  /** Behind everything that was judged of a partition, DEFINITIONS included. */
  of(partition: number): Standing
  /** Takes note of what holds behind a record; true when the record is a policy that is valid. */
  move(record: LogRecord, standing: Standing): boolean
  /** The offset of the close that is valid in a partition; null while there is none. */
  closedAt(partition: number): bigint | null
}

export function createStandings(admins: readonly SignerKey[]): Standings {
  const held = new Map<number, Standing>()
  const closes = new Map<number, bigint>()
  const first = initialStanding(admins)
  const of = (partition: number) => held.get(partition) ?? first
  return {
    of,
    move(record, standing) {
      const before = of(record.partition)
      held.set(record.partition, standing)
      if (before.type === 'open' || standing.type === 'open') return false
      if (standing.isClosed && !before.isClosed) closes.set(record.partition, record.offset)
      return standing.version !== before.version
    },
    closedAt: (partition) => closes.get(partition) ?? null,
  }
}
