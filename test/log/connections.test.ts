// A connection that is lost in the middle of an answer and opened again, against a server that speaks Kafka's framing.

import { once } from 'node:events'
import { createRequire } from 'node:module'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { afterEach, expect, it } from 'vitest'
import { createEncoder, createSocketFactory } from '../../src/log/kafka/kafkajs.ts'

const require = createRequire(import.meta.url)
const Connection = require('kafkajs/src/network/connection.js')
const { createLogger, LEVELS } = require('kafkajs/src/loggers/index.js')
const HEARTBEAT = 12

let server: Server | undefined
const sockets: Socket[] = []

afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy()
  server?.close()
})

/** Answers every request by `answer`, which is given the number of the connection and the request's correlation id. */
async function listen(
  answer: (socket: Socket, connection: number, correlationId: number) => void,
): Promise<number> {
  let connections = 0
  server = createServer((socket) => {
    const connection = connections++
    sockets.push(socket)
    socket.on('error', () => {})
    socket.on('data', (data) => answer(socket, connection, data.readInt32BE(8)))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

function framed(correlationId: number, payload: string): Buffer {
  const bytes = Buffer.alloc(8 + payload.length)
  bytes.writeInt32BE(4 + payload.length, 0)
  bytes.writeInt32BE(correlationId, 4)
  bytes.write(payload, 8)
  return bytes
}

function connectTo(port: number) {
  return new Connection({
    host: '127.0.0.1',
    port,
    logger: createLogger({ level: LEVELS.NOTHING, logCreator: () => () => {} }),
    socketFactory: createSocketFactory(),
    requestTimeout: 1_000,
    connectionTimeout: 1_000,
  })
}

const question = {
  request: { apiKey: HEARTBEAT, apiVersion: 0, apiName: 'Heartbeat', encode: async () => createEncoder(4) },
  response: { decode: async (payload: Buffer) => payload.toString(), parse: async (text: string) => text },
}

it('half an answer of a broker that died does not spoil the answers of the next connection', async () => {
  const port = await listen((socket, connection, correlationId) => {
    const bytes = framed(correlationId, 'the answer')
    if (connection > 0) socket.write(bytes)
    else socket.write(bytes.subarray(0, 11), () => socket.destroy())
  })
  const connection = connectTo(port)
  await connection.connect()
  await expect(connection.send(question)).rejects.toThrow()
  for (let i = 0; i < 3; i++) {
    await connection.connect()
    expect(await connection.send(question)).toBe('the answer')
  }
  await connection.disconnect()
})

it('callers who open a connection at the same time share one socket', async () => {
  const port = await listen((socket, _connection, correlationId) =>
    socket.write(framed(correlationId, 'the answer')),
  )
  const connection = connectTo(port)
  await Promise.all([connection.connect(), connection.connect(), connection.connect()])
  expect(await connection.send(question)).toBe('the answer')
  expect(sockets.length).toBe(1)
  await connection.disconnect()
})
