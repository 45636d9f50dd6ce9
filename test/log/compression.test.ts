// Decompression: what Kafka's own consumer takes, in every frame; what is broken, or too large, gives nothing.

import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { constants, deflateRawSync, gzipSync, zstdCompressSync } from 'node:zlib'
import fc from 'fast-check'
import { afterAll, expect, test } from 'vitest'
import { BATCH_BYTES_MAX, decompressRecords } from '../../src/log/kafka/compression.ts'
import { openLz4 } from '../../src/log/kafka/lz4.ts'
import { openSnappy } from '../../src/log/kafka/snappy.ts'
import { announceSeed, seeded } from '../support/seed.ts'
import { temporaryDir } from '../support/services.ts'
import {
  type Element,
  lz4Block,
  lz4Frame,
  meaningOf,
  SNAPPY_JAVA_HEADER,
  snappyBlock,
  snappyJava,
  zeros,
} from './codec-streams.ts'

const seed = announceSeed('test/log/compression.test.ts')
const MIB = 1024 * 1024
const CODECS = { none: 0, gzip: 1, snappy: 2, lz4: 3, zstd: 4 } as const
type Codec = keyof typeof CODECS

const dir = temporaryDir()
afterAll(() => dir.remove())

function open(codec: Codec, bytes: Buffer): Promise<Buffer | null> {
  return decompressRecords(CODECS[codec], bytes, () => 'the record batch at offset 7')
}

const hello = Buffer.from('hello ')
const world = Buffer.from('world')
const literal = (bytes: Buffer): Element => ({ literal: bytes })

const skippable = Buffer.from('502a4d1803000000010203', 'hex')

/** A member with a name, a comment and more in its header. */
function memberWithExtras(content: Buffer): Buffer {
  const plain = gzipSync(content)
  const header = Buffer.from(plain.subarray(0, 10))
  header[3] = 0x04 | 0x08 | 0x10
  const extras = Buffer.from('\x03\x00abcname\0comment\0', 'latin1')
  return Buffer.concat([header, extras, plain.subarray(10)])
}

test.each<readonly [string, Codec, Buffer]>([
  ['nothing to open', 'none', Buffer.from('hello world')],
  ['one member', 'gzip', gzipSync('hello world')],
  ['two members', 'gzip', Buffer.concat([gzipSync(hello), gzipSync(world)])],
  ['a member, then zeros', 'gzip', Buffer.concat([gzipSync('hello world'), Buffer.alloc(40)])],
  ['a member, then words', 'gzip', Buffer.concat([gzipSync('hello world'), Buffer.alloc(40, 'word')])],
  [
    'a member, then half a header',
    'gzip',
    Buffer.concat([gzipSync('hello world'), Buffer.from([0x1f, 0x8b])]),
  ],
  ['a member with name, comment and more', 'gzip', memberWithExtras(Buffer.from('hello world'))],
  ['one frame', 'zstd', zstdCompressSync('hello world')],
  ['two frames', 'zstd', Buffer.concat([zstdCompressSync(hello), zstdCompressSync(world)])],
  [
    'frames to be skipped around',
    'zstd',
    Buffer.concat([skippable, zstdCompressSync(hello), skippable, zstdCompressSync(world), skippable]),
  ],
  [
    'a frame that is cut off behind a whole one, which Kafka overlooks',
    'zstd',
    Buffer.concat([zstdCompressSync('hello world'), skippable.subarray(0, -1)]),
  ],
  [
    'a window of 128 MiB, as level 22 has it',
    'zstd',
    zstdCompressSync(Buffer.from('hello world'), { params: { [constants.ZSTD_c_windowLog]: 27 } }),
  ],
  ['one bare block', 'snappy', snappyBlock([literal(hello), literal(world)])],
  [
    "snappy-java's blocks",
    'snappy',
    snappyJava([snappyBlock([literal(hello)]), snappyBlock([literal(world)])]),
  ],
  [
    'two streams of snappy-java',
    'snappy',
    Buffer.concat([snappyJava([snappyBlock([literal(hello)])]), snappyJava([snappyBlock([literal(world)])])]),
  ],
  [
    'three bytes behind the last block',
    'snappy',
    Buffer.concat([snappyJava([snappyBlock([literal(Buffer.from('hello world'))])]), Buffer.alloc(3)]),
  ],
  ['one block', 'lz4', lz4Frame({ blocks: [lz4Block([literal(Buffer.from('hello world'))])] })],
  ['two blocks, one as it is', 'lz4', lz4Frame({ blocks: [lz4Block([literal(hello)]), { stored: world }] })],
  [
    'every part that a frame may have, and a size that lies',
    'lz4',
    lz4Frame({
      blocks: [lz4Block([literal(hello)]), { stored: world }],
      sizeCode: 7,
      contentSize: 1n << 62n,
      blockChecksums: true,
      contentChecksum: true,
    }),
  ],
  [
    'another frame behind, which Kafka does not read either',
    'lz4',
    Buffer.concat([
      lz4Frame({ blocks: [{ stored: Buffer.from('hello world') }] }),
      lz4Frame({ blocks: [{ stored: hello }] }),
    ]),
  ],
])('%s (%s)', async (_name, codec, bytes) => {
  expect((await open(codec, bytes))?.toString()).toBe('hello world')
})

