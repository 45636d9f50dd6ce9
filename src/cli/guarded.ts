// Writing to a log that may be guarded: who signs, what is refused before anything is sent, and whether the policy has changed since.

import type { Standing } from '../codec/policy/standing.ts'
import { type BatchSigner, createBatchSigner, type SigningKey } from '../codec/signing/batch-signer.ts'
import type { SignerKey } from '../codec/signing/signer-key.ts'
import { readDefinitions } from '../writer/definitions.ts'
import { followDefinitions } from '../writer/follow-definitions.ts'
import { CLOSED, createActs, createRefuseAct, type RefuseAct } from '../writer/permission.ts'
import { versionWords } from '../writer/policy/words.ts'
import type { Context } from './context.ts'
import { Failure, messageOf } from './errors.ts'
import type { CheckedLog } from './log-access.ts'
import { HOW_TO_SIGN } from './signing.ts'

type Guarded = Extract<Standing, { type: 'guarded' }>
type NamedLog = Pick<CheckedLog, 'description' | 'genesis'>

const SIGNERS_TOLD = 5

/**
 * Who signs what is published; null: nobody. Throws a failure where nothing would be taken that this key signs, or
 * nobody. `key` null: none is set.
 */
export function requireWriter(
  context: Context,
  { description, genesis }: NamedLog,
  standing: Standing,
  key: SigningKey | null,
): BatchSigner | null {
  const { name } = description
  if (standing.type === 'open') tellOpen(context, key)
  else {
    requireUnclosed(name, standing)
    if (!standing.unsigned) requireNamed(name, standing, key)
  }
  return key === null ? null : createBatchSigner(key, genesis.logId)
}

function requireNamed(name: string, standing: Guarded, key: SigningKey | null): void {
  const { version, admins, rules } = standing
  if (key === null) {
    const why =
      version === 0
        ? 'no policy is applied yet, and only the admins that its genesis names may write'
        : `${versionWords(standing.version)} asks for signatures`
    throw new Failure(`${name} takes nothing that is not signed: ${why}`, HOW_TO_SIGN)
  }
  const { signer } = key
  const isNamed = rules.some(({ signers }) => signers === '*' || signers.includes(signer))
  if (isNamed || admins.includes(signer)) return
  throw new Failure(
    `${name} takes nothing that ${signer} signs: ${versionWords(standing.version)} does not name it`,
    'sign with another key (--key FILE), or have an admin add a rule for this one to the policy',
  )
}

/** An admin's signer for what only admins may write; null in an open log without a key. Throws a failure else. */
export function requireAdmin(
  context: Context,
  { description, genesis }: NamedLog,
  standing: Standing,
  key: SigningKey | null,
): BatchSigner | null {
  const { name } = description
  if (standing.type === 'open') tellOpen(context, key)
  else {
    requireUnclosed(name, standing)
    if (key === null) {
      throw new Failure(
        `${name} is guarded: an admin has to sign this (by ${versionWords(standing.version)}: ${listSigners(standing.admins)})`,
        HOW_TO_SIGN,
      )
    }
    if (!standing.admins.includes(key.signer)) {
      throw new Failure(
        `${key.signer} is no admin of ${name}; by ${versionWords(standing.version)} they are ${listSigners(standing.admins)}`,
        "sign with an admin's key: --key FILE, or SPINDEXER_KEY_FILE",
      )
    }
  }
  return key === null ? null : createBatchSigner(key, genesis.logId)
}

function tellOpen({ out }: Context, key: SigningKey | null): void {
  if (key === null) return
  out.say(`The log is open: signatures decide nothing in it. ${key.signer} signs all the same.`)
}

function requireUnclosed(name: string, { isClosed }: Guarded): void {
  if (!isClosed) return
  throw new Failure(`${name} ${CLOSED}`, 'point SPINDEXER_LOG at the copy')
}

function listSigners(signers: readonly SignerKey[]): string {
  const more = signers.length - SIGNERS_TOLD
  const told = signers.slice(0, SIGNERS_TOLD).join(', ')
  return more > 0 ? `${told} and ${more} more` : told
}

/** The policy while something is sent. */
export interface PolicyWatch {
  /** By what is known of the policy just now; takes note of what it lets through. */
  readonly refuseAct: RefuseAct
  /**
   * Reads the policy again. Half a sentence on why nodes may refuse some of what was let through; null where they do
   * not. A policy that allows all of it is said on stderr.
   */
  lookAgain(): Promise<string | null>
  close(): void
}

/** `standing` is what was read with the definitions. In an open log there is nothing to watch. */
export function watchPolicy(
  { io, out }: Context,
  { log, genesis }: Pick<CheckedLog, 'log' | 'genesis'>,
  standing: Standing,
  signer: BatchSigner | null,
): PolicyWatch {
  if (standing.type === 'open') return { refuseAct: () => null, lookAgain: async () => null, close() {} }
  const by = signer?.signer ?? null
  const followed = followDefinitions({ log, genesis, onLost: () => {} })
  const acts = createActs()
  let judged: Standing = standing
  let refuse = createRefuseAct(standing, by)
  /** What is followed begins at the genesis, and is no older than what was read once it is current. */
  let isCurrent = false
  void followed.current.then(() => {
    isCurrent = true
  })

  return {
    refuseAct(change) {
      const newest = isCurrent ? followed.defined().standing : standing
      if (newest !== judged) {
        judged = newest
        refuse = createRefuseAct(newest, by)
      }
      const reason = refuse(change)
      if (reason === null) acts.see(change)
      return reason
    },
    async lookAgain() {
      if (io.signal.aborted) return null
      let standings: readonly Guarded[]
      try {
        standings = (await readDefinitions(log, genesis, io.signal)).standings
      } catch (error) {
        out.say(`warning: whether the policy was changed meanwhile is not known (${messageOf(error)})`)
        return null
      }
      const since = standings.slice(standings.findIndex((each) => isSame(each, standing)) + 1)
      const newest = since.at(-1)
      if (newest === undefined) return null
      for (const each of since) {
        const reason = acts.refusedBy(createRefuseAct(each, by))
        if (reason !== null) return reason
      }
      out.say(
        `The policy was changed meanwhile (${versionWords(newest.version)} now), and allows all of this too.`,
      )
      return null
    },
    close: () => followed.close(),
  }
}

function isSame(a: Guarded, b: Guarded): boolean {
  return a.version === b.version && a.isClosed === b.isClosed
}
