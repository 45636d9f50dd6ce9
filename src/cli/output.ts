// What commands print: data on stdout (tables on a terminal, else JSON lines), words on stderr.

import type { Writable } from 'node:stream'
import { toJson } from '../codec/exact-json.ts'
import { escapeJson, UNPRINTABLE } from '../codec/words.ts'

/** One thing to print: member names in order of appearance. bigint prints as digits. */
export type Row = Readonly<Record<string, unknown>>

export interface Output {
  /** True where JSON lines are printed instead of tables. */
  readonly json: boolean
  /** Data: a table with these columns on a terminal, else one JSON object a line. */
  table(rows: readonly Row[]): Promise<void>
  /** Data: one thing; `name  value` lines on a terminal, else one JSON object. */
  record(row: Row): Promise<void>
  /** Data as it is, newline included. Resolves when there is room for more. */
  write(text: string): Promise<void>
  /** Words for people, one or more lines, on stderr. */
  say(text: string): void
}

export interface OutputStreams {
  readonly stdout: Writable & { readonly isTTY?: boolean }
  readonly stderr: Writable
}

export function createOutput({ stdout, stderr }: OutputStreams, options: { readonly json: boolean }): Output {
  const json = options.json || stdout.isTTY !== true

  async function write(text: string): Promise<void> {
    // Bytes that programs read stay as they are; on a terminal JSON says the same with escapes.
    const shown = stdout.isTTY === true ? escapeJson(text) : text
    if (!stdout.write(shown)) await new Promise<void>((resolve) => stdout.once('drain', resolve))
  }

  return {
    json,
    write,
    async table(rows) {
      if (json) for (const row of rows) await write(`${toJson(row)}\n`)
      else if (rows.length > 0) await write(toTable(rows))
    },
    async record(row) {
      if (json) await write(`${toJson(row)}\n`)
      else await write(toPairs(row))
    },
    say(text) {
      stderr.write(`${printable(text)}\n`)
    },
  }
}

function toTable(rows: readonly Row[]): string {
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))]
  const cells = rows.map((row) => names.map((name) => toCell(row[name])))
  const widths = names.map((name, i) => Math.max(name.length, ...cells.map((line) => line[i]!.length)))
  const isNumber = names.map((name) => rows.every((row) => isNumeric(row[name])))
  const toLine = (line: readonly string[]): string =>
    line
      .map((cell, i) => (isNumber[i] ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!)))
      .join('  ')
      .trimEnd()
  return `${[names, ...cells].map(toLine).join('\n')}\n`
}

function toPairs(row: Row): string {
  const width = Math.max(...Object.keys(row).map((name) => name.length))
  return Object.entries(row)
    .map(([name, value]) => `${name.padEnd(width)}  ${toCell(value)}`.trimEnd())
    .join('\n')
    .concat('\n')
}

function toCell(value: unknown): string {
  if (value === null || value === undefined) return ''
  if (typeof value === 'object') return printable(toJson(value))
  return printable(String(value)).replaceAll('\n', '\\n')
}

function isNumeric(value: unknown): boolean {
  return typeof value === 'bigint' || typeof value === 'number' || value === null || value === undefined
}

/** Text from a log may hold escape sequences, or turn the text behind it around; a terminal must not act on them. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, (character) => {
    const hex = character.charCodeAt(0).toString(16)
    return hex.length <= 2 ? `\\x${hex.padStart(2, '0')}` : `\\u${hex}`
  })
}
