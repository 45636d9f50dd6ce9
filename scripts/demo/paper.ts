// What the demo prints: numbered steps, commands, aligned lines.

import { styleText } from 'node:util'

/** A step's number and title, and below them what the step is to show. */
export function heading(step: number, title: string, why: string): void {
  say(`\n${styleText('bold', `${step}. ${title}`)}\n   ${why}`)
}

export function say(text: string): void {
  process.stdout.write(`${text}\n`)
}

/** Columns as wide as they need to be; those with numbers in them stand to the right. */
export function table(rows: readonly (readonly (string | number | bigint)[])[]): void {
  const texts = rows.map((row) => row.map((cell) => (typeof cell === 'string' ? cell : count(cell))))
  const columns = (texts[0] ?? []).map((_, i) => ({
    width: Math.max(...texts.map((row) => row[i]!.length)),
    isNumeric: rows.some((row) => typeof row[i] !== 'string'),
  }))
  for (const row of texts) {
    const cells = columns.map(({ width, isNumeric }, i) =>
      isNumeric ? row[i]!.padStart(width) : row[i]!.padEnd(width),
    )
    say(`   ${cells.join('  ')}`.trimEnd())
  }
}

/** `300,000`. */
export function count(number: number | bigint): string {
  return number.toLocaleString('en-US')
}
