// The figures of the latency benchmark: percentiles of both sides, their ratios, and the table.

import type { Consumed } from './latency-bare.ts'
import type { Seen } from './latency-poll.ts'
import type { Written } from './latency-writer.ts'

/** Of both sides once, one after the other. */
export interface Turn {
  readonly rate: number
  readonly ours: { readonly written: Written; readonly seen: Seen }
  readonly bare: { readonly written: Written; readonly seen: Consumed }
}

/** As the sections of the benchmark are printed and kept. */
export interface Report {
  readonly name: string
  readonly columns: readonly string[]
  readonly rows: readonly (readonly string[])[]
  readonly notes: readonly string[]
  readonly json: {
    readonly seconds: number
    readonly intervalMs: number
    readonly pollCores: number
    readonly cores: number
    readonly figures: readonly Figures[]
  }
}

interface Percentiles {
  readonly p50: number
  readonly p99: number
  readonly p999: number
  readonly max: number
}

/** Milliseconds. */
interface Side {
  /** From when a message was due to be written. */
  readonly fromDue: Percentiles
  /** From when the log had acknowledged it; below zero: it was there before that. */
  readonly fromAck: Percentiles
}

interface Figures {
  readonly rate: number
  readonly messages: number
  readonly ours: Side
  readonly bare: Side
}

/** The first messages of a turn are not counted: connections, and a code path that was idle. */
const IGNORED_SECONDS = 1

export function toReport(turns: readonly Turn[], seconds: number, cores: number): Report {
  const rates = [...new Set(turns.map(({ rate }) => rate))]
  const figures = rates.map((rate) =>
    figuresOf(
      rate,
      turns.filter((turn) => turn.rate === rate),
    ),
  )
  const seen = turns.map(({ ours }) => ours.seen)
  const intervalMs = mean(seen.map((one) => one.intervalMs))
  const busy = mean(seen.map((one) => one.cores))
  return {
    name: 'Latency: from written to visible in SQL, and bare KafkaJS from written to consumed, milliseconds',
    columns: ['messages/s', 'from', '', 'p50', 'p99', 'p99.9', 'max'],
    rows: figures.flatMap(toRows),
    notes: [
      `Open loop: a message is due by the clock, ${seconds} s a turn, ${turns.length / rates.length} turns a side in alternation, one partition; the first ${IGNORED_SECONDS} s of each is left out.`,
      `Both sides are written by the same appender, in a process of its own. KafkaJS: minBytes 1, TCP without delay, eachBatch that does nothing else.`,
      `The database is asked every ${intervalMs.toFixed(2)} ms, so our figures are up to that too great; the asking keeps ${((100 * busy) / cores).toFixed(1)} % of ${cores} cores busy.`,
      'From acknowledged, a figure below zero means that a message was there before its writer had the answer.',
    ],
    json: { seconds, intervalMs, pollCores: busy, cores, figures: figures.map(withRatios) },
  }
}

function figuresOf(rate: number, turns: readonly Turn[]): Figures {
  const ours = sideOf(
    rate,
    turns.map((turn) => turn.ours),
  )
  const bare = sideOf(
    rate,
    turns.map((turn) => turn.bare),
  )
  return { rate, messages: turns.reduce((sum, turn) => sum + turn.ours.written.dueMs.length, 0), ours, bare }
}

function sideOf(
  rate: number,
  turns: readonly { readonly written: Written; readonly seen: { readonly seenMs: readonly number[] } }[],
): Side {
  const since = (of: (written: Written) => readonly number[]) =>
    turns.flatMap(({ written, seen }) => {
      const from = of(written)
      return seen.seenMs.map((atMs, i) => atMs - from[i]!).slice(rate * IGNORED_SECONDS)
    })
  return {
    fromDue: percentilesOf(since(({ dueMs }) => dueMs)),
    fromAck: percentilesOf(since(({ ackMs }) => ackMs)),
  }
}

function percentilesOf(latencies: readonly number[]): Percentiles {
  if (latencies.some(Number.isNaN)) throw new Error('a message was never seen')
  const sorted = Float64Array.from(latencies).sort()
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!
  return { p50: at(0.5), p99: at(0.99), p999: at(0.999), max: at(1) }
}

function toRows({ rate, ours, bare }: Figures): string[][] {
  const row = (from: string, side: string, { p50, p99, p999, max }: Percentiles) => [
    String(rate),
    from,
    side,
    ...[p50, p99, p999, max].map((ms) => ms.toFixed(1)),
  ]
  const ratio = (of: (side: Side) => Percentiles, from: string) => {
    const [a, b] = [of(ours), of(bare)]
    return [String(rate), from, 'ratio', ...ratiosOf(a, b).map((one) => one?.toFixed(2) ?? '–')]
  }
  return [
    row('written', 'ours', ours.fromDue),
    row('written', 'KafkaJS', bare.fromDue),
    ratio((side) => side.fromDue, 'written'),
    row('acknowledged', 'ours', ours.fromAck),
    row('acknowledged', 'KafkaJS', bare.fromAck),
  ]
}

/** How many times as long; null where the bare client's figure is no measure. */
function ratiosOf(ours: Percentiles, bare: Percentiles): (number | null)[] {
  const names = ['p50', 'p99', 'p999', 'max'] as const
  return names.map((name) => (bare[name] > 0.1 ? ours[name] / bare[name] : null))
}

function withRatios(figures: Figures) {
  const [p50, p99, p999, max] = ratiosOf(figures.ours.fromDue, figures.bare.fromDue)
  return { ...figures, ratios: { p50, p99, p999, max } }
}

function mean(figures: readonly number[]): number {
  return figures.reduce((sum, figure) => sum + figure, 0) / figures.length
}
