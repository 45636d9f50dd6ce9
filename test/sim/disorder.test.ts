// A log that gives a part of a partition twice while the store is busy: the node says so, starts again, and loses and doubles nothing.

import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { createLog } from '../../src/log/genesis.ts'
import type { Log } from '../../src/log/log.ts'
import { createMemoryLog } from '../../src/log/memory/log.ts'
import type { NodeEvent } from '../../src/node/context.ts'
import { runNode } from '../../src/node/run.ts'
import { createMemoryDatabase } from '../../src/store/memory/database.ts'
import { createMemoryStore } from '../../src/store/memory/store.ts'
import type { Store } from '../../src/store/store.ts'
import { plan } from '../log/samples.ts'
import { createRandom, randomRecord } from './world.ts'

const MESSAGES = 30

it('chunks that do not follow one another are read again from the positions of the store', async () => {
  const random = createRandom(1)
  const log = createMemoryLog({ partitions: 1, now: () => 1_000n, chunkRecords: 7 })
  await createLog(log, plan(1))
  for (let i = 0; i < MESSAGES; i++) await log.append([randomRecord(random, 1, 1_000n, BigInt(i))])
  const database = createMemoryDatabase()
  const events: NodeEvent[] = []
  const outcome = await runNode({
    log: stuttering(log),
    store: slow(createMemoryStore(database)),
    scope: { type: 'all' },
    signal: AbortSignal.timeout(30_000),
    untilEnd: true,
    isTransient: () => false,
    emit: (event) => events.push(event),
  })
  expect(outcome).toEqual({ type: 'ended' })
  expect(events).toContainEqual({
    type: 'warning',
    text: expect.stringMatching(/^the reading of partition 0 went from \d+ to \d+; starting again/),
  })
  // Said once, however often the state is read again.
  const isOpen = (event: NodeEvent) =>
    event.type === 'warning' && /^this log is open: nobody has/.test(event.text)
  expect(events.filter(isOpen)).toHaveLength(1)
  expect(database.partitions.get(0)).toMatchObject({ consumed: BigInt(MESSAGES) })
})

/** The first reading of the data gives each chunk twice. */
function stuttering(log: Log): Log {
  let isFirst = true
  return {
    ...log,
    async *read(options) {
      const stutters = isFirst && options.scope.type !== 'definitions'
      if (stutters) isFirst = false
      for await (const event of log.read(options)) {
        yield event
        if (stutters && event.type === 'chunk') yield event
      }
    },
  }
}

/** Slow enough that a second chunk meets the first in one window. */
function slow(store: Store): Store {
  return {
    ...store,
    async commit(batch) {
      await sleep(50)
      return store.commit(batch)
    },
  }
}
