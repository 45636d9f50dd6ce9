// Which processes read as one node: this one says that it lives, and does not share partitions with a copy of its database.

import type { Problem } from '../log/log.ts'
import { pause, type Retry } from '../node/retry.ts'
import type { Database, OpenedLog } from './compose.ts'

export interface MembershipOptions {
  readonly log: Pick<OpenedLog['log'], 'groupMembers'>
  readonly database: Pick<Database, 'nodeId' | 'registerWorker' | 'registeredWorkers' | 'forgetWorkers'>
  readonly nodeId: string
  readonly workerId: string
  readonly retry: Retry
  readonly signal: AbortSignal
}

export interface Membership {
  readonly group: string
  /**
   * Says again and again that this worker lives, until the signal is aborted. So a node that has nothing to do learns
   * too that its database is away; throws what waiting does not mend.
   */
  keepAlive(): Promise<void>
  /**
   * To be asked before the group is joined: what forbids it. Waits until every member has been seen to live in this
   * database: a copy knows the workers of the original by name, but never sees them again.
   */
  beforeJoining(): Promise<readonly Problem[]>
  /** What forbids staying a member. Waits a little before it says so: of two that do not know each other, one goes first. */
  check(): Promise<readonly Problem[]>
}

const ALIVE_EVERY_MS = 2_000
/** A member that died is one for six seconds more. */
const SILENT_MAX_MS = 20_000
const POLL_MS = 500
/** Until a worker whose registration was lost with a crash of the server has registered again. */
const STRANGE_MAX_MS = ALIVE_EVERY_MS + 1_000
/** Whoever has been a member for so long stays rather than a newcomer. */
const SETTLED_MS = 60_000

export function createMembership(options: MembershipOptions): Membership {
  const { log, database, nodeId, workerId, retry, signal } = options
  const group = `spindexer-${nodeId}`
  const beganMs = performance.now()
  const otherMembers = async (): Promise<readonly string[]> =>
    (await log.groupMembers(group)).filter((member) => member !== workerId)

  /** Registers first, then asks: whoever is a member by now has registered before. */
  const findStrangers = async (): Promise<readonly string[]> => {
    await database.registerWorker(workerId)
    const others = await otherMembers()
    const registered = await database.registeredWorkers()
    await database.forgetWorkers([workerId, ...others])
    return others.filter((member) => !registered.has(member))
  }

  return {
    group,
    async keepAlive() {
      while (!signal.aborted) {
        try {
          await retry('say that this worker lives', () => database.registerWorker(workerId))
        } catch (error) {
          if (!signal.aborted) throw error
        }
        await pause(ALIVE_EVERY_MS, signal)
      }
    },
    async beforeJoining() {
      const before = await database.registeredWorkers()
      const deadlineMs = performance.now() + SILENT_MAX_MS
      for (;;) {
        if ((await findStrangers()).length > 0) return [stranger(group)]
        const others = await otherMembers()
        const now = await database.registeredWorkers()
        const isSilent = others.some((member) => now.get(member) === before.get(member))
        if (!isSilent || signal.aborted) return []
        if (performance.now() > deadlineMs) return [silent(group)]
        await pause(POLL_MS, signal)
      }
    },
    async check() {
      if ((await database.nodeId()) !== nodeId) return [RENAMED]
      const strangers = await findStrangers()
      if (strangers.length === 0) return []
      const isSettled = performance.now() - beganMs > SETTLED_MS
      const isFirst = strangers.every((member) => workerId < member)
      await pause(STRANGE_MAX_MS * (1 + (isSettled ? 2 : 0) + (isFirst ? 1 : 0)), signal)
      if (signal.aborted || (await findStrangers()).length === 0) return []
      return [stranger(group)]
    },
  }
}

function stranger(group: string): Problem {
  return {
    what: `a process that this database does not know reads as the same node (${group}): the database is a copy of another node's, or that one's is a copy of this`,
    remedy: 'stop this node, run `spindexer node reset-id` on this database, then start it again',
  }
}

function silent(group: string): Problem {
  return {
    what: `another process reads as the same node (${group}) and has not been seen in this database for ${SILENT_MAX_MS / 1_000} s: the database is a copy of another node's, or that process cannot reach it`,
    remedy:
      'if this is a copy, run `spindexer node reset-id` on this database, else end that process; then start this node again',
  }
}

const RENAMED: Problem = {
  what: 'the database was given another node id (`spindexer node reset-id`) while this process ran',
  remedy: 'start it again; stop the node before its id is reset',
}
