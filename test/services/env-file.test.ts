// The block in .env comes and goes, and every other byte of the file stays.
import {
  chmodSync,
  lstatSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { editEnvFile, namesSetOutside, withBlock, withoutBlock } from '../../scripts/services/env-file.ts'

const dir = mkdtempSync(join(tmpdir(), 'spindexer-env-'))
afterAll(() => rmSync(dir, { recursive: true }))

// Pieces that matter to a line format, among arbitrary bytes.
const piece = fc.oneof(
  fc.uint8Array({ maxLength: 6 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
  fc.constantFrom(
    '\n',
    '\r\n',
    '\r',
    'A=1',
    '#',
    ' # >>> spindexer services',
    '# >>> spindexer',
    '\xef\xbb\xbf',
  ),
)
const text = fc.array(piece, { maxLength: 20 }).map((pieces) => pieces.join(''))
const lines = fc.array(fc.constantFrom('A=1', 'B=x y', 'C='), { maxLength: 3 })

describe('the block in .env', () => {
  test('put in and taken out again leaves every byte', () => {
    fc.assert(fc.property(text, lines, (before, block) => withoutBlock(withBlock(before, block)) === before))
  })

  test('a second one replaces the first where it stands', () => {
    fc.assert(
      fc.property(text, text, lines, lines, (above, below, one, two) => {
        const first = `${above}\n${withBlock('', one)}${below}`
        expect(withBlock(first, two)).toBe(`${above}\n${withBlock('', two)}${below}`)
        expect(withoutBlock(first)).toBe(`${above}\n${below}`)
      }),
    )
  })

  test('survives an editor that ends lines with CR LF', () => {
    const edited = `A=1\r\n${withBlock('', ['B=2']).replaceAll('\n', '\r\n')}C=3\r\n`
    expect(withoutBlock(edited)).toBe('A=1\r\nC=3\r\n')
  })

  test.each([
    '# >>> spindexer services\nA=1\n',
    '# <<< spindexer services\n',
    '# <<< spindexer services\n# >>> spindexer services\n',
    withBlock('', []).repeat(2),
  ])('is never guessed: %j is refused', (broken) => {
    expect(() => withBlock(broken, [])).toThrow(/mend it by hand/)
    expect(() => withoutBlock(broken)).toThrow(/mend it by hand/)
  })

  test('names that the user sets too are found, comments and the block are not', () => {
    const user = withBlock('#A=1\n export B = 2\nCC=3\n', ['A=1', 'C=1'])
    expect(namesSetOutside(user, ['A', 'B', 'C'])).toEqual(['B'])
  })
})

describe('the file', () => {
  test('keeps bytes that are no UTF-8, its mode, and stays the link that it was', () => {
    const target = join(dir, 'real.env')
    const link = join(dir, 'link.env')
    const bytes = Buffer.from([0x41, 0x3d, 0xff, 0xfe, 0x00, 0x0d])
    writeFileSync(target, bytes)
    chmodSync(target, 0o640)
    symlinkSync(target, link)
    editEnvFile(link, (was) => withBlock(was, ['B=2']))
    expect(readFileSync(target).subarray(-bytes.length)).toEqual(bytes)
    editEnvFile(link, withoutBlock)
    expect(readFileSync(target)).toEqual(bytes)
    expect(statSync(target).mode & 0o777).toBe(0o640)
    expect(lstatSync(link).isSymbolicLink()).toBe(true)
  })

  test('a new one is for its owner only: it holds a password', () => {
    const file = join(dir, 'new.env')
    expect(editEnvFile(file, (was) => withBlock(was, ['B=2']))).toBeUndefined()
    expect(statSync(file).mode & 0o777).toBe(0o600)
  })
})
