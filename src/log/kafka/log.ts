// The log in Kafka, behind the port: KafkaJS for connections and most requests, reading and appending by hand.

import type { KeptLog } from '../log.ts'
import { createTroubles } from '../trouble.ts'
import { createAppender } from './appender.ts'
import { loadKafkaBookmark, saveKafkaBookmark } from './bookmarks.ts'
import { createClient, type KafkaClient, type KafkaConnection, withRetry } from './client.ts'
import { describeKafkaLog, kafkaLogName } from './describe.ts'
import { appendFirst } from './first.ts'
import { pickRecords } from './picker.ts'
import { readKafka } from './reader.ts'

export interface KafkaLogOptions {
  readonly connection: KafkaConnection
  /** The data's topic; the definitions are in `<topic>.definitions`. */
  readonly topic: string
  /** Words about lost connections and the like, a line each, for a log file. */
  readonly onLog: (line: string) => void
  /** Words for people, while reading or appending has been waiting for the cluster for some seconds. */
  readonly onTrouble?: (text: string) => void
}

/** `groupMembers` gives the client ids of a consumer group's members: the names that they read with. */
export type KafkaLog = KeptLog

/** How long a question is asked again while the cluster does not answer. */
const ASK_MS = 5_000
/** How long the first records of partitions, and bookmarks, are sent again while the cluster does not take them. */
const SEND_MS = 30_000

export function createKafkaLog(options: KafkaLogOptions): KafkaLog {
  const { connection, topic, onLog, onTrouble = () => {} } = options
  const createTrouble = createTroubles(onTrouble)
  const closing = new AbortController()
  const { signal } = closing
  const client = createClient({ connection, clientId: 'spindexer', onLog })
  const appender = createAppender({ client, topic, signal, onLog, trouble: createTrouble() })
  const name = kafkaLogName(topic, connection.brokers)
  const readers = new Set<Promise<void>>()
  const describedIds = new Map<string, string | null>()
  // Noted before the topic's content is looked at: what is made anew behind the look has another id when it is read.
  const noted: KafkaClient = {
    ...client,
    async layout(one) {
      const layout = await client.layout(one)
      if (layout !== null) describedIds.set(one, layout[0]?.topicId ?? null)
      return layout
    },
  }
  const isChecked = (one: string, id: string | null) =>
    id === null || !describedIds.has(one) || describedIds.get(one) === id
  const ask = <T>(attempt: string, question: () => Promise<T>): Promise<T> =>
    withRetry(attempt, { forMs: ASK_MS, signal }, question)

  return {
    describe: () => ask(`describing ${name}`, () => describeKafkaLog(noted, topic, connection.brokers)),
    async append(records, how) {
      if (how?.onlyFirst !== true) return appender.append(records)
      return withRetry(`appending to ${name}`, { forMs: SEND_MS, signal }, () =>
        appendFirst(client, topic, records),
      )
    },
    async *read(reading) {
      if (signal.aborted) throw new Error('the log is closed')
      const onStart = (ended: Promise<void>) => {
        readers.add(ended)
        ended.then(() => readers.delete(ended))
      }
      const either = AbortSignal.any([reading.signal, signal])
      yield* readKafka({
        ...reading,
        signal: either,
        connection,
        topic,
        isChecked,
        onLog,
        createTrouble,
        onStart,
      })
    },
    pick: (pointers) => ask(`reading ${name}`, () => pickRecords(client, topic, pointers)),
    groupMembers: (group) =>
      ask(`describing kafka group "${group}"`, async () => {
        await client.layout(topic)
        const coordinator = await client.coordinator(group)
        const { groups } = await coordinator.describeGroups({ groupIds: [group] })
        return (groups[0]?.members ?? []).map(({ clientId }) => clientId ?? '')
      }),
    loadBookmark: (bookmark) =>
      withRetry(`reading the offsets of kafka group "${bookmark}"`, { forMs: SEND_MS, signal }, () =>
        loadKafkaBookmark(client, topic, bookmark),
      ),
    saveBookmark: (bookmark, positions) =>
      withRetry(`committing offsets of kafka group "${bookmark}"`, { forMs: SEND_MS, signal }, () =>
        saveKafkaBookmark(client, topic, bookmark, positions),
      ),
    // A broker would stop a topic's writers by its access rights alone, which are its operators'.
    seal: async () => false,
    async close() {
      closing.abort()
      await Promise.all([...readers, client.close()])
    },
  }
}
