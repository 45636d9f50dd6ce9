// The verdicts of a copy: which records of the source are marked, and which the target's clock has a say in. Pure.

import { EMPTY_CATALOGUE } from '../../codec/catalogue.ts'
import { type Defined, judgeDefinitions } from '../../codec/definitions.ts'
import { DEFINITIONS, type LogRecord } from '../../codec/record.ts'
import type { Proof } from '../../codec/signing/proof.ts'
import { createJudge, type JudgeOptions } from '../../codec/verdict.ts'
import { stampToTime } from '../../crdt/stamp.ts'
import type { NewRecord } from '../log.ts'
import { keyToPartition } from '../placement.ts'
import { type Content, contentBytes, toMarked } from './mark.ts'
import type { Standings } from './standings.ts'

/** One record on its way. */
export interface Item {
  readonly record: NewRecord & { readonly partition: number }
  /** Where it stands in the source, for messages. */
  readonly offset: bigint
  readonly isMarked: boolean
  /** A valid policy: what was judged before it has to be in the target before it is. */
  readonly isPolicy: boolean
  /** Before this time of its own clock (ms) the target quarantines what the source took; null: whenever. */
  readonly dueMs: bigint | null
  readonly bytes: number
}

/** Takes the records of each partition in their order from offset 0 on, save those that cannot move what stands. */
export type Translate = (record: LogRecord, proof: Proof) => Item

/** What a record weighs in memory beside its bytes. */
const OVERHEAD_BYTES = 100
const NS_PER_MS = 1_000_000n

/**
 * What becomes of the source's data records in a target of `targetPartitions`: the same partition where there are as many
 * in the source, else the one of the key. Quarantine is decided without the definitions.
 */
export function createTranslator(
  rules: JudgeOptions,
  partitions: { readonly source: number; readonly target: number },
  standings: Standings,
): Translate {
  const judge = createJudge(rules)
  const placeOf = ({ partition, key }: LogRecord): number => {
    if (partitions.source === partitions.target) return partition
    // Without a key any will do, and one for all would be crowded.
    return key === null ? partition % partitions.target : keyToPartition(key, partitions.target)
  }
  return (record, proof) => {
    const verdict = judge(record, EMPTY_CATALOGUE, standings.of(record.partition), proof)
    const partition = placeOf(record)
    if (verdict.type === 'quarantined')
      return toItem(record, partition, toMarked(record, verdict.reason), { isMarked: true })
    if (verdict.type === 'control') {
      const isPolicy = standings.move(record, verdict.standing)
      return toItem(record, partition, contentOf(record), { isPolicy })
    }
    const timeNs = stampToTime(verdict.mutation.stamp)
    const timeMs = (timeNs + NS_PER_MS - 1n) / NS_PER_MS
    const dueMs = timeMs - rules.maxClockAheadMs
    return toItem(record, partition, contentOf(record), { dueMs })
  }
}

/**
 * The same for the definitions, which come in order from the first one. One that the fold refuses is marked too: folded
 * over what came later it might be taken (test/codec/definitions-again.test.ts), and a copy is folded again by whoever
 * keeps its state, and in part after an interruption.
 */
export function createDefinitionsTranslator(rules: JudgeOptions, standings: Standings): Translate {
  let held: Defined = { catalogue: EMPTY_CATALOGUE, standing: standings.of(DEFINITIONS) }
  return (record, proof) => {
    const judged = judgeDefinitions(held, [record], record.offset + 1n, { ...rules, prove: () => proof })
    held = judged
    const isPolicy = standings.move(record, judged.standing)
    const refused = judged.refused[0]
    return refused === undefined
      ? toItem(record, DEFINITIONS, contentOf(record), { isPolicy })
      : toItem(record, DEFINITIONS, toMarked(record, refused.reason), { isMarked: true })
  }
}

function toItem(
  source: LogRecord,
  partition: number,
  content: Content,
  what: Partial<Pick<Item, 'isMarked' | 'isPolicy' | 'dueMs'>>,
): Item {
  const bytes = OVERHEAD_BYTES + contentBytes(content)
  const { headers } = content
  const [key, value] = [content.key === null ? null : detach(content.key), detach(content.value)]
  const record = { partition, key, value, headers }
  return { record, offset: source.offset, isMarked: false, isPolicy: false, dueMs: null, bytes, ...what }
}

/** A record that waits for its turn may keep 64 MiB of a decompressed batch from being given back. */
const SHARED_BYTES_MAX = 4 * 1024 * 1024

function detach(bytes: Buffer): Buffer {
  return bytes.buffer.byteLength > SHARED_BYTES_MAX && bytes.length < SHARED_BYTES_MAX
    ? Buffer.from(bytes)
    : bytes
}

/** Of a record that is not quarantined, so has a value. */
function contentOf({ key, value, headers }: LogRecord): Content {
  return { key, value: value!, headers }
}
