// A TCP proxy that behaves as badly as a network: it cuts connections, holds bytes back, and refuses new ones.

import { createConnection, createServer, type Socket } from 'node:net'

export interface TcpProxy {
  readonly port: number
  /** Resets every connection; new ones are taken. */
  cut(): void
  /** Holds back the bytes of every connection, those to come too, in both directions: a black hole, nothing is lost. */
  pause(): void
  /** Lets go of what was held back. */
  resume(): void
  /** True: new connections are reset at once, as if nobody listened. */
  refuse(isRefusing: boolean): void
  /** How many connections there are now. */
  connections(): number
  close(): Promise<void>
}

export interface TcpProxyOptions {
  /** Where to listen on 127.0.0.1; a free port unless set. */
  readonly port?: number
  /** Milliseconds for which each chunk is held back, in both directions. */
  readonly delayMs?: number
  /**
   * Looks at what each side sends before it is passed on; gives the bytes to pass on now, or null to cut the
   * connection. One for each connection. Unless set, everything is passed on.
   */
  readonly createFilter?: () => Filter
}

export interface Filter {
  /** Bytes on their way to the target. */
  toTarget(bytes: Buffer): Buffer | null | Promise<Buffer | null>
  /** Bytes on their way to the client. */
  toClient(bytes: Buffer): Buffer | null | Promise<Buffer | null>
}

interface Pair {
  readonly client: Socket
  readonly target: Socket
}

/** Starts a proxy in front of `target`; who starts it closes it. */
export async function startProxy(
  target: { readonly host: string; readonly port: number },
  { port = 0, delayMs = 0, createFilter }: TcpProxyOptions = {},
): Promise<TcpProxy> {
  const pairs = new Set<Pair>()
  let isRefusing = false
  let isPaused = false
  let wake: (() => void)[] = []
  const unpaused = () => (isPaused ? new Promise<void>((resolve) => wake.push(resolve)) : undefined)
  const resume = () => {
    isPaused = false
    const woken = wake
    wake = []
    for (const go of woken) go()
  }
  const cutPair = ({ client, target }: Pair) => {
    client.resetAndDestroy()
    target.destroy()
  }

  const server = createServer({ noDelay: true, allowHalfOpen: true }, (client) => {
    client.on('error', () => {})
    if (isRefusing) return void client.resetAndDestroy()
    const pair: Pair = { client, target: createConnection({ ...target, noDelay: true, allowHalfOpen: true }) }
    pairs.add(pair)
    const filter = createFilter?.()
    const pass = (from: Socket, to: Socket, look: Filter['toTarget'] | undefined) =>
      relay(from, to, async (bytes) => {
        if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs))
        await unpaused()
        return look === undefined ? bytes : look(bytes)
      }).catch(() => cutPair(pair))
    for (const socket of [client, pair.target]) {
      socket.on('error', () => cutPair(pair))
      socket.on('close', () => pairs.delete(pair))
    }
    void pass(client, pair.target, filter?.toTarget)
    void pass(pair.target, client, filter?.toClient)
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  })
  const address = server.address()

  return {
    port: typeof address === 'object' && address !== null ? address.port : port,
    cut: () => pairs.forEach(cutPair),
    pause() {
      isPaused = true
    },
    resume,
    refuse(refusing) {
      isRefusing = refusing
    },
    connections: () => pairs.size,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve))
      pairs.forEach(cutPair)
      resume()
      await closed
    },
  }
}

/** Passes on what a socket brings, chunk by chunk in order; then its end. Throws when the connection is to be cut. */
async function relay(
  from: Socket,
  to: Socket,
  look: (bytes: Buffer) => Promise<Buffer | null>,
): Promise<void> {
  for await (const chunk of from.iterator({ destroyOnReturn: false })) {
    const bytes = await look(chunk as Buffer)
    if (bytes === null) throw new Error('cut')
    if (bytes.length > 0 && !to.write(bytes)) await drained(to)
  }
  to.end()
}

function drained(socket: Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('drain', resolve)
    socket.once('close', () => reject(new Error('closed')))
  })
}
