// The proxy that other tests stand on: passes on, cuts, holds back, refuses, filters.

import { createConnection, createServer, type Server, type Socket } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { startProxy, type TcpProxy, type TcpProxyOptions } from '../support/proxy.ts'
import { waitFor } from '../support/wait.ts'

let echo: Server
const sockets = new Set<Socket>()
let proxy: TcpProxy

beforeEach(async () => {
  echo = createServer({ allowHalfOpen: true }, (socket) => void socket.on('error', () => {}).pipe(socket))
  await new Promise<void>((resolve) => echo.listen(0, '127.0.0.1', resolve))
})
afterEach(async () => {
  for (const socket of sockets) socket.destroy()
  sockets.clear()
  await proxy.close()
  echo.close()
})

async function start(options?: TcpProxyOptions) {
  const address = echo.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  proxy = await startProxy({ host: '127.0.0.1', port: address.port }, options)
}

function connect() {
  const socket = createConnection({ host: '127.0.0.1', port: proxy.port })
  sockets.add(socket)
  const state = { socket, text: '', error: '', isClosed: false }
  socket.on('data', (bytes) => {
    state.text += bytes.toString()
  })
  socket.on('error', (error) => {
    state.error = (error as NodeJS.ErrnoException).code ?? ''
  })
  socket.on('close', () => {
    state.isClosed = true
  })
  return state
}

test('passes on, holds back while paused, cuts, refuses, and takes connections again', async () => {
  await start()
  const one = connect()
  one.socket.write('a')
  await waitFor('the echo', () => one.text === 'a')
  expect(proxy.connections()).toBe(1)
  proxy.pause()
  one.socket.write('b')
  await new Promise((resolve) => setTimeout(resolve, 100))
  expect(one.text).toBe('a')
  proxy.resume()
  await waitFor('what was held back', () => one.text === 'ab')
  proxy.refuse(true)
  const refused = connect()
  await waitFor('the refusal', () => refused.isClosed)
  expect(refused.text).toBe('')
  proxy.cut()
  await waitFor('the cut', () => one.isClosed)
  expect(one.error).toBe('ECONNRESET')
  proxy.refuse(false)
  const other = connect()
  other.socket.end('c')
  await waitFor('the echo and its end', () => other.text === 'c' && other.isClosed)
  await waitFor('no connection', () => proxy.connections() === 0)
})

test('a filter changes what passes, and cuts', async () => {
  await start({
    createFilter: () => ({
      toTarget: (bytes) => (bytes.includes('x') ? null : bytes),
      toClient: async (bytes) => Buffer.from(bytes.toString().toUpperCase()),
    }),
  })
  const one = connect()
  one.socket.write('a')
  await waitFor('the echo', () => one.text === 'A')
  one.socket.write('x')
  await waitFor('the cut', () => one.isClosed)
  expect(one.text).toBe('A')
})
