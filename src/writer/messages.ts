// Changes to records: stamped, encoded and framed, many of them in one buffer.

import type { ByteSink } from '../codec/avro-encode.ts'
import type { TypedChange } from '../codec/line.ts'
import type { BatchSigner } from '../codec/signing/batch-signer.ts'
import type { Stamp } from '../crdt/stamp.ts'
import type { NewRecord } from '../log/log.ts'
import { signatureBytesMax, signPlaced } from '../log/sign-records.ts'
import type { Encoder } from './framing.ts'
import { boundRecordKey, writeRecordKey } from './record-key.ts'
import type { Stamper } from './stamper.ts'

export interface Messages {
  /** What they were made of, in the same order as stamps and records. */
  readonly changes: readonly TypedChange[]
  readonly stamps: readonly Stamp[]
  readonly records: readonly NewRecord[]
  /** Of keys, values and signatures. */
  readonly bytes: number
  /** The time of the newest stamp, nanoseconds since 1970. */
  readonly newestNs: bigint
}

export interface MessageLimits {
  readonly recordsMax: number
  /** The last message may come on top. */
  readonly bytesMax: number
}

/** A buffer serves many batches where they are small, and a large one needs few. */
const SLAB_BYTES = 256 * 1024

/** Who signs messages, and among how many partitions the log divides them. */
export interface Signing {
  readonly signer: BatchSigner
  readonly partitions: number
}

/** Makes messages of the changes from `from` on, as many as the limits allow; at least one where there is any. */
export type MakeMessages = (changes: readonly TypedChange[], from: number, limits: MessageLimits) => Messages

export function createMessageMaker(
  stamper: Stamper,
  encoder: Encoder,
  signing: Signing | null = null,
): MakeMessages {
  const signatureBytes = signing === null ? 0 : signatureBytesMax(signing.signer)
  const sink: ByteSink = { bytes: Buffer.allocUnsafeSlow(0), at: 0 }

  function makeRoom(bytes: number): void {
    if (sink.bytes.length - sink.at >= bytes) return
    sink.bytes = Buffer.allocUnsafeSlow(Math.max(SLAB_BYTES, bytes))
    sink.at = 0
  }

  function writeValue(change: TypedChange): Stamp {
    if (change.timeNs !== null) return encoder.writeTimed(sink, change, change.timeNs)
    const mutation = stamper.stamp(change)
    encoder.write(sink, mutation)
    return mutation.stamp
  }

  const sign = (records: readonly NewRecord[]): readonly NewRecord[] =>
    signing === null ? records : signPlaced(signing.signer, records, signing.partitions)

  return (changes, from, { recordsMax, bytesMax }) => {
    const stamps: Stamp[] = []
    const records: NewRecord[] = []
    const end = Math.min(changes.length, from + recordsMax)
    let bytes = 0
    let newestNs = 0n
    let at = from
    stamper.look()
    for (; at < end && bytes < bytesMax; at++) {
      const change = changes[at]!
      makeRoom(encoder.bound(change) + boundRecordKey(change.dataset, change.key))
      const start = sink.at
      writeRecordKey(sink, change.dataset, change.key)
      const middle = sink.at
      stamps.push(writeValue(change))
      if (change.timeNs !== null && change.timeNs > newestNs) newestNs = change.timeNs
      const key = sink.bytes.subarray(start, middle)
      records.push({ partition: null, key, value: sink.bytes.subarray(middle, sink.at) })
      bytes += sink.at - start + signatureBytes
    }
    const lastNs = stamper.lastNs()
    if (lastNs > newestNs) newestNs = lastNs
    return { changes: changes.slice(from, at), stamps, records: sign(records), bytes, newestNs }
  }
}
