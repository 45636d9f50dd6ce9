// zstd as Kafka's brokers take it: frames one behind the other, the last perhaps cut off. node:zlib's own call stops after the first.

import { zstdDecompress } from 'node:zlib'
import { openPart } from './zlib-part.ts'

/** Null when there would be more than `sizeMax` bytes; throws for broken frames. */
export async function openZstd(bytes: Buffer, sizeMax: number): Promise<Buffer | null> {
  const parts: Buffer[] = []
  let size = 0
  for (let at = 0; at < bytes.length || parts.length === 0; ) {
    const part = await openPart(zstdDecompress, bytes.subarray(at), sizeMax - size).catch(
      (error: unknown) => {
        // A broker overlooks a frame that is cut off behind a whole one: it is no content, whole records stand before it.
        if (parts.length > 0 && (error as NodeJS.ErrnoException).code === 'Z_BUF_ERROR')
          return 'cut off' as const
        throw error
      },
    )
    if (part === null) return null
    if (part === 'cut off') break
    if (part.consumed === 0) throw new Error('unexpected end of file')
    parts.push(part.bytes)
    size += part.bytes.length
    at += part.consumed
  }
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts, size)
}
