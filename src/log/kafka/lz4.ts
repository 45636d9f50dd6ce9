// LZ4 as Kafka's clients write it: one frame of independent blocks.
// https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md and lz4_Block_format.md
// Read by hand, since of the libraries tried none is safe and none needs a binary of its own for each platform: lz4js
// takes broken blocks for good ones and may write for seconds behind its buffer, lz4_flex in WebAssembly gives
// earlier content where an offset is too large, lz4-napi is a native module.

import { copyBytes, repeatBytes } from './copy-bytes.ts'

const MAGIC = 0x184d2204
const VERSION_BITS = 0xc0
const VERSION_1 = 0x40
const INDEPENDENT = 0x20
const BLOCK_CHECKSUM = 0x10
const CONTENT_SIZE = 0x08
const DICTIONARY = 0x01
const BLOCK_BYTES_MAX: ReadonlyMap<number, number> = new Map([
  [4, 64 * 1024],
  [5, 256 * 1024],
  [6, 1024 * 1024],
  [7, 4 * 1024 * 1024],
])
const MATCH_BYTES_MIN = 4

interface Block {
  readonly bytes: Buffer
  readonly isCompressed: boolean
}

/**
 * Decompresses the first frame: what stands behind its end is no content for Kafka's own consumer either. Nothing is
 * allocated before every block has been walked through. Null when there would be more than `sizeMax` bytes; throws
 * for broken frames. Checksums are not looked at: the batch's own one covers these bytes.
 */
export function openLz4(bytes: Buffer, sizeMax: number): Buffer | null {
  const { start, blockSizeMax, hasBlockChecksums } = readHeader(bytes)
  const blocks = () => readBlocks(bytes, start, blockSizeMax, hasBlockChecksums)
  let size = 0
  for (const block of blocks()) {
    size += block.isCompressed ? decodeBlock(block.bytes, null, 0, blockSizeMax) : block.bytes.length
    if (size > sizeMax) return null
  }
  const output = Buffer.allocUnsafe(size)
  let at = 0
  for (const block of blocks()) {
    if (block.isCompressed) at = decodeBlock(block.bytes, output, at, blockSizeMax)
    else at += block.bytes.copy(output, at)
  }
  return output
}

function readHeader(bytes: Buffer) {
  if (bytes.length < 7 || bytes.readUInt32LE(0) !== MAGIC) throw new Error('it does not begin as a frame')
  const flags = bytes[4]!
  const blockSizeMax = BLOCK_BYTES_MAX.get(bytes[5]! >>> 4)
  if ((flags & VERSION_BITS) !== VERSION_1) throw new Error('its frame is of another version than 1')
  if ((flags & INDEPENDENT) === 0 || (flags & DICTIONARY) !== 0) {
    throw new Error('its blocks depend on each other or on a dictionary, which Kafka does not allow')
  }
  if (blockSizeMax === undefined) throw new Error('the size of its blocks is none that there is')
  const start = 6 + ((flags & CONTENT_SIZE) === 0 ? 0 : 8) + 1
  return { start, blockSizeMax, hasBlockChecksums: (flags & BLOCK_CHECKSUM) !== 0 }
}

function* readBlocks(
  bytes: Buffer,
  start: number,
  blockSizeMax: number,
  hasBlockChecksums: boolean,
): Generator<Block> {
  for (let at = start; ; ) {
    if (at + 4 > bytes.length) throw new Error('its frame does not end')
    const word = bytes.readUInt32LE(at)
    const size = word & 0x7fffffff
    if (size === 0) return
    at += 4
    if (size > blockSizeMax) throw new Error('a block is larger than its frame allows')
    if (at + size > bytes.length) throw new Error('a block is cut off')
    yield { bytes: bytes.subarray(at, at + size), isCompressed: word < 0x80000000 }
    at += size + (hasBlockChecksums ? 4 : 0)
  }
}

/**
 * Decodes one block to `output` from `start` on, or, without an output, just checks and measures it. Gives the
 * position behind the decoded bytes.
 */
function decodeBlock(block: Buffer, output: Buffer | null, start: number, sizeMax: number): number {
  const limit = start + sizeMax
  const end = block.length
  let from = 0
  let at = start
  for (;;) {
    if (from >= end) throw new Error('a block ends within a sequence')
    const token = block[from++]!
    let literals = token >>> 4
    if (literals === 15) {
      let more: number
      do {
        if (from >= end) throw new Error('a block ends within a length')
        more = block[from++]!
        literals += more
      } while (more === 255)
    }
    if (literals > end - from || literals > limit - at) throw new Error('a literal is too long')
    if (output !== null) copyBytes(block, from, output, at, literals)
    from += literals
    at += literals
    if (from === end) return at
    if (from + 2 > end) throw new Error('a block ends within an offset')
    const offset = block[from]! | (block[from + 1]! << 8)
    from += 2
    if (offset === 0 || offset > at - start) throw new Error('an offset leads out of its block')
    let length = (token & 15) + MATCH_BYTES_MIN
    if ((token & 15) === 15) {
      let more: number
      do {
        if (from >= end) throw new Error('a block ends within a length')
        more = block[from++]!
        length += more
      } while (more === 255)
    }
    if (length > limit - at) throw new Error('a block holds more than its frame allows')
    if (output !== null) repeatBytes(output, at, offset, length)
    at += length
  }
}
