// What the demo prints: numbered steps, commands, aligned lines.

import { styleText } from 'node:util'

/** A step's number and title, and below them what the step is to show. */
export function heading(step: number, title: string, why: string): void {
  say(`\n${styleText('bold', `${step}. ${title}`)}\n   ${why}`)
}

export function say(text: string): void {
  process.stdout.write(`${text}\n`)
}

/** Columns as wide as they need to be; numbers stand to the right. */
export function table(rows: readonly (readonly (string | number | bigint)[])[]): void {
  const texts = rows.map((row) => row.map((cell) => (typeof cell === 'string' ? cell : count(cell))))
  const widths = (texts[0] ?? []).map((_, i) => Math.max(...texts.map((row) => row[i]!.length)))
  for (const [at, row] of rows.entries()) {
    const cells = texts[at]!.map((text, i) =>
      typeof row[i] === 'string' ? text.padEnd(widths[i]!) : text.padStart(widths[i]!),
    )
    say(`   ${cells.join('  ')}`.trimEnd())
  }
}

/** `300,000`. */
export function count(number: number | bigint): string {
  return number.toLocaleString('en-US')
}
