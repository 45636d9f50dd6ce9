// What has to be appended so that a policy holds in every partition: pure, from what stands in each of them.

import { encodeControl } from '../../codec/control.ts'
import { VALUE_BYTES_MAX } from '../../codec/limits.ts'
import { listNames } from '../../codec/near-names.ts'
import { contentOf, isSameContent, type PolicyFile } from '../../codec/policy/file.ts'
import { type GuardedStanding, refuseStranger, succeed } from '../../codec/policy/standing.ts'
import { DEFINITIONS, type Header } from '../../codec/record.ts'
import type { SignerKey } from '../../codec/signing/signer-key.ts'
import type { NewRecord, Problem } from '../../log/log.ts'
import type { StandingPolicy } from './load.ts'
import type { PartitionStanding } from './standings.ts'
import { partitionsWords, versionWords } from './words.ts'

/** A record that one partition is given. */
export interface Gift {
  readonly partition: number
  readonly key: NewRecord['key']
  readonly value: Buffer
  /** As they stand elsewhere; null: the key of this command signs it. */
  readonly headers: readonly Header[] | null
}

/** What is given of one version. */
export interface Round {
  readonly version: number
  readonly gifts: readonly Gift[]
}

export type PolicyPlan =
  | {
      readonly type: 'plan'
      /** What the file is already, or becomes. */
      readonly version: number
      readonly isNew: boolean
      /** Ascending by version. */
      readonly rounds: readonly Round[]
      /** Partitions that another admin has to bring to this version; none unless a part was asked for. */
      readonly left: readonly number[]
    }
  | { readonly type: 'refused'; readonly problems: readonly Problem[] }

export interface PlanOptions {
  /** For messages. */
  readonly name: string
  readonly partitions: readonly PartitionStanding[]
  /** Of every version that some partition lacks, what stands elsewhere, best first. */
  readonly standingByVersion: ReadonlyMap<number, readonly StandingPolicy[]>
  readonly file: PolicyFile
  readonly signer: SignerKey
  /** Apply it where the signer is an admin, if he is not one everywhere: other admins do the rest. */
  readonly isPartly: boolean
}

export function planPolicy(options: PlanOptions): PolicyPlan {
  const { name, partitions, file } = options
  const closed = partitions.filter(({ standing }) => standing.isClosed)
  if (closed.length > 0) return refuse(closedProblem(name, closed))
  const newest = Math.max(...partitions.map(({ standing }) => standing.version))
  const filled = fillUp(options, newest)
  if ('what' in filled) return refuse(filled)
  const { rounds, standings, left } = filled
  const others = [...standings].filter(([, standing]) => !isSameContent(standing, file))
  const isThere = others.every(([partition]) => left.includes(partition))
  const version = isThere && (file.version ?? newest) === newest ? newest : newest + 1
  if (file.version !== null && file.version !== version) {
    const differing = others.map(([partition]) => partition)
    return refuse(versionProblem(file.version, newest, differing))
  }
  // Whoever is no admin may still complete what one has signed: he adds nothing of his own.
  if (version === newest) return { type: 'plan', version, isNew: false, rounds, left }
  return planNew(options, filled, version)
}

function planNew(options: PlanOptions, { rounds, standings, stuck }: Filled, version: number): PolicyPlan {
  const { file, signer, isPartly } = options
  if (stuck !== null) return refuse(stuck)
  const strangers = [...standings].filter(([, standing]) => refuseStranger(standing, signer) !== null)
  const isSplit = strangers.length < standings.size
  if (strangers.length > 0 && !(isSplit && isPartly)) {
    return refuse(strangerProblem(signer, strangers, isSplit))
  }
  const value = encodeControl({ kind: 'policy', ...contentOf(file), version })
  if (value.length > VALUE_BYTES_MAX) {
    return refuse({
      what: `as a record the policy would have ${value.length} bytes; the log takes ${VALUE_BYTES_MAX}`,
      remedy: 'put signers with the same rights into one rule, or name fewer of them',
    })
  }
  const leftOut = new Set(strangers.map(([partition]) => partition))
  // It is there last, when every other partition has it.
  if ([...leftOut].some((partition) => partition !== DEFINITIONS)) leftOut.add(DEFINITIONS)
  const gifts = [...standings.keys()]
    .filter((partition) => !leftOut.has(partition))
    .map((partition): Gift => ({ partition, key: null, value, headers: null }))
  return { type: 'plan', version, isNew: true, rounds: [...rounds, { version, gifts }], left: [...leftOut] }
}

