// The section of the cases: our node and the peer on the same messages, one after the other and then the other way round.

import { chooseCases } from '../cases/all.ts'
import type { Pass } from '../cases/case.ts'
import { createDatabase, dropDatabase, keepDatabase, withClient } from '../database.ts'
import { oursBytes, peerBytes } from '../disk.ts'
import { checkCounts, checkRows, type Expected, expectAfter } from '../expected.ts'
import { createTopics, type FilledCase } from '../fill.ts'
import { marksOf, messagesOf } from '../marks.ts'
import type { Measured } from '../runners/measured.ts'
import { type OursMeasured, runOurs } from '../runners/ours.ts'
import { runPeer } from '../runners/peer.ts'
import { type Flags, type RunSection, type Services, say } from '../section.ts'
import { median, showRate, showRates, showRatio } from '../stats.ts'
import { LOOK_EVERY_MS } from '../visible.ts'

type Side = 'ours' | 'peer'

interface Run {
  readonly side: Side
  /** Which one began in this round. */
  readonly began: Side
  readonly measured: Measured | OursMeasured
}

interface PassResult {
  readonly name: string
  readonly title: string
  readonly messages: number
  readonly isPeerEqual: boolean
  readonly runs: readonly Run[]
}

/** How the databases of both sides stand after the passes so far. */
type Kept = Record<Side, string | null>

export const runCases: RunSection = async (services, flags) => {
  const results: PassResult[] = []
  const notes: string[] = []
  for (const make of chooseCases(flags)) {
    const benchCase = make()
    notes.push(...benchCase.notes)
    const filled = await createTopics(services, benchCase, benchCase.letter, { isPeerWanted: true })
    const kept: Kept = { ours: null, peer: null }
    let from = 0n
    for (const pass of benchCase.passes) {
      await filled.append(pass)
      const runs = await runPass(services, flags, filled, pass, kept, from)
      if (pass.isMeasured) results.push(toResult(filled, pass, runs))
      note(services, pass, runs)
      from += BigInt(messagesOf(pass))
    }
    await dropDatabase(services.postgres.url, kept.ours)
    await dropDatabase(services.postgres.url, kept.peer)
  }
  return {
    name: 'Cases: our node and Debezium’s JDBC sink, messages a second',
    columns: ['', 'messages', 'ours', 'peer', 'ratio', 'ours, process', 'peer, process', 'RSS MiB'],
    rows: results.map(toRow),
    notes: [
      'ours: from its word that it begins to read; peer: from its first row in the table; both until the last message is seen in SQL. Median (least–greatest).',
      'process: from the start of the process. RSS: the greatest of ours / of the peer.',
      ...notes,
    ],
    json: results.map((result) => ({ ...result, medians: mediansOf(result) })),
  }
}

/** Warm-ups and measured runs; leaves in `kept` what the last run of each side has made. */
async function runPass(
  services: Services,
  flags: Flags,
  filled: FilledCase,
  pass: Pass,
  kept: Kept,
  from: bigint,
): Promise<readonly Run[]> {
  const expected = expectAfter(filled.benchCase, filled.dataset, pass)
  const warmUps = pass.isMeasured ? flags.warmUp : 0
  const rounds = warmUps + (pass.isMeasured ? flags.runs : 1)
  const before = { ...kept }
  const runs: Run[] = []
  for (let round = 0; round < rounds; round++) {
    const began: Side = round % 2 === 0 ? 'ours' : 'peer'
    const order: readonly Side[] = began === 'ours' ? ['ours', 'peer'] : ['peer', 'ours']
    for (const side of order.filter((one) => one === 'ours' || filled.peerTopic !== null)) {
      const name = `${side}_${pass.name}_${round}`
      const url = await createDatabase(services.postgres.url, name, before[side])
      const task = { name, databaseUrl: url, dataset: filled.dataset, marks: marksFor(filled, pass) }
      const measured =
        side === 'ours'
          ? await runOurs({ ...task, logUrl: filled.logUrl })
          : await runPeer(services, { ...task, topic: filled.peerTopic!, from })
      await check(services, filled, { side, pass, url, expected })
      const kind = round < warmUps ? 'warm-up' : `run ${round - warmUps + 1} of ${rounds - warmUps}`
      say(`${pass.name}, ${kind}: ${side} ${showRate(messagesOf(pass) / measured.seconds)}`)
      if (round >= warmUps) runs.push({ side, began, measured })
      if (round === rounds - 1) kept[side] = await keepDatabase(services.postgres.url, name)
      else await dropDatabase(services.postgres.url, name)
    }
  }
  await dropDatabase(services.postgres.url, before.ours)
  await dropDatabase(services.postgres.url, before.peer)
  return runs
}

