// A reader in a group, as tests watch it.

import { setTimeout as sleep } from 'node:timers/promises'
import type { Log, ReadScope } from '../../src/log/log.ts'

/** Reads as a member of a group, from the beginning at each assignment. */
export function startMember(log: Log, scope: ReadScope) {
  const stop = new AbortController()
  let assigned: readonly number[] = []
  let next = new Map<number, bigint>()
  let end = new Map<number, bigint>()
  let isInOrder = true
  const reading = (async () => {
    for await (const event of log.read({ scope, positions: async () => new Map(), signal: stop.signal })) {
      if (event.type === 'assigned') {
        assigned = event.partitions
        next = new Map()
        end = new Map()
      } else if (event.type === 'chunk') {
        isInOrder &&= assigned.includes(event.partition) && (next.get(event.partition) ?? 0n) === event.from
        next.set(event.partition, event.next)
        end.set(event.partition, event.end)
      }
    }
  })()
  const wait = async (isDone: () => boolean, forMs: number) => {
    const deadline = Date.now() + forMs
    while (!isDone()) {
      if (Date.now() > deadline)
        throw new Error(`after ${forMs} ms: assigned ${assigned}, read to ${[...next]}`)
      await sleep(20)
    }
  }
  return {
    partitions: () => assigned,
    isInOrder: () => isInOrder,
    /** Where it is in a partition; undefined where it has read nothing since it was assigned. */
    next: (partition: number) => next.get(partition),
    waitFor: (isRight: (partitions: readonly number[]) => boolean, forMs: number) =>
      wait(() => isRight(assigned), forMs),
    caughtUp: (forMs: number) =>
      wait(() => assigned.every((one) => end.has(one) && next.get(one) === end.get(one)), forMs),
    async stop() {
      stop.abort()
      await reading
    },
  }
}
