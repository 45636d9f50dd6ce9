// The log in Kafka against the contract.

import { createTopic, deleteRecords } from '../log/kafka-admin.ts'
import { kafka } from '../support/services.ts'
import { logContract } from './log.ts'

logContract({
  name: 'kafka',
  groupMs: 30_000,
  async create(partitions) {
    const { brokers } = await kafka()
    const { topic, open } = await createTopic(brokers, partitions, 'contract')
    return {
      log: open(),
      another: open,
      truncate: (partition, first) => deleteRecords(brokers, topic, partition, first),
    }
  },
})
