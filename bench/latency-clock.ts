// What the processes of the latency benchmark agree on: a clock that all of them read alike, and which row a message is of.

const ROWS = 1_000

/** Milliseconds, with fractions, of the machine's monotonic clock: the same in every process. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint() / 1_000n) / 1_000
}

export function rowOf(number: number): string {
  return `row-${number % ROWS}`
}