const marksFor = ({ dataset, benchCase }: FilledCase, pass: Pass) => marksOf(dataset, benchCase.passes, pass)

interface Checked {
  readonly side: Side
  readonly pass: Pass
  readonly url: string
  readonly expected: Expected
}

async function check(services: Services, filled: FilledCase, checked: Checked): Promise<void> {
  const { benchCase, dataset } = filled
  const { side, pass, url, expected } = checked
  const isWhole = side === 'ours' || benchCase.isPeerEqual
  const relation = `${side === 'ours' ? 'data' : 'public'}."${dataset.name}"`
  await withClient(url, async (client) => {
    await checkRows(client, relation, dataset, { expected, isWhole })
    if (side === 'ours') await checkCounts(client, messagesUntil(benchCase.passes, pass))
    const bytes = await (side === 'ours' ? oursBytes : peerBytes)(client, dataset.name)
    services.figures.set(`bytes a row ${pass.name} ${side}`, bytes / expected.rows)
  })
}

/** Of a pass and all before it. */
function messagesUntil(passes: readonly Pass[], until: Pass): number {
  return passes.slice(0, passes.indexOf(until) + 1).reduce((sum, pass) => sum + messagesOf(pass), 0)
}

function toResult({ benchCase }: FilledCase, pass: Pass, runs: readonly Run[]): PassResult {
  const { name, title } = pass
  return { name, title, messages: messagesOf(pass), isPeerEqual: benchCase.isPeerEqual, runs }
}

function note({ figures }: Services, pass: Pass, runs: readonly Run[]): void {
  for (const side of ['ours', 'peer'] as const) {
    const own = runs.filter((run) => run.side === side).map(({ measured }) => measured)
    if (own.length === 0) continue
    figures.set(`rate ${pass.name} ${side}`, messagesOf(pass) / median(own.map(({ seconds }) => seconds)))
    figures.set(`peak MiB ${pass.name} ${side}`, Math.max(...own.map(({ peakMiB }) => peakMiB)))
  }
}

/** Shorter than this nothing is told: the table is only looked at so often. */
const SECONDS_MIN = (10 * LOOK_EVERY_MS) / 1_000

function ratesOf({ runs, messages }: PassResult, side: Side, seconds: (of: Measured) => number): number[] {
  const all = runs.filter((run) => run.side === side).map(({ measured }) => seconds(measured))
  return all.map((one) => (one < SECONDS_MIN ? Number.NaN : messages / one))
}

const counted = ({ seconds }: Measured) => seconds
const fromProcess = ({ fromProcessSeconds }: Measured) => fromProcessSeconds

function mediansOf(result: PassResult) {
  const ours = median(ratesOf(result, 'ours', counted))
  const peer = median(ratesOf(result, 'peer', counted))
  return {
    oursPerSecond: ours,
    peerPerSecond: peer,
    ratio: ours / peer,
    oursFromProcessPerSecond: median(ratesOf(result, 'ours', fromProcess)),
    peerFromProcessPerSecond: median(ratesOf(result, 'peer', fromProcess)),
  }
}

function toRow(result: PassResult): readonly string[] {
  const { name, title, isPeerEqual, messages, runs } = result
  const ours = ratesOf(result, 'ours', counted)
  const peer = ratesOf(result, 'peer', counted)
  const peak = (side: Side) =>
    Math.max(0, ...runs.filter((run) => run.side === side).map(({ measured }) => measured.peakMiB))
  return [
    `${name}: ${title}`,
    String(messages),
    showRates(ours),
    showRates(peer),
    isPeerEqual ? showRatio(median(ours), median(peer)) : 'not equal',
    showRates(ratesOf(result, 'ours', fromProcess)),
    showRates(ratesOf(result, 'peer', fromProcess)),
    [peak('ours'), peak('peer')]
      .map((mebibytes) => (mebibytes === 0 ? '–' : mebibytes.toFixed(0)))
      .join(' / '),
  ]
}
