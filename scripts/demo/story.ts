// The demo's story: what writers, clocks and a careless producer do to a log, and what two nodes make of it.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { generateLines } from './generate.ts'
import {
  type Counts,
  countsOf,
  createNode,
  type DemoNode,
  emptyDatabase,
  fingerprintOf,
  rowsOf,
  waitForCounts,
} from './nodes.ts'
import { count, heading, say, table } from './paper.ts'
import type { Ended, Processes } from './processes.ts'
import { badMessages, earlyMessages, produce, readFirst } from './raw.ts'

export interface Story {
  readonly processes: Processes
  /** `kafka://…` of a log that does not exist yet. */
  readonly log: URL
  readonly adminUrl: string
  readonly env: NodeJS.ProcessEnv
  /** A directory for files that are published. */
  readonly dir: string
  /** Mutations that the three writers publish together. */
  readonly messages: number
}

const WRITERS = [
  { name: 'yuki', clockAheadMs: 0, clock: 'right' },
  { name: 'zola', clockAheadMs: -40_000, clock: '40 s behind' },
  { name: 'noor', clockAheadMs: 20_000, clock: '20 s ahead' },
] as const
const FAR_AHEAD_MS = 300_000
const CHUNK_LINES = 500

export interface Told {
  readonly ada: DemoNode
}

/** Tells it, and checks every count and fingerprint on the way; throws at the first that is not what it must be. */
export async function tell(story: Story): Promise<Told> {
  const { processes, adminUrl } = story
  const env = { ...story.env, SPINDEXER_LOG: story.log.href }
  const ada = await createNode('ada', adminUrl, env)
  const ben = await createNode('ben', adminUrl, env)

  heading(
    2,
    'A log, and what may be in it',
    'Three partitions of one Kafka topic; two datasets, defined in the log itself.',
  )
  await processes.run({ args: ['log', 'create', '--partitions', '3'], env })
  await processes.run({ args: ['datasets', 'apply', 'examples/catalogue'], env })

  heading(
    3,
    `Three writers publish ${count(story.messages)} changes of the same rows at the same time`,
    'Their clocks differ: up to a minute ahead is taken, and the log’s clock helps who is behind.',
  )
  const live = processes.start({ args: ['run'], env: ada.env, note: 'node "ada", from here on to the end' })
  const died = live.ended.then(({ code, stderr }) => {
    throw new Error(`node ada ended with ${code}:\n${stderr}`)
  })
  // Looked at while she is waited for; at the end she is asked to go.
  died.catch(() => {})
  await writeTogether(story, env)
  await writeFarAhead(story, env)
  const file = await publishTwice(story, env)
  const raw = await produceRaw(story)
  const consumed = BigInt(story.messages + 1 + 2 * file + raw.sent + raw.again)
  const quarantined = BigInt(1 + badMessages().length)
  const before = {
    consumed,
    parked: BigInt(raw.parked),
    quarantined,
    merged: consumed - quarantined - BigInt(raw.parked),
  }
  await Promise.race([waitForCounts(ada, before), died])
  await setAside(story, ada)

  heading(
    8,
    'The definition comes late',
    'What was parked for want of a definition is merged by itself once there is one.',
  )
  await processes.run({ args: ['datasets', 'apply', 'scripts/demo/labels'], env })
  const final = { consumed, parked: 0n, quarantined, merged: consumed - quarantined }
  await Promise.race([waitForCounts(ada, final), died])
  must('rows of labels', await rowsOf(ada, 'labels'), BigInt(raw.parked))
  table([['rows in data.labels', await rowsOf(ada, 'labels')]])

  heading(
    9,
    'A second node',
    'Ben was never there: he reads the log from its start, while Ada has seen it live.',
  )
  await catchUp(processes, ben)
  await compare(processes, [ada, ben], final)

  heading(10, 'A lost database', 'Ben drops his tables, replays, and has every cell and stamp again.')
  await emptyDatabase(ben, adminUrl)
  await catchUp(processes, ben)
  await compare(processes, [ada, ben], final)

  live.child.kill('SIGTERM')
  const { code, stderr } = await live.ended
  if (code !== 0) throw new Error(`node ada ended with ${code}:\n${stderr}`)
  return { ada }
}

async function writeTogether({ processes, messages }: Story, env: NodeJS.ProcessEnv): Promise<void> {
  const share = (i: number) => Math.floor((messages * (i + 1)) / 3) - Math.floor((messages * i) / 3)
  const written = WRITERS.map(({ name, clock, clockAheadMs }, i) =>
    processes.run({
      args: ['publish', '-'],
      env,
      clockAheadMs,
      note: `${name}, clock ${clock}`,
      input: chunked(generateLines(name, i + 1, share(i))),
    }),
  )
  const answers = await Promise.all(written)
  const durable = answers.map(durableOf)
  for (const [i, { name }] of WRITERS.entries()) must(`${name}'s durable messages`, durable[i]!, share(i))
  table(WRITERS.map(({ name, clock }, i) => [name, `clock ${clock}`, durable[i]!, 'durable']))
}

