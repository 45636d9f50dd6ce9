// Records with their signatures: a header on each, from trees over all that are signed together.

import type { BatchSigner } from '../codec/signing/batch-signer.ts'
import { SIGNATURE_HEADER } from '../codec/signing/header.ts'
import type { NewRecord } from './log.ts'
import { keyToPartition } from './placement.ts'

type Signs = Pick<BatchSigner, 'sign'>

/** The same records, each with a signature header behind the headers that it has. */
export function signRecords(signer: Signs, records: readonly NewRecord[]): readonly NewRecord[] {
  const signatures = signer.sign(records.map(({ value }) => value))
  return records.map((record, i) => withSignature(record, signatures[i]!))
}

/**
 * The same for records that the log will place by their keys. In the trees those of one partition stand side by side:
 * neighbours there have most of their paths in common, so that a batch compresses better, and a partition has records of
 * fewer trees to verify.
 */
export function signPlaced(
  signer: Signs,
  records: readonly NewRecord[],
  partitions: number,
): readonly NewRecord[] {
  if (partitions === 1) return signRecords(signer, records)
  const indexes: number[][] = Array.from({ length: partitions }, () => [])
  for (const [i, { key }] of records.entries()) indexes[keyToPartition(key, partitions)]!.push(i)
  const order = indexes.flat()
  const signatures = signer.sign(order.map((i) => records[i]!.value))
  const signed = [...records]
  for (const [place, i] of order.entries()) signed[i] = withSignature(records[i]!, signatures[place]!)
  return signed
}

function withSignature(record: NewRecord, value: Buffer): NewRecord {
  return { ...record, headers: [...(record.headers ?? []), { name: SIGNATURE_HEADER, value }] }
}

/** Bytes that the header of a signature adds to a record, at most. */
export function signatureBytesMax({ headerBytesMax }: Pick<BatchSigner, 'headerBytesMax'>): number {
  return SIGNATURE_HEADER.length + headerBytesMax
}
