// Who may write where a node stands in its log: the policy's version, by partition where they differ, and whether the log is closed.

import { type GuardedStanding, initialStanding } from '../codec/policy/standing.ts'
import { DEFINITIONS } from '../codec/record.ts'
import { checkLog } from '../log/check.ts'
import type { LogDescription } from '../log/log.ts'
import type { StoreStatus } from '../store/store.ts'

export interface PartitionPolicy {
  /** DEFINITIONS for the definitions. */
  readonly partition: number
  /** 0: the genesis. */
  readonly version: number
  readonly isClosed: boolean
}

/** Null stands for what differs between partitions, and in an open log. */
export interface PolicyRecord {
  readonly type: 'open' | 'guarded'
  readonly version: number | null
  readonly isClosed: boolean | null
  /** Where they differ, all of them, the definitions first; else none. */
  readonly partitions: readonly PartitionPolicy[]
}

/** Null while it is not known: the log is away, and the node has met no policy in it. */
export function policyOf(status: StoreStatus, description: LogDescription | null): PolicyRecord | null {
  const standings = status.state?.standings ?? new Map<number, GuardedStanding>()
  const check = description === null ? null : checkLog(description)
  const genesis = check?.type === 'ok' ? initialStanding(check.genesis.admins) : null
  if (genesis?.type === 'open') return { type: 'open', version: null, isClosed: null, partitions: [] }
  if (genesis === null && standings.size === 0) return null
  const numbers = new Set([
    DEFINITIONS,
    ...standings.keys(),
    ...status.counts.map(({ partition }) => partition),
    ...(description?.partitions ?? []).map(({ partition }) => partition),
  ])
  const partitions = [...numbers]
    .sort((a, b) => a - b)
    .map((partition) => {
      const { version, isClosed } = standings.get(partition) ?? { version: 0, isClosed: false }
      return { partition, version, isClosed }
    })
  const version = commonOf(partitions.map((one) => one.version))
  const isClosed = commonOf(partitions.map((one) => one.isClosed))
  const isSame = version !== null && isClosed !== null
  return { type: 'guarded', version, isClosed, partitions: isSame ? [] : partitions }
}

function commonOf<T>(values: readonly T[]): T | null {
  const [first] = values
  return first !== undefined && values.every((value) => value === first) ? first : null
}
