// What one run of one side gives, ours and the peer's alike.

import type { Dataset } from '../../src/codec/catalogue.ts'
import type { Marks } from '../marks.ts'

/** Where a run begins and what it has to reach. */
export interface RunTask {
  /** Of this run alone. */
  readonly name: string
  readonly databaseUrl: string
  readonly dataset: Dataset
  readonly marks: Marks
}

export interface Measured {
  /** From the moment that counts as this side's start until the last message was seen in SQL. */
  readonly seconds: number
  /** From its own word that it begins to read until then. Null where it has not said it. */
  readonly fromWordSeconds: number | null
  /** From the first message seen in SQL until the last one was. */
  readonly fromFirstRowSeconds: number
  /** From the start of the process until the last message was seen; so the runtime's own start counts. */
  readonly fromProcessSeconds: number
  /** The process's peak resident set, MiB. */
  readonly peakMiB: number
}
