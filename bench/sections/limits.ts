// The section of the limits: what bare reading and bare writing of case a's messages take in the same run.

import { rmSync } from 'node:fs'
import type { Value } from '../../src/crdt/value.ts'
import { createUpdateRows } from '../cases/update-rows.ts'
import { createDatabase, dropDatabase, withClient } from '../database.ts'
import { totalBytes } from '../disk.ts'
import { foldRows, type RowValues } from '../expected.ts'
import { createTopics, type FilledCase } from '../fill.ts'
import { changesOf, messagesOf } from '../marks.ts'
import { messageFields } from '../messages.ts'
import {
  copyBare,
  copyLine,
  copyOverConnection,
  readBare,
  toPieces,
  writeCopyFile,
} from '../runners/limits.ts'
import { type Flags, type RunSection, type Services, say } from '../section.ts'
import { median, showRates, showRatio } from '../stats.ts'

export const runLimits: RunSection = async (services, flags) => {
  // Topics of its own: those of case a may not have been asked for.
  const filled = await createTopics(services, createUpdateRows(flags), 'limits', { isPeerWanted: false })
  const [pass] = filled.benchCase.passes
  await filled.append(pass!)
  const read: number[] = []
  for (let run = 0; run < flags.runs; run++) {
    say(`bare KafkaJS, run ${run + 1} of ${flags.runs}`)
    read.push((await readBare(services, filled.oursTopic, messagesOf(pass!))).perSecond)
  }
  const copied = await copyRuns(services, flags, filled)
  services.figures.set('copy over a connection', median(copied.overConnection))
  await sizePlainTable(services, filled)
  const ours = ['a1', 'a2'].map((name) => services.figures.get(`rate ${name} ours`))
  const row = (name: string, rates: readonly number[]) => [
    name,
    showRates(rates),
    ...ours.map((rate) => showRatio(rate, median(rates))),
  ]
  return {
    name: 'Limits, on the messages of a1, messages a second',
    columns: ['', 'limit', 'a1 of it', 'a2 of it'],
    rows: [
      row('KafkaJS reading alone', read),
      row('COPY of the messages over a connection into a bare table', copied.overConnection),
      row('the same from a file on the server’s machine', copied.fromFile),
    ],
    notes: [
      'COPY: a row a message with all that it holds: stamp (uuid), number, operation, dataset, id, plays, title; no index.',
    ],
    json: {
      bareReadPerSecond: read,
      copyPerSecond: copied.overConnection,
      copyFromFilePerSecond: copied.fromFile,
    },
  }
}

interface Copied {
  readonly overConnection: readonly number[]
  readonly fromFile: readonly number[]
}

async function copyRuns(services: Services, flags: Flags, filled: FilledCase): Promise<Copied> {
  const { dataset, benchCase } = filled
  const pass = benchCase.passes[0]!
  const file = await writeCopyFile(services, 'messages.copy', messageLines(filled))
  const url = await createDatabase(services.postgres.url, 'limits_copy', null)
  const pieces = toPieces(messageLines(filled))
  const overConnection: number[] = []
  const fromFile: number[] = []
  for (let run = 0; run < flags.runs; run++) {
    say(`COPY of ${dataset.name}, run ${run + 1} of ${flags.runs}`)
    const count = messagesOf(pass)
    overConnection.push(count / (await copyOverConnection(url, pieces, count)))
    fromFile.push(count / (await copyBare(url, file, count)))
  }
  await dropDatabase(services.postgres.url, 'limits_copy')
  rmSync(file)
  return { overConnection, fromFile }
}

function* messageLines({ dataset, benchCase }: FilledCase): Iterable<string> {
  for (const change of changesOf(dataset, benchCase.passes, benchCase.passes[0]!)) {
    yield copyLine([...messageFields(dataset, change), ...toTexts(change.values)])
  }
}

/**
 * Bytes a row of the state after a1 in a table that only has the three columns and the same primary key; and when each
 * of its rows has been updated once, as a2 does.
 */
async function sizePlainTable(services: Services, { dataset, benchCase }: FilledCase): Promise<void> {
  const rows = foldRows(benchCase, dataset, benchCase.passes[0]!)
  const file = await writeCopyFile(services, 'state.copy', rowLines(rows))
  const url = await createDatabase(services.postgres.url, 'limits_plain', null)
  await withClient(url, async (client) => {
    await client.query('create table plain (id text primary key, plays bigint, title text)')
    await client.query(`copy plain from '${file}'`)
    services.figures.set('bytes a row plain a1', (await totalBytes(client, 'plain')) / rows.size)
    await client.query('update plain set plays = plays + 1')
    services.figures.set('bytes a row plain a2', (await totalBytes(client, 'plain')) / rows.size)
  })
  await dropDatabase(services.postgres.url, 'limits_plain')
  rmSync(file)
}

function* rowLines(rows: ReadonlyMap<string, RowValues>): Iterable<string> {
  for (const [key, values] of rows) yield copyLine([key, ...toTexts(values)])
}

/** Case a's columns are a long and a text. */
function toTexts(values: RowValues): (string | bigint | null)[] {
  return values.map((value: Value | undefined) => (value ?? null) as string | bigint | null)
}
