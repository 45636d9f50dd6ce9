// `postgres://user:password@host:port/database`: where a log is.

import pg from 'pg'
import { isConnectionString } from '../../postgres/pool.ts'
import { readPostgresUrl } from '../../postgres/url.ts'

export interface PostgresAddress {
  readonly connectionString: string
  readonly database: string
}

export type ParsedPostgresUrl =
  | { readonly type: 'ok'; readonly address: PostgresAddress }
  | { readonly type: 'refused'; readonly what: string; readonly remedy: string }

const FORM =
  'write postgres://user:password@host:port/database; in the password, %40 for @, %2F for /, %3A for :'

export function isPostgresUrl(text: string): boolean {
  return /^postgres(ql)?:/.test(text)
}

/** Reads a log's URL. Refusals say what is wrong with it, without what may be a password. */
export function parsePostgresUrl(text: string): ParsedPostgresUrl {
  if (!/^postgres(ql)?:\/\//.test(text)) return refuse('it does not begin with postgres://')
  if (!isConnectionString(text)) return refuse('it cannot be read')
  // The driver would take the user's name, and so a log that nobody meant.
  if (!/^[^/]+:\/\/[^?#]*\/[^/?#]+(?:[?#]|$)/.test(text)) return refuse('it names no database')
  const read = readPostgresUrl(text)
  if (read.type === 'refused') return refuse(read.what, read.remedy)
  const { database } = new pg.Client({ connectionString: read.address.connectionString })
  return { type: 'ok', address: { connectionString: text, database: database ?? '' } }
}

function refuse(reason: string, remedy: string = FORM): ParsedPostgresUrl {
  return { type: 'refused', what: `the log's URL is wrong: ${reason}`, remedy }
}
