// The schema registry: where outside tools find the schema of our messages. Nodes never need it.

import { Agent } from 'node:https'
import { SchemaRegistry, SchemaType } from '@kafkajs/confluent-schema-registry'
import { MUTATION_SCHEMA } from '../codec/mutation-schema.ts'
import type { Problem } from '../log/log.ts'
import { tlsFault } from '../tls/fault.ts'
import { publicAuthorities } from '../tls/pem.ts'

export type RegisteredSchema =
  | { readonly type: 'registered'; readonly schemaId: number }
  | ({ readonly type: 'refused' } & Problem)

const REQUEST_TIMEOUT_MS = 10_000
const REMEDY =
  'check SCHEMA_REGISTRY_URL and that the registry runs, or set it to nothing to write with single-object framing, which needs no registry'

const UNTRUSTED_REMEDY = 'set SCHEMA_REGISTRY_SSL_CA to the PEM file with the certificate of its authority'

/**
 * The id of `mutation.avsc` under the subject (`<topic>-value`), registered if it is not. The URL may hold a user and
 * a password. `authorities`, PEM: those that are trusted at https://, instead of the ones that Node and the system do.
 */
export async function registerMutationSchema(
  url: string,
  subject: string,
  authorities: string | null = null,
): Promise<RegisteredSchema> {
  const address = parseAddress(url)
  if (address === null) {
    return {
      type: 'refused',
      what: `${url} is no URL of a schema registry`,
      remedy: 'write http://host:port',
    }
  }
  const tls = address.host.startsWith('https:') ? createTls(authorities) : null
  const registry = new SchemaRegistry({
    ...address,
    ...(tls === null ? {} : { agent: tls.agent }),
    clientId: 'spindexer',
    middlewares: [limitTime],
  })
  const schema = { type: SchemaType.AVRO, schema: MUTATION_SCHEMA } as const
  try {
    // Asked first: whoever may only read the registry, or keeps another compatibility for the subject, can write.
    const lookUp = async () => {
      const id = await registry.getRegistryIdBySchema(subject, schema).catch(unlessUnknown)
      return id === null ? null : requireId(id)
    }
    const known = await lookUp()
    if (known !== null) return { type: 'registered', schemaId: known }
    try {
      return { type: 'registered', schemaId: requireId((await registry.register(schema, { subject })).id) }
    } catch (error) {
      // Two writers that begin at once get into each other's way here; what the other one registered serves both.
      const others = await lookUp()
      if (others === null) throw error
      return { type: 'registered', schemaId: others }
    }
  } catch (error) {
    const fault = tlsFault(tls?.lastError(), 'the registry')
    const reason = fault?.what ?? (error instanceof Error ? error.message : String(error))
    const what = `the schema registry at ${address.host} does not give ${subject} an id (${reason})`
    return { type: 'refused', what, remedy: fault?.kind === 'untrusted' ? UNTRUSTED_REMEDY : REMEDY }
  }
}

interface Tls {
  readonly agent: Agent
  /** What the last connection that failed failed of: the library keeps the words alone. */
  lastError(): unknown
}

function createTls(authorities: string | null): Tls {
  let lastError: unknown = null
  // Verification is said to be on, so that NODE_TLS_REJECT_UNAUTHORIZED turns nothing off.
  const agent = new Agent({ ca: authorities ?? [...publicAuthorities()], rejectUnauthorized: true })
  const connect = agent.createConnection.bind(agent)
  agent.createConnection = (...options) => {
    const socket = connect(...options)
    socket?.once('error', (error) => {
      lastError = error
    })
    return socket
  }
  return { agent, lastError: () => lastError }
}

/** The library passes on whatever stands in the answer, and nothing when a web page does. */
function requireId(id: unknown): number {
  if (typeof id === 'number' && Number.isInteger(id) && id >= 0 && id < 2 ** 31) return id
  throw new Error(
    `it answers with ${JSON.stringify(id) ?? 'something'} in place of an id: it is no schema registry`,
  )
}

function parseAddress(text: string): {
  readonly host: string
  readonly auth?: { readonly username: string; readonly password: string }
} | null {
  if (!URL.canParse(text)) return null
  const url = new URL(text)
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return null
  const { username, password } = url
  const host = `${url.origin}${url.pathname.replace(/\/+$/, '')}`
  if (username === '') return { host }
  return { host, auth: { username: decodeURIComponent(username), password: decodeURIComponent(password) } }
}

/** Neither this schema nor, perhaps, the subject is registered yet: the library says so by this error's name alone. */
function unlessUnknown(error: unknown): null {
  if (error instanceof Error && error.name === 'ConfluentSchemaRegistryError') return null
  throw error
}

type Middleware = NonNullable<ConstructorParameters<typeof SchemaRegistry>[0]['middlewares']>[number]

const limitTime: Middleware = () => ({
  prepareRequest: async (next) => (await next()).enhance({ timeout: REQUEST_TIMEOUT_MS }),
})
