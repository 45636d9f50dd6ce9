// Record batches' compression: every codec that Kafka has, with a bound, and a clear word about what does not open.

import { openGzip } from './gzip.ts'
import { openLz4 } from './lz4.ts'
import { openSnappy } from './snappy.ts'
import { openZstd } from './zstd.ts'

/** A batch that is larger when decompressed is quarantined whole (wire format). */
export const BATCH_BYTES_MAX = 64 * 1024 * 1024

/** Decompresses all of `bytes`; null when there would be more than `sizeMax` bytes, of which it never holds more. */
type Open = (bytes: Buffer, sizeMax: number) => Promise<Buffer | null> | Buffer | null

/** By their number, the low three bits of a batch's attributes. */
const CODECS: readonly { readonly name: string; readonly open: Open }[] = [
  { name: 'none', open: (bytes, sizeMax) => (bytes.length > sizeMax ? null : bytes) },
  { name: 'gzip', open: openGzip },
  { name: 'snappy', open: openSnappy },
  { name: 'lz4', open: openLz4 },
  { name: 'zstd', open: openZstd },
]

/**
 * Decompresses the records of a batch. Null when they are more than `sizeMax` bytes, or the bytes do not open,
 * though their checksum is right: a broker takes some that no decoder need open (an LZ4 offset of 0), and one such
 * batch must not stop every node for good. Takes whatever Kafka's own consumer takes. Throws for a codec that is
 * unknown, which a later Kafka may have, and for want of memory: neither says anything of the bytes.
 */
export async function decompressRecords(
  codec: number,
  bytes: Buffer,
  batchName: () => string,
  sizeMax = BATCH_BYTES_MAX,
): Promise<Buffer | null> {
  const known = CODECS[codec]
  if (known === undefined) {
    const remedy = 'read it with a version that can; this one knows none, gzip, snappy, lz4 and zstd'
    throw new Error(
      `${batchName()} is compressed with codec ${codec}, which this version cannot open; ${remedy}`,
    )
  }
  try {
    return await known.open(bytes, sizeMax)
  } catch (error) {
    if (isAboutBytes(error)) return null
    throw new Error(`${batchName()} could not be opened (${known.name}): ${(error as Error).message}`, {
      cause: error,
    })
  }
}

/** What node:zlib calls the faults of a stream; the readers of our own throw errors without a code. */
const FAULTS = /^(Z_DATA_ERROR|Z_BUF_ERROR|Z_NEED_DICT|ZSTD_error_(?!memory_allocation|workSpace).*)$/

function isAboutBytes(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const { code } = error as NodeJS.ErrnoException
  return code === undefined ? error.constructor === Error : FAULTS.test(code)
}
