// Whatever stands among the definitions: late, repeated, contradictory, or no definition at all; every node makes the same of it.

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, it } from 'vitest'
import { encodeMutation } from '../../src/codec/avro-encode.ts'
import { frameSingleObject } from '../../src/codec/framing.ts'
import { createStamp, type Origin } from '../../src/crdt/stamp.ts'
import { runCli, startCli } from '../support/cli.ts'
import { temporaryDir } from '../support/services.ts'
import {
  amongDefinitions,
  awaitDefinitions,
  definition,
  enumOf,
  expectEqual,
  nullable,
  openLog,
  parkedOf,
  refusedOf,
  schemaOf,
  statusOf,
  upsert,
} from './definitions-support.ts'
import { catchUp, createTestLog, createTestNode, type KafkaTestLog, type TestNode } from './support.ts'

const endings: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end()
})

const NARROW = schemaOf('tracks', [nullable('plays', 'long'), enumOf('mood', 'LOW')])
const WIDE = schemaOf('tracks', [enumOf('mood', 'MID', 'HIGH'), nullable('late', 'string')])
const keys = (count: number) => Array.from({ length: count }, (_, i) => ({ name: `k${i}`, type: 'string' }))
const columns = (count: number) => Array.from({ length: count }, (_, i) => nullable(`c${i}`, 'long'))

const strayMutation = frameSingleObject(
  encodeMutation({
    stamp: createStamp(1_700_000_000_000_000_000n, '00000000000000aa' as Origin),
    seq: null,
    operation: 'upsert',
    dataset: 'tracks',
    key: ['stray'],
    columns: new Map(),
  }),
)
const policy = '{"admins":[],"kind":"policy","rules":[],"unsigned":true,"version":1}'

/** One of every reason to park, of messages that come before their definitions and behind them. */
const messages = (from: number) => [
  upsert('tracks', from, { plays: 1n }),
  upsert('tracks', from + 1, { mood: 'MID' }),
  upsert('tracks', from + 2, { mood: 'none' }),
  upsert('tracks', from + 3, { late: 'x' }),
  upsert('tracks', from + 4, { plays: 'many' }),
  upsert('tracks', from + 5, { id: 'x' }),
  upsert('tracks', from + 6, {}, ['a', 'b']),
  upsert('tracks', from + 7, { never: 1n }),
  upsert('albums', from + 8, {}),
]

it('refused records are refused alike by the node that was there and by one that comes later; the rest goes on', async () => {
  const testLog = await createTestLog('refused', { partitions: 2 })
  const live = await createTestNode(testLog, 'live')
  const log = openLog(testLog)
  const running = startCli(['run'], { env: live.env })
  endings.push(
    () => log.close(),
    () => running.kill('SIGKILL'),
  )
  await log.append(messages(0))
  const among = [
    definition(NARROW),
    definition(NARROW),
    definition(schemaOf('tracks', [nullable('plays', 'string')])),
    definition(schemaOf('tracks', [], [{ name: 'other', type: 'string' }])),
    definition(schemaOf('tracks', [], [{ name: 'id', type: 'long' }])),
    amongDefinitions(strayMutation),
    amongDefinitions('{"kind":"rumour"}'),
    amongDefinitions('{"schema": {}, "kind": "dataset"}'),
    amongDefinitions('{"kind":"dataset","schema":[]}'),
    amongDefinitions('hello'),
    amongDefinitions(policy),
    amongDefinitions(policy, [{ name: 'spindexer-rumour', value: new Uint8Array() }]),
    definition(schemaOf('x'.repeat(56), [])),
    definition(schemaOf('_reserved', [])),
    definition(schemaOf('keys', [], keys(17))),
    definition(schemaOf('columns', columns(200))),
    definition(schemaOf('tracks', [nullable('id', 'string')])),
    definition(WIDE),
  ]
  const appended = await log.append(among)
  await log.append(messages(100))
  await awaitDefinitions(live, log)
  const [first] = appended
  expect(first!.offset).toBe(1n)
  const refused = [
    '3 type-changed',
    '4 key-changed',
    '5 type-changed',
    '6 mutation-in-definitions',
    '7 bad-control',
    '8 bad-control',
    '9 bad-control',
    '10 unknown-framing',
    '12 unknown-header',
    '13 bad-definition',
    '14 bad-definition',
    '15 bad-definition',
    '16 bad-definition',
    '17 bad-definition',
  ]
  const fresh = await createTestNode(testLog, 'fresh')
  await catchUp(fresh)
  await catchUp(live)
  expect(await refusedOf(fresh)).toEqual(refused)
  await expectEqual(testLog, [fresh, live])
  // Of each nine messages one more than plays is cured by symbols, one by the column; six wait, or for ever.
  const reasons = (await parkedOf(live)).map((text) => text.split(' ')[1]).sort()
  const left = [
    'key-as-column',
    'unknown-column',
    'unknown-dataset',
    'unknown-symbol',
    'wrong-key',
    'wrong-value',
  ]
  expect(reasons).toEqual(left.flatMap((reason) => [reason, reason]))
  const status = await statusOf(live)
  // Genesis and the policy are control records of no effect.
  expect(status.definitions).toMatchObject({ taken: 3, refused: 14, controls: 2 })
  expect(status.reasons).toContainEqual(expect.objectContaining({ reason: 'key-changed', count: 1 }))
}, 300_000)

