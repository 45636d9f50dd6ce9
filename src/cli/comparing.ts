// `import --only-changed`: which node is compared with, how far it is, and words about what came of it.

import type { LogDescription } from '../log/log.ts'
import { type ChangeCounts, type OnlyChanged, onlyChanged } from '../writer/only-changed.ts'
import type { Source } from '../writer/source.ts'
import type { NodeLook } from './compose.ts'
import { requireSetting } from './config.ts'
import type { Context } from './context.ts'
import { Failure, usageFailure } from './errors.ts'
import { type CheckedLog, withDatabase, withReader } from './log-access.ts'
import { countOf, formatCount } from './progress.ts'

/** Throws a usage failure where nothing can be compared. */
export function requireComparable({ config }: Context, isStream: boolean): void {
  requireSetting(config, 'DATABASE_URL')
  if (!isStream) return
  throw usageFailure(
    '--only-changed needs a file: a stream cannot be looked through for rows that repeat before it is sent',
    'write it into a file and import that',
  )
}

export interface Comparison {
  readonly dataset: string
  readonly source: Source
}

/** Opens the node's rows, says how far behind they are, and compares the source with them. */
export async function withOnlyChanged<T>(
  context: Context,
  { description, genesis }: CheckedLog,
  { dataset, source }: Comparison,
  use: (compared: OnlyChanged) => Promise<T>,
): Promise<T> {
  const look = await withDatabase(context, (database) => database.look(genesis))
  if (look === null) {
    throw new Failure(
      '--only-changed: the node of DATABASE_URL does not follow this log, or has not run yet',
      'name the database of a node of this log; `spindexer run --until-end` brings one up to date',
    )
  }
  const behind = lagOf(description, look)
  if (behind > 0n || look.isJudgingAgain) {
    const words =
      behind > 0n
        ? `is ${countOf(behind, 'record')} behind the log`
        : 'is judging parked messages again under newer definitions'
    context.out.say(
      `warning: the node that is compared with ${words}; what it has not merged yet counts as not there (\`spindexer run --until-end\` brings it up to date)`,
    )
  }
  return withReader(context, async (reader) => {
    const isKnown = (await reader.catalogue()).datasets.has(dataset)
    const findRows = (keys: readonly (readonly string[])[]) =>
      isKnown ? reader.rows(dataset, { type: 'keys', keys }) : noRows()
    return use(await onlyChanged(source, findRows, context.io.signal))
  })
}

async function* noRows(): AsyncGenerator<never> {}

/** Records that the log held when it was described and that the node has not processed. */
function lagOf({ partitions, definitions }: LogDescription, { positions }: NodeLook): bigint {
  let lag = 0n
  for (const { partition, end } of definitions === null ? partitions : [...partitions, definitions]) {
    const position = positions.get(partition) ?? 0n
    if (position < end) lag += end - position
  }
  return lag
}

/** `3 are new, 10 changed, 155 as they are`. */
export function compareWords({ new: added, changed, equal, older }: ChangeCounts): string {
  const words = `${formatCount(added)} are new, ${formatCount(changed)} changed, ${formatCount(equal)} as they are`
  return older === 0 ? words : `${words}, ${formatCount(older)} newer in the node than the timestamp`
}
