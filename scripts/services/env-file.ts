// Our marked block in `.env`: written, replaced and removed, and no other byte of the file ever changed.
import {
  chmodSync,
  chownSync,
  existsSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'

const begin = '# >>> spindexer services'
const finish = '# <<< spindexer services'
const byteOrderMark = '\xef\xbb\xbf'

/**
 * The text with the block holding these lines: where it was, else at the top. (At the end it would need a
 * line break after a last line that has none, which removing it could not tell from the user's own; and
 * what the user sets further down wins over ours, as the later line does in every reader of such files.)
 */
export function withBlock(text: string, lines: readonly string[]): string {
  const block = `${[begin, ...lines, finish].join('\n')}\n`
  const found = findBlock(text)
  if (found) return text.slice(0, found.start) + block + text.slice(found.end)
  const top = text.startsWith(byteOrderMark) ? byteOrderMark.length : 0
  return text.slice(0, top) + block + text.slice(top)
}

export function withoutBlock(text: string): string {
  const found = findBlock(text)
  return found ? text.slice(0, found.start) + text.slice(found.end) : text
}

/** The names among these that the text sets outside the block. */
export function namesSetOutside(text: string, names: readonly string[]): string[] {
  const rest = withoutBlock(text)
  return names.filter((name) => new RegExp(`^[ \\t]*(?:export[ \\t]+)?${name}[ \\t]*=`, 'm').test(rest))
}

/** Applies one of the above to a file. Returns the text as it was: undefined when there was no file. */
export function editEnvFile(file: string, edit: (text: string) => string): string | undefined {
  // Latin-1 maps bytes to characters one to one: whatever the encoding, what we do not touch comes back.
  const before = existsSync(file) ? readFileSync(file, 'latin1') : undefined
  const after = edit(before ?? '')
  if (after === (before ?? '')) return before
  const target = before === undefined ? file : realpathSync(file)
  const partial = `${target}.${process.pid}.partial`
  try {
    // It holds a password, so a new file is its owner's alone; an old one stays as open as it was.
    writeFileSync(partial, after, { encoding: 'latin1', mode: 0o600 })
    if (before !== undefined) {
      const { mode, uid, gid } = statSync(target)
      chmodSync(partial, mode)
      if (process.getuid?.() === 0) chownSync(partial, uid, gid)
    }
    renameSync(partial, target)
  } finally {
    rmSync(partial, { force: true })
  }
  return before
}

function findBlock(text: string): { start: number; end: number } | undefined {
  const starts = [...text.matchAll(markerLine(begin))]
  const ends = [...text.matchAll(markerLine(finish))]
  if (starts.length === 0 && ends.length === 0) return undefined
  const [start, end] = [starts[0], ends[0]]
  if (starts.length !== 1 || ends.length !== 1 || !start || !end || end.index < start.index) {
    throw new Error(
      `.env should hold one line "${begin}" and after it one "${finish}"; please mend it by hand`,
    )
  }
  return { start: start.index, end: end.index + end[0].length }
}

function markerLine(marker: string): RegExp {
  return new RegExp(`(?<=^|\\n|^${byteOrderMark})${marker}\\r?(?:\\n|$)`, 'g')
}
