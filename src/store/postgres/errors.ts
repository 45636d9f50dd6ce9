// Which errors of the store's statements pass by themselves: those of any Postgres, and a key that was taken meanwhile.

import { codeOf, isTransient as isServerTransient } from '../../postgres/errors.ts'
import { SCHEMA } from './names.ts'

/** True for an error that passes by itself: wait and try again. */
export function isTransient(error: unknown): boolean {
  return isServerTransient(error) || isKeyTaken(error)
}

/**
 * True when a row of ours has come from somebody else between the look for it and its writing: by then it is there, and
 * the same attempt finds it.
 */
export function isKeyTaken(error: unknown): boolean {
  if (codeOf(error) !== '23505') return false
  const { schema, table, constraint } = error as { readonly [name: string]: string | undefined }
  return schema === SCHEMA && table !== undefined && constraint === table.replace(/^d_/, 'p_')
}
