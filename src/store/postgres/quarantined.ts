// What a node has quarantined of a stretch of its log, for those who tell what it has merged.

import type { PoolClient } from 'pg'
import { DEFINITIONS } from '../../codec/record.ts'
import { listSetAside } from './sql/set-aside.ts'
import { type Head, readPositions } from './state.ts'

/** Of one partition, or DEFINITIONS. */
export interface OffsetRange {
  readonly partition: number
  readonly from: bigint
  readonly next: bigint
}

/** The offsets of quarantined records, ascending; null where the state of this snapshot is not at the range's end. */
export async function readQuarantined(
  client: PoolClient,
  head: Head,
  { partition, from, next }: OffsetRange,
): Promise<readonly bigint[] | null> {
  if ((await positionOf(client, head, partition)) < next) return null
  const offsets: bigint[] = []
  const filter = { kind: 'quarantined', partition, offsets: { from, next } } as const
  for await (const { offset } of listSetAside(client, filter, 'quarantined')) offsets.push(offset)
  return offsets
}

async function positionOf(client: PoolClient, head: Head, partition: number): Promise<bigint> {
  if (partition === DEFINITIONS) return head.offset
  const positions = await readPositions(client)
  return positions.find((each) => each.partition === partition)?.position ?? 0n
}
