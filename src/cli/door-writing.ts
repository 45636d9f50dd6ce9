// The writing half of the HTTP door: the log looked at, sessions opened, what the log says put into words.

import type { ProveAll } from '../codec/signing/proof.ts'
import type { LogTrouble } from '../http/posting/ports.ts'
import { checkLog, type LogGenesis } from '../log/check.ts'
import type { Log } from '../log/log.ts'
import { createRelay, type Relay } from '../writer/relay.ts'
import { createWriting, type Writing } from '../writer/writing.ts'
import { type Database, isLogClosed, isTransient, type OpenedLog } from './compose.ts'
import type { Context } from './context.ts'
import { Failure, messageOf, problemsFailure, remedyOf } from './errors.ts'
import { maskSecrets } from './secrets.ts'
import { nowNs, openSession } from './session.ts'

export interface DoorWritingOptions {
  readonly opened: OpenedLog
  /** Of this node: what is written through it wins over what it has shown. */
  readonly database: Pick<Database, 'look'>
  readonly inspect: () => Promise<LogGenesis>
  readonly prove: ProveAll
  /** How long a request waits for the log, in milliseconds. */
  readonly waitMs: number
}

/** Two ways into the log: changes that this process stamps, and records that others have made. */
export interface DoorWriting {
  readonly writing: Writing
  readonly relay: Relay
  close(): void
}

export function createDoorWriting(
  context: Context,
  { opened, database, inspect, prove, waitMs }: DoorWritingOptions,
): DoorWriting {
  const { log, subject } = opened
  const writing = createWriting({
    ...{ log, waitMs, nowNs, inspect, prove },
    openSession: (genesis) =>
      openSession(context, {
        log,
        subject,
        genesis,
        // The door has no key: whoever signs brings records that are signed.
        signer: null,
        isClockUsed: true,
        readNewest: () => database.look(genesis),
      }),
  })
  const relay = createRelay({ log, waitMs, genesis: writing.genesis, onDoubt: writing.doubt })
  return {
    writing,
    relay,
    close() {
      relay.close()
      writing.close()
    },
  }
}

/** Looks at the log, which has to be the one that it was at first, or a copy of it. */
export function createInspect(log: Log): () => Promise<LogGenesis> {
  let first: LogGenesis | null = null
  return async () => {
    const description = await log.describe()
    const checked = checkLog(description)
    if (checked.type === 'refused') throw problemsFailure(checked.problems)
    first ??= checked.genesis
    if (checked.genesis.logId === first.logId) return checked.genesis
    throw new Failure(
      `${description.name} is log ${checked.genesis.logId} now, and was log ${first.logId}`,
      'bring the right log back, and start the node again',
    )
  }
}

export function explainLog(error: unknown): LogTrouble {
  const remedy = error instanceof Failure ? error.remedy : remedyOf(error)
  const detail = `${maskSecrets(messageOf(error))}${remedy ? `; ${remedy}` : ''}`
  if (isLogClosed(error)) return { kind: 'log-closed', detail }
  const isRefused = error instanceof Failure && !isTransient(error)
  return { kind: isRefused ? 'log-refused' : 'log-away', detail }
}
