// COPY TO STDOUT in binary: the rows as one piece of bytes, since the driver makes a text of every field else.

import type { ClientBase, Submittable } from 'pg'
import { createOut, reserve } from './out.ts'

/** What the driver's client asks of whatever it runs. */
interface CopyQuery extends Submittable {
  handleCopyData(message: { readonly chunk: Buffer }): void
  handleError(error: unknown): void
  handleReadyForQuery(): void
  handleCommandComplete(): void
}

/** Before the first row: the signature, flags, and the length of an extension that no version has. */
const HEADER_BYTES = 19
const FIRST_BYTES = 16 * 1024

/**
 * Runs `copy (…) to stdout (format binary)`. Answers with the rows and what ends them: of each row the count of its
 * fields (2 bytes), of each field its length (4 bytes, -1: null) and its bytes; behind the last row a count of -1.
 * https://www.postgresql.org/docs/current/sql-copy.html
 */
export function copyOut(client: ClientBase, sql: string): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const out = createOut(FIRST_BYTES)
    const copy: CopyQuery = {
      submit: (connection) => connection.query(sql),
      handleCopyData({ chunk }) {
        // A copy: the driver writes the next message over this one.
        reserve(out, chunk.length)
        chunk.copy(out.bytes, out.at)
        out.at += chunk.length
      },
      handleCommandComplete() {},
      handleError: reject,
      handleReadyForQuery: () => resolve(out.bytes.subarray(HEADER_BYTES, out.at)),
    }
    client.query(copy)
  })
}
