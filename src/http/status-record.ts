// A node's status as one record, as `status --json` prints it and GET /v1/status answers it.

import { explainReason } from '../codec/reasons.ts'
import { checkLog } from '../log/check.ts'
import type { LogDescription } from '../log/log.ts'
import { isLaterGeneration, refuseIdentity } from '../store/identity.ts'
import type { StoreStatus } from '../store/store.ts'
import { policyOf } from './policy-record.ts'

/** What a look at the log brought. */
export type SeenLog =
  | { readonly type: 'seen'; readonly description: LogDescription }
  | { readonly type: 'away'; readonly reason: string }

/** Problems: why this node cannot use its log now. Warnings: what is worth a word about one that it can use. */
export interface LogWords {
  readonly problems: readonly string[]
  readonly warnings: readonly string[]
}

export function judgeLog(status: StoreStatus, seen: SeenLog | null): LogWords {
  const unusable = (...problems: readonly string[]): LogWords => ({ problems, warnings: [] })
  if (seen === null) return unusable('SPINDEXER_LOG is not set: the lag is not known')
  if (seen.type === 'away') {
    return unusable(`the log does not answer, so the lag is not known (${seen.reason})`)
  }
  const check = checkLog(seen.description)
  if (check.type === 'refused') {
    return unusable(...check.problems.map(({ what, remedy }) => `${what}; ${remedy}`))
  }
  const { identity } = status
  const refusal = identity === null ? null : refuseIdentity(identity, check.genesis)
  if (refusal !== null) return unusable(`${refusal.what}; ${refusal.remedy}`)
  if (identity !== null && isLaterGeneration(check.genesis, identity)) {
    return unusable(
      `the log is generation ${check.genesis.generation}, a copy of generation ${identity.generation}, which this node stands on, so the lag is not known; \`spindexer run\` moves the node there, and keeps its rows`,
    )
  }
  return { problems: [], warnings: check.warnings }
}

/** The description, if the positions of this state are places in that log. */
export function descriptionFor(status: StoreStatus, seen: SeenLog | null): LogDescription | null {
  if (seen?.type !== 'seen') return null
  const check = checkLog(seen.description)
  const isMoving =
    check.type === 'ok' && status.identity !== null && isLaterGeneration(check.genesis, status.identity)
  return isMoving ? null : seen.description
}

export function partitionsOf(status: StoreStatus, description: LogDescription | null) {
  const endByPartition = new Map(description?.partitions.map(({ partition, end }) => [partition, end]))
  const countsByPartition = new Map(status.counts.map((counts) => [counts.partition, counts]))
  const partitions = [...new Set([...endByPartition.keys(), ...countsByPartition.keys()])].sort(
    (a, b) => a - b,
  )
  return partitions.map((partition) => {
    const counts = countsByPartition.get(partition)
    const position = counts?.position ?? 0n
    const end = endByPartition.get(partition) ?? null
    return {
      partition,
      position,
      end,
      lag: end === null ? null : end - position,
      consumed: counts?.consumed ?? 0n,
      merged: counts?.merged ?? 0n,
      parked: counts?.parked ?? 0n,
      quarantined: counts?.quarantined ?? 0n,
      controls: counts?.controls ?? 0n,
    }
  })
}

export function definitionsOf(status: StoreStatus, description: LogDescription | null) {
  const position = status.state?.catalogue.offset ?? 0n
  const end = description?.definitions?.end ?? null
  const isJudgingAgain = status.state !== null && status.state.rejudgedTo !== status.state.catalogue.offset
  return { position, end, lag: end === null ? null : end - position, ...status.definitions, isJudgingAgain }
}

export function reasonsOf(status: StoreStatus) {
  return status.reasons.map(({ kind, reason, count }) => {
    const text = explainReason(reason)
    return { kind, reason, count, meaning: text?.meaning ?? null, remedy: text?.remedy ?? null }
  })
}

export function lagOf(partitions: readonly { readonly lag: bigint | null }[]): bigint | null {
  return partitions.reduce<bigint | null>(
    (sum, { lag }) => (sum === null || lag === null ? null : sum + lag),
    0n,
  )
}

export function toStatusRecord(
  status: StoreStatus,
  description: LogDescription | null,
  words: LogWords,
): Readonly<Record<string, unknown>> {
  const partitions = partitionsOf(status, description)
  return {
    log: description?.name ?? null,
    ...(status.identity ?? { logId: null, copyId: null, generation: null }),
    policy: policyOf(status, description),
    lag: lagOf(partitions),
    newestStamp: status.state?.newestStamp ?? null,
    newestAppendMs: status.state?.newestAppendMs ?? null,
    partitions,
    definitions: definitionsOf(status, description),
    reasons: reasonsOf(status),
    datasets: status.rows,
    origins: status.origins,
    ...words,
  }
}
