// How a log begins: the genesis records, and the steps that write them so that an interruption does no harm.

import { encodeControl, type Genesis } from '../codec/control.ts'
import { DEFINITIONS } from '../codec/record.ts'
import { checkLog, judgeGenesis, type LogGenesis, RULES, readGenesis } from './check.ts'
import type { Log, LogDescription, NewRecord, Problem } from './log.ts'

/** What a new log is to be. The ids are random uuids, drawn by the caller. */
export interface GenesisPlan {
  readonly logId: string
  readonly copyId: string
  /** 1, and one more for each copy. */
  readonly generation: number
  readonly maxClockAheadMs: bigint
  readonly admins: readonly string[]
}

/** `existed`: the log was whole already; its genesis stands, whatever the plan said. */
export type CreateResult =
  | {
      readonly type: 'created' | 'existed'
      readonly genesis: LogGenesis
      readonly warnings: readonly string[]
    }
  | { readonly type: 'refused'; readonly problems: readonly Problem[] }

/** Of several who create at once one writes the genesis of each partition, and the others find it. */
const ONLY_FIRST = { onlyFirst: true } as const

/** The genesis record of one partition (or DEFINITIONS) of a log of `partitions` partitions. */
export function genesisRecord(plan: GenesisPlan, partition: number, partitions: number): NewRecord {
  return record({
    kind: 'genesis',
    admins: plan.admins,
    copyId: plan.copyId,
    generation: plan.generation,
    logId: plan.logId,
    maxClockAhead: Number(plan.maxClockAheadMs),
    partition,
    partitions,
    rules: RULES,
  })
}

/**
 * Writes the genesis records into a log that exists and is empty, or finishes what was begun: what stands at offset 0
 * of partition 0 decides, so that two who create at once agree. Then the other partitions, last the definitions; a
 * log whose definitions have their genesis is whole. A foreign record at an offset 0 is refused.
 */
export async function createLog(log: Log, plan: GenesisPlan): Promise<CreateResult> {
  const before = await log.describe()
  const whole = checkLog(before)
  if (whole.type === 'ok') return { ...whole, type: 'existed' }
  const obstacles = findObstacles(before)
  if (obstacles.length > 0) return { type: 'refused', problems: obstacles }

  const { name, partitions } = before
  if (partitions[0]!.end === 0n) await log.append([genesisRecord(plan, 0, partitions.length)], ONLY_FIRST)
  const [found] = await log.pick([{ partition: 0, offset: 0n }])
  const origin = readGenesis(name, { partition: 0, end: 1n, genesis: found ?? null })
  if ('what' in origin) return { type: 'refused', problems: [origin] }
  const conflicts = judgeGenesis(name, [origin, ...standing(before)], partitions.length)
  if (conflicts.length > 0) return { type: 'refused', problems: conflicts }

  const empty = partitions.slice(1).filter((state) => state.end === 0n)
  if (empty.length > 0) {
    await log.append(
      empty.map(({ partition }) => record({ ...origin, partition })),
      ONLY_FIRST,
    )
  }
  if (before.definitions!.end === 0n) {
    await log.append([record({ ...origin, partition: DEFINITIONS })], ONLY_FIRST)
  }
  const check = checkLog(await log.describe())
  return check.type === 'ok' ? { ...check, type: 'created' } : check
}

/** What keeps a log that is not whole from being made whole: everything but genesis records that are still to come. */
function findObstacles(description: LogDescription): Problem[] {
  const { partitions, definitions } = description
  const check = checkLog(description)
  if (partitions.length === 0 || definitions === null)
    return check.type === 'refused' ? [...check.problems] : []
  const states = [...partitions, definitions]
  if (description.problems.length > 0 || states.some((state) => state.first !== 0n)) {
    return check.type === 'refused' ? [...check.problems] : []
  }
  return judgeStates(description).filter((genesis) => 'what' in genesis)
}

function standing(description: LogDescription): Genesis[] {
  return judgeStates(description).filter((genesis) => 'kind' in genesis)
}

function judgeStates({ name, partitions, definitions }: LogDescription): (Genesis | Problem)[] {
  const states = definitions === null ? partitions : [...partitions, definitions]
  return states.filter((state) => state.end !== 0n).map((state) => readGenesis(name, state))
}

function record(genesis: Genesis): NewRecord {
  return { partition: genesis.partition, key: null, value: encodeControl(genesis) }
}
