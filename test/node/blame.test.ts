// Which message is named when the database refuses a row of a guarded log: never one that the policy has kept out.

import { expect, it } from 'vitest'
import { createLog } from '../../src/log/genesis.ts'
import { createMemoryLog } from '../../src/log/memory/log.ts'
import { runNode } from '../../src/node/run.ts'
import { createMemoryStore } from '../../src/store/memory/store.ts'
import type { Store } from '../../src/store/store.ts'
import { plan } from '../log/samples.ts'
import { ADMINS, guardedDefinitions, guardedPartition, KEYS } from '../support/guarded-world.ts'
import { signRecords } from '../support/signers.ts'

it('names the message that was merged, not the same one by nobody or by a stranger', async () => {
  const { logId } = plan(1)
  const log = createMemoryLog({ partitions: 1, now: () => 1_800_000_000_000n })
  await createLog(log, { ...plan(1), admins: ADMINS })
  await log.append(guardedDefinitions(logId).map(({ record }) => record))
  const [first] = guardedPartition(logId, 0)
  const { headers: _, ...unsigned } = first!.record
  const by = (key: 'admin' | 'stranger') => signRecords(KEYS[key], logId, [unsigned])[0]!
  await log.append([unsigned, by('stranger'), by('admin'), unsigned, by('stranger')])
  const kept = createMemoryStore()
  const store: Store = {
    ...kept,
    commit: async () => ({
      type: 'rejected',
      dataset: 'tracks',
      key: ['row 0 1'],
      column: null,
      stamp: null,
      what: 'a trigger says no',
    }),
  }
  const ended = await runNode({
    log,
    store,
    scope: { type: 'all' },
    signal: new AbortController().signal,
    untilEnd: true,
    isTransient: () => false,
    emit: () => {},
  })
  expect(ended).toMatchObject({
    type: 'refused',
    problems: [{ what: expect.stringMatching(/its message is at partition 0, offset 3$/) }],
  })
})
