// Progress of long work on stderr: one line rewritten on a terminal, otherwise a line every ten seconds.

import type { Writable } from 'node:stream'

const TERMINAL_MS = 250
const PLAIN_MS = 10_000

export interface Progress {
  /** Says how much is done so far, in all. Cheap: it prints nothing by itself. */
  update(done: number): void
  /** Clears the line on a terminal, so that something else can be said. */
  clear(): void
  /** Stops printing and clears the line. Returns the rate of the whole, in things a second. */
  end(): number
}

export interface ProgressOptions {
  readonly stderr: Writable & { readonly isTTY?: boolean }
  /** What is being done: `sending`. */
  readonly label: string
  /** What is counted: `messages`. */
  readonly unit: string
  /** How many there will be, or null. */
  readonly total: number | null
}

export function startProgress({ stderr, label, unit, total }: ProgressOptions): Progress {
  const startedMs = performance.now()
  const terminal = stderr.isTTY === true
  let done = 0

  function rate(): number {
    const seconds = (performance.now() - startedMs) / 1000
    return seconds > 0 ? done / seconds : 0
  }

  function line(): string {
    const of = total === null ? '' : ` of ${formatCount(total)}`
    return `${label}: ${formatCount(done)}${of} ${unit}, ${formatCount(rate())}/s`
  }

  let printed = 0
  function print(): void {
    // A line that says the same again is no progress.
    if (done === printed) return
    printed = done
    stderr.write(terminal ? `\r\u001b[K${line()}` : `${line()}\n`)
  }
  function clear(): void {
    if (terminal && printed > 0) stderr.write('\r\u001b[K')
  }
  const timer = setInterval(print, terminal ? TERMINAL_MS : PLAIN_MS)
  timer.unref()

  return {
    update(count) {
      done = count
    },
    clear,
    end() {
      clearInterval(timer)
      clear()
      return rate()
    },
  }
}

/** A whole number with thousands apart: `162,000`. */
export function formatCount(count: number | bigint): string {
  return (typeof count === 'bigint' ? count : Math.round(count)).toLocaleString('en-US')
}

/** `1 message`, `2 messages`. */
export function countOf(count: number | bigint, unit: string): string {
  return `${formatCount(count)} ${unit}${count === 1 || count === 1n ? '' : 's'}`
}
