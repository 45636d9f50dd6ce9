// A compacted, an expiring and a remade topic: the node and the writer refuse them, saying what and what to do.

import { expect, it } from 'vitest'
import { alterTopic, withAdmin } from '../log/kafka-admin.ts'
import { cli, runCli } from '../support/cli.ts'
import { waitFor } from '../support/wait.ts'
import { publishGenerated } from './load.ts'
import { catchUp, cellsOf, createTestLog, createTestNode, type KafkaTestLog } from './support.ts'

async function expectRefused(env: Readonly<Record<string, string>>, args: readonly string[], words: RegExp) {
  const { code, stderr, stdout } = await runCli(args, {
    env,
    input: '{"dataset":"tracks","operation":"update","data":{"id":"t","plays":1}}\n',
  })
  expect(`${stderr}${stdout}`).toMatch(words)
  expect(code).toBe(1)
}

async function createFilled(name: string): Promise<KafkaTestLog> {
  const log = await createTestLog(name, { partitions: 2, datasets: 'examples/catalogue' })
  await publishGenerated(log, 'writer', 1, 500)
  return log
}

it.each([
  ['compacted', { 'cleanup.policy': 'compact' }, /cleanup\.policy/],
  ['expiring', { 'retention.ms': '86400000' }, /retention\.ms/],
  ['limited in size', { 'retention.bytes': '1000000' }, /retention\.bytes/],
  ['stamped by its writers', { 'message.timestamp.type': 'CreateTime' }, /message\.timestamp\.type/],
] as const)('a topic that is %s is refused by node and writer', async (_name, settings, words) => {
  const log = await createFilled('refused')
  const node = await createTestNode(log, 'refused')
  await catchUp(node)
  const before = await cellsOf(node)
  await alterTopic(log.brokers, log.topic, settings)
  await expectRefused(node.env, ['run', '--until-end'], words)
  await expectRefused(log.env, ['publish', '-'], words)
  await expectRefused(log.env, ['log', 'check'], words)
  expect(await cellsOf(node)).toBe(before)
  await node.drop()
})

it('a topic that was deleted and made anew is refused by the node that has processed the old one', async () => {
  const log = await createFilled('remade')
  const node = await createTestNode(log, 'remade')
  await catchUp(node)
  const before = await cellsOf(node)
  await withAdmin(log.brokers, (admin) =>
    admin.deleteTopics({ topics: [log.topic, `${log.topic}.definitions`] }),
  )
  await waitFor('the topics to be gone', () =>
    withAdmin(log.brokers, async (admin) => !(await admin.listTopics()).includes(log.topic)),
  )
  await expectRefused(node.env, ['run', '--until-end'], /does not exist/)
  await cli(['log', 'create', '--partitions', '2'], { env: log.env })
  await cli(['datasets', 'apply', new URL('../../examples/catalogue', import.meta.url).pathname], {
    env: log.env,
  })
  await publishGenerated(log, 'writer', 1, 500)
  await expectRefused(node.env, ['run', '--until-end'], /empty database/)
  expect(await cellsOf(node)).toBe(before)
  await node.drop()
})
