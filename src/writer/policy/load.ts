// Policies as they stand in a log, fetched by their places: to be given unchanged to partitions that lack them.

import { type Policy, parseControl } from '../../codec/control.ts'
import { DEFINITIONS } from '../../codec/record.ts'
import type { SignerKey } from '../../codec/signing/signer-key.ts'
import { placeName } from '../../log/check.ts'
import { recordHash } from '../../log/hash.ts'
import type { Log, NewRecord } from '../../log/log.ts'
import { type PartitionStanding, type SeenPolicy, versionsLacked } from './standings.ts'

/** A valid policy with its bytes. */
export interface StandingPolicy {
  readonly policy: Policy
  readonly signer: SignerKey
  readonly record: Omit<NewRecord, 'partition'>
}

/**
 * Of every version that some partition lacks, the records that stand elsewhere, each once: first what the definitions
 * have, by which writers go, then by partition.
 */
export async function loadLacked(
  log: Log,
  name: string,
  partitions: readonly PartitionStanding[],
): Promise<ReadonlyMap<number, readonly StandingPolicy[]>> {
  const lacked = new Set(versionsLacked(partitions))
  const seen = partitions.flatMap(({ policies }) => policies.filter(({ version }) => lacked.has(version)))
  seen.sort((a, b) => rank(a) - rank(b))
  const distinct = [...new Map([...seen].reverse().map((policy) => [policy.hash, policy])).values()].reverse()
  const loaded = new Map<number, StandingPolicy[]>()
  for (const policy of distinct) {
    const list = loaded.get(policy.version) ?? []
    list.push(await load(log, name, policy))
    loaded.set(policy.version, list)
  }
  return loaded
}

function rank({ partition }: SeenPolicy): number {
  return partition === DEFINITIONS ? -1 : partition
}

async function load(log: Log, name: string, seen: SeenPolicy): Promise<StandingPolicy> {
  const [found] = await log.pick([seen])
  const parsed = found?.value && recordHash(found) === seen.hash ? parseControl(found.value) : null
  if (parsed?.type !== 'control' || parsed.control.kind !== 'policy') {
    const place = `offset ${seen.offset} of ${placeName(name, seen.partition)}`
    throw new Error(`${place} has another record than a moment ago: the log was made anew; run log check`)
  }
  const { key, value, headers } = found!
  return { policy: parsed.control, signer: seen.signer, record: { key, value: value!, headers } }
}
