// What a case is: one table, and passes of changes from which both sides' messages are made.

import { type Dataset, EMPTY_CATALOGUE } from '../../src/codec/catalogue.ts'
import { foldDefinition } from '../../src/codec/definitions.ts'
import { plainToJson } from '../../src/codec/json.ts'
import { readSchema } from '../../src/codec/schema.ts'
import type { Value } from '../../src/crdt/value.ts'

/** One message of both sides. */
export interface Change {
  /** Orders the messages: the stamp's time and `seq` of ours, `at` of the peer's. The same message has the same one. */
  readonly number: bigint
  readonly operation: 'upsert' | 'update'
  readonly key: readonly string[]
  /** The row as far as it is known, in the order of the table's columns: what the peer, which writes whole rows, gets. */
  readonly values: readonly (Value | undefined)[]
  /** The places of the columns that are set by this change: what ours gets. */
  readonly sets: readonly number[]
}

/** Messages that are appended together, to what the passes before have left. */
export interface Pass {
  /** `a1` */
  readonly name: string
  readonly title: string
  /** False: it only prepares the next one. */
  readonly isMeasured: boolean
  readonly count: number
  /** The change at 0 … count - 1, the same whenever it is asked for. */
  change(n: number): Change
}

export interface BenchCase {
  readonly letter: string
  /** The definition as `datasets apply` takes it. */
  readonly definition: unknown
  readonly passes: readonly Pass[]
  /** False: what the peer does with it is not the same, so its table is checked for its number of rows alone. */
  readonly isPeerEqual: boolean
  /** Sentences for the report. */
  readonly notes: readonly string[]
}

/** Two columns, which most cases have. */
export function createBenchDefinition(name: string): unknown {
  return {
    type: 'record',
    name,
    key: ['id'],
    fields: [
      { name: 'id', type: 'string' },
      { name: 'plays', type: ['null', 'long'] },
      { name: 'title', type: ['null', 'string'] },
    ],
  }
}

/** Message `n` sets both columns of `row`. */
export function createBenchChange(n: number, row: number): Change {
  const values = [BigInt(n), `title ${n}`]
  return { number: BigInt(n), operation: 'upsert', key: [`row-${row}`], values, sets: [0, 1] }
}

/** The definition as the program itself reads it. Throws for one that it would refuse. */
export function readDefinition(definition: unknown): Dataset {
  const read = readSchema(plainToJson(definition))
  if (read.type !== 'schema') throw new Error(`a case has no sound definition: ${JSON.stringify(read)}`)
  const folded = foldDefinition(EMPTY_CATALOGUE, read.schema, 0n)
  if (folded.type !== 'taken') throw new Error(`a case's definition is refused: ${folded.detail}`)
  return folded.dataset
}
