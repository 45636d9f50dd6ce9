// One part of a stream (a member of gzip, a frame of zstd) through node:zlib, off this thread, with a bound.

/** What a function of node:zlib gives when it is asked to say how far it read. */
interface Informed {
  readonly buffer: Buffer
  readonly engine: { readonly bytesWritten: number }
}

type Open = (
  bytes: Buffer,
  options: { readonly maxOutputLength: number; readonly info: boolean; readonly chunkSize: number },
  callback: (error: NodeJS.ErrnoException | null, result: Buffer) => void,
) => void

export interface Part {
  readonly bytes: Buffer
  /** How many compressed bytes it took. */
  readonly consumed: number
}

const CHUNK_BYTES_MIN = 16 * 1024
const CHUNK_BYTES_MAX = 1024 * 1024
/** Most batches open to less than so many times their size. */
const LIKELY_RATIO = 8

/**
 * node:zlib comes back to this thread for each chunk of output. With its own 16 KiB a batch of 900 kB took 56 turns
 * between two threads.
 */
function chunkSizeFor(bytes: Buffer): number {
  return Math.min(CHUNK_BYTES_MAX, Math.max(CHUNK_BYTES_MIN, LIKELY_RATIO * bytes.length))
}

/** The first part of `bytes`; null when it holds more than `sizeMax` bytes. Throws for a broken one. */
export function openPart(open: Open, bytes: Buffer, sizeMax: number): Promise<Part | null> {
  return new Promise((resolve, reject) => {
    // A bound of 0 is refused by node:zlib; a part that holds one byte too much is then found below.
    const options = { maxOutputLength: Math.max(1, sizeMax), info: true, chunkSize: chunkSizeFor(bytes) }
    open(bytes, options, (error, result) => {
      if (error?.code === 'ERR_BUFFER_TOO_LARGE') return resolve(null)
      if (error !== null) return reject(error)
      const { buffer, engine } = result as unknown as Informed
      resolve(buffer.length > sizeMax ? null : { bytes: buffer, consumed: engine.bytesWritten })
    })
  })
}
