// The section of the long replay: whether memory and rate stay what they are when there are ten times as many messages.

import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { createUpdateRows } from '../cases/update-rows.ts'
import { createDatabase, dropDatabase, withClient } from '../database.ts'
import { checkCounts, checkRows, expectAfter } from '../expected.ts'
import { createTopics, type FilledCase } from '../fill.ts'
import { marksOf, messagesOf } from '../marks.ts'
import { type OursMeasured, runOurs } from '../runners/ours.ts'
import { type RunSection, type Services, say } from '../section.ts'
import { showRate, showRatio } from '../stats.ts'

const LOOK_EVERY_MS = 100
const TENTHS = 10
/** Of the messages, the rows of which nothing else writes. */
const LASTING_EVERY = 1_000

/** How many messages were applied at a moment of performance.now(). */
interface Reached {
  readonly atMs: number
  readonly messages: number
}

export const runLong: RunSection = async (services, flags) => {
  const { longMessages } = flags
  const benchCase = createUpdateRows({ messages: longMessages, rows: flags.rows }, LASTING_EVERY)
  const filled = await createTopics(services, benchCase, 'long', { isPeerWanted: false })
  await filled.append(benchCase.passes[0]!)
  const { measured, reached } = await runOnce(services, filled)
  const tenths = ratesByTenth(reached, messagesOf(benchCase.passes[0]!))
  const rate = messagesOf(benchCase.passes[0]!) / measured.seconds
  const peakShort = services.figures.get('peak MiB a1 ours')
  services.figures.set('long tenths', tenths.at(-1)! / tenths[0]!)
  services.figures.set('long peak MiB', measured.peakMiB)
  return {
    name: `Long replay: ${longMessages} messages over ${flags.rows} rows, ours alone, one run`,
    columns: ['', 'value', 'against'],
    rows: [
      ['rate', showRate(rate), `a1: ${showRatio(rate, services.figures.get('rate a1 ours'))} of it`],
      [
        'peak RSS',
        `${measured.peakMiB.toFixed(0)} MiB`,
        `a1: ${peakShort?.toFixed(0) ?? '–'} MiB, ${showRatio(measured.peakMiB, peakShort)} times`,
      ],
      ['last tenth', showRate(tenths.at(-1)!), `first tenth: ${showRatio(tenths.at(-1), tenths[0])} of it`],
      ['each tenth', tenths.map((one) => (one / 1_000).toFixed(0)).join(' '), 'k/s'],
    ],
    notes: [
      `The tenths are told from the positions in the database, looked at every ${LOOK_EVERY_MS} ms: ${reached.length - 1} commits were seen, and between two of them the rate is taken for even.`,
    ],
    json: {
      messages: longMessages,
      measured,
      perSecond: rate,
      tenthsPerSecond: tenths,
      peakMiBOfA1: peakShort,
    },
  }
}

async function runOnce(
  services: Services,
  { benchCase, dataset, logUrl }: FilledCase,
): Promise<{ measured: OursMeasured; reached: readonly Reached[] }> {
  const pass = benchCase.passes[0]!
  const name = 'ours_long'
  const databaseUrl = await createDatabase(services.postgres.url, name, null)
  const reached: Reached[] = []
  const ending = new AbortController()
  let following: Promise<void> = Promise.resolve()
  const onStart = () => {
    reached.push({ atMs: performance.now(), messages: 0 })
    following = followPositions(databaseUrl, reached, ending.signal)
  }
  try {
    say(`long: reading ${pass.count} messages`)
    const marks = marksOf(dataset, benchCase.passes, pass)
    const measured = await runOurs({ name, databaseUrl, dataset, marks, logUrl, onStart })
    ending.abort()
    await following
    const expected = expectAfter(benchCase, dataset, pass)
    await withClient(databaseUrl, async (client) => {
      await checkRows(client, `data."${dataset.name}"`, dataset, { expected, isWhole: true })
      await checkCounts(client, messagesOf(pass))
    })
    return { measured, reached }
  } finally {
    ending.abort()
    await following
    await dropDatabase(services.postgres.url, name)
  }
}

/** Adds to `reached` whenever the number of processed messages has grown, and once more at the end. */
async function followPositions(url: string, reached: Reached[], signal: AbortSignal): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    for (let isLast = false; ; ) {
      const { rows } = await client.query('select sum(consumed)::float8 as consumed from spindexer.positions')
      const messages = rows[0].consumed ?? 0
      if (messages > reached.at(-1)!.messages) reached.push({ atMs: performance.now(), messages })
      if (isLast) return
      isLast = signal.aborted
      if (!isLast) await sleep(LOOK_EVERY_MS, undefined, { signal }).catch(() => {})
    }
  } finally {
    await client.end()
  }
}

/** Messages a second in each tenth of the messages. */
function ratesByTenth(reached: readonly Reached[], total: number): readonly number[] {
  const ends = Array.from({ length: TENTHS + 1 }, (_, i) => momentOf(reached, (total * i) / TENTHS))
  return Array.from({ length: TENTHS }, (_, i) => (total / TENTHS / (ends[i + 1]! - ends[i]!)) * 1_000)
}

/** When `messages` had been applied, by straight lines between what was seen. */
function momentOf(reached: readonly Reached[], messages: number): number {
  const at = reached.findIndex((one) => one.messages >= messages)
  if (at === 0) return reached[0]!.atMs
  const before = reached[at - 1]
  const after = reached[at]
  if (before === undefined || after === undefined) {
    throw new Error(`the positions never came to ${messages} messages`)
  }
  const share = (messages - before.messages) / (after.messages - before.messages)
  return before.atMs + share * (after.atMs - before.atMs)
}
