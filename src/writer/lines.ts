// Lines of a file or of stdin, numbered and bounded, from plain or gzip bytes.

import { isUtf8 } from 'node:buffer'
import { createReadStream } from 'node:fs'
import { pipeline, Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'

/** A line longer than this is no message: the log takes 900,000 bytes, JSON may need several times as many. */
export const LINE_BYTES_MAX = 8 * 1024 * 1024

const CHUNK_BYTES = 256 * 1024
const NEWLINE = 10
const RETURN = 13

/** One line that is not blank. `number` counts all lines, from 1. */
export type Line =
  | { readonly type: 'line'; readonly number: number; readonly text: string }
  | { readonly type: 'bad'; readonly number: number; readonly fault: string }

/**
 * The bytes of a file, or of `stdin` for `-`, decompressed where they begin like gzip. Throws what the file system or
 * zlib throws while they are read.
 */
export async function* readBytes(path: string, stdin: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
  const source = path === '-' ? stdin : createReadStream(path, { highWaterMark: CHUNK_BYTES })
  const chunks = source[Symbol.asyncIterator]() as AsyncIterator<Buffer>
  const head = await readHead(chunks)
  const bytes = joinChunks(head, chunks)
  if (head[0] !== 0x1f || head[1] !== 0x8b) {
    yield* bytes
    return
  }
  const gunzip = createGunzip({ chunkSize: CHUNK_BYTES })
  // Errors reach the loop below through gunzip itself, which pipeline destroys with them.
  pipeline(Readable.from(bytes), gunzip, () => {})
  yield* gunzip
}

/**
 * Splits bytes into lines, some at a time. A line that is too long or not UTF-8 comes as `bad`, and reading goes on
 * behind it: memory is bounded by the limit, whatever the bytes.
 */
export async function* readLines(
  bytes: AsyncIterable<Buffer>,
  bytesMax: number = LINE_BYTES_MAX,
): AsyncIterable<readonly Line[]> {
  const tooLong = `the line is longer than ${bytesMax} bytes`
  let number = 0
  let held: Buffer[] = []
  let heldBytes = 0
  let skipping = false

  function finish(last: Buffer): Line | null {
    number++
    const wasSkipping = skipping
    const bytes = heldBytes + last.length
    const line = held.length === 0 ? last : Buffer.concat([...held, last])
    held = []
    heldBytes = 0
    skipping = false
    if (wasSkipping || bytes > bytesMax) return { type: 'bad', number, fault: tooLong }
    return toLine(line, number)
  }

  for await (const chunk of bytes) {
    const lines: Line[] = []
    let from = 0
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, from)) {
      const line = finish(chunk.subarray(from, end))
      if (line !== null) lines.push(line)
      from = end + 1
    }
    const rest = chunk.subarray(from)
    heldBytes += rest.length
    if (heldBytes > bytesMax) {
      held = []
      skipping = true
    } else if (rest.length > 0) {
      held.push(rest)
    }
    if (lines.length > 0) yield lines
  }
  if (heldBytes > 0) {
    const line = finish(Buffer.alloc(0))
    if (line !== null) yield [line]
  }
}

function toLine(bytes: Buffer, number: number): Line | null {
  const end = bytes.at(-1) === RETURN ? bytes.length - 1 : bytes.length
  const whole = bytes.subarray(0, end)
  if (!isUtf8(whole)) return { type: 'bad', number, fault: 'the line is not UTF-8: convert the file' }
  let text = whole.toString('utf8')
  if (number === 1 && text.charCodeAt(0) === 0xfeff) text = text.slice(1)
  return text.trim() === '' ? null : { type: 'line', number, text }
}

/** The first two bytes or more, or all there are: enough to know gzip by. */
async function readHead(chunks: AsyncIterator<Buffer>): Promise<Buffer> {
  let head: Buffer = Buffer.alloc(0)
  while (head.length < 2) {
    const next = await chunks.next()
    if (next.done === true) return head
    head = head.length === 0 ? next.value : Buffer.concat([head, next.value])
  }
  return head
}

async function* joinChunks(head: Buffer, chunks: AsyncIterator<Buffer>): AsyncIterable<Buffer> {
  try {
    if (head.length > 0) yield head
    for (;;) {
      const next = await chunks.next()
      if (next.done === true) return
      yield next.value
    }
  } finally {
    await chunks.return?.()
  }
}
