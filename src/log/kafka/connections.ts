// KafkaJS's connections, mended where a lost one is opened again: the answers of two sockets must never be mixed;
// and where a login ends.

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
  /** Milliseconds before the end of a login at which KafkaJS logs in anew. */
  reauthenticationThreshold: number
  /** What the broker said of the login, milliseconds; 0: it does not end. */
  lifetime?: { toNumber(): number }
  rejectRequests(error: Error): void
  connect(): Promise<unknown>
}

const LENGTH_BYTES = 4
const RELOGIN_MS_MAX = 10_000

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
  // It logs in anew ten seconds before the login ends, and so at every request where logins hold for less: a broker
  // takes that for an error more than once a second. Java's client waits until 85 % of the time or more have passed.
  Object.defineProperty(prototype, 'sessionLifetime', {
    get(this: Connection) {
      return this.lifetime
    },
    set(this: Connection, lifetime: { toNumber(): number }) {
      this.lifetime = lifetime
      this.reauthenticationThreshold = Math.min(RELOGIN_MS_MAX, Math.floor(lifetime.toNumber() / 8))
    },
  })
}
