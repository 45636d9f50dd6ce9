// The checks before a node reads or writes: is this the log that the state was made from, whole and unchanged?

import { DEFINITIONS } from '../codec/record.ts'
import { checkLog, type LogGenesis } from '../log/check.ts'
import { recordHash } from '../log/hash.ts'
import type { Log, LogDescription, Problem } from '../log/log.ts'
import type { LastRecord, LogIdentity } from '../store/store.ts'

export type Checked =
  | {
      readonly type: 'ok'
      readonly genesis: LogGenesis
      readonly description: LogDescription
      readonly warnings: readonly string[]
    }
  | { readonly type: 'refused'; readonly problems: readonly Problem[] }

/** Describes the log and judges the description. Throws while the log cannot be reached. */
export async function inspectLog(log: Log): Promise<Checked> {
  const description = await log.describe()
  const checked = checkLog(description)
  return checked.type === 'ok' ? { ...checked, description } : checked
}

/** What forbids going on with a state bound to `identity` whose newest records are `lastRecords`. */
export async function compareWithState(
  log: Log,
  checked: Checked & { readonly type: 'ok' },
  identity: LogIdentity,
  lastRecords: readonly LastRecord[],
): Promise<readonly Problem[]> {
  const { genesis, description } = checked
  if (
    genesis.logId !== identity.logId ||
    genesis.copyId !== identity.copyId ||
    genesis.generation !== identity.generation
  ) {
    return [
      {
        what: `${description.name} is log ${genesis.logId}, copy ${genesis.copyId}, generation ${genesis.generation}; this node's state was made from log ${identity.logId}, copy ${identity.copyId}, generation ${identity.generation}`,
        remedy: REMEDY,
      },
    ]
  }
  const records = await log.pick(lastRecords)
  return lastRecords.flatMap((last, i) => {
    const record = records[i] ?? null
    if (record !== null && recordHash(record) === last.hash) return []
    const place = last.partition === DEFINITIONS ? 'the definitions' : `partition ${last.partition}`
    const what =
      record === null
        ? `${description.name} has no record any more at offset ${last.offset} of ${place}, which this node has processed: it was truncated or made anew`
        : `${description.name} has another record at offset ${last.offset} of ${place} than the one that this node has processed: it was rewritten or made anew`
    return [{ what, remedy: REMEDY }]
  })
}

const REMEDY =
  'point SPINDEXER_LOG at the log that this database was filled from, or DATABASE_URL at an empty database to replay this log from its start'
