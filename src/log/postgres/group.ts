// Membership of a reading group: says that it lives, learns who else does, takes its share, leaves. What two read at
// once while a group changes is for the store to refuse.

import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Trouble } from '../trouble.ts'
import { createWaker } from '../waker.ts'
import { type Connections, pause, retryMs } from './connections.ts'
import { explain, isTransient } from './errors.ts'
import { type Listener, MEMBERS_CHANNEL } from './listener.ts'

export interface MembershipOptions {
  readonly connections: Connections
  readonly listener: Listener
  /** For messages. */
  readonly name: string
  readonly group: string
  /** The name to read with; several may have the same one. */
  readonly member: string
  /** All that there are. */
  readonly partitions: readonly number[]
  readonly signal: AbortSignal
  readonly onLog: (line: string) => void
  readonly trouble: Trouble
  /** This is our share from now on, until the next one. */
  readonly onShare: (partitions: readonly number[]) => void
}

const HEARTBEAT_MS = 1_000
/** Less than a process that is told to end waits for its services. */
const LEAVE_MS = 1_000

/** Stays a member until the signal is aborted, then leaves. Throws what waiting does not mend. */
export async function keepMembership(options: MembershipOptions): Promise<void> {
  const { connections, listener, group, member, partitions, signal, onLog, trouble, onShare } = options
  const id = randomUUID()
  const waker = createWaker(signal)
  const unlisten = listener.listen(MEMBERS_CHANNEL, waker.wake)
  let share: readonly number[] | null = null
  try {
    for (let failures = 0; !signal.aborted; ) {
      try {
        const { rows } = await connections.lend(signal, (client) =>
          client.query<{ ids: string[] }>(LIVE, [group, id, member]),
        )
        failures = 0
        trouble.passed()
        const now = shareOf(partitions, rows[0]!.ids, id)
        if (now.join() !== share?.join()) onShare(now)
        share = now
        await waker.wait(HEARTBEAT_MS)
      } catch (error) {
        if (signal.aborted) break
        const explained = explain(`joining group "${group}" of ${options.name}`, error)
        if (!isTransient(error)) throw explained
        trouble.failed(explained)
        onLog(explained.message)
        await pause(retryMs(failures++), signal)
      }
    }
  } finally {
    unlisten()
    await leave(connections, group, id)
  }
}

/** A courtesy, so that the others take over at once. */
async function leave(connections: Connections, group: string, id: string): Promise<void> {
  const late = AbortSignal.timeout(LEAVE_MS)
  const left = connections.lend(late, (client) => client.query(LEAVE, [group, id])).catch(() => {})
  await Promise.race([left, sleep(LEAVE_MS, undefined, { ref: false })])
}

/** Every member finds the same shares for the same members: they differ by one partition at most. */
export function shareOf(
  partitions: readonly number[],
  ids: readonly string[],
  id: string,
): readonly number[] {
  const members = [...new Set([...ids, id])].sort()
  const place = members.indexOf(id)
  return partitions.filter((_, index) => index % members.length === place)
}

/** The names of those who were seen of late. */
export async function readMembers(
  connections: Connections,
  group: string,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const { rows } = await connections.lend(signal, (client) =>
    client.query<{ member: string }>(MEMBERS, [group]),
  )
  return rows.map(({ member }) => member)
}

/** Silent for so long is gone. By the server's clock, as everything here. */
const IS_LIVE = `seen > clock_timestamp() - interval '6 s'`

/** $1: group, $2: id, $3: name. Says that it lives, tells the others when it is new, and asks who does. */
const LIVE = `
with me as (
  insert into spindexer_log.members as m (group_name, id, member) values ($1, $2::uuid, $3)
  on conflict (group_name, id) do update set seen = clock_timestamp()
  returning xmax = 0 as is_new
), gone as (
  delete from spindexer_log.members where seen < clock_timestamp() - interval '1 minute' and id <> $2::uuid
), told as (
  select case when is_new then pg_notify('${MEMBERS_CHANNEL}', '') end from me
)
select coalesce(array_agg(id::text), '{}') as ids from spindexer_log.members, (select count(*) from told) as t
where group_name = $1 and ${IS_LIVE}`

const LEAVE = `
with gone as (delete from spindexer_log.members where group_name = $1 and id = $2::uuid)
select pg_notify('${MEMBERS_CHANNEL}', '')`

const MEMBERS = `
select member from spindexer_log.members where group_name = $1 and ${IS_LIVE} order by member`
