// Reading one part of the source, the definitions or the data, and giving each record to where it has to go.

import { CONTROL_MAGIC } from '../../codec/framing.ts'
import { DEFINITIONS, type LogRecord } from '../../codec/record.ts'
import { type Proof, UNSIGNED } from '../../codec/signing/proof.ts'
import { checkLog, type LogGenesis } from '../check.ts'
import type { Log, LogEvent, Problem } from '../log.ts'
import type { Barrier } from './barrier.ts'
import type { Parcels } from './parcels.ts'
import type { Places } from './places.ts'
import type { Prover } from './prove.ts'
import type { Standings } from './standings.ts'
import type { Translate } from './translate.ts'

export interface ScopeOptions {
  readonly source: Log
  readonly from: LogGenesis
  readonly type: 'definitions' | 'all'
  /** Below this the target has everything of a partition. */
  readonly already: (partition: number) => bigint
  readonly translate: Translate
  readonly prover: Pick<Prover, 'prove'>
  readonly standings: Standings
  readonly parcels: Parcels
  readonly barrier: Barrier
  readonly places: Places
  readonly signal: AbortSignal
}

export type Problems = readonly Problem[] | null

export interface Scope {
  /** Reads until the signal is aborted: null. Or until the source forbids going on: then the problems. */
  run(): Promise<Problems>
  /** Everything of a partition below this was read, and given to where it has to go. */
  readTo(partition: number): bigint
}

export function createScope(options: ScopeOptions): Scope {
  const { source, from, type, already, translate, standings, parcels, barrier, places, signal } = options
  const isGuarded = from.admins.length > 0
  // The verdict on a definition depends on those before it, and where there are policies every verdict on what stands
  // before it in its partition.
  const isReadFromStart = type === 'definitions' || isGuarded
  const at = new Map<number, bigint>()
  const readTo = (partition: number) => at.get(partition) ?? (isReadFromStart ? 0n : already(partition))

  const copyChunk = async (chunk: Chunk): Promise<Problems | 'again'> => {
    const { partition, next, end } = chunk
    if (barrier.isShut(partition)) return null
    const { records, proofOf } = await proveChunk(chunk)
    for (const record of records) {
      const isThere = record.offset < already(partition)
      // Only control records move what stands behind them.
      if (isThere && !isControl(record)) continue
      const item = translate(record, proofOf(record))
      if (item.isPolicy) {
        at.set(partition, record.offset + 1n)
        const passage = await barrier.meet({ partition, item, version: versionOf(partition) })
        if (typeof passage === 'object') return [passage]
        if (passage !== 'on') return passage === 'again' ? passage : null
      } else if (!isThere && record.offset > 0n && record.offset !== standings.closedAt(partition)) {
        // The copy has a genesis of its own, and a close ends the generation that it names.
        await parcels.add(partition, item)
      }
      if (signal.aborted) return null
    }
    if (next > already(partition)) await parcels.passed(partition, next, next === end)
    at.set(partition, next)
    places.wake()
    return null
  }
  const versionOf = (partition: number): number => {
    const standing = standings.of(partition)
    return standing.type === 'guarded' ? standing.version : 0
  }
  const proveChunk = async ({ partition, records }: Chunk) => {
    if (!isGuarded) return { records, proofOf: () => UNSIGNED }
    const all = [...records]
    const isNeeded = (record: LogRecord) =>
      record.headers.length > 0 && (record.offset >= already(partition) || isControl(record))
    const needed = all.filter(isNeeded)
    const proofs = await options.prover.prove(needed)
    const byRecord = new Map(needed.map((record, i): [LogRecord, Proof] => [record, proofs[i]!]))
    return { records: all, proofOf: (record: LogRecord) => byRecord.get(record) ?? UNSIGNED }
  }

  const read = async (): Promise<Problems | 'again'> => {
    const positions = async (partitions: readonly number[]) =>
      new Map(partitions.map((partition) => [partition, readTo(partition)]))
    for await (const event of source.read({ scope: { type }, positions, signal })) {
      if (event.type === 'chunk') {
        const ended = await copyChunk(event)
        if (ended !== null) return ended
      } else if (event.type !== 'assigned') {
        const problems = await findProblems(source, from)
        if (problems.length > 0) return problems
        if (event.type === 'lost') return [lostProblem(event.partition, event.position)]
      }
      if (signal.aborted) break
    }
    return null
  }

  return {
    async run() {
      for (;;) {
        const ended = await read()
        if (ended !== 'again' || signal.aborted) return ended === 'again' ? null : ended
      }
    },
    readTo,
  }
}

type Chunk = LogEvent & { readonly type: 'chunk' }

function isControl({ value }: LogRecord): boolean {
  return value !== null && value[0] === CONTROL_MAGIC
}

async function findProblems(source: Log, genesis: LogGenesis): Promise<readonly Problem[]> {
  const checked = checkLog(await source.describe())
  if (checked.type === 'refused') return checked.problems
  if (checked.genesis.copyId === genesis.copyId) return []
  const what = `the source was replaced while it was copied: it is copy ${checked.genesis.copyId} now, and was ${genesis.copyId}`
  return [{ what, remedy: 'delete the target, and copy the log that is there now' }]
}

function lostProblem(partition: number, position: bigint): Problem {
  const place = partition === DEFINITIONS ? 'the definitions' : `partition ${partition}`
  return {
    what: `the source no longer has offset ${position} of ${place}: it was truncated or made anew`,
    remedy: 'bring the whole log back, then run the copy again',
  }
}
