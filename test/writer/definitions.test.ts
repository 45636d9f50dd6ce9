// Definitions by a writer: planned whole or refused whole, read to their end, and looked at again once appended.

import { describe, expect, it } from 'vitest'
import { EMPTY_CATALOGUE } from '../../src/codec/catalogue.ts'
import { plainToJson } from '../../src/codec/json.ts'
import type { Log } from '../../src/log/log.ts'
import {
  appendDefinitions,
  type DefinitionPlan,
  planDefinitions,
  readDefinitions,
} from '../../src/writer/definitions.ts'
import { createTestLog, LOG_ID, TRACKS } from './support.ts'

const signal = new AbortController().signal
const GENESIS = { logId: LOG_ID, generation: 1, admins: [] }

function append(log: Log, plan: DefinitionPlan & { readonly type: 'plan' }) {
  return appendDefinitions({ log, genesis: GENESIS, plan, signal, signer: null })
}

function schema(name: string, key: string, type: string) {
  return {
    source: `${name}.avsc`,
    json: plainToJson({ type: 'record', name, key: [key], fields: [{ name: key, type }] }),
  }
}

function planOf(catalogue = EMPTY_CATALOGUE, brought = [{ source: 'tracks.avsc', json: TRACKS }]) {
  const plan = planDefinitions(catalogue, brought)
  if (plan.type === 'refused') throw new Error(plan.problems[0]!.what)
  return plan
}

describe('definitions', () => {
  it('are read to their end, also when there are none', async () => {
    const log = await createTestLog()
    expect((await readDefinitions(log, GENESIS, signal)).catalogue.datasets.size).toBe(0)
    const { appended, problems } = await append(log, planOf())
    expect(appended.map(({ offset }) => offset)).toEqual([1n])
    expect(problems).toEqual([])
    const { catalogue } = await readDefinitions(log, GENESIS, signal)
    expect([...catalogue.datasets.keys()]).toEqual(['tracks'])
    expect(catalogue.offset).toBe(2n)
  })

  it('that change nothing are not appended', async () => {
    const log = await createTestLog()
    await append(log, planOf())
    const { catalogue } = await readDefinitions(log, GENESIS, signal)
    const again = planOf(catalogue)
    expect(again.definitions.map(({ change }) => change)).toEqual(['unchanged'])
    expect((await append(log, again)).appended).toEqual([])
  })

  it('are refused together, each with its file and its reason', () => {
    const plan = planDefinitions(EMPTY_CATALOGUE, [
      schema('a', 'id', 'string'),
      schema('a', 'id', 'long'),
      schema('b', 'id', 'double'),
      { source: 'c.avsc', json: plainToJson([]) },
    ])
    if (plan.type !== 'refused') throw new Error('it was taken')
    expect(plan.problems.map(({ what }) => what.split(':')[0])).toEqual(['a.avsc', 'b.avsc', 'c.avsc'])
    expect(plan.problems.every(({ remedy }) => remedy !== '')).toBe(true)
  })

  it('that somebody else forestalled are told to whoever applied them', async () => {
    const log = await createTestLog()
    const plan = planOf(EMPTY_CATALOGUE, [schema('a', 'id', 'string')])
    await append(log, planOf(EMPTY_CATALOGUE, [schema('a', 'id', 'long')]))
    const { problems } = await append(log, plan)
    expect(problems.map(({ what }) => what)).toEqual([expect.stringContaining('a.avsc')])
  })

  it('that the log has lost end with an error', async () => {
    const log = await createTestLog()
    async function* lost() {
      yield { type: 'lost' as const, partition: -1, position: 0n }
    }
    const truncated: Log = { ...log, read: lost }
    await expect(readDefinitions(truncated, GENESIS, signal)).rejects.toThrow('no longer has its definitions')
  })
})
