// Record batches' compression: what this program can open, with a bound, and a clear word about the rest.

import { promisify } from 'node:util'
import { gunzip, zstdDecompress } from 'node:zlib'

/** A batch that is larger when decompressed is quarantined whole (wire format). */
export const BATCH_BYTES_MAX = 64 * 1024 * 1024

const CODECS = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const
const OPENERS = new Map([
  ['gzip', promisify<Buffer, { readonly maxOutputLength: number }, Buffer>(gunzip)],
  ['zstd', promisify<Buffer, { readonly maxOutputLength: number }, Buffer>(zstdDecompress)],
])

/**
 * Decompresses the records of a batch; null when they are more than `BATCH_BYTES_MAX` bytes. `codec` is the low three
 * bits of the batch's attributes. Throws for a codec that cannot be opened: skipping would lose records.
 */
export async function decompressRecords(
  codec: number,
  bytes: Buffer,
  batchName: () => string,
): Promise<Buffer | null> {
  if (codec === 0) return bytes.length > BATCH_BYTES_MAX ? null : bytes
  const name = CODECS[codec]
  const open = OPENERS.get(name ?? '')
  if (open === undefined) {
    const remedy =
      'read it with a version that can, or copy the log; set compression.type of the topic to zstd'
    throw new Error(
      `${batchName()} is compressed with ${name ?? `codec ${codec}`}, which this version cannot open; ${remedy}`,
    )
  }
  try {
    return await open(bytes, { maxOutputLength: BATCH_BYTES_MAX })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') return null
    throw new Error(`${batchName()} does not decompress as ${name}: ${(error as Error).message}`, {
      cause: error,
    })
  }
}
