// Who keeps an append waiting: for messages.

import type { Connections } from './connections.ts'

export interface HoldersWatch {
  /** The server's process that is to append. */
  onPid(pid: number): void
  end(): void
}

export interface HoldersOptions {
  /** Is told again and again who holds what the append waits for, in words. */
  readonly onHeld: (words: string) => void
}

const LOOK_EVERY_MS = 1_000

/** Looks each second, on another connection, until it is ended. */
export function watchHolders(
  connections: Connections,
  signal: AbortSignal,
  { onHeld }: HoldersOptions,
): HoldersWatch {
  let pid: number | null = null
  let isLooking = false
  let isEnded = false
  const look = async () => {
    if (pid === null || isLooking) return
    isLooking = true
    try {
      const holders = await connections.lend(signal, (client) => client.query<Holder>(HOLDERS, [pid]))
      if (holders.rows.length > 0 && !isEnded) onHeld(describeHolders(holders.rows))
    } catch {
      // The append itself learns that the server is away.
    }
    isLooking = false
  }
  const timer = setInterval(() => void look(), LOOK_EVERY_MS)
  return {
    onPid(known) {
      pid = known
    },
    end() {
      isEnded = true
      clearInterval(timer)
    },
  }
}

interface Holder {
  readonly pid: number
  readonly application: string
  readonly state: string
  readonly seconds: number
}

/** Of those who stand before it, the ones that wait for nobody themselves. */
const HOLDERS = `
select a.pid, a.application_name as application, coalesce(a.state, 'unknown') as state,
  coalesce(extract(epoch from clock_timestamp() - a.xact_start), 0)::int as seconds
from unnest(pg_blocking_pids($1::int)) as b (pid)
join pg_stat_activity as a on a.pid = b.pid
where a.wait_event_type is distinct from 'Lock'
order by a.xact_start limit 3`

function describeHolders(holders: readonly Holder[]): string {
  const words = holders.map(({ pid, application, state, seconds }) => {
    const kind = application === '' ? state : `${application}, ${state}`
    return `process ${pid} of Postgres (${kind}, since ${seconds} s)`
  })
  const remedy = `let it commit, or end it with \`select pg_terminate_backend(${holders[0]!.pid})\``
  return `it waits for ${words.join(' and ')}, which has not committed what it appended; ${remedy}`
}
