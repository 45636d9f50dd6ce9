// What the policy commands share: policy files, and what holds in each partition of the log.

import { readFileSync } from 'node:fs'
import { type PolicyFile, readPolicyFile } from '../codec/policy/file.ts'
import { type PartitionStanding, readStandings } from '../writer/policy/standings.ts'
import type { Context } from './context.ts'
import { usageFailure } from './errors.ts'
import type { CheckedLog } from './log-access.ts'
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

/** What holds in each partition, the definitions last. Reads the log, and says how far it is where that takes long. */
export async function readLogStandings(
  { io }: Context,
  { log, genesis }: GuardedLog,
): Promise<readonly PartitionStanding[]> {
  const label = 'looking for policies'
  const progress = startProgress({ stderr: io.stderr, label, unit: 'records', total: null })
  const options = { genesis, start: null, signal: io.signal, onProgress: progress.update }
  try {
    return await readStandings(log, options)
  } finally {
    progress.end()
  }
}
