// The writing of changes of many at once: checked against one view of the log, stamped and appended through one session.

import { boundMutation } from '../codec/avro-encode.ts'
import type { TypedChange } from '../codec/line.ts'
import { maxStamp } from '../crdt/stamp.ts'
import type { LogGenesis } from '../log/check.ts'
import { createGathering } from './gathering.ts'
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
  const gathering = createGathering({
    async openSession() {
      const session = await options.openSession(await target.genesis())
      session.follow(newest)
      return session
    },
    bytesOf: boundMutation,
    isStamped: ({ timeNs }: TypedChange) => timeNs !== null,
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
