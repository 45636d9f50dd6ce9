// What policy holds in each partition of a log: read from the records that may have moved it, past all others.

import { EMPTY_CATALOGUE } from '../../codec/catalogue.ts'
import { type Close, type Policy, parseControl } from '../../codec/control.ts'
import { CONTROL_MAGIC } from '../../codec/framing.ts'
import { type GuardedStanding, initialStanding, succeed } from '../../codec/policy/standing.ts'
import { DEFINITIONS, type LogRecord, type Pointer, type Records } from '../../codec/record.ts'
import { claimedSigner, SIGNATURE_HEADER } from '../../codec/signing/header.ts'
import { createRecordProver } from '../../codec/signing/proof.ts'
import type { SignerKey } from '../../codec/signing/signer-key.ts'
import { createJudge } from '../../codec/verdict.ts'
import type { LogGenesis } from '../../log/check.ts'
import { recordHash } from '../../log/hash.ts'
import type { Log, LogDescription, ReadScope } from '../../log/log.ts'

/** A valid policy that was seen. */
export interface SeenPolicy extends Pointer {
  readonly version: number
  /** Of key, value and headers: equal where it is the same record. */
  readonly hash: string
  readonly signer: SignerKey
}

export interface PartitionStanding {
  /** DEFINITIONS for the definitions. */
  readonly partition: number
  /** The offset below which everything has been looked at. */
  readonly position: bigint
  readonly standing: GuardedStanding
  /** In order of their versions, from where reading began. */
  readonly policies: readonly SeenPolicy[]
}

/** What is known before anything is read: by partition, where to begin and what holds there. Absent: 0, the genesis. */
export interface StandingsStart {
  readonly positions: ReadonlyMap<number, bigint>
  readonly standings: ReadonlyMap<number, GuardedStanding>
}

export interface ReadStandingsOptions {
  readonly genesis: LogGenesis
  readonly start: StandingsStart | null
  readonly signal: AbortSignal
  /** How many offsets have been passed, of how many. */
  readonly onProgress?: (done: number, total: number) => void
}

type Held = { -readonly [K in keyof PartitionStanding]: PartitionStanding[K] } & { policies: SeenPolicy[] }

/**
 * Reads every partition of a guarded log to where it ends now, the definitions last among the answers. Where a partition
 * lags behind the others, every version that it lacks has been seen somewhere: if need be all is read again from 0.
 */
export async function readStandings(
  log: Log,
  options: ReadStandingsOptions,
): Promise<readonly PartitionStanding[]> {
  const found = await readFrom(log, options)
  return options.start === null || versionsUnseen(found).length === 0
    ? found
    : readFrom(log, { ...options, start: null })
}

/** The versions that some partition lacks, ascending. */
export function versionsLacked(partitions: readonly PartitionStanding[]): readonly number[] {
  const versions = partitions.map(({ standing }) => standing.version)
  const least = Math.min(...versions)
  return Array.from({ length: Math.max(...versions) - least }, (_, i) => least + 1 + i)
}

function versionsUnseen(partitions: readonly PartitionStanding[]): readonly number[] {
  const seen = new Set(partitions.flatMap(({ policies }) => policies.map(({ version }) => version)))
  return versionsLacked(partitions).filter((version) => !seen.has(version))
}

async function readFrom(log: Log, options: ReadStandingsOptions): Promise<readonly PartitionStanding[]> {
  const { genesis, start, signal, onProgress = () => {} } = options
  const initial = initialStanding(genesis.admins)
  if (initial.type === 'open') throw new Error('an open log has no standings')
  const ends = endsOf(await log.describe())
  const held = new Map<number, Held>()
  for (const [partition, end] of ends) {
    const position = start?.positions.get(partition) ?? 0n
    const standing = start?.standings.get(partition) ?? initial
    // A node is never ahead of its log; one that seems to be has read another one.
    const isSound = position <= end
    held.set(partition, {
      partition,
      position: isSound ? position : 0n,
      standing: isSound ? standing : initial,
      policies: [],
    })
  }
  const left = () => [...held.values()].filter((state) => state.position < ends.get(state.partition)!)
  const distance = () =>
    left().reduce((sum, { partition, position }) => sum + ends.get(partition)! - position, 0n)
  const total = distance()
  const scan = createScanner(genesis)
  const report = () => onProgress(Number(total - distance()), Number(total))
  const readTo = async (scope: ReadScope): Promise<void> => {
    const isOver = () =>
      left().every(({ partition }) => (partition === DEFINITIONS) !== (scope.type === 'definitions'))
    if (!isOver()) await readScope(log, { scope, held, isOver, scan, report, signal })
  }
  await readTo({ type: 'all' })
  await readTo({ type: 'definitions' })
  return [...held.values()]
}

