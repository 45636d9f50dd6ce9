// Appends a policy to every partition and, last, to the definitions; looks then what became of it.

import { isSameContent, type PolicyFile } from '../../codec/policy/file.ts'
import { DEFINITIONS, type Header } from '../../codec/record.ts'
import { createBatchSigner, type SigningKey } from '../../codec/signing/batch-signer.ts'
import { SIGNATURE_HEADER } from '../../codec/signing/header.ts'
import type { SignerKey } from '../../codec/signing/signer-key.ts'
import type { LogGenesis } from '../../log/check.ts'
import { recordHash } from '../../log/hash.ts'
import type { Log, NewRecord } from '../../log/log.ts'
import type { PolicyPlan } from './plan.ts'
import { type PartitionStanding, readStandings } from './standings.ts'

export interface ApplyOptions {
  readonly genesis: LogGenesis
  readonly plan: PolicyPlan & { readonly type: 'plan' }
  readonly file: PolicyFile
  readonly key: SigningKey
  /** What stood in each partition when the plan was made. */
  readonly before: readonly PartitionStanding[]
  readonly signal: AbortSignal
}

/** Where another policy of the same version came first. */
export interface Contested {
  readonly partition: number
  /** Null where a close came first. */
  readonly signer: SignerKey | null
}

export interface AppliedPolicy {
  /** Records, those of versions that were missing included. */
  readonly appended: number
  /** None as a rule: somebody else may have been applying another one at the same time. */
  readonly contested: readonly Contested[]
  readonly after: readonly PartitionStanding[]
}

/** Of records that are on their way at once: a log of many partitions, and a large policy. */
const BYTES_AT_ONCE = 2 * 1024 * 1024

/**
 * A version is in the definitions only once every data partition has it, so whoever finds it there need not look
 * further. May be broken off anywhere: a plan made of what stands then goes on.
 */
export async function applyPolicy(log: Log, options: ApplyOptions): Promise<AppliedPolicy> {
  const { genesis, plan, file, key, before, signal } = options
  const sign = createSign(genesis, key)
  const given = new Map<number, string>()
  let appended = 0
  for (const { version, gifts } of plan.rounds) {
    const records = gifts.map(({ headers, ...record }): NewRecord => {
      return { ...record, headers: headers ?? sign(record.value) }
    })
    const data = records.filter(({ partition }) => partition !== DEFINITIONS)
    const definitions = records.filter(({ partition }) => partition === DEFINITIONS)
    for (const some of [...inParts(data), ...inParts(definitions)]) {
      signal.throwIfAborted()
      await log.append(some)
      appended += some.length
    }
    if (version === plan.version) {
      for (const { partition, key, value, headers = [] } of records) {
        given.set(partition!, recordHash({ key, value, headers }))
      }
    }
  }
  if (appended === 0) return { appended, contested: [], after: before }
  const start = {
    positions: new Map(before.map(({ partition, position }) => [partition, position])),
    standings: new Map(before.map(({ partition, standing }) => [partition, standing])),
  }
  const after = await readStandings(log, { genesis, start, signal })
  return { appended, contested: findContested(after, { given, version: plan.version, file }), after }
}

/** Once a value: a signature is of the log and the value, so every partition gets the same record. */
function createSign({ logId }: LogGenesis, key: SigningKey): (value: Buffer) => readonly Header[] {
  const signer = createBatchSigner(key, logId)
  const known = new Map<Buffer, readonly Header[]>()
  return (value) => {
    const headers = known.get(value) ?? [{ name: SIGNATURE_HEADER, value: signer.sign([value])[0]! }]
    known.set(value, headers)
    return headers
  }
}

function* inParts(records: readonly NewRecord[]): Iterable<readonly NewRecord[]> {
  let part: NewRecord[] = []
  let bytes = 0
  for (const record of records) {
    if (part.length > 0 && bytes + record.value.length > BYTES_AT_ONCE) {
      yield part
      part = []
      bytes = 0
    }
    part.push(record)
    bytes += record.value.length
  }
  if (part.length > 0) yield part
}

interface Given {
  readonly version: number
  /** By partition, the hash of the record that it was given. */
  readonly given: ReadonlyMap<number, string>
  readonly file: PolicyFile
}

function findContested(
  after: readonly PartitionStanding[],
  { version, given, file }: Given,
): readonly Contested[] {
  return after.flatMap(({ partition, standing, policies }): Contested[] => {
    if (!given.has(partition)) return []
    if (standing.version < version) return [{ partition, signer: null }]
    const seen = policies.find((policy) => policy.version === version)
    // The same file that somebody else applied at the same moment is as good.
    const isSame = standing.version === version && isSameContent(standing, file)
    const isOurs = isSame || seen?.hash === given.get(partition)
    return isOurs ? [] : [{ partition, signer: seen?.signer ?? null }]
  })
}
