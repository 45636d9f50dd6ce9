// The section of signed messages: what their replay costs against unsigned ones, and against verification alone.

import { join } from 'node:path'
import { createUpdateRows } from '../cases/update-rows.ts'
import { createDatabase, dropDatabase, withClient } from '../database.ts'
import { checkCounts, checkRows, expectAfter } from '../expected.ts'
import { createTopics, type FilledCase } from '../fill.ts'
import { marksOf, messagesOf } from '../marks.ts'
import { measure } from '../measure.ts'
import { root } from '../paths.ts'
import { type OursMeasured, runOurs } from '../runners/ours.ts'
import { type Flags, type RunSection, type Services, say } from '../section.ts'
import { createSigning, type Signing } from '../signing.ts'
import { median, showRate, showRates, showRatio } from '../stats.ts'

/** As many as our own writer signs together. */
const TOGETHER = 512
/** Each of a hundred thousand signers of a million messages signs so many, once. */
const FEW_TOGETHER = 10
const BARE_THREADS = 2
const BARE_MS = 5_000

interface Replay {
  readonly name: string
  readonly filled: FilledCase
  readonly runs: OursMeasured[]
}

export const runSigned: RunSection = async (services, flags) => {
  const none = await fill(services, flags, 'none')
  const batches = await fill(services, flags, 'batches', createSigning(TOGETHER, false))
  const rounds = flags.warmUp + flags.runs
  for (let round = 0; round < rounds; round++) {
    for (const replay of round % 2 === 0 ? [none, batches] : [batches, none]) {
      await run(services, replay, round, round >= flags.warmUp)
    }
  }
  const single = await fill(services, flags, 'single', createSigning(1, false))
  const bare = [await verifyBare()]
  await run(services, single, 0, true)
  bare.push(await verifyBare())
  const many = await fill(services, flags, 'many', createSigning(FEW_TOGETHER, true))
  await run(services, many, 0, true)
  return report(services, { none, batches, single, many, bare })
}

async function fill(services: Services, flags: Flags, name: string, signing?: Signing): Promise<Replay> {
  const benchCase = createUpdateRows({ messages: flags.signedMessages, rows: flags.rows })
  const options = signing === undefined ? { isPeerWanted: false } : { isPeerWanted: false, signing }
  const filled = await createTopics(services, benchCase, `signed-${name}`, options)
  await filled.append(benchCase.passes[0]!)
  return { name, filled, runs: [] }
}

async function run(services: Services, replay: Replay, round: number, isCounted: boolean): Promise<void> {
  const { benchCase, dataset, logUrl } = replay.filled
  const pass = benchCase.passes[0]!
  const name = `signed_${replay.name}_${round}`
  const databaseUrl = await createDatabase(services.postgres.url, name, null)
  const marks = marksOf(dataset, benchCase.passes, pass)
  const measured = await runOurs({ name, databaseUrl, dataset, marks, logUrl })
  const expected = expectAfter(benchCase, dataset, pass)
  await withClient(databaseUrl, async (client) => {
    await checkRows(client, `data."${dataset.name}"`, dataset, { expected, isWhole: true })
    await checkCounts(client, messagesOf(pass))
  })
  await dropDatabase(services.postgres.url, name)
  say(`signed ${replay.name}, round ${round + 1}: ${showRate(messagesOf(pass) / measured.seconds)}`)
  if (isCounted) replay.runs.push(measured)
}

/** Signatures a second. */
async function verifyBare(): Promise<number> {
  const script = join(root, 'bench/bare-verify.ts')
  const { stdout } = await measure([script, String(BARE_THREADS), String(BARE_MS)], process.env)
  const { perSecond } = JSON.parse(stdout) as { perSecond: number }
  say(`bare verification, ${BARE_THREADS} threads: ${showRate(perSecond)}`)
  return perSecond
}

interface Replays {
  readonly none: Replay
  readonly batches: Replay
  readonly single: Replay
  readonly many: Replay
  readonly bare: readonly number[]
}

function report({ figures }: Services, { none, batches, single, many, bare }: Replays) {
  const ratesOf = ({ filled, runs }: Replay) =>
    runs.map(({ seconds }) => messagesOf(filled.benchCase.passes[0]!) / seconds)
  const rateOf = (replay: Replay) => median(ratesOf(replay))
  const peakOf = ({ runs }: Replay) => Math.max(...runs.map(({ peakMiB }) => peakMiB))
  const bareRate = Math.max(...bare)
  figures.set('signed none', rateOf(none))
  figures.set('signed batches', rateOf(batches))
  figures.set('signed one by one', rateOf(single))
  figures.set('signed bare', bareRate)
  figures.set('signed many peak MiB', peakOf(many))
  const row = (name: string, replay: Replay, than: number) => [
    name,
    showRates(ratesOf(replay)),
    showRatio(rateOf(replay), than),
    peakOf(replay).toFixed(0),
  ]
  return {
    name: 'Signed: replay of the messages of a1, messages a second',
    columns: ['', 'rate', 'ratio', 'RSS MiB'],
    rows: [
      row('unsigned, open log', none, rateOf(none)),
      row(`signed in batches of ${TOGETHER}, against unsigned`, batches, rateOf(none)),
      row('signed one by one, against bare verification', single, bareRate),
      ['bare verification, two threads, one key', showRates(bare), '–', '–'],
      row(
        `signed ${FEW_TOGETHER} at a time, each by a signer of its own, against unsigned`,
        many,
        rateOf(none),
      ),
    ],
    notes: [
      'Of bare verification, taken before and after, the better one counts. Messages that are signed with others have one signature of the root of their tree, and a path each.',
    ],
    json: {
      bare,
      none: none.runs,
      batches: batches.runs,
      single: single.runs,
      many: many.runs,
    },
  }
}
