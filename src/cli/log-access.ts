// Opening what commands work on, checked, and closing it whatever happens.

import { checkLog, type LogGenesis } from '../log/check.ts'
import type { LogDescription } from '../log/log.ts'
import type { StoreReader } from '../store/store.ts'
import type { ReadDefinitions } from '../writer/definitions.ts'
import { readDefinitions } from '../writer/definitions.ts'
import type { Database, OpenedLog } from './compose.ts'
import type { Context } from './context.ts'
import { Failure, messageOf, problemsFailure, remedyOf } from './errors.ts'

// Adapters bring large libraries: loaded when a command needs them, so that --help and config answer at once.
const loadAdapters = () => import('./compose.ts')

export interface CheckedLog extends OpenedLog {
  readonly description: LogDescription
  readonly genesis: LogGenesis
  /** What is worth a word where the log is the subject; every publish need not repeat it. */
  readonly warnings: readonly string[]
}

/** Opens the log of the settings, without asking anything of it yet. */
export async function withLog<T>(context: Context, use: (opened: OpenedLog) => Promise<T>): Promise<T> {
  const { openLog } = await loadAdapters()
  const { io, out } = context
  const opened = openLog(context.config, context.debug, (text) => {
    // On a terminal the progress stands on the line where this is said.
    if (io.stderr.isTTY === true) io.stderr.write('\r\u001b[K')
    out.say(`waiting: ${text}`)
  })
  try {
    return await use(opened)
  } finally {
    await opened.log.close()
  }
}

/** Opens the log, and throws a failure with what is wrong unless it is sound. */
export function withCheckedLog<T>(context: Context, use: (checked: CheckedLog) => Promise<T>): Promise<T> {
  return withLog(context, async (opened) => {
    const description = await opened.log.describe()
    const check = checkLog(description)
    if (check.type === 'refused') throw problemsFailure(check.problems)
    return use({ ...opened, description, genesis: check.genesis, warnings: check.warnings })
  })
}

export function readAllDefinitions(
  context: Context,
  { log, genesis }: Pick<CheckedLog, 'log' | 'genesis'>,
): Promise<ReadDefinitions> {
  return readDefinitions(log, genesis, context.io.signal)
}

/** Opens the node's database. What it throws comes as a failure that names the database. */
export async function withDatabase<T>(context: Context, use: (database: Database) => Promise<T>): Promise<T> {
  try {
    return await withBareDatabase(context, use)
  } catch (error) {
    if (error instanceof Failure) throw error
    throw new Failure(`the node's database (DATABASE_URL): ${messageOf(error)}`, remedyOf(error), {
      cause: error,
    })
  }
}

/** The same with errors as they come, so that those which pass by themselves can be told from others. */
export async function withBareDatabase<T>(
  context: Context,
  use: (database: Database) => Promise<T>,
): Promise<T> {
  const { openDatabase } = await loadAdapters()
  const database = openDatabase(context.config)
  try {
    return await use(database)
  } finally {
    await database.close()
  }
}

/** One consistent snapshot of a node's state. */
export function withReader<T>(context: Context, use: (reader: StoreReader) => Promise<T>): Promise<T> {
  return withDatabase(context, async (database) => {
    const reader = await database.reader()
    if ('type' in reader) throw new Failure(reader.what, reader.remedy)
    try {
      return await use(reader)
    } finally {
      await reader.close()
    }
  })
}
