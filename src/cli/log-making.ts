// Makes a log from nothing to its genesis, or finishes what was begun.

import { randomUUID } from 'node:crypto'
import type { SignerKey } from '../codec/signing/signer-key.ts'
import { type CreateResult, createLog } from '../log/genesis.ts'
import type { Context } from './context.ts'
import { problemsFailure } from './errors.ts'
import { withLog } from './log-access.ts'

export const MAX_CLOCK_AHEAD_MS = 60_000n

/** What is null is as is usual, or as the log has it already. */
export interface NewLog {
  readonly partitions: number | null
  readonly replicationFactor: number | null
  readonly maxClockAheadMs: bigint | null
  /** None: an open log. */
  readonly admins: readonly SignerKey[]
}

/** `existed`: it was whole, and stays as it is. Throws a failure where it is refused. */
export async function createWholeLog(
  context: Context,
  { partitions, replicationFactor, maxClockAheadMs, admins }: NewLog,
): Promise<CreateResult & { readonly type: 'created' | 'existed' }> {
  const { makeLog } = await import('./compose.ts')
  const made = await makeLog(context.config, {
    partitions,
    replicationFactor,
    countPartitions: () => countPartitions(context),
    onLog: context.debug,
  })
  if (made.type === 'refused') throw problemsFailure(made.problems)
  return withLog(context, async ({ log }) => {
    const result = await createLog(log, {
      logId: randomUUID(),
      copyId: randomUUID(),
      generation: 1,
      maxClockAheadMs: maxClockAheadMs ?? MAX_CLOCK_AHEAD_MS,
      admins,
    })
    if (result.type === 'refused') throw problemsFailure(result.problems)
    return result
  })
}

/** What exists keeps its partition count unless another one was asked for, which is refused. */
function countPartitions(context: Context): Promise<number | null> {
  return withLog(context, async ({ log }) => (await log.describe()).partitions.length || null)
}
