// The writing of changes of many at once: checked against one view of the log, stamped and appended through one session.

import { boundMutation } from '../codec/avro-encode.ts'
import type { TypedChange } from '../codec/line.ts'
import { maxStamp } from '../crdt/stamp.ts'
import type { LogGenesis } from '../log/check.ts'
import { createGathering } from './gathering.ts'
import { PolicyError } from './late.ts'
import { createRefuseAct, type RefuseAct } from './permission.ts'
import type { Sender } from './sending.ts'
import type { Session } from './session.ts'
import type { Newest } from './start.ts'
import { createTarget, type Target, type TargetOptions } from './target.ts'

export interface WritingOptions extends TargetOptions {
  readonly openSession: (genesis: LogGenesis) => Promise<Session>
}

export interface Writing extends Sender<TypedChange>, Omit<Target, 'close'> {
  /** Takes note of what a node has seen: what is written from here on wins over it. */
  follow(newest: Newest): void
  close(): void
}

export function createWriting(options: WritingOptions): Writing {
  const target = createTarget(options)
  let newest: Newest = { stamp: null, appendMs: null }
  /** Why all of them are left alone, or null: nobody signs here, and the nodes would quarantine what has to be signed. */
  function refuse(changes: readonly TypedChange[]): Error | null {
    let refuseAct: RefuseAct
    try {
      const { standing } = target.rules()
      if (standing.type === 'open') return null
      refuseAct = createRefuseAct(standing, null)
    } catch (error) {
      return error as Error
    }
    for (const change of changes) {
      const reason = refuseAct(change)
      if (reason !== null) return new PolicyError(reason)
    }
    return null
  }

  const gathering = createGathering({
    async openSession() {
      const genesis = await target.genesis()
      // Until the policy is known nothing may be written.
      if (genesis.admins.length > 0) await target.ready()
      const session = await options.openSession(genesis)
      session.follow(newest)
      return session
    },
    bytesOf: boundMutation,
    isStamped: ({ timeNs }: TypedChange) => timeNs !== null,
    refuse,
    onDoubt: target.doubt,
    waitMs: options.waitMs,
  })
  return {
    ...target,
    append: gathering.append,
    room: gathering.room,
    follow({ stamp, appendMs }) {
      const isNewer = newest.appendMs === null || (appendMs !== null && appendMs > newest.appendMs)
      newest = { stamp: maxStamp(newest.stamp, stamp), appendMs: isNewer ? appendMs : newest.appendMs }
      gathering.session()?.follow({ stamp, appendMs })
    },
    forget() {
      gathering.leave()
      target.forget()
    },
    close() {
      gathering.close()
      target.close()
    },
  }
}
