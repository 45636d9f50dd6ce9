// What holds at a place of a partition: the last valid policy before it, or the genesis; and whether a close stands there.

import type { Close, Policy, PolicyRule } from '../control.ts'
import type { Signer, SignerKey } from '../signing/signer-key.ts'

/** In an open log nothing of all this decides anything. */
export interface OpenStanding {
  readonly type: 'open'
}

export interface GuardedStanding {
  readonly type: 'guarded'
  /** 0: the genesis. */
  readonly version: number
  readonly admins: readonly SignerKey[]
  readonly rules: readonly PolicyRule[]
  /** Whether mutations need no signature; then a signature is needed for no right either. */
  readonly unsigned: boolean
  /** A valid close stands before this place: everything behind it is quarantined. */
  readonly isClosed: boolean
}

export type Standing = OpenStanding | GuardedStanding

export const OPEN: Standing = { type: 'open' }

/** At the beginning of every partition, by the admins of the genesis. None: the log is open. */
export function initialStanding(admins: readonly SignerKey[]): Standing {
  if (admins.length === 0) return OPEN
  return { type: 'guarded', version: 0, admins, rules: [], unsigned: false, isClosed: false }
}

export type Succession =
  | { readonly type: 'valid'; readonly standing: GuardedStanding }
  | {
      readonly type: 'refused'
      readonly reason: 'not-admin' | 'wrong-version' | 'wrong-generation'
      readonly detail: string
    }

/** What holds behind a policy that stands where `standing` holds. */
export function succeed(standing: GuardedStanding, policy: Policy, signer: Signer): Succession {
  const stranger = refuseStranger(standing, signer)
  if (stranger !== null) return stranger
  if (policy.version !== standing.version + 1) {
    return {
      type: 'refused',
      reason: 'wrong-version',
      detail: `it is version ${policy.version}, behind version ${standing.version}`,
    }
  }
  const { version, admins, rules, unsigned } = policy
  return { type: 'valid', standing: { type: 'guarded', version, admins, rules, unsigned, isClosed: false } }
}

/** What holds behind a close; `generation` is the log's own. */
export function close(
  standing: GuardedStanding,
  record: Close,
  generation: number,
  signer: Signer,
): Succession {
  const stranger = refuseStranger(standing, signer)
  if (stranger !== null) return stranger
  if (record.generation !== generation) {
    return {
      type: 'refused',
      reason: 'wrong-generation',
      detail: `it closes generation ${record.generation}; this is generation ${generation}`,
    }
  }
  return { type: 'valid', standing: { ...standing, isClosed: true } }
}

/** Why a signer may not define, close or change the policy; null for an admin. */
export function refuseStranger(
  { version, admins }: GuardedStanding,
  signer: Signer,
): (Succession & { readonly type: 'refused' }) | null {
  if (signer !== null && admins.includes(signer)) return null
  const who = signer === null ? 'it is not signed' : `${signer} has signed it`
  const where = version === 0 ? 'the genesis' : `policy version ${version}`
  return { type: 'refused', reason: 'not-admin', detail: `${who}, and ${where} names other admins` }
}