const corrupt: readonly (readonly [string, Codec, Buffer])[] = [
  ['nothing', 'gzip', Buffer.alloc(0)],
  ['words', 'gzip', Buffer.from('words, words, words')],
  ['a cut member', 'gzip', gzipSync(Buffer.alloc(1_000, 'ab')).subarray(0, 15)],
  [
    'broken content in a later member',
    'gzip',
    Buffer.concat([gzipSync(hello), breakAt(gzipSync(world), 10)]),
  ],
  ['nothing', 'zstd', Buffer.alloc(0)],
  ['a cut frame', 'zstd', zstdCompressSync('hello world').subarray(0, -4)],
  ['words behind a frame', 'zstd', Buffer.concat([zstdCompressSync(hello), Buffer.from('words, words')])],
  ['a window of 1 GiB', 'zstd', Buffer.from('28b52ffd00a0010000', 'hex')],
  ['nothing', 'snappy', Buffer.alloc(0)],
  ['a size without an end', 'snappy', Buffer.alloc(6, 0xff)],
  ['a size that lies', 'snappy', snappyBlock([literal(hello)], 2 ** 32 - 1)],
  ['less than it says', 'snappy', snappyBlock([literal(hello)], 7)],
  ['more than it says', 'snappy', snappyBlock([literal(hello)], 5)],
  ['a copy from before the block', 'snappy', snappyBlock([literal(hello), { offset: 7, length: 4 }])],
  ['a copy from nowhere', 'snappy', snappyBlock([literal(hello), { offset: 0, length: 4 }])],
  ['a literal of 4 GiB', 'snappy', Buffer.from('0afcffffffff00', 'hex')],
  // A library that adds as signed numbers goes back here, and never ends.
  ['a literal of -14 bytes', 'snappy', Buffer.from('0a14616161616161fcf1ffffff000000', 'hex')],
  ['a cut literal', 'snappy', snappyBlock([literal(hello)]).subarray(0, -1)],
  ['a cut copy', 'snappy', snappyBlock([literal(hello), { offset: 2, length: 40 }]).subarray(0, -1)],
  ['a cut block', 'snappy', snappyJava([snappyBlock([literal(hello)])]).subarray(0, -1)],
  ['a block of -1 bytes', 'snappy', Buffer.concat([SNAPPY_JAVA_HEADER, Buffer.alloc(4, 0xff)])],
  ['nothing', 'lz4', Buffer.alloc(0)],
  ['words', 'lz4', Buffer.from('words, words, words')],
  ['version 2', 'lz4', lz4Frame({ blocks: [], flags: 0xa0 })],
  ['blocks that depend on each other', 'lz4', lz4Frame({ blocks: [], flags: 0x40 })],
  ['a dictionary', 'lz4', lz4Frame({ blocks: [], flags: 0x61 })],
  ['blocks of no size', 'lz4', lz4Frame({ blocks: [], sizeCode: 3 })],
  ['no end', 'lz4', lz4Frame({ blocks: [{ stored: hello }] }).subarray(0, -4)],
  ['a cut block', 'lz4', lz4Frame({ blocks: [{ stored: hello }] }).subarray(0, -6)],
  ['a block that is too large as it is', 'lz4', lz4Frame({ blocks: [{ stored: Buffer.alloc(65_537) }] })],
  ['a block that becomes too large', 'lz4', lz4Frame({ blocks: [lz4Block(zeros(65_537))] })],
  ['a copy from before the block', 'lz4', lz4Of({ offset: 7, length: 4 })],
  ['a copy from an earlier block', 'lz4', lz4Frame({ blocks: [{ stored: hello }, lz4Elements(1, 2)] })],
  ['a copy from nowhere', 'lz4', lz4Of({ offset: 0, length: 4 })],
  [
    'a block that ends with a copy',
    'lz4',
    lz4Frame({ blocks: [lz4Block([literal(hello), { offset: 1, length: 9 }])] }),
  ],
  ['a length without an end', 'lz4', lz4Frame({ blocks: [Buffer.alloc(100, 0xff)] })],
]

