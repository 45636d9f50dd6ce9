// What the parts of the benchmark have in common: the services they run on, the flags, and the section that each one gives back.

import type { PostgresService } from '../scripts/services/postgres.ts'

export interface Flags {
  readonly messages: number
  readonly rows: number
  /** Letters of the cases to run. */
  readonly cases: ReadonlySet<string>
  /** Measured runs of each side. */
  readonly runs: number
  /** Runs of each side before these, which do not count. */
  readonly warmUp: number
  /** Messages of the long replay; 0: there is none. */
  readonly longMessages: number
  /** Messages of each writer; 0: none writes. */
  readonly writerMessages: number
  /** Of each turn of the latency's measurement; 0: there is none. */
  readonly latencySeconds: number
  /** Mutations of each way to send many over HTTP; 0: the door is not measured. */
  readonly doorMutations: number
  /** Messages of each replay of signed ones; 0: there is none. */
  readonly signedMessages: number
  readonly peer: 'debezium' | 'none'
  /** The file that all figures go to. */
  readonly json: string
  /** The folder of the real rows (`DATASET.jsonl.gz`) and which of them; null: that case is skipped. */
  readonly data: string | null
  readonly dataset: string
}

/** The peer's program and the registry that it needs. */
export interface PeerServices {
  readonly jars: string
  /** Confluent's API, for whoever registers a schema. */
  readonly registryUrl: string
}

export interface Services {
  readonly brokers: readonly string[]
  readonly postgres: PostgresService
  /** Null: the peer does not run. */
  readonly peer: PeerServices | null
  /** A directory for files that go with the services; Postgres can read what is in it. */
  readonly scratch: string
  /** What one section measured and a later one compares with, by name: `a1 ours`, messages a second. */
  readonly figures: Map<string, number>
}

/** A part of the report. `rows` are texts, as many in each as there are `columns`. */
export interface Section {
  readonly name: string
  readonly columns: readonly string[]
  readonly rows: readonly (readonly string[])[]
  /** Sentences below the table. */
  readonly notes: readonly string[]
  /** For bench/results/latest.json. */
  readonly json: unknown
}

export type RunSection = (services: Services, flags: Flags) => Promise<Section>

/** Progress, on stderr. */
export function say(text: string): void {
  console.error(`${new Date().toISOString().slice(11, 19)} ${text}`)
}
