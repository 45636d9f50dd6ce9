// A policy comes into every partition once, wherever it is broken off and whoever else is at it.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { PolicyFile } from '../../../src/codec/policy/file.ts'
import { DEFINITIONS } from '../../../src/codec/record.ts'
import type { SigningKey } from '../../../src/codec/signing/batch-signer.ts'
import type { Log, NewRecord } from '../../../src/log/log.ts'
import { announceSeed, seeded } from '../../support/seed.ts'
import { controlRecord, signRecords, testKey } from '../../support/signers.ts'
import {
  apply,
  commonVersion,
  createGuardedLog,
  failingLog,
  judgeAll,
  KEYS,
  LOG_ID,
  type Outcome,
  policyOf,
} from './support.ts'

const seed = announceSeed('test/writer/policy/apply.test.ts')
const { ada, ben, cyd, stranger } = KEYS
const EVERYWHERE = [0, 1, 2, 3, 4, 5, DEFINITIONS]
const RULE = { signers: [cyd.signer], operations: ['upsert' as const], datasets: '*', columns: '*' } as const

const FIRST = policyOf([ada, ben], { rules: [RULE] })
const SECOND = policyOf([ada])

function problemOf(outcome: Outcome): string {
  if (outcome.type !== 'refused') throw new Error('it was not refused')
  return outcome.problems.map(({ what, remedy }) => `${what}; ${remedy}`).join('\n')
}

function done(outcome: Outcome) {
  if (outcome.type === 'refused') throw new Error(outcome.problems[0]!.what)
  return outcome
}

async function distinctPolicies(log: Log): Promise<number> {
  return new Set((await judgeAll(log)).map(({ valid }) => valid.join())).size
}

describe('applied', () => {
  it('it is one record in every partition, in the definitions last', async () => {
    const log = await createGuardedLog(6)
    const order: number[] = []
    const watched: Log = {
      ...log,
      append(records) {
        order.push(...records.map(({ partition }) => partition!))
        return log.append(records)
      },
    }
    expect(done(await apply(log, FIRST, ada, { appending: watched }))).toMatchObject({
      version: 1,
      appended: 7,
      contested: [],
    })
    expect(order).toEqual(EVERYWHERE)
    expect(await commonVersion(log)).toBe(1)
    expect(await distinctPolicies(log)).toBe(1)
  })

  it('again it changes nothing, in whatever order its lists are; another one is the next version', async () => {
    const log = await createGuardedLog(3)
    await apply(log, FIRST, ada)
    const turned = { ...FIRST, admins: [...FIRST.admins].reverse(), version: 1 }
    expect(done(await apply(log, turned, ben))).toMatchObject({ version: 1, appended: 0 })
    expect(done(await apply(log, { ...SECOND, version: 2 }, ben))).toMatchObject({ version: 2, appended: 4 })
    expect(done(await apply(log, FIRST, ada))).toMatchObject({ version: 3, appended: 4 })
    expect(await commonVersion(log)).toBe(3)
  })

  it('as the genesis is, before any policy, it changes nothing', async () => {
    const log = await createGuardedLog(2)
    expect(done(await apply(log, policyOf([ben, ada]), stranger))).toMatchObject({ version: 0, appended: 0 })
  })

  it('with many partitions and a large policy it goes in parts', async () => {
    const log = await createGuardedLog(20)
    const signers = Array.from({ length: 6_000 }, (_, i) => `ed25519:${i.toString(16).padStart(64, '0')}`)
    const sizes: number[] = []
    const watched: Log = {
      ...log,
      append(records) {
        sizes.push(records.length)
        return log.append(records)
      },
    }
    const large = policyOf([ada], { rules: [{ ...RULE, signers }] })
    expect(done(await apply(log, large, ada, { appending: watched })).contested).toEqual([])
    expect(sizes.length).toBeGreaterThan(2)
    expect(await commonVersion(log)).toBe(1)
  })
})