function lz4Of(copy: Element): Buffer {
  return lz4Frame({ blocks: [lz4Block([literal(hello), copy, literal(world)])] })
}

function lz4Elements(before: number, offset: number): Buffer {
  return lz4Block([literal(Buffer.alloc(before)), { offset, length: 4 }, literal(world)])
}

function breakAt(bytes: Buffer, at: number): Buffer {
  const broken = Buffer.from(bytes)
  broken[at] = 0xff
  return broken
}

test.each(corrupt)('broken: %s (%s)', async (_name, codec, bytes) => {
  expect(await open(codec, bytes)).toBe(null)
})

test('an unknown codec is named, with what to do', async () => {
  await expect(decompressRecords(5, hello, () => 'the record batch at offset 7')).rejects.toThrow(
    /the record batch at offset 7 is compressed with codec 5, .*; read it with/,
  )
})

/** Blocks of elements that mean something: offsets that are there, lengths that both formats know. */
const elementsArb: fc.Arbitrary<Element[]> = fc
  .array(
    fc.record({
      bytes: fc.uint8Array({ minLength: 1, maxLength: 300 }),
      back: fc.double({ min: 0, max: 1, noNaN: true }),
      length: fc.oneof(fc.integer({ min: 4, max: 20 }), fc.integer({ min: 4, max: 700 })),
    }),
    { minLength: 1, maxLength: 8 },
  )
  .map((steps) => {
    const elements: Element[] = []
    let size = 0
    for (const { bytes, back, length } of steps) {
      size += bytes.length
      const offset = 1 + Math.floor(back * (size - 1))
      elements.push(literal(Buffer.from(bytes)), { offset, length })
      size += length
    }
    return [...elements, literal(Buffer.from('the end'))]
  })

test('blocks of any elements open to what they mean', () => {
  fc.assert(
    fc.property(fc.array(elementsArb, { minLength: 1, maxLength: 3 }), (blocks) => {
      const meaning = Buffer.concat(blocks.map(meaningOf))
      const snappy = snappyJava(blocks.map((elements) => snappyBlock(elements)))
      const lz4 = lz4Frame({ blocks: blocks.map(lz4Block) })
      const bare = meaningOf(blocks[0]!)
      expect(openSnappy(snappy, meaning.length)?.equals(meaning)).toBe(true)
      expect(openLz4(lz4, meaning.length)?.equals(meaning)).toBe(true)
      expect(openSnappy(snappyBlock(blocks[0]!), bare.length)?.equals(bare)).toBe(true)
      expect(openSnappy(snappy, meaning.length - 1)).toBeNull()
      expect(openLz4(lz4, meaning.length - 1)).toBeNull()
    }),
    seeded(seed, 300),
  )
})

const damageArb = fc.record({
  elements: elementsArb,
  flips: fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 4 }),
  cut: fc.option(fc.nat()),
  rubbish: fc.option(fc.uint8Array({ maxLength: 60 })),
})

test('rubbish and broken streams of any codec end, in an error or within the bound', async () => {
  await fc.assert(
    fc.asyncProperty(damageArb, async ({ elements, flips, cut, rubbish }) => {
      const plain = meaningOf(elements)
      const streams: Record<Exclude<Codec, 'none'>, Buffer> = {
        gzip: gzipSync(plain),
        snappy: snappyJava([snappyBlock(elements)]),
        lz4: lz4Frame({ blocks: [lz4Block(elements)] }),
        zstd: zstdCompressSync(plain),
      }
      for (const [codec, stream] of Object.entries(streams)) {
        const bytes = rubbish === null ? Buffer.from(stream) : Buffer.from(rubbish)
        for (const [at, byte] of flips) bytes[at % Math.max(1, bytes.length)] = byte
        const damaged = cut === null ? bytes : bytes.subarray(0, cut % (bytes.length + 1))
        const opened = await open(codec as Codec, damaged)
        expect(opened?.length ?? 0).toBeLessThanOrEqual(BATCH_BYTES_MAX)
      }
    }),
    seeded(seed, 200),
  )
}, 60_000)

/** 4 MiB of zeros in each of 16 parts, and behind them `more` bytes. */
function sixteenParts(codec: Codec, more: number): Buffer {
  const part = Buffer.alloc(4 * MIB)
  const rest = Buffer.alloc(more)
  const times = <T>(one: T, two: T) => [...Array.from({ length: 16 }, () => one), ...(more > 0 ? [two] : [])]
  switch (codec) {
    case 'none':
      return Buffer.alloc(64 * MIB + more)
    case 'gzip':
      return Buffer.concat(times(gzipSync(part, { level: 1 }), gzipSync(rest)))
    case 'zstd':
      return Buffer.concat(times(zstdCompressSync(part), zstdCompressSync(rest)))
    case 'snappy':
      return snappyJava(times(snappyBlock(zeros(4 * MIB)), snappyBlock([literal(rest)])))
    case 'lz4':
      return lz4Frame({
        sizeCode: 7,
        blocks: times<Buffer | { stored: Buffer }>(lz4Block(zeros(4 * MIB)), { stored: rest }),
      })
  }
}

