// Physical names: prefixes that keep datasets and columns apart from bookkeeping, from each other and from Postgres's own.

import { NAME_BYTES_MAX } from '../../codec/limits.ts'

/** Bookkeeping and base tables. Fixed, so that every program finds them. */
export const SCHEMA = 'spindexer'
/** May select from the views. */
export const READER_ROLE = 'spindexer_reader'

/** Quotes an identifier. Upper case, `select`, `user`: all of them are names of datasets somewhere. */
export function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

export function tableOf(dataset: string): string {
  return `${SCHEMA}.${prefixed('d_', dataset)}`
}

/** Named, because an index that Postgres names `d_a_pkey` is in the way of a dataset `a_pkey`. */
export function primaryKeyOf(dataset: string): string {
  return prefixed('p_', dataset)
}

export function keyColumnOf(name: string): string {
  return prefixed('k_', name)
}

export function valueColumnOf(name: string): string {
  return prefixed('c_', name)
}

export function stampColumnOf(name: string): string {
  return prefixed('s_', name)
}

/** Postgres cuts names at 63 bytes without a word; two datasets would share a table. */
function prefixed(prefix: string, name: string): string {
  if (name.length > NAME_BYTES_MAX)
    throw new Error(`the name "${name}" is longer than ${NAME_BYTES_MAX} bytes`)
  return quote(prefix + name)
}
