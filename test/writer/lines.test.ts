// Lines: whatever the pieces that bytes come in, the same lines; bounded, numbered, never mended.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { type Line, readBytes, readLines } from '../../src/writer/lines.ts'
import { announceSeed, seeded } from '../support/seed.ts'
import { bytesOf } from './support.ts'

const seed = announceSeed('test/writer/lines.test.ts')
const dir = mkdtempSync(join(tmpdir(), 'spindexer-lines-'))
afterAll(() => rmSync(dir, { recursive: true }))

async function linesOf(bytes: AsyncIterable<Buffer>, bytesMax?: number): Promise<Line[]> {
  const all: Line[] = []
  for await (const lines of readLines(bytes, bytesMax)) all.push(...lines)
  return all
}

async function* nothing(): AsyncIterable<Buffer> {}

describe('lines', () => {
  it('are the same in whatever pieces the bytes come', async () => {
    const line = fc.string({ unit: fc.constantFrom('a', 'ä', '𝄞', ' ', '\r', '{', '\u2028'), maxLength: 12 })
    await fc.assert(
      fc.asyncProperty(
        fc.array(line),
        fc.integer({ min: 1, max: 40 }),
        fc.boolean(),
        async (texts, size, ends) => {
          const text = texts.join('\n') + (ends ? '\n' : '')
          const expected = text
            .split('\n')
            .map((each, i) => ({ type: 'line', number: i + 1, text: each.replace(/\r$/, '') }))
            .filter((each) => each.text.trim() !== '')
          expect(await linesOf(bytesOf(text, size))).toEqual(expected)
        },
      ),
      seeded(seed, 300),
    )
  })

  it('that are too long are bad, and reading goes on behind them', async () => {
    for (const size of [1, 3, 100]) {
      expect(await linesOf(bytesOf('12345678\n123456789\n1\n1234567890123', size), 8)).toEqual([
        { type: 'line', number: 1, text: '12345678' },
        { type: 'bad', number: 2, fault: 'the line is longer than 8 bytes' },
        { type: 'line', number: 3, text: '1' },
        { type: 'bad', number: 4, fault: 'the line is longer than 8 bytes' },
      ])
    }
  })

  it('that are not UTF-8 are bad; a byte order mark and CR LF are no part of them', async () => {
    const bytes = Buffer.concat([
      Buffer.from('\ufeffa\r\n\r\n'),
      Buffer.from([0x61, 0xff, 0x0a]),
      Buffer.from('b\r'),
    ])
    expect(await linesOf(bytesOf(bytes))).toEqual([
      { type: 'line', number: 1, text: 'a' },
      { type: 'bad', number: 3, fault: 'the line is not UTF-8: convert the file' },
      { type: 'line', number: 4, text: 'b' },
    ])
  })

  it('come from plain and gzip files alike, and from stdin', async () => {
    const text = 'a\nb\n'
    writeFileSync(join(dir, 'plain'), text)
    writeFileSync(join(dir, 'zipped'), gzipSync(text))
    const expected = await linesOf(bytesOf(text))
    expect(await linesOf(readBytes(join(dir, 'plain'), nothing()))).toEqual(expected)
    expect(await linesOf(readBytes(join(dir, 'zipped'), nothing()))).toEqual(expected)
    expect(await linesOf(readBytes('-', bytesOf(gzipSync(text), 1)))).toEqual(expected)
    expect(await linesOf(readBytes('-', nothing()))).toEqual([])
  })

  it('of a gzip file that is cut off end with an error, never silently', async () => {
    const zipped = gzipSync('a\nb\n')
    writeFileSync(join(dir, 'cut'), zipped.subarray(0, zipped.length - 9))
    await expect(linesOf(readBytes(join(dir, 'cut'), nothing()))).rejects.toThrow('unexpected end of file')
  })
})
