// Compressed streams put together by hand, for codecs of which no compressor is at hand: blocks of chosen elements, and their frames.

/** What a block is made of: bytes as they are, or a repetition of what stands `offset` bytes before. */
export type Element = { readonly literal: Buffer } | { readonly offset: number; readonly length: number }

/** What elements mean, byte by byte. */
export function meaningOf(elements: readonly Element[]): Buffer {
  const bytes: number[] = []
  for (const element of elements) {
    if ('literal' in element) bytes.push(...element.literal)
    else for (let i = 0; i < element.length; i++) bytes.push(bytes[bytes.length - element.offset]!)
  }
  return Buffer.from(bytes)
}

export const ZERO: Element = { literal: Buffer.alloc(1) }

/** Elements that mean `size` zeros; for sizes of at least 16. */
export function zeros(size: number): Element[] {
  return [ZERO, { offset: 1, length: size - 6 }, { literal: Buffer.alloc(5) }]
}

/** Lengths of copies of 1 to 64 and offsets below 2^16; a longer copy becomes several. */
export function snappyBlock(elements: readonly Element[], claimed?: number): Buffer {
  let size = 0
  const parts = elements.map((element) => {
    if ('literal' in element) {
      size += element.literal.length
      return snappyLiteral(element.literal)
    }
    size += element.length
    return snappyCopies(element.offset, element.length)
  })
  return Buffer.concat([varint(claimed ?? size), ...parts])
}

function snappyLiteral(bytes: Buffer): Buffer {
  if (bytes.length === 0) return Buffer.alloc(0)
  const rest = bytes.length - 1
  if (rest < 60) return Buffer.concat([Buffer.from([rest << 2]), bytes])
  const lengthBytes = rest < 1 << 8 ? 1 : rest < 1 << 16 ? 2 : rest < 1 << 24 ? 3 : 4
  const head = Buffer.alloc(1 + lengthBytes)
  head[0] = (59 + lengthBytes) << 2
  head.writeUIntLE(rest, 1, lengthBytes)
  return Buffer.concat([head, bytes])
}

/** All three forms of a copy come up: by offset and length as they fit. */
function snappyCopies(offset: number, length: number): Buffer {
  const whole = Math.floor(length / 64)
  const copies = Buffer.alloc(3 * whole)
  for (let at = 0; at < copies.length; at += 3) {
    copies[at] = (63 << 2) | 2
    copies.writeUInt16LE(offset, at + 1)
  }
  const rest = length - whole * 64
  if (rest === 0) return copies
  if (rest >= 4 && rest <= 11 && offset < 2_048) {
    return Buffer.concat([copies, Buffer.from([((offset >> 8) << 5) | ((rest - 4) << 2) | 1, offset & 0xff])])
  }
  const last = Buffer.alloc(5)
  last[0] = ((rest - 1) << 2) | 3
  last.writeUInt32LE(offset, 1)
  return Buffer.concat([copies, last])
}

export const SNAPPY_JAVA_HEADER = Buffer.from('82534e415050590000000001' + '00000001', 'hex')

export function snappyJava(blocks: readonly Buffer[]): Buffer {
  return Buffer.concat([SNAPPY_JAVA_HEADER, ...blocks.flatMap((block) => [uint32BE(block.length), block])])
}

/** Literals and copies one after the other, the last element a literal; copies of at least 4, offsets below 2^16. */
export function lz4Block(elements: readonly Element[]): Buffer {
  const parts: Buffer[] = []
  for (let i = 0; i < elements.length; ) {
    const first = elements[i]!
    const literal = 'literal' in first ? first.literal : Buffer.alloc(0)
    if ('literal' in first) i++
    const copy = elements[i]
    const length = copy !== undefined && 'length' in copy ? copy.length - 4 : 0
    parts.push(Buffer.from([(Math.min(15, literal.length) << 4) | Math.min(15, length)]))
    parts.push(lz4Length(literal.length), literal)
    if (copy === undefined || 'literal' in copy) continue
    parts.push(Buffer.from([copy.offset & 0xff, copy.offset >> 8]), lz4Length(length))
    i++
  }
  return Buffer.concat(parts)
}

function lz4Length(length: number): Buffer {
  if (length < 15) return Buffer.alloc(0)
  const full = Math.floor((length - 15) / 255)
  return Buffer.concat([Buffer.alloc(full, 255), Buffer.from([(length - 15) % 255])])
}

export interface Lz4Frame {
  /** Compressed ones, and such as they are. */
  readonly blocks: readonly (Buffer | { readonly stored: Buffer })[]
  /** 4: 64 KiB a block at most, to 7: 4 MiB. */
  readonly sizeCode?: number
  readonly contentSize?: bigint
  readonly blockChecksums?: boolean
  readonly contentChecksum?: boolean
  readonly flags?: number
}

/** A frame; the checksums of blocks and content are zeros, which nobody but librdkafka looks at. */
export function lz4Frame(frame: Lz4Frame): Buffer {
  const { blocks, sizeCode = 4, contentSize, blockChecksums = false, contentChecksum = false } = frame
  let flags = frame.flags ?? 0x60
  if (blockChecksums) flags |= 0x10
  if (contentSize !== undefined) flags |= 0x08
  if (contentChecksum) flags |= 0x04
  const size = Buffer.alloc(contentSize === undefined ? 0 : 8)
  if (contentSize !== undefined) size.writeBigUInt64LE(contentSize)
  const checksum = Buffer.alloc(blockChecksums ? 4 : 0)
  const descriptor = Buffer.concat([Buffer.from([flags, sizeCode << 4]), size])
  return Buffer.concat([
    uint32LE(0x184d2204),
    descriptor,
    Buffer.from([(xxHash32(descriptor) >>> 8) & 0xff]),
    ...blocks.flatMap((block) =>
      'stored' in block
        ? [uint32LE(block.stored.length + 0x80000000), block.stored, checksum]
        : [uint32LE(block.length), block, checksum],
    ),
    uint32LE(0),
    Buffer.alloc(contentChecksum ? 4 : 0),
  ])
}

/** Of fewer than 16 bytes. https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md */
function xxHash32(bytes: Buffer): number {
  const [second, third, fourth, fifth] = [0x85ebca77, 0xc2b2ae3d, 0x27d4eb2f, 0x165667b1]
  const rotate = (value: number, by: number) => (value << by) | (value >>> (32 - by))
  let hash = (fifth + bytes.length) | 0
  let at = 0
  for (; at + 4 <= bytes.length; at += 4)
    hash = Math.imul(rotate((hash + Math.imul(bytes.readInt32LE(at), third)) | 0, 17), fourth)
  for (; at < bytes.length; at++)
    hash = Math.imul(rotate((hash + Math.imul(bytes[at]!, fifth)) | 0, 11), 0x9e3779b1)
  hash = Math.imul(hash ^ (hash >>> 15), second)
  hash = Math.imul(hash ^ (hash >>> 13), third)
  return (hash ^ (hash >>> 16)) >>> 0
}

function varint(value: number): Buffer {
  const bytes: number[] = []
  let rest = value
  for (; rest >= 0x80; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80)
  return Buffer.from([...bytes, rest])
}

function uint32LE(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}

function uint32BE(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}