it('what says nothing new appends nothing; put into the log by hand it touches no table and reads no message again', async () => {
  const testLog = await createTestLog('repeated', { partitions: 2 })
  const node = await createTestNode(testLog, 'repeated')
  const log = openLog(testLog)
  const running = startCli(['run'], { env: node.env })
  endings.push(
    () => log.close(),
    () => running.kill('SIGKILL'),
  )
  expect(await apply(testLog, NARROW)).toMatchObject({ code: 0 })
  await log.append(messages(0))
  await awaitDefinitions(node, log)
  await catchUp(node)
  const before = await fingerprint(node)
  const end = (await log.describe()).definitions!.end

  const again = await apply(testLog, NARROW)
  expect(again).toMatchObject({ code: 0, stderr: expect.stringContaining('Nothing to do') })
  for (const [schema, words] of [
    [
      schemaOf('tracks', [nullable('plays', 'string')]),
      /tracks\.plays is a long, not a string[\s\S]*fixed for ever/,
    ],
    [
      schemaOf('tracks', [], [{ name: 'other', type: 'string' }]),
      /the key of tracks is id, not other[\s\S]*fixed for ever/,
    ],
    [schemaOf('wide', columns(200)), /more than 200 fields/],
    [schemaOf('keys', [], keys(17)), /16/],
  ] as const) {
    const { code, stderr } = await apply(testLog, schema)
    expect(stderr).toMatch(words)
    expect(stderr).toContain('Nothing was appended')
    expect(code).toBe(1)
  }
  expect((await log.describe()).definitions!.end).toBe(end)

  // By hand: the same again, a contradiction, another dataset, and a column for which no parked message waits.
  await log.append([
    definition(NARROW),
    definition(schemaOf('tracks', [nullable('plays', 'string')])),
    definition(schemaOf('artists', [])),
  ])
  await awaitDefinitions(node, log)
  expect(await fingerprint(node)).toEqual(before)
  await log.append([definition(schemaOf('tracks', [nullable('other', 'long')]))])
  await awaitDefinitions(node, log)
  expect((await fingerprint(node)).parked).toEqual(before.parked)

  // And one that cures: of those that wait for something else not one is touched.
  const dryRun = await apply(testLog, WIDE, { env: node.env, flags: ['--dry-run'] })
  expect(dryRun.stderr).toMatch(/3 parked messages that this may cure[\s\S]*Nothing was appended: 1 would be/)
  const applied = await apply(testLog, WIDE, { env: node.env })
  expect(applied.stderr).toMatch(/3 parked messages that this may cure[\s\S]*Appended: 1/)
  await awaitDefinitions(node, log)
  const { parked } = await fingerprint(node)
  const isCured = (row: string) => /^\S+ (mood|late) /.test(row)
  expect(parked.filter((row) => !isCured(row))).toEqual(before.parked.filter((row) => !isCured(row)))
  expect(parked.filter(isCured).length).toBe(1)
}, 300_000)

async function apply(
  { env }: KafkaTestLog,
  schema: unknown,
  more: { readonly env?: Readonly<Record<string, string>>; readonly flags?: readonly string[] } = {},
) {
  const dir = temporaryDir()
  mkdirSync(dir.path, { recursive: true })
  writeFileSync(join(dir.path, 'one.avsc'), JSON.stringify(schema))
  const result = await runCli(['datasets', 'apply', ...(more.flags ?? []), dir.path], {
    env: more.env ?? env,
  })
  dir.remove()
  return result
}

/** The transactions that last wrote the parked messages, and the table and view of tracks. */
async function fingerprint(node: TestNode) {
  const parked = await node.query(
    `select concat_ws(' ', partition || '/' || "offset", coalesce(waits_for, '-'), xmin::text) as row
     from spindexer.parked order by partition, "offset"`,
  )
  const tables = await node.query(
    `select attrelid::regclass::text as name, attname, xmin::text from pg_attribute
     where attrelid in ('spindexer.d_tracks'::regclass, 'data.tracks'::regclass) order by 1, attnum`,
  )
  return { parked: parked.map(({ row }) => row!), tables }
}
