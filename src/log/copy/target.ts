// Whether a log may be the target of a copy: it is empty, or the copy that was begun before.

import { checkLog, type LogGenesis, readGenesis } from '../check.ts'
import { createLog } from '../genesis.ts'
import type { Log, LogDescription, Problem } from '../log.ts'

export type PreparedTarget =
  | { readonly type: 'ready'; readonly genesis: LogGenesis; readonly isNew: boolean }
  | { readonly type: 'refused'; readonly problems: readonly Problem[] }

/**
 * Writes the genesis of the copy into the target, whose partitions exist, or finds it there. Two that begin the same copy
 * at once agree on one copy id. `copyId` is random, drawn by the caller.
 */
export async function prepareTarget(
  source: LogGenesis,
  target: Log,
  copyId: string,
): Promise<PreparedTarget> {
  const before = await target.describe()
  const standing = standingGenesis(before)
  const fault = standing === null ? null : refuseTarget(source, before.name, standing)
  if (fault !== null) return { type: 'refused', problems: [fault] }
  const created = await createLog(target, {
    logId: source.logId,
    copyId,
    generation: source.generation + 1,
    maxClockAheadMs: source.maxClockAheadMs,
    admins: source.admins,
  })
  if (created.type === 'refused') return created
  const { genesis } = created
  // Somebody else may have been first.
  const other = refuseTarget(source, before.name, genesis)
  if (other !== null) return { type: 'refused', problems: [other] }
  return { type: 'ready', genesis, isNew: created.type === 'created' }
}

/** What stands there already, be it whole or begun. */
function standingGenesis(description: LogDescription): Identified | null {
  const check = checkLog(description)
  if (check.type === 'ok') return check.genesis
  const first = description.partitions[0]
  if (first === undefined || first.end === 0n) return null
  const genesis = readGenesis(description.name, first)
  return 'what' in genesis ? null : genesis
}

type Identified = Pick<LogGenesis, 'logId' | 'copyId' | 'generation'>

/** Why the log that is called `name` is no target for a copy of `source`; null when it is the copy itself. */
export function refuseTarget(source: Identified, name: string, target: Identified): Problem | null {
  if (target.logId !== source.logId) {
    return {
      what: `the target, ${name}, holds another log: ${target.logId}, not ${source.logId}`,
      remedy: 'give the address of a log that does not exist yet, or delete this one',
    }
  }
  if (target.copyId === source.copyId) {
    return {
      what: `source and target are the same log: copy ${source.copyId}, generation ${source.generation}`,
      remedy: 'give the address of a log that does not exist yet as the target',
    }
  }
  if (target.generation === source.generation + 1) return null
  const kind =
    target.generation <= source.generation ? 'an ancestor of the source, or one beside it' : 'a later copy'
  return {
    what: `the target, ${name}, is generation ${target.generation} of this log, ${kind}; a copy of generation ${source.generation} is generation ${source.generation + 1}`,
    remedy: 'give the address of a log that does not exist yet, or copy from the newest generation',
  }
}
