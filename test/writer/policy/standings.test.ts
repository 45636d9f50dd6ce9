// Standings read past most records of a log are what the judge of nodes comes to, record by record.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Policy } from '../../../src/codec/control.ts'
import { DEFINITIONS } from '../../../src/codec/record.ts'
import type { Log, NewRecord } from '../../../src/log/log.ts'
import { readStandings, type StandingsStart, versionsLacked } from '../../../src/writer/policy/standings.ts'
import { ADMINS, guardedDefinitions, guardedPartition } from '../../support/guarded-world.ts'
import { announceSeed, seeded } from '../../support/seed.ts'
import { controlRecord, signatureOf, signRecords, testKey, withSignature } from '../../support/signers.ts'
import { createGuardedLog, genesisOf, judgeAll, KEYS, LOG_ID, signal } from './support.ts'

const seed = announceSeed('test/writer/policy/standings.test.ts')

async function read(log: Log, start: StandingsStart | null = null) {
  return readStandings(log, { genesis: await genesisOf(log), start, signal })
}

async function standingsOf(log: Log, start: StandingsStart | null = null) {
  return (await read(log, start)).map(({ partition, standing, position }) => ({
    partition,
    standing,
    position,
  }))
}

async function judgedStandings(log: Log) {
  return (await judgeAll(log)).map(({ partition, standing, count }) => ({
    partition,
    standing,
    position: BigInt(count),
  }))
}

async function startAt(log: Log): Promise<StandingsStart> {
  const found = await read(log)
  return {
    positions: new Map(found.map(({ partition, position }) => [partition, position])),
    standings: new Map(found.map(({ partition, standing }) => [partition, standing])),
  }
}

describe('of a log in which everything goes wrong that may', () => {
  const admins = [testKey('admin'), testKey('second admin', 'eip191')]
  const items = [
    ...guardedPartition(LOG_ID, 0),
    ...guardedPartition(LOG_ID, 1),
    ...guardedDefinitions(LOG_ID),
  ].map(({ record }) => record)

  it('they are those of the judge, wherever reading begins', async () => {
    expect(admins.map(({ signer }) => signer)).toEqual(ADMINS)
    const log = await createGuardedLog(2, admins, 7)
    for (let from = 0; from < items.length; from += 20) {
      const start = await startAt(log)
      await log.append(items.slice(from, from + 20))
      expect(await standingsOf(log, start)).toEqual(await judgedStandings(log))
      expect(await standingsOf(log)).toEqual(await judgedStandings(log))
    }
    const [first] = await read(log)
    expect(first!.standing).toMatchObject({ version: 3, isClosed: true })
    expect(first!.policies.map(({ version }) => version)).toEqual([1, 2, 3])
  })
})

const keyArb = fc.constantFrom(KEYS.ada, KEYS.ben, KEYS.cyd)
const policyArb: fc.Arbitrary<Policy> = fc.record({
  kind: fc.constant('policy' as const),
  version: fc.integer({ min: 1, max: 4 }),
  admins: fc.uniqueArray(keyArb, { minLength: 0, maxLength: 3 }).map((keys) => keys.map((key) => key.signer)),
  rules: fc.constant([]),
  unsigned: fc.boolean(),
})
const recordArb: fc.Arbitrary<NewRecord> = fc
  .record({
    partition: fc.constantFrom(0, 1, DEFINITIONS),
    control: fc.oneof(
      { arbitrary: policyArb, weight: 8 },
      {
        arbitrary: fc.record({ kind: fc.constant('close' as const), generation: fc.constantFrom(1, 2) }),
        weight: 1,
      },
    ),
    key: keyArb,
    way: fc.constantFrom(
      'signed',
      'signed',
      'signed',
      'signed',
      'unsigned',
      'forged',
      'with more',
      'marked',
      'twice',
    ),
  })
  .map(({ partition, control, key, way }) => {
    const plain = controlRecord(partition, control)
    if (way === 'unsigned') return plain
    const [signed] = signRecords(key, LOG_ID, [plain])
    const signature = { name: 'spindexer-signature', value: signatureOf(signed!) }
    if (way === 'forged') {
      const forged = Buffer.from(signature.value)
      forged[50] = forged[50]! ^ 1
      return withSignature(plain, forged)
    }
    const note = { name: 'note', value: Buffer.from('of somebody') }
    if (way === 'with more') return { ...plain, headers: [note, signature] }
    if (way === 'twice') return { ...plain, headers: [signature, signature] }
    const mark = { name: 'spindexer-quarantined', value: Buffer.from('x') }
    return way === 'marked' ? { ...plain, headers: [signature, mark] } : signed!
  })

it('they are those of the judge, of any policies and closes whatever', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(recordArb, { maxLength: 30 }),
      fc.array(recordArb, { maxLength: 30 }),
      async (before, after) => {
        const log = await createGuardedLog(2, [KEYS.ada, KEYS.ben], 5)
        await log.append(before)
        const start = await startAt(log)
        await log.append(after)
        const expected = await judgedStandings(log)
        expect(await standingsOf(log)).toEqual(expected)
        expect(await standingsOf(log, start)).toEqual(expected)
      },
    ),
    seeded(seed, 30),
  )
})

describe('from where a node is', () => {
  const policy = (partition: number, version: number): NewRecord =>
    signRecords(KEYS.ada, LOG_ID, [
      controlRecord(partition, {
        kind: 'policy',
        version,
        admins: [KEYS.ada.signer],
        rules: [],
        unsigned: false,
      }),
    ])[0]!

  it('what a partition lacks is found though the node is past it', async () => {
    const log = await createGuardedLog(2)
    await log.append([policy(0, 1), policy(0, 2), policy(1, 1)])
    const found = await read(log, await startAt(log))
    expect(versionsLacked(found)).toEqual([1, 2])
    expect(found[0]!.policies.map(({ version }) => version)).toEqual([1, 2])
  })

  it('a node that is ahead of the log has read another one: reading begins at the start', async () => {
    const log = await createGuardedLog(2)
    await log.append([policy(0, 1), policy(1, 1), policy(DEFINITIONS, 1)])
    const wrong = await startAt(log)
    const ahead = new Map([...wrong.positions].map(([partition]) => [partition, 1_000n]))
    expect(await standingsOf(log, { positions: ahead, standings: new Map() })).toEqual(
      await judgedStandings(log),
    )
  })

  it('reading ends where the log ended, whoever goes on writing, and says how far it is', async () => {
    const log = await createGuardedLog(2, [KEYS.ada], 3)
    await log.append(Array.from({ length: 10 }, () => ({ partition: 0, key: null, value: Buffer.from('x') })))
    const seen: [number, number][] = []
    const busy: Log = {
      ...log,
      async *read(options) {
        for await (const event of log.read(options)) {
          if (event.type === 'chunk') await log.append([policy(0, 1)])
          yield event
        }
      },
    }
    const options = { genesis: await genesisOf(log), start: null, signal }
    await readStandings(busy, { ...options, onProgress: (done, total) => seen.push([done, total]) })
    expect(seen.at(-1)).toEqual([13, 13])
  })

  it('a log that has lost its records ends with an error', async () => {
    const log = await createGuardedLog(1)
    const lost: Log = {
      ...log,
      async *read() {
        yield { type: 'lost', partition: 0, position: 0n }
      },
    }
    await expect(read(lost)).rejects.toThrow(/no longer has its records/)
  })
})
