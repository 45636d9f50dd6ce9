// Which statements a connection knows by name: those that come again are parsed and planned once.

import { randomBytes } from 'node:crypto'
import type { PoolClient } from 'pg'
import { codeOf } from './errors.ts'

/** More than a node's statements of one size; a wide catalogue has more, of which the others go without a name. */
const NAMES_MAX = 100

/** What this file keeps on the driver's client. */
interface PreparingClient extends PoolClient {
  prepared?: Prepared | null
}

interface Prepared {
  /** Random: behind a pooler, other clients' names live in the same session of the server. */
  readonly prefix: string
  /** Null for a text that has come once. */
  readonly names: Map<string, string | null>
  count: number
}

/** How a statement is sent: under a name (empty: none) that is still to be given to it, or has been. */
export interface Naming {
  readonly name: string
  readonly isNew: boolean
}

const UNNAMED: Naming = { name: '', isNew: true }

/** For each text how it is sent. A text gets its name when it comes for the second time. */
export function nameStatements(client: PreparingClient, texts: readonly string[]): readonly Naming[] {
  if (client.prepared === null) return texts.map(() => UNNAMED)
  client.prepared ??= { prefix: `s${randomBytes(6).toString('hex')}_`, names: new Map(), count: 0 }
  const { prepared } = client
  const given = new Map<string, string>()
  return texts.map((text) => {
    const known = prepared.names.get(text) ?? given.get(text)
    if (known !== undefined && known !== null) return { name: known, isNew: false }
    if (!prepared.names.has(text)) {
      if (prepared.names.size < NAMES_MAX) prepared.names.set(text, null)
      return UNNAMED
    }
    // Never the same one again: when the statements fail, nobody knows which names were given.
    const name = `${prepared.prefix}${prepared.count++}`
    given.set(text, name)
    return { name, isNew: true }
  })
}

/** The statements have been answered: their names hold. */
export function keepNames(
  client: PreparingClient,
  texts: readonly string[],
  namings: readonly Naming[],
): void {
  namings.forEach(({ name, isNew }, i) => {
    if (isNew && name !== '') client.prepared?.names.set(texts[i]!, name)
  })
}

/**
 * True for the error that a name is unknown: a pooler has given the connection another session of the server. The
 * client's statements go without names from then on; the same attempt may succeed.
 */
export function isNameLost(error: unknown): boolean {
  return codeOf(error) === '26000'
}

export function forgetNames(client: PreparingClient): void {
  client.prepared = null
}
