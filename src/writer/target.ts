// The log that is written to: looked at before anything is, and the definitions and the policy that hold in it.

import type { Defined } from '../codec/definitions.ts'
import type { ProveAll } from '../codec/signing/proof.ts'
import type { LogGenesis } from '../log/check.ts'
import type { Log } from '../log/log.ts'
import { type FollowedDefinitions, followDefinitions } from './follow-definitions.ts'
import { LateError, within } from './late.ts'

export interface TargetOptions {
  readonly log: Log
  /** Looks whether the log may be written to. Throws what forbids it, in words for people. */
  readonly inspect: () => Promise<LogGenesis>
  /** Verifies signatures of many definitions; on this thread unless set. */
  readonly prove?: ProveAll
  /** This machine's clock, nanoseconds since 1970. */
  readonly nowNs: () => bigint
  /** How long anybody waits for the log, in milliseconds. */
  readonly waitMs: number
}

/**
 * What changes are to be checked against. `standing` is that of the definitions, the last place that a new policy goes
 * to: while one is being applied a partition may be a version ahead.
 */
export interface Rules extends Defined {
  readonly genesis: LogGenesis
  /** A timestamp beyond this (nanoseconds since 1970) would be ahead of the log's clock. */
  readonly latestNs: bigint
}

export interface Target {
  /** Throws why the log may not be written to. */
  genesis(): Promise<LogGenesis>
  /** The log has to be looked at again before it is written to; its definitions stay while it is the same copy. */
  doubt(): void
  /** Resolves when there are rules. Throws why not, at the latest after the time that anybody waits. */
  ready(): Promise<void>
  /** As of now; only once ready. */
  rules(): Rules
  /** Everything that is known of the log is of no use any more. */
  forget(): void
  close(): void
}

interface Known {
  readonly genesis: LogGenesis
  readonly definitions: FollowedDefinitions
}

export function createTarget({ log, inspect, prove, nowNs, waitMs }: TargetOptions): Target {
  let known: Known | null = null
  let looking: Promise<Known> | null = null
  let isClosed = false

  const forget = (): void => {
    known?.definitions.close()
    known = null
    looking = null
  }

  /** Of all who ask at once, one looks. */
  function getKnown(): Promise<Known> {
    if (looking !== null) return looking
    const attempt = look()
    attempt.catch(() => {
      if (looking === attempt) looking = null
    })
    looking = attempt
    return attempt
  }

  async function look(): Promise<Known> {
    const genesis = await inspect()
    if (isClosed) throw new LateError('the node is about to stop')
    if (known !== null && known.genesis.copyId === genesis.copyId) return known
    known?.definitions.close()
    const definitions = followDefinitions({
      ...{ log, genesis, onLost: forget },
      ...(prove === undefined ? {} : { prove }),
    })
    known = { genesis, definitions }
    return known
  }

  return {
    genesis: async () => (await getKnown()).genesis,
    doubt() {
      looking = null
    },
    async ready() {
      const { definitions } = await within(getKnown(), waitMs)
      await within(definitions.current, waitMs)
    },
    rules() {
      if (known === null) throw new LateError('the log was made anew and is being looked at again')
      const { genesis, definitions } = known
      return {
        ...definitions.defined(),
        genesis,
        latestNs: nowNs() + genesis.maxClockAheadMs * 1_000_000n,
      }
    },
    forget,
    close() {
      isClosed = true
      forget()
    },
  }
}
