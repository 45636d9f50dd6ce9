// The verdicts of a copy: which records of the source are marked, and which the target's clock has a say in. Pure.

import { type Catalogue, EMPTY_CATALOGUE } from '../../codec/catalogue.ts'
import { judgeOpenDefinitions } from '../../codec/definitions.ts'
import { DEFINITIONS, type LogRecord } from '../../codec/record.ts'
import { createOpenJudge, type OpenJudgeOptions } from '../../codec/verdict.ts'
import { stampToTime } from '../../crdt/stamp.ts'
import type { NewRecord } from '../log.ts'
import { keyToPartition } from '../placement.ts'
import { type Content, contentBytes, toMarked } from './mark.ts'

/** One record on its way. */
export interface Item {
  readonly record: NewRecord & { readonly partition: number }
  /** Where it stands in the source, for messages. */
  readonly offset: bigint
  readonly isMarked: boolean
  /** Before this time of its own clock (ms) the target quarantines what the source took; null: whenever. */
  readonly dueMs: bigint | null
  readonly bytes: number
}

/** What a record weighs in memory beside its bytes. */
const OVERHEAD_BYTES = 100
const NS_PER_MS = 1_000_000n

/**
 * What becomes of the source's data records in a target of `targetPartitions`: the same partition where there are as many
 * in the source, else the one of the key. Quarantine is decided without the definitions.
 */
export function createTranslator(
  rules: OpenJudgeOptions,
  partitions: { readonly source: number; readonly target: number },
): (record: LogRecord) => Item {
  const judge = createOpenJudge(rules)
  const placeOf = ({ partition, key }: LogRecord): number => {
    if (partitions.source === partitions.target) return partition
    // Without a key any will do, and one for all would be crowded.
    return key === null ? partition % partitions.target : keyToPartition(key, partitions.target)
  }
  return (record) => {
    const verdict = judge(record, EMPTY_CATALOGUE)
    const partition = placeOf(record)
    if (verdict.type === 'quarantined')
      return toItem(record, partition, toMarked(record, verdict.reason), true)
    const item = toItem(record, partition, contentOf(record), false)
    if (verdict.type === 'control') return item
    const timeNs = stampToTime(verdict.mutation.stamp)
    const timeMs = (timeNs + NS_PER_MS - 1n) / NS_PER_MS
    return { ...item, dueMs: timeMs - rules.maxClockAheadMs }
  }
}

/**
 * The same for the definitions, which come in order from the first one. One that the fold refuses is marked too: folded
 * over what came later it might be taken (test/codec/definitions-again.test.ts), and a copy is folded again by whoever
 * keeps its state, and in part after an interruption.
 */
export function createDefinitionsTranslator({ logId }: OpenJudgeOptions): (record: LogRecord) => Item {
  let catalogue: Catalogue = EMPTY_CATALOGUE
  return (record) => {
    const judged = judgeOpenDefinitions(catalogue, [record], record.offset + 1n, logId)
    catalogue = judged.catalogue
    const refused = judged.refused[0]
    return refused === undefined
      ? toItem(record, DEFINITIONS, contentOf(record), false)
      : toItem(record, DEFINITIONS, toMarked(record, refused.reason), true)
  }
}

function toItem(source: LogRecord, partition: number, content: Content, isMarked: boolean): Item {
  const bytes = OVERHEAD_BYTES + contentBytes(content)
  const { headers } = content
  const [key, value] = [content.key === null ? null : detach(content.key), detach(content.value)]
  return { record: { partition, key, value, headers }, offset: source.offset, isMarked, dueMs: null, bytes }
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
