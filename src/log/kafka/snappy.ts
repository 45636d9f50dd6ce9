// Snappy as Kafka's clients write it: snappy-java's blocks, or, by librdkafka, one block without a frame.
// https://github.com/google/snappy/blob/main/format_description.txt; snappy-java's SnappyInputStream for the frame.
// Read by hand: snappyjs, the library in plain JavaScript, never ends on some broken blocks and takes others for good
// ones; snappy is a native module, with a binary of its own for each platform.

import { copyBytes, repeatBytes } from './copy-bytes.ts'

const MAGIC = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00])
const MAGIC_HEAD = MAGIC.readUInt32BE(0)
/** Magic, version, lowest compatible version. */
const HEADER_BYTES = 16
/** No element of a block makes more of itself than a copy: 64 bytes of 3. */
const RATIO_MAX = 22

interface Block {
  /** Its elements, behind the size. */
  readonly elements: Buffer
  /** Bytes decompressed, as the block itself says. */
  readonly size: number
}

/**
 * Decompresses what Kafka's own consumer does. Nothing is allocated before the sizes of all blocks are known and
 * possible. Null when there would be more than `sizeMax` bytes; throws for broken blocks.
 */
export function openSnappy(bytes: Buffer, sizeMax: number): Buffer | null {
  const isFramed = bytes.length >= HEADER_BYTES && bytes.subarray(0, MAGIC.length).compare(MAGIC) === 0
  const blocks = isFramed ? readBlocks(bytes) : [readBlock(bytes)]
  const size = blocks.reduce((sum, block) => sum + block.size, 0)
  if (size > sizeMax) return null
  const output = Buffer.allocUnsafe(size)
  let at = 0
  for (const block of blocks) at = decodeBlock(block, output, at)
  return output
}

/** Blocks behind a header each that begins with their length; another frame may follow. */
function readBlocks(bytes: Buffer): Block[] {
  const blocks: Block[] = []
  for (let at = HEADER_BYTES; at + 4 <= bytes.length; ) {
    const size = bytes.readUInt32BE(at)
    if (size === MAGIC_HEAD) {
      at += HEADER_BYTES
      continue
    }
    at += 4
    if (size > bytes.length - at) throw new Error('a block is cut off')
    blocks.push(readBlock(bytes.subarray(at, at + size)))
    at += size
  }
  return blocks
}

function readBlock(bytes: Buffer): Block {
  let size = 0
  for (let i = 0; i < 5; i++) {
    const byte = bytes[i]
    if (byte === undefined) throw new Error('a block ends within its size')
    size += (byte & 0x7f) * 2 ** (7 * i)
    if (byte >= 0x80) continue
    if (size > bytes.length * RATIO_MAX) throw new Error('a block says that it holds more than it can')
    return { elements: bytes.subarray(i + 1), size }
  }
  throw new Error('the size of a block does not end')
}

/** Decodes one block to `output` from `start` on. Gives the position behind the decoded bytes. */
function decodeBlock({ elements, size }: Block, output: Buffer, start: number): number {
  const limit = start + size
  const end = elements.length
  let from = 0
  let at = start
  while (from < end) {
    const tag = elements[from++]!
    const type = tag & 3
    if (type === 0) {
      let length = (tag >>> 2) + 1
      if (length > 60) {
        const lengthBytes = length - 60
        if (from + lengthBytes > end) throw new Error('a block ends within a length')
        length = elements.readUIntLE(from, lengthBytes) + 1
        from += lengthBytes
      }
      if (length > end - from || length > limit - at) throw new Error('a literal is too long')
      copyBytes(elements, from, output, at, length)
      from += length
      at += length
      continue
    }
    const offsetBytes = type === 3 ? 4 : type
    if (from + offsetBytes > end) throw new Error('a block ends within an offset')
    const length = type === 1 ? ((tag >>> 2) & 7) + 4 : (tag >>> 2) + 1
    const low = elements.readUIntLE(from, offsetBytes)
    const offset = type === 1 ? low | ((tag >>> 5) << 8) : low
    from += offsetBytes
    if (offset === 0 || offset > at - start) throw new Error('an offset leads out of its block')
    if (length > limit - at) throw new Error('a block holds more than it says')
    repeatBytes(output, at, offset, length)
    at += length
  }
  if (at !== limit) throw new Error('a block holds less than it says')
  return at
}
