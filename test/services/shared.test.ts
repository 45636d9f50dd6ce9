// The services that tests share, as any test asks for them.
import { Kafka, logLevel } from 'kafkajs'
import { Client } from 'pg'
import { describe, expect, test } from 'vitest'
import { createDatabase, kafka, registry, uniqueTopic } from '../support/services.ts'

describe('shared services', () => {
  test('Kafka takes a topic', async () => {
    const { brokers } = await kafka()
    const admin = new Kafka({ brokers, logLevel: logLevel.NOTHING }).admin()
    const topic = uniqueTopic('shared')
    await admin.connect()
    await admin.createTopics({ topics: [{ topic, numPartitions: 3 }], waitForLeaders: true })
    expect(await admin.fetchTopicOffsets(topic)).toHaveLength(3)
    await admin.deleteTopics({ topics: [topic] })
    await admin.disconnect()
  })

  test('the registry gives a schema an id', async () => {
    const { url } = await registry()
    const response = await fetch(`${url}/subjects/${uniqueTopic('shared')}-value/versions`, {
      method: 'POST',
      headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' },
      body: JSON.stringify({ schema: '"string"' }),
    })
    expect(await response.json()).toMatchObject({ id: expect.any(Number) })
  })

  test.each([15, 18] as const)('Postgres %i gives databases of their own', async (version) => {
    const one = await createDatabase(version)
    const two = await createDatabase(version, 'named')
    expect(one.url).not.toBe(two.url)
    const client = new Client({ connectionString: two.url })
    await client.connect()
    const { rows } = await client.query(
      `select current_setting('server_version_num')::int / 10000 as version,
        current_setting('fsync') as fsync, current_setting('lc_collate', true) as collate,
        pg_encoding_to_char(encoding) as encoding, datcollate
        from pg_database where datname = current_database()`,
    )
    expect(rows[0]).toMatchObject({ version, fsync: 'on', encoding: 'UTF8', datcollate: 'C' })
    await client.end()
    await one.drop()
    await two.drop()
  })
})
