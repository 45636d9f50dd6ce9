// COPY FROM STDIN over the driver's connection, which knows the messages and leaves the sending to others.

import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import type { ClientBase, Connection, Submittable } from 'pg'
import { putWord } from '../../postgres/out.ts'

/** What the driver's connection can do beside what its types say. */
interface CopyConnection extends Connection {
  endCopyFrom(): void
  sendCopyFail(message: string): void
}

/** What the driver's client asks of whatever it runs. */
interface CopyQuery extends Submittable {
  handleCopyInResponse(connection: CopyConnection): void
  handleError(error: unknown): void
  handleReadyForQuery(): void
  handleCommandComplete(): void
}

const COPY_DATA = 0x64
const HEADER_BYTES = 5

/**
 * Runs a COPY of what `pieces` gives, each made when the one before has left. Rejects with the server's error, with that
 * of the connection, or with what `pieces` throws.
 */
export function copyIn(client: ClientBase, sql: string, pieces: Iterable<Buffer>): Promise<void> {
  return new Promise((resolve, reject) => {
    let isOver = false
    let failure: unknown = null
    const send = async (connection: CopyConnection): Promise<void> => {
      for (const piece of pieces) {
        await sendPiece(connection.stream, piece)
        // The server has refused a row, or the connection is gone: nobody listens any more.
        if (isOver) return
      }
      connection.endCopyFrom()
    }
    const copy: CopyQuery = {
      submit: (connection) => connection.query(sql),
      handleCopyInResponse(connection) {
        send(connection).catch((error: unknown) => {
          // The server's answer ends the statement; what it is about is said here.
          failure = error
          connection.sendCopyFail('the rows could not be made')
        })
      },
      handleCommandComplete() {},
      handleError(error) {
        isOver = true
        reject(failure ?? error)
      },
      handleReadyForQuery() {
        isOver = true
        resolve()
      },
    }
    client.query(copy)
  })
}

/** Resolves when there is room for the next one, or nothing to write to. */
async function sendPiece(stream: Duplex, piece: Buffer): Promise<void> {
  const header = Buffer.alloc(HEADER_BYTES)
  header[0] = COPY_DATA
  putWord(header, 1, piece.length + 4)
  // One write for the network, without a copy.
  stream.cork()
  stream.write(header)
  const hasRoom = stream.write(piece)
  stream.uncork()
  if (hasRoom || stream.destroyed) return
  const waiting = new AbortController()
  const { signal } = waiting
  try {
    await Promise.race([once(stream, 'drain', { signal }), once(stream, 'close', { signal })])
  } catch {
    // An error of the stream reaches the statement by the driver.
  } finally {
    waiting.abort()
  }
}