interface Filled {
  readonly rounds: readonly Round[]
  /** What holds in each partition once it has what it lacks. */
  readonly standings: ReadonlyMap<number, GuardedStanding>
  /** Partitions that cannot be brought to the newest version by this signer. */
  readonly left: readonly number[]
  /** Why not, of the first of them. */
  readonly stuck: Problem | null
}

/** Brings every partition to the newest version, with records as they stand elsewhere. */
function fillUp(options: PlanOptions, newest: number): Filled | Problem {
  const { partitions, isPartly } = options
  const standings = new Map(partitions.map(({ partition, standing }) => [partition, standing]))
  const left = new Set<number>()
  const rounds: Round[] = []
  let stuck: Problem | null = null
  const least = Math.min(...partitions.map(({ standing }) => standing.version))
  for (let version = least + 1; version <= newest; version++) {
    const gifts: Gift[] = []
    for (const [partition, standing] of standings) {
      if (standing.version >= version || left.has(partition)) continue
      // They have a version last, so that whoever finds it there need not look further.
      const isTooEarly = partition === DEFINITIONS && left.size > 0
      const found = isTooEarly ? null : findFitting(options, standing, version)
      if (found === null) {
        left.add(partition)
        stuck ??= stuckProblem(partition, standing, version)
        continue
      }
      gifts.push({ partition, ...found.gift })
      standings.set(partition, found.next)
    }
    rounds.push({ version, gifts })
  }
  return stuck !== null && !isPartly ? stuck : { rounds, standings, left: [...left], stuck }
}

/**
 * The record of a version that fits behind a standing: one that stands elsewhere. Where two versions of one number were
 * made at once there may be none that the admins here have signed; then this signer does, but only what the file says.
 */
function findFitting(
  { standingByVersion, file, signer }: PlanOptions,
  standing: GuardedStanding,
  version: number,
): { readonly gift: Omit<Gift, 'partition'>; readonly next: GuardedStanding } | null {
  const candidates = standingByVersion.get(version) ?? []
  for (const { record, policy, signer: author } of candidates) {
    const next = succeed(standing, policy, author)
    const { key, value, headers = [] } = record
    if (next.type === 'valid') return { gift: { key, value, headers }, next: next.standing }
  }
  for (const { record, policy } of candidates) {
    const next = succeed(standing, policy, signer)
    if (next.type !== 'valid' || !isSameContent(policy, file)) continue
    return { gift: { key: null, value: record.value, headers: null }, next: next.standing }
  }
  return null
}

function refuse(problem: Problem): PolicyPlan {
  return { type: 'refused', problems: [problem] }
}

function closedProblem(name: string, closed: readonly PartitionStanding[]): Problem {
  const where = partitionsWords(closed.map(({ partition }) => partition))
  return {
    what: `${name} is closed (${where}): it was copied, and nothing counts that comes behind the close`,
    remedy: 'point SPINDEXER_LOG at the newest copy of the log, and apply the policy there',
  }
}

function versionProblem(asked: number, newest: number, differing: readonly number[]): Problem {
  const what =
    asked === newest
      ? `version ${asked} is in the log already, and says something else in ${partitionsWords(differing)}`
      : `the file is version ${asked}, and the log is at version ${newest}`
  const remedy =
    differing.length === 0
      ? `what it says is in force already, as version ${newest}`
      : `look at what holds now (\`policy show\`), then make it version ${newest + 1}; without "version" it is the next one`
  return { what, remedy }
}

function strangerProblem(
  signer: SignerKey,
  strangers: readonly (readonly [number, GuardedStanding])[],
  isSplit: boolean,
): Problem {
  const { version, admins } = strangers[0]![1]
  const where = isSplit ? ` in ${partitionsWords(strangers.map(([partition]) => partition))}` : ''
  const signers = `sign with the key of an admin: ${listNames(admins)}`
  return {
    what: `${signer} is no admin of ${versionWords(version)}${where}`,
    remedy: isSplit ? `${signers}; or both of you apply the same file, with --partly` : signers,
  }
}

/** Two policies became one version at once, and the next one is by somebody who is an admin of only one of them. */
function stuckProblem(partition: number, { version, admins }: GuardedStanding, lacked: number): Problem {
  const where = partitionsWords([partition])
  return {
    what: `${where} is at ${versionWords(version)}, whose admins have not signed the version ${lacked} that stands elsewhere`,
    remedy: `one of them has to apply what it says, in the same file: ${listNames(admins)}`,
  }
}
