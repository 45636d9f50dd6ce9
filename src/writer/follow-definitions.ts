// The definitions as the log has them now: read from its start, then followed for as long as somebody writes.

import { setTimeout as sleep } from 'node:timers/promises'
import { type Catalogue, EMPTY_CATALOGUE } from '../codec/catalogue.ts'
import { judgeOpenDefinitions } from '../codec/definitions.ts'
import type { Log } from '../log/log.ts'

export interface FollowedDefinitions {
  /** Resolves when everything has been read that the log held at the start. */
  readonly current: Promise<void>
  /** What is known so far. It only ever grows, and `offset` with it. */
  catalogue(): Catalogue
  close(): void
}

export interface FollowOptions {
  readonly log: Log
  readonly logId: string
  /** The log no longer has what was read of it: what is known here is of no use. */
  readonly onLost: () => void
}

/** Between two attempts at reading, while the log is away. */
const RETRY_MS = 500

export function followDefinitions({ log, logId, onLost }: FollowOptions): FollowedDefinitions {
  const ending = new AbortController()
  const { signal } = ending
  const current = Promise.withResolvers<void>()
  let catalogue = EMPTY_CATALOGUE

  /** Until the reading ends; true when the log has lost them. */
  async function read(): Promise<boolean> {
    const events = log.read({
      scope: { type: 'definitions' },
      positions: async (partitions) => new Map(partitions.map((partition) => [partition, catalogue.offset])),
      signal,
    })
    for await (const event of events) {
      if (event.type === 'lost') return true
      if (event.type !== 'chunk') continue
      if (event.next > event.from)
        catalogue = judgeOpenDefinitions(catalogue, [...event.records], event.next, logId).catalogue
      if (event.next === event.end) current.resolve()
    }
    return false
  }

  async function follow(): Promise<void> {
    while (!signal.aborted) {
      // An error of the log passes, or whoever appends is told of it too.
      const isLost = await read().catch(() => false)
      if (isLost) return onLost()
      await sleep(RETRY_MS, undefined, { signal, ref: false }).catch(() => {})
    }
  }

  void follow()
  return { current: current.promise, catalogue: () => catalogue, close: () => ending.abort() }
}
