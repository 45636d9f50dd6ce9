// The section of the writers: KafkaJS's producer and ours, on a broker of their own.

import type { RunSection } from '../section.ts'
import { say } from '../section.ts'
import { showRate } from '../stats.ts'
import { measureWriter, WRITERS } from '../writer.ts'

export const runWriters: RunSection = async ({ figures }, flags) => {
  const { writerMessages: messages, rows, runs } = flags
  const results = await measureWriter({ messages, rows, partitions: 1, runs, onProgress: say })
  for (const { variant, ratioToKafkaJs } of results.cases) figures.set(`writer ${variant}`, ratioToKafkaJs)
  return {
    name: `Writers: ${messages} messages until all are acknowledged, acks=all`,
    columns: ['', 'messages a second', 'against KafkaJS', 'its CPU seconds a million'],
    rows: results.cases.map(({ variant, messagesPerSecond, ratioToKafkaJs, cpuSeconds }) => [
      WRITERS[variant],
      showRate(messagesPerSecond),
      ratioToKafkaJs.toFixed(2),
      Number.isNaN(cpuSeconds) ? '–' : ((cpuSeconds / messages) * 1e6).toFixed(2),
    ]),
    notes: [
      'KafkaJS sends 5,000 messages at a time, idempotent; the faster of its two is what the others are held against.',
    ],
    json: results,
  }
}
