// The three services of a stack: their names, how one tells that it answers, and where it is.

import { dataDirectory } from '../../src/embedded/server.ts'
import { postgresUrl } from '../../src/embedded/url.ts'
import { clusterId } from './kafka.ts'
import { answeredBy, registryUrl } from './registry.ts'

export type Name = 'kafka' | 'registry' | 'postgres'

export const names: readonly Name[] = ['kafka', 'registry', 'postgres']

/** The node's own, in the stack's Postgres. */
export const database = 'spindexer'

export interface Member {
  readonly title: string
  answers(port: number, password: string): Promise<boolean>
  /** For people; without the password. */
  address(port: number): string
}

export const members: Readonly<Record<Name, Member>> = {
  kafka: {
    title: 'Kafka',
    answers: async (port) => (await clusterId(port)) !== undefined,
    address: (port) => `127.0.0.1:${port}`,
  },
  registry: {
    title: 'Schema registry',
    answers: async (port) => (await answeredBy(registryUrl(port))) !== undefined,
    address: registryUrl,
  },
  postgres: {
    title: 'Postgres 18',
    answers: async (port, password) => (await dataDirectory(postgresUrl(port, password))) !== undefined,
    address: (port) => `127.0.0.1:${port}/${database}`,
  },
}

export interface Row {
  readonly name: Name
  readonly title: string
  readonly state: 'running' | 'not answering' | 'stopped'
  readonly address?: string
  /** Of a native one. */
  readonly pid?: number
}

/** What runs a stack's services: processes of this machine, or containers. */
export interface Provider {
  /** Starts what does not run, and returns what that was once all of them answer. */
  start(): Promise<readonly Name[]>
  /** Stops what runs and keeps the data; returns what ran. */
  stop(): Promise<readonly Name[]>
  look(): Promise<readonly Row[]>
  /** Ports on 127.0.0.1 and the superuser's password; known once start() has returned. */
  addresses(): { readonly ports: Readonly<Record<Name, number>>; readonly password: string }
  /** For people: where the data is. */
  readonly place: string
}
