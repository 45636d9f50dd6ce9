// A program that has used a log ends by itself once it has closed it, and Kafka's client printed nothing.

import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { kafka } from '../support/services.ts'
import { createTopic } from './kafka-admin.ts'

const program = `
const { createKafkaLog } = await import(process.argv[1])
const [brokers, topic] = process.argv.slice(2)
const log = createKafkaLog({ connection: { brokers: brokers.split(',') }, topic, onLog() {} })
await log.append([{ partition: 0, key: null, value: Buffer.from('a') }])
const scope = { type: 'group', group: 'spindexer-exit', member: 'm' }
const stop = new AbortController()
for await (const event of log.read({ scope, positions: async () => new Map(), signal: stop.signal })) {
  if (event.type === 'chunk' && event.next === event.end) break
}
const left = log.read({ scope: { type: 'all' }, positions: async () => new Map(), signal: stop.signal })
await left.next()
await log.describe()
await log.close()
console.log('closed')
`

test('the process ends within a moment of closing', async () => {
  const { brokers } = await kafka()
  const { topic } = await createTopic(brokers, 2, 'exit')
  const module = new URL('../../src/log/kafka/log.ts', import.meta.url).href
  const args = ['--input-type=module-typescript', '-e', program, module, brokers.join(','), topic]
  const run = promisify(execFile)(process.execPath, args, { timeout: 30_000 })
  let closedAt = 0
  run.child.stdout!.on('data', () => {
    closedAt = Date.now()
  })
  const { stdout, stderr } = await run
  expect({ stdout, stderr }).toEqual({ stdout: 'closed\n', stderr: '' })
  expect(Date.now() - closedAt).toBeLessThan(2_000)
})