test.each(Object.keys(CODECS) as Codec[])(
  '64 MiB are opened, one byte more is not (%s)',
  async (codec) => {
    const opened = await open(codec, sixteenParts(codec, 0))
    expect(opened?.length).toBe(BATCH_BYTES_MAX)
    expect(opened?.every((byte) => byte === 0)).toBe(true)
    expect(await open(codec, sixteenParts(codec, 1))).toBeNull()
  },
  60_000,
)

const run = promisify(execFile)

/** Opens a stream in a process of its own; gives the outcome, and how much its peak rose, in bytes. */
async function peakOf(codec: Codec, stream: Buffer): Promise<{ outcome: string; rise: number }> {
  const file = join(dir.path, 'stream')
  writeFileSync(file, stream)
  const script = `
    import { readFileSync } from 'node:fs'
    const { decompressRecords } = await import(${JSON.stringify(join(import.meta.dirname, '../../src/log/kafka/compression.ts'))})
    const bytes = readFileSync(${JSON.stringify(file)})
    const peak = () => process.resourceUsage().maxRSS * 1024
    const before = peak()
    const outcome = await decompressRecords(${CODECS[codec]}, bytes, () => 'it').then(
      (opened) => (opened === null ? 'nothing' : String(opened.length)),
      (error) => error.message,
    )
    console.log(JSON.stringify({ outcome, rise: peak() - before }))`
  const { stdout } = await run(process.execPath, ['--input-type=module', '-e', script])
  return JSON.parse(stdout)
}

/** Of a stream that says nothing of its size, no more than the bound is ever held; this is for pages of the process. */
const BOUND = BATCH_BYTES_MAX + 40 * MIB

test.each<readonly [string, Codec, string, number, () => Buffer]>([
  ['1 GiB in one member', 'gzip', 'nothing', BOUND, () => oneMember(1024 * MIB)],
  ['1 GiB in 256 members', 'gzip', 'nothing', BOUND, () => repeat(gzipSync(Buffer.alloc(4 * MIB)), 256)],
  [
    '16 GiB in 4,096 frames',
    'zstd',
    'nothing',
    BOUND,
    () => repeat(zstdCompressSync(Buffer.alloc(4 * MIB)), 4_096),
  ],
  [
    'blocks of 1 GiB',
    'snappy',
    'nothing',
    40 * MIB,
    () => snappyJava(Array(256).fill(snappyBlock(zeros(4 * MIB)))),
  ],
  [
    'a block that says 4 GiB',
    'snappy',
    'nothing',
    40 * MIB,
    () => snappyBlock([literal(hello)], 2 ** 32 - 1),
  ],
  [
    'blocks of 16 GiB',
    'lz4',
    'nothing',
    40 * MIB,
    () => lz4Frame({ sizeCode: 7, blocks: Array(4_096).fill(lz4Block(zeros(4 * MIB))) }),
  ],
  [
    'a frame that says 4 EiB',
    'lz4',
    '6',
    40 * MIB,
    () => lz4Frame({ blocks: [{ stored: hello }], contentSize: 1n << 62n }),
  ],
  [
    '100,000 blocks that could be of 4 MiB',
    'lz4',
    '600000',
    40 * MIB,
    () => lz4Frame({ sizeCode: 7, blocks: Array(100_000).fill(lz4Block([literal(hello)])) }),
  ],
])(
  'a bomb, %s (%s), stays within the bound',
  async (_name, codec, outcome, riseMax, make) => {
    const opened = await peakOf(codec, make())
    expect(opened.outcome).toContain(outcome)
    expect(opened.rise).toBeLessThan(riseMax)
  },
  120_000,
)

function repeat(part: Buffer, times: number): Buffer {
  return Buffer.concat(Array.from({ length: times }, () => part))
}

/** Deflate's blocks may be cut after each other, so a large member is made of a small one, repeated. */
function oneMember(size: number): Buffer {
  const piece = deflateRawSync(Buffer.alloc(MIB), { finishFlush: constants.Z_FULL_FLUSH })
  return Buffer.concat([
    gzipSync('').subarray(0, 10),
    repeat(piece, size / MIB),
    deflateRawSync(Buffer.alloc(0)),
    Buffer.alloc(8),
  ])
}
