// Records of strangers: whatever comes, the answer is that of the judge, and the log holds what was answered and nothing else.

import { describe, expect, it } from 'vitest'
import { createRecordProver } from '../../src/codec/signing/proof.ts'
import { createJudge } from '../../src/codec/verdict.ts'
import { mutateBytes, mutateText } from '../fuzz/mutate.ts'
import { below, createRandom, one, type Random } from '../sim/world.ts'
import { guardedPartition, KEYS } from '../support/guarded-world.ts'
import { announceSeed } from '../support/seed.ts'
import { signRecords } from '../support/signers.ts'
import { soaked } from '../support/soak.ts'
import { LOG_ID, recordsOf } from '../writer/support.ts'
import { openGuarded, sendRecords, WRITER_RULE } from './guarded-live.ts'
import { LINES, openLive } from './live-node.ts'
import { messageOf, recordJson } from './signed.ts'
import { inspectTestLog, tracksWith } from './writing.ts'

const SEED = announceSeed('test/http/hostile-records.test.ts')
const BODIES = soaked(10_000)
const AT_ONCE = 8
const WORDS = [
  '{',
  '}',
  '[',
  ']',
  ',',
  '"',
  ':',
  'null',
  '\n',
  '=',
  '"value"',
  '"signature"',
  'AAAA',
  '\\u0041',
  ' ',
]

/** Records of every kind: right ones, forged ones, of others, control records. */
const CORPUS: readonly string[] = [
  ...signRecords(KEYS.writer, LOG_ID, [messageOf('a'), messageOf('b'), messageOf('c')], 2),
  ...signRecords(KEYS.wallet, LOG_ID, [messageOf('d', { plays: 1n })]),
  messageOf('e'),
  ...guardedPartition(LOG_ID, 0).map(({ record }) => record),
].map(recordJson)

interface Body {
  readonly bytes: Buffer
  readonly isLines: boolean
}

function randomBody(random: Random): Body {
  const isLines = random() < 0.4
  const count = below(random, 4)
  const items = Array.from({ length: Math.max(1, count) }, () =>
    random() < 0.7 ? CORPUS[below(random, 5)]! : one(random, CORPUS),
  )
  const text = isLines ? items.join('\n') : count === 0 ? items[0]! : `[${items.join(',')}]`
  const dice = random()
  if (dice < 0.4) return { bytes: Buffer.from(text), isLines }
  if (dice < 0.8) return { bytes: Buffer.from(mutateText(random, text, CORPUS, WORDS)), isLines }
  const corpus = CORPUS.map((each) => Buffer.from(each))
  return { bytes: mutateBytes(random, Buffer.from(text), corpus), isLines }
}

describe.each([true, false])('records of strangers, guarded: %s', (isGuarded) => {
  it(`${BODIES / 2} random bodies: the log holds exactly what was acknowledged, and nothing that a node would set aside`, async () => {
    const limits = { requestsPerSecond: 1_000_000 }
    const node = isGuarded ? await openGuarded({ limits }) : await openLive({ limits })
    if (isGuarded) await node.setPolicy({ rules: [WRITER_RULE] })
    await node.caughtUp()
    const before = (await recordsOf(node.log)).length
    const random = createRandom(SEED)
    const statuses = new Map<number, number>()
    const places = new Set<string>()
    let sent = 0
    const worker = async (): Promise<void> => {
      while (sent < BODIES / 2) {
        sent++
        const { bytes, isLines } = randomBody(random)
        const { status, text, json } = await sendRecords(
          node,
          bytes,
          '',
          isLines ? LINES : 'application/json',
        )
        const durable = json.durable ?? 0
        const label = `${isLines ? 'lines' : 'JSON'} ${JSON.stringify(bytes.toString('latin1'))}\n${text}`
        expect([200, 400, 403, 422], label).toContain(status)
        expect((json.ids ?? []).length, label).toBe(durable)
        // JSON is taken whole or not at all.
        if (!isLines && status !== 200) expect(durable, label).toBe(0)
        for (const { partition, offset } of json.ids ?? []) places.add(`${partition}/${offset}`)
        statuses.set(status, (statuses.get(status) ?? 0) + 1)
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, worker))
    const records = await recordsOf(node.log)
    expect(records.length).toBe(before + places.size)
    const posted = records.filter(({ partition, offset }) => places.has(`${partition}/${offset}`))
    expect(posted.length).toBe(places.size)
    const { standing, catalogue } = node.writing.rules()
    const judge = createJudge(await inspectTestLog(node.log))
    const prove = createRecordProver(LOG_ID)
    for (const record of posted) expect(judge(record, catalogue, standing, prove(record)).type).toBe('merge')
    await node.caughtUp()
    const merged = [...node.database.partitions.values()].reduce((sum, each) => sum + Number(each.merged), 0)
    expect(merged).toBe(places.size)
    expect([...statuses.keys()].sort()).toEqual(isGuarded ? [200, 400, 403, 422] : [200, 400, 422])
    expect(Math.min(...statuses.values())).toBeGreaterThan(BODIES / 200)
    expect(node.bugs).toEqual([])
  }, 600_000)
})

describe('large bodies of records', () => {
  it('records of nearly the greatest size are taken, as many as a body may hold', async () => {
    const node = await openGuarded()
    await node.define(tracksWith('blob', 'bytes'))
    await node.writing.ready()
    const great = (id: string) => messageOf(id, { blob: new Uint8Array(899_900) })
    const [one] = signRecords(KEYS.admin, LOG_ID, [great('a')])
    expect((await sendRecords(node, one!)).json.durable).toBe(1)
    const many = signRecords(
      KEYS.admin,
      LOG_ID,
      Array.from({ length: 12 }, (_, i) => great(`b${i}`)),
      4,
    )
    expect((await sendRecords(node, many)).json.durable).toBe(12)
    const lines = `${many.map(recordJson).join('\n')}\n`
    expect((await sendRecords(node, lines, '', LINES)).json.durable).toBe(12)
    // 16 MiB of JSON is the limit, whatever it says.
    const early = await sendRecords(node, [...many, ...many])
    expect([early.status, early.json.type]).toEqual([413, 'urn:spindexer:problem:body-too-large'])
    expect(node.bugs).toEqual([])
  })
})
