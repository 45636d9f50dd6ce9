// KafkaJS's connections, mended where a lost one is opened again: the answers of two sockets must never be mixed.

import { createRequire } from 'node:module'
import type { Socket } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'

const require = createRequire(import.meta.url)

interface Connection {
  socket?: Socket
  chunks: Buffer[]
  bytesBuffered: number
  bytesNeeded: number
  connecting?: Promise<unknown> | undefined
  isConnected(): boolean
  rejectRequests(error: Error): void
  connect(): Promise<unknown>
}

const LENGTH_BYTES = 4

/**
 * Replaces `Connection.connect` of KafkaJS 2.2.4, which does three things that lose answers: it keeps the half of an
 * answer that a dead broker left behind, and takes the next connection's bytes for its rest (every request then times
 * out, for ever); it lets two callers open two sockets for one connection; and it lets the old socket's end close the
 * new one. Safe to call once, at the import of KafkaJS.
 */
export function mendConnections(): void {
  const { prototype }: { prototype: Connection } = require('kafkajs/src/network/connection.js')
  const { KafkaJSConnectionClosedError } = require('kafkajs/src/errors.js')
  const open = prototype.connect
  const reopen = async (connection: Connection): Promise<unknown> => {
    if (connection.socket !== undefined) {
      connection.socket.removeAllListeners().on('error', () => {})
      connection.socket.destroy()
      connection.rejectRequests(new KafkaJSConnectionClosedError('Closed connection'))
      // A disconnect that waited for these requests ends now, before there is a new socket that it could close.
      await turn()
    }
    connection.chunks = []
    connection.bytesBuffered = 0
    connection.bytesNeeded = LENGTH_BYTES
    return open.call(connection)
  }
  prototype.connect = function (this: Connection) {
    if (this.isConnected()) return Promise.resolve(true)
    this.connecting ??= reopen(this).finally(() => {
      this.connecting = undefined
    })
    return this.connecting
  }
}
