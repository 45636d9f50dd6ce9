// Which log may be used: one that is whole from its first record, and whose every partition says that it is the same log.

import { type Genesis, parseControl } from '../codec/control.ts'
import { DEFINITIONS, type LogRecord } from '../codec/record.ts'
import type { SignerKey } from '../codec/signing/signer-key.ts'
import type { LogDescription, PartitionState, Problem } from './log.ts'

/** The rules that this program knows. */
export const RULES = 1

/** What a sound log says of itself. */
export interface LogGenesis {
  readonly logId: string
  readonly copyId: string
  readonly generation: number
  readonly partitions: number
  readonly maxClockAheadMs: bigint
  /** Who may say who may write. None: the log is open, and whoever can append may write. */
  readonly admins: readonly SignerKey[]
}

export type LogCheck =
  | { readonly type: 'ok'; readonly genesis: LogGenesis; readonly warnings: readonly string[] }
  | { readonly type: 'refused'; readonly problems: readonly Problem[] }

const MAKE_AGAIN = 'delete the log and run `spindexer log create`'
const OTHER_LOG = `point SPINDEXER_LOG at another log, or ${MAKE_AGAIN}`

/** Judges a log by its description: pure, and the same for nodes, writers and `spindexer log check`. */
export function checkLog(description: LogDescription): LogCheck {
  const { name, partitions, definitions } = description
  if (partitions.length === 0 && definitions === null) {
    return refused([{ what: `${name} does not exist`, remedy: 'run `spindexer log create`' }])
  }
  const problems = [...description.problems]
  if (partitions.length === 0) problems.push(missingPart(name, 'has definitions but no partitions'))
  if (definitions === null) problems.push(missingPart(name, 'has no definitions'))
  const states = definitions === null ? partitions : [...partitions, definitions]
  for (const state of states) if (state.first !== 0n) problems.push(truncatedProblem(name, state))
  if (problems.length > 0) return refused(problems)
  if (states.every((state) => state.end === 0n)) {
    return refused([
      { what: `${name} is empty: it has no genesis record`, remedy: 'run `spindexer log create`' },
    ])
  }

  const genesisRecords: Genesis[] = []
  for (const state of states) {
    const genesis = readGenesis(name, state)
    if ('what' in genesis) problems.push(genesis)
    else genesisRecords.push(genesis)
  }
  if (problems.length === 0) problems.push(...judgeGenesis(name, genesisRecords, partitions.length))
  if (problems.length > 0) return refused(problems)
  const { logId, copyId, generation, maxClockAhead, partitions: count, admins } = genesisRecords[0]!
  const maxClockAheadMs = BigInt(maxClockAhead)
  const genesis = { logId, copyId, generation, partitions: count, maxClockAheadMs, admins }
  return { type: 'ok', genesis, warnings: description.warnings }
}

/** The genesis record at offset 0 of a partition, or what is wrong with what is there. */
export function readGenesis(
  name: string,
  state: Pick<PartitionState, 'partition' | 'end' | 'genesis'>,
): Genesis | Problem {
  const place = `offset 0 of ${placeName(name, state.partition)}`
  const record = state.genesis
  if (record === null && state.end === 0n) {
    return {
      what: `${place} has no genesis record yet`,
      remedy: 'run `spindexer log create` again: it resumes',
    }
  }
  if (record === null) return { what: `there is no record at ${place}`, remedy: MAKE_AGAIN }
  if (!record.stampedByLog) {
    return { what: `the record at ${place} carries its writer's time, not the log's`, remedy: MAKE_AGAIN }
  }
  const genesis = parseGenesis(record)
  if (genesis === null) return { what: `the record at ${place} is no genesis record`, remedy: OTHER_LOG }
  if (genesis.partition === state.partition) return genesis
  const other = placeName(name, genesis.partition)
  return { what: `the record at ${place} is the genesis of ${other}`, remedy: MAKE_AGAIN }
}

/** `partition 3 of kafka topic "spindexer"`. */
export function placeName(name: string, partition: number): string {
  return partition === DEFINITIONS ? `the definitions of ${name}` : `partition ${partition} of ${name}`
}

function parseGenesis(record: LogRecord): Genesis | null {
  if (record.value === null || record.value[0] !== 0x7b) return null
  // A header of ours that no genesis has quarantines its record, so such a record says nothing.
  if (record.headers.some(({ name }) => name.startsWith('spindexer-'))) return null
  const parsed = parseControl(record.value)
  return parsed.type === 'control' && parsed.control.kind === 'genesis' ? parsed.control : null
}

/** What is wrong with genesis records of a log of `partitions` partitions: they differ, or ask for what is not there. */
export function judgeGenesis(name: string, all: readonly Genesis[], partitions: number): Problem[] {
  const problems: Problem[] = []
  const [first] = all
  if (first === undefined) return problems
  const expected = JSON.stringify(withoutPlace(first))
  for (const genesis of all) {
    if (JSON.stringify(withoutPlace(genesis)) === expected) continue
    const [a, b] = [placeName(name, genesis.partition), placeName(name, first.partition)]
    problems.push({
      what: `${a} and ${b} belong to different logs by their genesis records`,
      remedy: OTHER_LOG,
    })
  }
  if (first.partitions !== partitions) {
    const what = `${name} has ${partitions} partitions, but was created with ${first.partitions}`
    problems.push({ what, remedy: 'the partition count is fixed: copy the log with `spindexer log copy`' })
  }
  if (first.rules !== RULES) {
    const what = `${name} is under rules ${first.rules}; this program knows rules ${RULES}`
    problems.push({ what, remedy: 'install a version of spindexer that knows them' })
  }
  return problems
}

function withoutPlace({
  logId,
  copyId,
  generation,
  rules,
  maxClockAhead,
  partitions,
  admins,
}: Genesis): unknown[] {
  return [logId, copyId, generation, rules, maxClockAhead, partitions, [...admins].sort()]
}

function truncatedProblem(name: string, state: PartitionState): Problem {
  const place = placeName(name, state.partition)
  return {
    what: `${place} begins at offset ${state.first}: what was before has expired or was deleted`,
    remedy: `restore the log from a backup, or ${MAKE_AGAIN}`,
  }
}

function missingPart(name: string, what: string): Problem {
  return { what: `${name} ${what}`, remedy: 'run `spindexer log create` again: it resumes' }
}

function refused(problems: readonly Problem[]): LogCheck {
  return { type: 'refused', problems }
}
