// What the tests of policies share: a guarded log in memory, a policy applied as the command does, and what the judge of nodes makes of each record.

import { EMPTY_CATALOGUE } from '../../../src/codec/catalogue.ts'
import type { PolicyFile } from '../../../src/codec/policy/file.ts'
import { initialStanding, type Standing } from '../../../src/codec/policy/standing.ts'
import { DEFINITIONS } from '../../../src/codec/record.ts'
import type { SigningKey } from '../../../src/codec/signing/batch-signer.ts'
import { createRecordProver } from '../../../src/codec/signing/proof.ts'
import { createJudge } from '../../../src/codec/verdict.ts'
import { checkLog, type LogGenesis } from '../../../src/log/check.ts'
import { createLog } from '../../../src/log/genesis.ts'
import { recordHash } from '../../../src/log/hash.ts'
import type { Log, Problem } from '../../../src/log/log.ts'
import { createMemoryLog, type MemoryLog } from '../../../src/log/memory/log.ts'
import { type AppliedPolicy, applyPolicy } from '../../../src/writer/policy/apply.ts'
import { loadLacked } from '../../../src/writer/policy/load.ts'
import { planPolicy } from '../../../src/writer/policy/plan.ts'
import { readStandings } from '../../../src/writer/policy/standings.ts'
import { testKey } from '../../support/signers.ts'

export const LOG_ID = '00112233-4455-6677-8899-aabbccddeeff'
export const NOW_MS = 1_800_000_000_000n
export const KEYS = {
  ada: testKey('ada'),
  ben: testKey('ben', 'eip191'),
  cyd: testKey('cyd'),
  stranger: testKey('stranger'),
}
export const signal = new AbortController().signal

export async function createGuardedLog(
  partitions: number,
  admins: readonly SigningKey[] = [KEYS.ada, KEYS.ben],
  chunkRecords?: number,
): Promise<MemoryLog> {
  const log = createMemoryLog({
    partitions,
    now: () => NOW_MS,
    ...(chunkRecords === undefined ? {} : { chunkRecords }),
  })
  await createLog(log, {
    logId: LOG_ID,
    copyId: '10112233-4455-6677-8899-aabbccddeeff',
    generation: 1,
    maxClockAheadMs: 60_000n,
    admins: admins.map(({ signer }) => signer),
  })
  return log
}

export async function genesisOf(log: Log): Promise<LogGenesis> {
  const check = checkLog(await log.describe())
  if (check.type === 'refused') throw new Error(check.problems[0]!.what)
  return check.genesis
}

export function policyOf(
  admins: readonly SigningKey[],
  more: Partial<Omit<PolicyFile, 'admins'>> = {},
): PolicyFile {
  return { version: null, admins: admins.map(({ signer }) => signer), rules: [], unsigned: false, ...more }
}

export type Outcome =
  | (AppliedPolicy & { readonly type: 'done'; readonly version: number; readonly left: readonly number[] })
  | { readonly type: 'refused'; readonly problems: readonly Problem[] }

/** As the command does; through `appending`, which may be a log that fails. */
export async function apply(
  log: Log,
  file: PolicyFile,
  key: SigningKey,
  { appending = log, isPartly = false }: { readonly appending?: Log; readonly isPartly?: boolean } = {},
): Promise<Outcome> {
  const genesis = await genesisOf(log)
  const before = await readStandings(log, { genesis, start: null, signal })
  const standingByVersion = await loadLacked(log, 'the log', before)
  const { signer } = key
  const plan = planPolicy({ name: 'the log', partitions: before, standingByVersion, file, signer, isPartly })
  if (plan.type === 'refused') return plan
  const applied = await applyPolicy(appending, { genesis, plan, file, key, before, signal })
  return { type: 'done', version: plan.version, left: plan.left, ...applied }
}

export interface Judged {
  readonly partition: number
  readonly standing: Standing
  /** Hashes of the valid policies, in their order. */
  readonly valid: readonly string[]
  readonly count: number
}

/** What the judge of nodes makes of every record of every partition, the definitions last. */
export async function judgeAll(log: Log): Promise<readonly Judged[]> {
  const genesis = await genesisOf(log)
  const { partitions, definitions } = await log.describe()
  const prove = createRecordProver(genesis.logId)
  const judge = createJudge(genesis)
  const judged: Judged[] = []
  for (const { partition, end } of [...partitions, definitions!]) {
    const pointers = Array.from({ length: Number(end) }, (_, i) => ({ partition, offset: BigInt(i) }))
    let standing = initialStanding(genesis.admins)
    const valid: string[] = []
    for (const record of await log.pick(pointers)) {
      if (record === null) continue
      const verdict = judge(record, EMPTY_CATALOGUE, standing, prove(record))
      if (verdict.type !== 'control') continue
      standing = verdict.standing
      if (verdict.control.kind === 'policy') valid.push(recordHash(record))
    }
    judged.push({ partition, standing, valid, count: pointers.length })
  }
  return judged
}

/** The version that every partition is at, each with as many valid policies; throws where they differ. */
export async function commonVersion(log: Log): Promise<number> {
  const judged = await judgeAll(log)
  const found = judged.map(({ partition, standing, valid }) => {
    if (standing.type === 'open') throw new Error('the log is open')
    if (valid.length !== standing.version) {
      throw new Error(`partition ${partition}: ${valid.length} valid policies, version ${standing.version}`)
    }
    return JSON.stringify({ ...standing, admins: [...standing.admins].sort() })
  })
  if (new Set(found).size !== 1) throw new Error(`partitions differ: ${found.join('\n')}`)
  return (judged[0]!.standing as { version: number }).version
}

/**
 * The same log, in which the append of number `failing` (from 0) is cut off: `isDurable` says which of its records are
 * in the log all the same.
 */
export function failingLog(
  log: Log,
  failing: number,
  isDurable: (partition: number, place: number) => boolean,
): Log {
  let count = 0
  return {
    ...log,
    async append(records) {
      if (count++ !== failing) return log.append(records)
      const durable = records.filter(({ partition }, i) => isDurable(partition ?? DEFINITIONS, i))
      if (durable.length > 0) await log.append(durable)
      throw new Error('cut off')
    },
  }
}
