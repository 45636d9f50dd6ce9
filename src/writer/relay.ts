// Passing on records that others have made, and perhaps signed: appended byte for byte, placed by the key of their row.

import { SIGNATURE_HEADER } from '../codec/signing/header.ts'
import type { Stamp } from '../crdt/stamp.ts'
import type { LogGenesis } from '../log/check.ts'
import type { Log, NewRecord } from '../log/log.ts'
import { createGathering } from './gathering.ts'
import type { MessageLimits } from './messages.ts'
import { boundRecordKey, writeRecordKey } from './record-key.ts'
import { type Batch, createSending, type Sender, type Sending } from './sending.ts'
import { explainAhead } from './stamper.ts'

/** A record of which somebody has judged that the nodes take it, and what its message says of itself. */
export interface MadeRecord {
  readonly stamp: Stamp
  readonly dataset: string
  readonly key: readonly string[]
  /** As its writer made it. */
  readonly value: Buffer
  /** The value of its signature header; null: it is not signed. */
  readonly signature: Buffer | null
}

export interface Relay extends Sender<MadeRecord> {
  close(): void
}

export interface RelayOptions {
  readonly log: Log
  /** The log as it was looked at before anything is appended. Throws why nothing may be. */
  readonly genesis: () => Promise<LogGenesis>
  /** The log has to be looked at again. */
  readonly onDoubt: () => void
  /** How long anybody waits for the log, in milliseconds. */
  readonly waitMs: number
}

interface MadeBatch extends Batch {
  readonly stamps: readonly Stamp[]
}

/** Whoever made a record has stamped it: this machine's clock has no part in it. */
export function createRelay({ log, genesis, onDoubt, waitMs }: RelayOptions): Relay {
  return createGathering<MadeRecord, Sending<MadeRecord>>({
    openSession: async () => createRelaySession(log, (await genesis()).maxClockAheadMs),
    bytesOf: boundRecord,
    isStamped: () => true,
    onDoubt,
    waitMs,
  })
}

/** About, of a record in the log. */
export function boundRecord({ dataset, key, value, signature }: MadeRecord): number {
  return boundRecordKey(dataset, key) + value.length + (signature?.length ?? 0)
}

function createRelaySession(log: Log, maxClockAheadMs: bigint): Sending<MadeRecord> {
  return createSending<MadeRecord, MadeBatch>({
    log,
    isFirstAlone: false,
    making: {
      make: makeBatch,
      judge: ({ stamps }, answers) =>
        answers.map((appended, i) => {
          const stamp = stamps[i]!
          const reason = explainAhead(stamp, appended.appendMs, maxClockAheadMs)
          return reason === null
            ? { type: 'durable', stamp, appended }
            : { type: 'refused', stamp, appended, reason }
        }),
      fault: () => null,
    },
  })
}

function makeBatch(
  changes: readonly MadeRecord[],
  at: number,
  { recordsMax, bytesMax }: MessageLimits,
): MadeBatch {
  const records: NewRecord[] = []
  const stamps: Stamp[] = []
  let bytes = 0
  for (let i = at; i < changes.length && records.length < recordsMax && bytes < bytesMax; i++) {
    const record = changes[i]!
    records.push(toNewRecord(record))
    stamps.push(record.stamp)
    bytes += boundRecord(record)
  }
  return { records, stamps, bytes }
}

function toNewRecord({ dataset, key, value, signature }: MadeRecord): NewRecord {
  const sink = { bytes: Buffer.allocUnsafe(boundRecordKey(dataset, key)), at: 0 }
  writeRecordKey(sink, dataset, key)
  const headers = signature === null ? [] : [{ name: SIGNATURE_HEADER, value: signature }]
  return { partition: null, key: sink.bytes.subarray(0, sink.at), value, headers }
}
