// Which messages a row came from that the database refuses: read again from the log, so that people can look at them.

import type { LogRecord, Pointer } from '../codec/record.ts'
import { quoteShort } from '../codec/words.ts'
import type { Mutation } from '../crdt/mutation.ts'
import type { Rejected } from '../store/store.ts'
import type { Context, Outcome } from './context.ts'

/** Records read at a time: a batch may have come from hundreds of thousands. */
const READ_RECORDS = 2_000
const NAMED_MAX = 5

/** What stops the node. `pointers` are the places of everything that was to be written. */
export async function explainRejected(
  context: Context,
  rejected: Rejected,
  pointers: Iterable<Pointer>,
): Promise<Outcome> {
  const { dataset, key, column, what } = rejected
  const found = await findMessages(context, rejected, pointers)
  const places = found
    .slice(0, NAMED_MAX)
    .map(({ partition, offset }) => `partition ${partition}, offset ${offset}`)
  if (found.length > NAMED_MAX) places.push(`and ${found.length - NAMED_MAX} more`)
  const part = column === null ? '' : `column ${column} of `
  const row = `${part}row ${key.map((text) => quoteShort(text)).join(' ')} of dataset ${dataset}`
  const origin = places.length === 0 ? '' : `; its message is at ${places.join('; ')}`
  return {
    type: 'refused',
    problems: [{ what: `the database refuses ${row}: ${what}${origin}`, remedy: REMEDY }],
  }
}

const REMEDY =
  'nothing of its batch was written; the tables in the schema spindexer are the program’s own: take away what was changed on them by hand (a constraint, a trigger, a type), then start the node again; if nothing was, this is a bug: report it with this message'

async function findMessages(
  context: Context,
  rejected: Rejected,
  pointers: Iterable<Pointer>,
): Promise<readonly Pointer[]> {
  const found: Pointer[] = []
  for (const some of inPieces(pointers, READ_RECORDS)) {
    const records = await context.retry('read the batch again', () => context.log.pick(some))
    for (const record of records) {
      if (record !== null && isOf(context, record, rejected)) found.push(record)
    }
  }
  return found.map(({ partition, offset }) => ({ partition, offset }))
}

function isOf(context: Context, record: LogRecord, { dataset, key, column, stamp }: Rejected): boolean {
  const verdict = context.openJudge(record, context.catalogue)
  if (verdict.type !== 'merge') return false
  const { mutation } = verdict
  return (
    mutation.dataset === dataset &&
    isSameKey(mutation, key) &&
    (column === null || (mutation.stamp === stamp && mutation.columns.has(column)))
  )
}

function isSameKey(mutation: Mutation, key: readonly string[]): boolean {
  return mutation.key.length === key.length && mutation.key.every((text, i) => text === key[i])
}

function* inPieces<T>(items: Iterable<T>, size: number): Generator<readonly T[]> {
  let piece: T[] = []
  for (const item of items) {
    piece.push(item)
    if (piece.length < size) continue
    yield piece
    piece = []
  }
  if (piece.length > 0) yield piece
}
