// The end of the source: a close record in every partition, and no more appends where the kind of log can refuse them.

import { encodeControl, parseControl } from '../../codec/control.ts'
import { DEFINITIONS, type LogRecord } from '../../codec/record.ts'
import type { KeptLog, LogDescription, NewRecord } from '../log.ts'

/** `sealed`: nothing comes any more. `recorded`: this kind of log goes on taking what writers send. */
export type Closing = 'sealed' | 'recorded'

/** Closes a log of this generation; one that is closed already stays as it is. */
export async function closeLog(log: KeptLog, generation: number): Promise<Closing> {
  const partitions = partitionsOf(await log.describe()).map(({ partition }) => partition)
  const records = partitions.map((partition) => closeRecord(partition, generation))
  if (await log.seal(records)) return 'sealed'
  const open = await partitionsBehindClose(log, generation)
  if (open.length > 0) await log.append(open.map((partition) => closeRecord(partition, generation)))
  return 'recorded'
}

/** The partitions, DEFINITIONS among them, whose last record does not close them. */
export async function partitionsBehindClose(log: KeptLog, generation: number): Promise<readonly number[]> {
  const states = partitionsOf(await log.describe())
  const last = await log.pick(states.map(({ partition, end }) => ({ partition, offset: end - 1n })))
  return states.filter((_, i) => !isClose(last[i] ?? null, generation)).map(({ partition }) => partition)
}

function partitionsOf({ partitions, definitions }: LogDescription) {
  return definitions === null ? partitions : [...partitions, definitions]
}

function isClose(record: LogRecord | null, generation: number): boolean {
  if (record === null || record.value === null || record.value[0] !== 0x7b) return false
  const parsed = parseControl(record.value)
  return (
    parsed.type === 'control' && parsed.control.kind === 'close' && parsed.control.generation === generation
  )
}

function closeRecord(partition: number, generation: number): NewRecord {
  return { partition, key: null, value: encodeControl({ kind: 'close', generation }) }
}

/** `the definitions`, `partition 3`. */
export function partitionWords(partition: number): string {
  return partition === DEFINITIONS ? 'the definitions' : `partition ${partition}`
}