/** By partition, the definitions last. */
function endsOf({ partitions, definitions }: LogDescription): ReadonlyMap<number, bigint> {
  const states = definitions === null ? partitions : [...partitions, definitions]
  return new Map(states.map(({ partition, end }) => [partition, end]))
}

interface Reading {
  readonly scope: ReadScope
  readonly held: ReadonlyMap<number, Held>
  readonly isOver: () => boolean
  readonly scan: (held: Held, records: Records) => void
  readonly report: () => void
  readonly signal: AbortSignal
}

async function readScope(log: Log, { scope, held, isOver, scan, report, signal }: Reading): Promise<void> {
  const ending = new AbortController()
  const events = log.read({
    scope,
    positions: async (partitions) =>
      new Map(partitions.map((partition) => [partition, held.get(partition)?.position ?? 0n])),
    signal: AbortSignal.any([signal, ending.signal]),
  })
  try {
    for await (const event of events) {
      if (event.type === 'lost') {
        throw new Error(`the log no longer has its records from offset ${event.position} on`)
      }
      if (event.type !== 'chunk') continue
      const state = held.get(event.partition)
      if (state === undefined) continue
      scan(state, event.records)
      state.position = event.next
      report()
      if (isOver()) return
    }
  } finally {
    ending.abort()
  }
  signal.throwIfAborted()
  throw new Error('the log ended while its policies were read')
}

/** Of valid policies, how many are kept for the partitions in which they stand too: each may have 900,000 bytes. */
const POLICIES_KEPT = 16

interface KnownPolicy {
  readonly policy: Policy
  readonly signer: SignerKey
  /** One object for all partitions. */
  readonly standing: GuardedStanding
}

/** Carries a standing along: looks closely at records alone that may move it, as few messages of a log do. */
function createScanner(genesis: LogGenesis): (held: Held, records: Records) => void {
  const judge = createJudge(genesis)
  const prove = createRecordProver(genesis.logId)
  const knownByHash = new Map<string, KnownPolicy>()

  const look = (held: Held, record: LogRecord): void => {
    const signer = mayMove(record, held.standing)
    if (signer === null) return
    const hash = recordHash(record)
    const seen = (version: number) => held.policies.push({ ...placeOf(record), version, hash, signer })
    const known = knownByHash.get(hash)
    if (known !== undefined && record.stampedByLog) {
      // The same bytes: whether they are a policy, and signed, is known; whether it fits here is not.
      if (succeed(held.standing, known.policy, signer).type !== 'valid') return
      held.standing = known.standing
      seen(known.policy.version)
      return
    }
    const control = readMove(record, held.standing, genesis.generation)
    if (control === null) return
    const verdict = judge(record, EMPTY_CATALOGUE, held.standing, prove(record))
    if (verdict.type !== 'control' || verdict.standing.type === 'open') return
    held.standing = verdict.standing
    if (control.kind === 'close') return
    seen(control.version)
    if (knownByHash.size >= POLICIES_KEPT) knownByHash.delete(knownByHash.keys().next().value!)
    knownByHash.set(hash, { policy: control, signer, standing: verdict.standing })
  }

  return (held, records) => {
    const cursor = records.cursor()
    while (cursor.next()) {
      // Without a header there is no signature, and nobody's policy.
      if (cursor.isPlain || (cursor.isSigned && cursor.bytes[cursor.start] !== CONTROL_MAGIC)) continue
      look(held, cursor.record())
    }
  }
}

/**
 * Who claims to have signed a control record, if the standing may move at his word: this costs nothing, and strangers'
 * records end here.
 */
function mayMove({ value, headers }: LogRecord, standing: GuardedStanding): SignerKey | null {
  if (value === null || value[0] !== CONTROL_MAGIC || standing.isClosed) return null
  const header = headers.find(({ name }) => name === SIGNATURE_HEADER)
  if (header === undefined) return null
  const { buffer, byteOffset, length } = header.value
  const signer = claimedSigner(Buffer.from(buffer, byteOffset, length))
  return signer !== null && standing.admins.includes(signer) ? signer : null
}

/** The policy or close that moves the standing if it is signed rightly; null for all that cannot. */
function readMove(
  { value }: LogRecord,
  standing: GuardedStanding,
  generation: number,
): Policy | Close | null {
  const parsed = parseControl(value!)
  if (parsed.type !== 'control') return null
  const { control } = parsed
  if (control.kind === 'policy') return control.version === standing.version + 1 ? control : null
  return control.kind === 'close' && control.generation === generation ? control : null
}

function placeOf({ partition, offset }: LogRecord): Pointer {
  return { partition, offset }
}
