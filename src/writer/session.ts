// A writer's session: stamps changes, appends them in batches with several in flight, and looks at every answer.

import type { TypedChange } from '../codec/line.ts'
import type { Origin } from '../crdt/stamp.ts'
import type { Appended, Log } from '../log/log.ts'
import type { Encoder } from './framing.ts'
import { createMessageMaker, type Messages, type Signing } from './messages.ts'
import { createSending, type Outcome, type Sending, type SendingOptions } from './sending.ts'
import { createStamper, type StamperOptions } from './stamper.ts'
import type { Newest } from './start.ts'

/** `origin` is random, and new for every session. */
export interface SessionOptions
  extends StamperOptions,
    Omit<SendingOptions<TypedChange, Messages>, 'making' | 'isFirstAlone'> {
  readonly log: Log
  /** How mutations are framed. */
  readonly encode: Encoder
  /** Signs every message; nobody does unless set. */
  readonly signing?: Signing | null
}

export interface Session extends Sending<TypedChange> {
  readonly origin: Origin
  /** Takes note of what a node has seen: what is written from here on wins over it. */
  follow(newest: Newest): void
}

export function createSession(options: SessionOptions): Session {
  const { origin } = options
  const stamper = createStamper(options)
  let clockFault: string | null = null

  function judge({ changes, stamps, newestNs }: Messages, answers: readonly Appended[]): readonly Outcome[] {
    // Thousands of records share an append time, and what clears the newest stamp clears all.
    let judgedMs: bigint | null = null
    let isClear = false
    return answers.map((appended, i) => {
      const { appendMs } = appended
      if (appendMs !== judgedMs) isClear = stamper.observe(newestNs, appendMs)
      judgedMs = appendMs
      const stamp = stamps[i]!
      const reason = isClear ? null : stamper.judge(stamp, appendMs)
      if (reason === null) return { type: 'durable', stamp, appended }
      if (changes[i]!.timeNs === null) clockFault = reason
      return { type: 'refused', stamp, appended, reason }
    })
  }

  const sending = createSending({
    ...options,
    isFirstAlone: true,
    making: {
      make: createMessageMaker(stamper, options.encode, options.signing ?? null),
      judge,
      fault: () => clockFault,
    },
  })
  return { ...sending, origin, follow: stamper.follow }
}
