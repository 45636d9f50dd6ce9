// The end of the source: a close record in every partition, and no more appends where the kind of log can refuse them.

import { encodeControl, parseControl } from '../../codec/control.ts'
import type { GuardedStanding } from '../../codec/policy/standing.ts'
import { DEFINITIONS, type LogRecord } from '../../codec/record.ts'
import { createBatchSigner, type SigningKey } from '../../codec/signing/batch-signer.ts'
import { SIGNATURE_HEADER } from '../../codec/signing/header.ts'
import type { LogGenesis } from '../check.ts'
import type { KeptLog, LogDescription, NewRecord, Problem } from '../log.ts'
import { listPlaces } from './place-words.ts'
import type { Standings } from './standings.ts'

/**
 * `sealed`: nothing comes any more. `signed`: what comes is quarantined, here and in every copy. `recorded`: this kind of
 * log goes on taking what writers send, and an open log's close decides nothing.
 */
export type Closing = 'sealed' | 'signed' | 'recorded'

/** Closes an open log of this generation; one that is closed already stays as it is. */
export async function closeLog(log: KeptLog, generation: number): Promise<Closing> {
  const partitions = partitionsOf(await log.describe()).map(({ partition }) => partition)
  const records = partitions.map((partition) => closeRecord(partition, generation))
  if (await log.seal(records)) return 'sealed'
  const open = await partitionsBehindClose(log, generation)
  if (open.length > 0) await log.append(open.map((partition) => closeRecord(partition, generation)))
  return 'recorded'
}

/** The partitions of an open log, DEFINITIONS among them, whose last record does not close them. */
export async function partitionsBehindClose(log: KeptLog, generation: number): Promise<readonly number[]> {
  const states = partitionsOf(await log.describe())
  const last = await log.pick(states.map(({ partition, end }) => ({ partition, offset: end - 1n })))
  return states.filter((_, i) => !isClose(last[i] ?? null, generation)).map(({ partition }) => partition)
}

/** Why a log cannot be closed without a key, or cannot be closed with one. Null where it can, as far as is known yet. */
export function refuseClosing({ admins }: LogGenesis, key: SigningKey | null): Problem | null {
  if (admins.length === 0 || key !== null) return null
  return {
    what: 'the source names admins, and its close has to be signed by one of them',
    remedy: "give an admin's private key with --key FILE (or SPINDEXER_KEY_FILE)",
  }
}

/**
 * Closes a guarded log with a key, by what stands in each of its partitions; one that is closed already stays as it is.
 * Problems where the key is not an admin's there: then nothing was done.
 */
export async function closeGuardedLog(
  log: KeptLog,
  { logId, generation, partitions }: LogGenesis,
  key: SigningKey,
  standings: Standings,
): Promise<Closing | Problem> {
  const all = [DEFINITIONS, ...Array.from({ length: partitions }, (_, partition) => partition)]
  const isOpen = (partition: number) => standings.closedAt(partition) === null
  const foreign = all.filter(
    (partition) => isOpen(partition) && !guarded(standings, partition).admins.includes(key.signer),
  )
  if (foreign.length > 0) return strangerProblem(key, foreign, guarded(standings, foreign[0]!))
  // The same bytes everywhere, so one signature does.
  const { value } = closeRecord(0, generation)
  const [signature] = createBatchSigner(key, logId).sign([value])
  const headers = [{ name: SIGNATURE_HEADER, value: signature! }]
  const signed = (partition: number): NewRecord => ({ partition, key: null, value, headers })
  if (await log.seal(all.map(signed))) return 'sealed'
  const open = all.filter(isOpen)
  if (open.length > 0) await log.append(open.map(signed))
  return 'signed'
}

/** Where a close that was signed is not valid after all: the policy changed between looking and closing. */
export function refuseUnclosed(partitions: readonly number[], standings: Standings): Problem | null {
  const open = partitions.filter((partition) => standings.closedAt(partition) === null)
  if (open.length === 0) return null
  return {
    what: `the close of ${listPlaces(open)} is not valid: the policy changed while the source was closed`,
    remedy: 'run the same command again, with the key of an admin of the policy that stands now',
  }
}

function guarded(standings: Standings, partition: number): GuardedStanding {
  const standing = standings.of(partition)
  if (standing.type === 'open') throw new Error('an open log has no admins')
  return standing
}

function strangerProblem(key: SigningKey, foreign: readonly number[], first: GuardedStanding): Problem {
  const { version, admins } = first
  const names = admins.length === 0 ? 'nobody' : admins.join(', ')
  const by = version === 0 ? 'the genesis' : `version ${version} of the policy`
  return {
    what: `${key.signer} cannot close ${listPlaces(foreign)} of the source: the admins by ${by} are ${names}`,
    remedy:
      'give the private key of one of them with --key FILE; where partitions name different admins, finish `spindexer policy apply` first',
  }
}

function partitionsOf({ partitions, definitions }: LogDescription) {
  return definitions === null ? partitions : [...partitions, definitions]
}

function isClose(record: LogRecord | null, generation: number): boolean {
  if (record === null || record.value === null || record.value[0] !== 0x7b) return false
  const parsed = parseControl(record.value)
  return (
    parsed.type === 'control' && parsed.control.kind === 'close' && parsed.control.generation === generation
  )
}

function closeRecord(partition: number, generation: number): NewRecord {
  return { partition, key: null, value: encodeControl({ kind: 'close', generation }) }
}
