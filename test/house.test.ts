// What a machine can hold of the house rules: import arrows, the purity of crdt/, sizes, no skipped tests, opening sentences.

import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, sep } from 'node:path'
import { describe, expect, it } from 'vitest'

const root = join(import.meta.dirname, '..')

interface SourceFile {
  readonly path: string
  readonly text: string
}

function filesUnder(folder: string, ending = '.ts'): SourceFile[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(ending))
    .map((entry) => {
      const path = relative(root, join(entry.parentPath, entry.name)).split(sep).join('/')
      return { path, text: readFileSync(join(root, path), 'utf8') }
    })
}

const sources = filesUnder('src')
const all = [...sources, ...['test', 'scripts', 'bench'].flatMap((folder) => filesUnder(folder))]

/** Where each room's imports may lead, beside itself. Adapters are rooms of their own. */
const ARROWS: Readonly<Record<string, readonly string[]>> = {
  crdt: [],
  codec: ['crdt'],
  tls: [],
  postgres: ['tls'],
  proofs: ['codec', 'crdt'],
  log: ['proofs', 'codec', 'crdt'],
  'log/memory': ['log', 'codec', 'crdt'],
  'log/kafka': ['log', 'tls', 'codec', 'crdt'],
  'log/postgres': ['log', 'postgres', 'tls', 'codec', 'crdt'],
  store: ['codec', 'crdt'],
  'store/memory': ['store', 'codec', 'crdt'],
  'store/postgres': ['store', 'postgres', 'codec', 'crdt'],
  node: ['proofs', 'log', 'store', 'codec', 'crdt'],
  writer: ['log', 'store', 'tls', 'codec', 'crdt'],
  http: ['writer', 'proofs', 'log', 'store', 'codec', 'crdt'],
  embedded: [],
  cli: ['embedded', 'http', 'node', 'writer', 'proofs', 'log', 'store', 'tls', 'codec', 'crdt'],
}
/** Where V8 has to keep fields flat and closures would cost a row or a message: each says why. */
const HOT: ReadonlySet<string> = new Set([
  'src/crdt/cells.ts',
  'src/codec/direct.ts',
  'src/crdt/packed/arena.ts',
  'src/crdt/packed/message.ts',
  'src/crdt/packed/table.ts',
  'src/log/kafka/record-index.ts',
])
/** The one file that joins ports and adapters. */
const COMPOSITION = 'src/cli/compose.ts'

function roomOf(path: string): string {
  const parts = path.split('/').slice(1)
  const nested = parts.slice(0, 2).join('/')
  return parts.length > 2 && nested in ARROWS ? nested : parts[0]!
}

function isWithin(folder: string, file: SourceFile, target: string): boolean {
  return target.startsWith('.') && join(dirname(file.path), target).startsWith(`${folder}/`)
}

function importsOf({ text }: SourceFile): string[] {
  return [...text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map((match) => match[1]!)
}

describe('the house', () => {
  it('imports go one way', () => {
    const wrong = sources.flatMap((file) =>
      importsOf(file)
        .filter((target) => target.startsWith('.'))
        .map((target) =>
          relative(root, join(root, dirname(file.path), target))
            .split(sep)
            .join('/'),
        )
        .filter((target) => {
          const from = roomOf(file.path)
          const to = roomOf(target)
          const allowed = file.path === COMPOSITION ? Object.keys(ARROWS) : (ARROWS[from] ?? [])
          return target.startsWith('src/') && from !== to && !allowed.includes(to)
        })
        .map((target) => `${file.path} imports ${target}`),
    )
    expect(wrong).toEqual([])
  })

  it('crdt/ is pure: nothing from outside, no clock, no randomness', () => {
    const impure = sources
      .filter(({ path }) => path.startsWith('src/crdt/'))
      .filter(
        (file) =>
          importsOf(file).some((target) => !isWithin('src/crdt', file, target)) ||
          /Date\.now|new Date\(\)|Math\.random|performance\.|process\.|crypto/.test(file.text),
      )
    expect(impure.map(({ path }) => path)).toEqual([])
  })

  it('codec/ and node/ read no clock for a verdict', () => {
    const readers = sources
      .filter(({ path }) => path.startsWith('src/codec/'))
      .filter(({ text }) => /Date\.now|new Date\(\)|Math\.random/.test(text))
    expect(readers.map(({ path }) => path)).toEqual([])
  })

  it('files have at most 400 lines', () => {
    const long = all.filter(({ text }) => text.split('\n').length > 401)
    expect(long.map(({ path, text }) => `${path}: ${text.split('\n').length}`)).toEqual([])
  })

  it('every file opens with a sentence on what it owns', () => {
    const silent = all.filter(({ text }) => !/^(#!.*\n)?(\/\/ |\/\*\*? ?)\S/.test(text))
    expect(silent.map(({ path }) => path)).toEqual([])
  })

  it('no test is skipped, focused or expected to fail, nothing is marked unfinished', () => {
    const marks = new RegExp(
      [
        '\\b(it|test|describe)\\.(skip|only|todo|fails)',
        '\\bx(it|describe)\\(',
        '\\bTO' + 'DO\\b',
        '\\bFIX' + 'ME\\b',
      ].join('|'),
    )
    expect(all.filter(({ text }) => marks.test(text)).map(({ path }) => path)).toEqual([])
  })

  it('no barrels, no classes but errors', () => {
    const barrels = sources.filter(
      ({ path, text }) => path !== 'src/index.ts' && /^export \* from/m.test(text),
    )
    const classes = sources
      .filter(({ path }) => !HOT.has(path))
      .filter(({ text }) => /^(export )?class (?!\w+ extends Error\b)/m.test(text))
    expect([...barrels, ...classes].map(({ path }) => path)).toEqual([])
  })

  it('every invariant of the specification names a test that exists', () => {
    const spec = readFileSync(join(root, 'src/crdt/SPEC.md'), 'utf8')
    const invariants = [...spec.matchAll(/^- \*\*(\w+)\*\*.* — `([\w./-]+)`(?:: "(\w+)")?$/gm)]
    expect(invariants.length).toBe(spec.split('\n').filter((line) => line.startsWith('- **')).length)
    const missing = invariants.filter(([, id, file, label]) => {
      const path = file!.includes('/') ? file! : `test/crdt/${file}`
      const text = readFileSync(join(root, path), 'utf8')
      return label !== undefined && !(label === id && new RegExp(`it\\(['\`][^'\`]*\\b${id}\\b`).test(text))
    })
    expect(missing.map(([line]) => line)).toEqual([])
  })
})
