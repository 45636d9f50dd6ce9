// The section of the targets: what this project wants to show, and whether this run shows it.

import type { RunSection } from '../section.ts'

interface Target {
  readonly what: string
  /** Of `services.figures`. Undefined where a figure was not measured in this run. */
  readonly value: (figure: (name: string) => number) => number
  readonly least: number
  readonly aim: number
  /** True where less is better. */
  readonly isCeiling?: true
}

const against = (pass: string) => (figure: (name: string) => number) =>
  figure(`rate ${pass} ours`) / figure(`rate ${pass} peer`)

const TARGETS: readonly Target[] = [
  { what: 'a1, replay from zero, against the peer', value: against('a1'), least: 5, aim: 10 },
  {
    what: 'a1, against COPY of the same messages over a connection',
    value: (figure) => figure('rate a1 ours') / figure('copy over a connection'),
    least: 0.3,
    aim: 0.5,
  },
  { what: 'a2, onto a full table, against the peer', value: against('a2'), least: 3, aim: 4 },
  { what: 'b, insert-only, against the peer', value: against('b'), least: 2.5, aim: 4 },
  { what: 'c1, real rows, against the peer', value: against('c1'), least: 3, aim: 5 },
  { what: 'c2, one column of them, against the peer', value: against('c2'), least: 3, aim: 5 },
  { what: 'c3, more of that, against the peer', value: against('c3'), least: 3, aim: 5 },
  { what: 'e, duplicates, against the peer', value: against('e'), least: 3, aim: 5 },
  { what: 'f, hot keys, against the peer', value: against('f'), least: 3, aim: 5 },
  {
    what: 'long replay, rate of the last tenth against the first',
    value: (figure) => figure('long tenths'),
    least: 0.9,
    aim: 1,
  },
  {
    what: 'peak memory of the node, MiB, in the long replay',
    value: (figure) => figure('long peak MiB'),
    least: 300,
    aim: 200,
    isCeiling: true,
  },
  {
    what: 'peak memory of the node, MiB, the greatest of all cases',
    value: (figure) =>
      Math.max(...PASSES.map((pass) => figure(`peak MiB ${pass} ours`)).filter(Number.isFinite)),
    least: 300,
    aim: 200,
    isCeiling: true,
  },
  {
    what: 'latency at 1,000 a second, p99 against bare KafkaJS',
    value: (figure) => figure('latency 1000 p99 ratio'),
    least: 2,
    aim: 2,
    isCeiling: true,
  },
  {
    what: 'latency at 1,000 a second, p50 in ms from acknowledged to visible',
    value: (figure) => figure('latency 1000 p50'),
    least: 10,
    aim: 5,
    isCeiling: true,
  },
  {
    what: 'writer (session), against KafkaJS with ready-made bytes',
    value: (figure) => figure('writer session'),
    least: 0.85,
    aim: 1,
  },
  {
    what: 'POST in arrays of 1,000, log in Postgres, mutations a second',
    value: (figure) => figure('door postgres arrays of 1,000, 4 clients rate'),
    least: 20_000,
    aim: 20_000,
  },
  {
    what: 'POST in arrays of 1,000, log in Kafka, mutations a second',
    value: (figure) => figure('door kafka arrays of 1,000, 4 clients rate'),
    least: 20_000,
    aim: 20_000,
  },
  {
    what: 'POST one at a time with wait=applied, log in Postgres, p50 in ms',
    value: (figure) => figure('door postgres one at a time, wait=applied, 1 client p50'),
    least: 20,
    aim: 20,
    isCeiling: true,
  },
  {
    what: 'POST one at a time with wait=applied, log in Kafka, p50 in ms',
    value: (figure) => figure('door kafka one at a time, wait=applied, 1 client p50'),
    least: 20,
    aim: 20,
    isCeiling: true,
  },
  {
    what: 'replay of messages signed in batches, against unsigned ones',
    value: (figure) => figure('signed batches') / figure('signed none'),
    least: 0.7,
    aim: 0.8,
  },
  {
    what: 'replay of messages signed one by one, against two threads that only verify',
    value: (figure) => figure('signed one by one') / figure('signed bare'),
    least: 0.8,
    aim: 0.9,
  },
  {
    what: 'peak memory of the node, MiB, with 100,000 signers',
    value: (figure) => figure('signed many peak MiB'),
    least: 300,
    aim: 200,
    isCeiling: true,
  },
  {
    what: 'bytes a row after a1, against a plain table',
    value: (figure) => figure('bytes a row a1 ours') / figure('bytes a row plain a1'),
    least: 2,
    aim: 1.5,
    isCeiling: true,
  },
  {
    what: 'bytes a row after a2, against a plain table whose rows were updated too',
    value: (figure) => figure('bytes a row a2 ours') / figure('bytes a row plain a2'),
    least: 2,
    aim: 1.5,
    isCeiling: true,
  },
]

const PASSES = ['a1', 'a2', 'b', 'c1', 'c2', 'c3', 'd', 'e', 'f']

export const runTargets: RunSection = async ({ figures }) => {
  const figure = (name: string) => figures.get(name) ?? Number.NaN
  const judged = TARGETS.map(({ what, value, least, aim, isCeiling }) => {
    const reached = value(figure)
    const isAtLeast = (bound: number) => (isCeiling ? reached <= bound : reached >= bound)
    return { what, reached, least, aim, word: wordOf(reached, isAtLeast(least), isAtLeast(aim)) }
  })
  return {
    name: 'Targets',
    columns: ['', 'this run', 'at least (memory, time, bytes: at most)', 'aim', ''],
    rows: judged.map(({ what, reached, least, aim, word }) => [
      what,
      Number.isFinite(reached) ? reached.toFixed(2) : '–',
      String(least),
      String(aim),
      word,
    ]),
    notes: [],
    json: judged,
  }
}

function wordOf(reached: number, isEnough: boolean, isAimed: boolean): string {
  if (!Number.isFinite(reached)) return 'not measured'
  return isAimed ? 'aim' : isEnough ? 'reached' : 'missed'
}