describe('refused is', () => {
  it('whoever is no admin of the version in force', async () => {
    const log = await createGuardedLog(2)
    expect(problemOf(await apply(log, FIRST, stranger))).toMatch(
      /no admin of the genesis; sign with .*eip191:/,
    )
    await apply(log, SECOND, ada)
    expect(problemOf(await apply(log, FIRST, ben))).toMatch(/no admin of policy version 1;/)
    expect((await judgeAll(log))[0]!.count).toBe(2)
  })

  it.each([
    [1, /version 1 is in the log already, and says something else in partitions 0, 1 and the definitions/],
    [3, /the file is version 3, and the log is at version 1; .*make it version 2/],
  ])('version %i behind version 1', async (version, message) => {
    const log = await createGuardedLog(2)
    await apply(log, FIRST, ada)
    expect(problemOf(await apply(log, { ...SECOND, version }, ada))).toMatch(message)
    expect(await commonVersion(log)).toBe(1)
  })

  it('a version that says what is in force as another one', async () => {
    const log = await createGuardedLog(2)
    await apply(log, FIRST, ada)
    expect(problemOf(await apply(log, { ...FIRST, version: 3 }, ada))).toMatch(
      /in force already, as version 1/,
    )
    // As the next one it may be wanted.
    expect(done(await apply(log, { ...FIRST, version: 2 }, ada)).version).toBe(2)
  })

  it('a policy that is too large', async () => {
    const log = await createGuardedLog(1)
    const signers = Array.from({ length: 12_000 }, (_, i) => `ed25519:${i.toString(16).padStart(64, '0')}`)
    const large = policyOf([ada], { rules: [{ ...RULE, signers }] })
    expect(problemOf(await apply(log, large, ada))).toMatch(/would have 9\d\d,?\d\d\d bytes/)
  })

  it('a log that is closed, be it in one partition', async () => {
    const log = await createGuardedLog(3)
    const close = controlRecord(1, { kind: 'close', generation: 1 })
    await log.append(signRecords(ada, LOG_ID, [close]))
    expect(problemOf(await apply(log, FIRST, ada))).toMatch(/closed \(partition 1\)/)
  })
})

describe('broken off', () => {
  const cuts = [0, 1].flatMap((failing) =>
    Array.from({ length: 7 }, (_, durable) => [failing, durable] as const),
  )

  it.each(cuts)(
    'in append %i behind %i records, it is completed by the same file',
    async (failing, durable) => {
      const log = await createGuardedLog(6)
      await apply(log, FIRST, ada)
      const cut = failingLog(log, failing, (_partition, place) => place < durable)
      await expect(apply(log, SECOND, ada, { appending: cut })).rejects.toThrow('cut off')
      expect(done(await apply(log, SECOND, ada)).version).toBe(2)
      expect(await commonVersion(log)).toBe(2)
      expect(await distinctPolicies(log)).toBe(1)
    },
  )

  it('it is completed, unchanged, before the next admin’s', async () => {
    const log = await createGuardedLog(6)
    const cut = failingLog(log, 0, (partition) => partition % 2 === 0)
    await expect(apply(log, FIRST, ada, { appending: cut })).rejects.toThrow('cut off')
    expect(problemOf(await apply(log, { ...SECOND, version: 1 }, ben))).toMatch(/says something else/)
    expect(done(await apply(log, SECOND, ben)).version).toBe(2)
    expect(await commonVersion(log)).toBe(2)
    expect(await distinctPolicies(log)).toBe(1)
  })

  it('whoever is no admin may complete it, and adds nothing of his own', async () => {
    const log = await createGuardedLog(6)
    const cut = failingLog(log, 0, (partition) => partition === 4)
    await expect(apply(log, FIRST, ada, { appending: cut })).rejects.toThrow('cut off')
    expect(done(await apply(log, FIRST, stranger)).version).toBe(1)
    expect(await commonVersion(log)).toBe(1)
    expect(await distinctPolicies(log)).toBe(1)
  })

  it('with the definitions but one partition: that one gets it', async () => {
    const log = await createGuardedLog(3)
    const [record] = signRecords(ada, LOG_ID, [
      controlRecord(DEFINITIONS, { kind: 'policy', version: 1, ...withoutVersion(FIRST) }),
    ])
    await log.append([0, 1, DEFINITIONS].map((partition) => ({ ...record!, partition })))
    expect(done(await apply(log, FIRST, ada))).toMatchObject({ version: 1, appended: 1 })
    expect(await commonVersion(log)).toBe(1)
  })
})

function withoutVersion({ admins, rules, unsigned }: PolicyFile) {
  return { admins, rules, unsigned }
}

function versionOne(partition: number, key: SigningKey, file: PolicyFile): NewRecord {
  const control = { kind: 'policy' as const, version: 1, ...withoutVersion(file) }
  return signRecords(key, LOG_ID, [controlRecord(partition, control)])[0]!
}

/** Before each append of the log, another admin has appended these. */
function racingLog(log: Log, others: readonly NewRecord[]): Log {
  let isFirst = true
  return {
    ...log,
    async append(records) {
      if (isFirst) await log.append(others)
      isFirst = false
      return log.append(records)
    },
  }
}

