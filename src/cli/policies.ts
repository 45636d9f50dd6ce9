// What the policy commands share: policy files, and what holds in each partition of the log.

import { readFileSync } from 'node:fs'
import { type PolicyFile, readPolicyFile } from '../codec/policy/file.ts'
import type { LogGenesis } from '../log/check.ts'
import { type PartitionStanding, readStandings, type StandingsStart } from '../writer/policy/standings.ts'
import type { Context } from './context.ts'
import { explainError, usageFailure } from './errors.ts'
import { type CheckedLog, withDatabase } from './log-access.ts'
import { startProgress } from './progress.ts'

const FAULTS_SHOWN_MAX = 20

/** Throws a usage failure with all that is wrong with the file. */
export function readPolicy(path: string): PolicyFile {
  const read = readPolicyFile(readText(path))
  if (read.type === 'policy') return read.policy
  const { faults } = read
  const remedy = 'mend it; README.md has an example'
  if (faults.length === 1) throw usageFailure(`${path}: ${faults[0]}`, remedy)
  const lines = faults.slice(0, FAULTS_SHOWN_MAX).map((fault) => `  - ${fault}`)
  if (faults.length > lines.length) lines.push(`  … and ${faults.length - lines.length} more`)
  throw usageFailure(`${path} is no policy:\n${lines.join('\n')}`, remedy)
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const what = code === 'ENOENT' ? `there is no ${path}` : `${path} cannot be read (${message})`
    throw usageFailure(what, 'name the file of a policy, in JSON')
  }
}

export type GuardedLog = Pick<CheckedLog, 'log' | 'genesis' | 'description'>

/**
 * What holds in each partition, the definitions last. Reads the log from where the node of the settings is, else all of
 * it, and says how far it is where that takes long.
 */
export async function readLogStandings(
  context: Context,
  { log, genesis }: GuardedLog,
): Promise<readonly PartitionStanding[]> {
  const { io } = context
  const start = await findStart(context, genesis)
  const label = 'looking for policies'
  const progress = startProgress({ stderr: io.stderr, label, unit: 'records', total: null })
  const options = { genesis, start, signal: io.signal, onProgress: progress.update }
  try {
    return await readStandings(log, options)
  } finally {
    progress.end()
  }
}

async function findStart(context: Context, genesis: LogGenesis): Promise<StandingsStart | null> {
  if (context.config.get('DATABASE_URL') === null) return null
  try {
    return await withDatabase(context, (database) => database.look(genesis))
  } catch (error) {
    // The log has everything; a node's database only saves time.
    const [what] = explainError(error, false).text.split('\n')
    context.out.say(`warning: policies are looked for from the log's beginning (${what})`)
    return null
  }
}
