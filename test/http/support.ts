// A door on a port of its own for tests, and clients of every kind of manners.

import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { onTestFinished } from 'vitest'
import { LIMITS, type Limits } from '../../src/http/limits.ts'
import { createDoor, type DoorOptions } from '../../src/http/server.ts'

export interface TestDoor {
  readonly url: string
  readonly port: number
  /** What the door reported as a fault of its own. */
  readonly bugs: readonly unknown[]
  /** Ends it before the test is over. */
  readonly close: () => Promise<void>
}

export interface TestDoorOptions extends Partial<Omit<DoorOptions, 'limits'>> {
  readonly limits?: Partial<Limits>
  readonly addRoutes: (app: FastifyInstance) => void
}

/** With its routes, and not open yet. */
export async function createTestDoor(
  { addRoutes, limits, ...options }: TestDoorOptions,
  bugs: unknown[] = [],
): Promise<FastifyInstance> {
  const app = await createDoor({
    isLoopback: true,
    allowedHosts: [],
    tls: null,
    tokens: { read: [], write: [] },
    version: '0.0.0',
    onBug: (error) => bugs.push(error),
    ...options,
    limits: { ...LIMITS, ...limits },
  })
  addRoutes(app)
  return app
}

/** Opened on a free port, closed when the test is over. */
export async function openTestDoor(options: TestDoorOptions): Promise<TestDoor> {
  const bugs: unknown[] = []
  const app = await createTestDoor(options, bugs)
  await app.listen({ host: '127.0.0.1', port: 0 })
  onTestFinished(() => {
    app.server.closeAllConnections()
    return app.close()
  })
  const { port } = app.server.address() as { port: number }
  const url = `${options.tls ? 'https' : 'http'}://127.0.0.1:${port}`
  return { url, port, bugs, close: () => app.close() }
}

export interface RawClient {
  readonly socket: Socket
  /** All that has come so far. */
  readonly text: () => string
  /** Resolves with all that came, once the other side has ended. */
  readonly ended: Promise<string>
}

/** A connection that sends what it likes. */
export async function connectRaw(port: number): Promise<RawClient> {
  const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true })
  const chunks: Buffer[] = []
  socket.on('data', (chunk) => chunks.push(chunk))
  socket.on('error', () => {})
  const text = () => Buffer.concat(chunks).toString('latin1')
  const ended = new Promise<string>((resolve) => {
    socket.once('end', () => resolve(text()))
    socket.once('close', () => resolve(text()))
  })
  await once(socket, 'connect')
  onTestFinished(() => void socket.destroy())
  return { socket, text, ended }
}
