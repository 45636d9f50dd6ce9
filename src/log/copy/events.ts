// What a copy tells of itself while it goes on, and what it counts; for people.

import type { LogGenesis } from '../check.ts'
import type { Closing } from './close.ts'

export type CopyEvent =
  /** `records` is how many the source holds beyond what was copied before. */
  | {
      readonly type: 'began'
      readonly genesis: LogGenesis
      readonly isNew: boolean
      readonly records: bigint
    }
  | { readonly type: 'warning'; readonly text: string }
  | { readonly type: 'closed'; readonly closing: Closing }
  /** The target's clock is so far behind what is to be appended. */
  | { readonly type: 'waiting'; readonly waitMs: number }
  | { readonly type: 'progress'; readonly copied: number }

export interface CopyCounts {
  /** Records that this run has brought into the target; after an interruption some are there twice. */
  readonly copied: number
  /** Of these, quarantined by the source, and marked. */
  readonly marked: number
  /** Appended once more, because the target's clock had been behind. */
  readonly appendedAgain: number
}