describe('two at once', () => {
  it('say where the other one was first, and the next version heals it', async () => {
    const log = await createGuardedLog(4)
    const others = [1, 3].map((partition) => versionOne(partition, ben, SECOND))
    const { contested } = done(await apply(log, FIRST, ada, { appending: racingLog(log, others) }))
    expect(contested).toEqual([
      { partition: 1, signer: ben.signer },
      { partition: 3, signer: ben.signer },
    ])
    expect(problemOf(await apply(log, { ...FIRST, version: 1 }, ada))).toMatch(/else in partitions 1, 3;/)
    expect(done(await apply(log, FIRST, ada))).toMatchObject({ version: 2, contested: [] })
    expect(await commonVersion(log)).toBe(2)
  })

  it('with the same file both have done it', async () => {
    const log = await createGuardedLog(4)
    const others = [1, 3].map((partition) => versionOne(partition, ben, FIRST))
    expect(done(await apply(log, FIRST, ada, { appending: racingLog(log, others) })).contested).toEqual([])
    expect(await commonVersion(log)).toBe(1)
  })

  it('where another one has gone on already, theirs is judged by what was given', async () => {
    const log = await createGuardedLog(2)
    const late: Log = {
      ...log,
      async append(records) {
        const answers = await log.append(records)
        if (records[0]!.partition === DEFINITIONS) done(await apply(log, SECOND, ben))
        return answers
      },
    }
    expect(done(await apply(log, FIRST, ada, { appending: late })).contested).toEqual([])
    expect(await commonVersion(log)).toBe(2)
  })

  it('a close that came first is told as such', async () => {
    const log = await createGuardedLog(2)
    const close = signRecords(ben, LOG_ID, [controlRecord(1, { kind: 'close', generation: 1 })])
    const { contested } = done(await apply(log, FIRST, ada, { appending: racingLog(log, close) }))
    expect(contested).toEqual([{ partition: 1, signer: null }])
  })

  it('that shut each other out: each applies the same file where he is an admin', async () => {
    const log = await createGuardedLog(4)
    await log.append([
      ...[0, 2].map((partition) => versionOne(partition, ada, policyOf([ada]))),
      ...[1, 3, DEFINITIONS].map((partition) => versionOne(partition, ben, policyOf([ben]))),
    ])
    const both = policyOf([ada, ben], { rules: [RULE] })
    expect(problemOf(await apply(log, both, ada))).toMatch(
      /no admin of policy version 1 in partitions 1, 3 and the definitions; .*--partly/,
    )
    const half = done(await apply(log, both, ada, { isPartly: true }))
    expect(half).toMatchObject({ version: 2, appended: 2, contested: [], left: [1, 3, DEFINITIONS] })
    expect(done(await apply(log, both, ada, { isPartly: true }))).toMatchObject({ appended: 0 })
    // Of what the other one has not said he signs nothing.
    expect(problemOf(await apply(log, policyOf([ben]), ben))).toMatch(/partition 1 is at policy version 1/)
    expect(problemOf(await apply(log, policyOf([ben]), ben, { isPartly: true }))).toMatch(/partition 1 is at/)
    expect(done(await apply(log, both, ben))).toMatchObject({ version: 2, appended: 3, left: [] })
    expect(await commonVersion(log)).toBe(2)
    expect(done(await apply(log, SECOND, ben))).toMatchObject({ version: 3, contested: [] })
    expect(await commonVersion(log)).toBe(3)
  })
})

const fileArb: fc.Arbitrary<PolicyFile> = fc
  .record({
    more: fc.constantFrom([], [ben], [cyd], [ben, cyd]),
    unsigned: fc.boolean(),
    rules: fc.constantFrom([], [RULE]),
  })
  .map(({ more, unsigned, rules }) => policyOf([ada, ...more], { unsigned, rules }))
const attemptArb = fc.record({
  file: fileArb,
  key: fc.constantFrom(ada, ben, cyd),
  failing: fc.integer({ min: 0, max: 4 }),
  durable: fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }),
  rival: fc.option(fc.record({ file: fileArb, key: fc.constantFrom(ada, ben) })),
})

it('after any attempts, broken off and racing, one more brings every partition to one version', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(attemptArb, { maxLength: 4 }), fileArb, async (attempts, last) => {
      const log = await createGuardedLog(3)
      for (const { file, key, failing, durable, rival } of attempts) {
        const cut = failingLog(log, failing, (_partition, place) => durable[place] === true)
        const appending: Log = {
          ...cut,
          async append(records) {
            if (rival !== null) await apply(log, rival.file, rival.key)
            return cut.append(records)
          },
        }
        await apply(log, file, key, { appending }).catch((error: Error) => {
          if (error.message !== 'cut off') throw error
        })
      }
      const outcome = done(await apply(log, last, ada))
      expect(outcome.contested).toEqual([])
      expect(await commonVersion(log)).toBe(outcome.version)
      expect(done(await apply(log, last, ada))).toMatchObject({ appended: 0, version: outcome.version })
    }),
    seeded(seed, 20),
  )
})

it('an admin by a wallet signs as well', async () => {
  const wallet = testKey('wallet', 'eip191')
  const log = await createGuardedLog(2, [wallet])
  expect(done(await apply(log, policyOf([wallet], { rules: [RULE] }), wallet)).contested).toEqual([])
  expect(await commonVersion(log)).toBe(1)
})