async function writeFarAhead({ processes }: Story, env: NodeJS.ProcessEnv): Promise<void> {
  heading(
    4,
    'A writer whose clock is five minutes ahead',
    'It would win every conflict for five minutes: the writer stops at the first answer of the log.',
  )
  const { ended } = processes.start({
    args: ['publish', '-'],
    env,
    clockAheadMs: FAR_AHEAD_MS,
    note: 'otto, clock 300 s ahead',
    input: chunked(generateLines('otto', 9, 1_000)),
  })
  const { code, stderr } = await ended
  must('exit code of the writer', code, 1)
  const words = /^.*(stopped, because [^;]*);/m.exec(stderr)?.[1]
  if (words === undefined) throw new Error(`the writer did not say that it was refused:\n${stderr}`)
  say(`   exit 1: ${words}`)
}

/** Gives the number of lines. */
async function publishTwice({ processes, dir, messages }: Story, env: NodeJS.ProcessEnv): Promise<number> {
  const lines = Math.max(10, Math.floor(messages / 60))
  heading(
    5,
    'A file, published twice',
    'Its lines bring their own timestamps: the same messages once more change nothing.',
  )
  const file = join(dir, 'archive.jsonl')
  const startMs = Date.UTC(2024, 0, 1)
  const stamped = [...generateLines('archive', 4, lines)].map((line, i) => {
    const timestamp = new Date(startMs + i * 1_000).toISOString()
    return `{"timestamp":"${timestamp}",${line.slice(1)}\n`
  })
  writeFileSync(file, stamped.join(''))
  for (let round = 0; round < 2; round++) {
    must(
      'durable messages of the file',
      durableOf(await processes.run({ args: ['publish', file], env })),
      lines,
    )
  }
  return lines
}

async function produceRaw({ log, messages }: Story) {
  const again = Math.min(1_000, Math.floor(messages / 10))
  heading(
    6,
    'A careless program writes into the topic',
    'Kafka takes what it gets. A node takes what it can apply, and keeps account of the rest.',
  )
  const brokers = log.host.split(',')
  const topic = log.pathname.slice(1)
  const redelivered = await readFirst(brokers, topic, again)
  must('messages read back', redelivered.length, again)
  const bad = badMessages()
  const early = earlyMessages()
  await produce(brokers, topic, [...redelivered, ...bad, ...early])
  table([
    [again, 'messages of the log once more'],
    ...bad.map(({ what }) => [1, what] as const),
    [early.length, 'of a dataset, labels, that nobody has defined'],
  ])
  return { again, sent: bad.length + early.length, parked: early.length }
}

async function setAside({ processes }: Story, ada: DemoNode): Promise<void> {
  heading(
    7,
    'What Ada made of all that',
    'Every message is merged, parked or quarantined, and counted: nothing is dropped silently.',
  )
  const counts = await countsOf(ada)
  table([
    ...(['consumed', 'merged', 'parked', 'quarantined'] as const).map(
      (name) => [name, counts[name]] as const,
    ),
  ])
  say('')
  const { stdout } = await processes.run({ args: ['quarantine', 'list', '--counts'], env: ada.env })
  const reasons: { kind: string; reason: string; count: number; meaning: string }[] = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  table(reasons.map((row) => [row.count, row.kind, row.reason, row.meaning]))
  const list = ['quarantine', 'list', '--reason', 'nul']
  const [first] = (await processes.run({ args: list, env: ada.env })).stdout.split('\n')
  const place = JSON.parse(first!)
  const show = ['quarantine', 'show', String(place.partition), String(place.offset)]
  const shown = JSON.parse((await processes.run({ args: show, env: ada.env })).stdout)
  table([
    ['dataset, key', `${shown.mutation.dataset} ${shown.mutation.key}`],
    ['verdict', `${shown.verdict.type} (${shown.verdict.reason}): ${shown.verdict.detail}`],
    ['what to do', shown.verdict.remedy],
  ])
}

async function catchUp(processes: Processes, node: DemoNode): Promise<void> {
  const { stderr } = await processes.run({
    args: ['run', '--until-end'],
    env: node.env,
    note: `node "${node.name}"`,
  })
  say(`   ${stderr.trim().split('\n').at(-1)}`)
}

async function compare(processes: Processes, nodes: readonly DemoNode[], wanted: Counts): Promise<void> {
  const fingerprints: string[] = []
  for (const node of nodes) fingerprints.push(await fingerprintOf(node, processes))
  const counts = await Promise.all(nodes.map(countsOf))
  table([
    ['', 'consumed', 'merged', 'quarantined', 'fingerprint of the state'],
    ...nodes.map(({ name }, i) => {
      const { consumed, merged, quarantined } = counts[i]!
      return [name, consumed, merged, quarantined, fingerprints[i]!]
    }),
  ])
  for (const [i, { name }] of nodes.entries()) {
    for (const of of Object.keys(wanted) as (keyof Counts)[])
      must(`${name}'s ${of}`, counts[i]![of], wanted[of])
    must(`${name}'s fingerprint`, fingerprints[i]!, fingerprints[0]!)
  }
}

function must<T>(what: string, found: T, wanted: T): void {
  if (found !== wanted) throw new Error(`${what}: ${found}, where it must be ${wanted}`)
}

function durableOf({ stdout }: Ended): number {
  return JSON.parse(stdout).durable
}

/** Lines with their ends, some at a time. */
function* chunked(lines: Iterable<string>): Generator<string> {
  let chunk: string[] = []
  for (const line of lines) {
    chunk.push(`${line}\n`)
    if (chunk.length < CHUNK_LINES) continue
    yield chunk.join('')
    chunk = []
  }
  yield chunk.join('')
}
