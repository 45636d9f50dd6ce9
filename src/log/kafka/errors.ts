// What an error of Kafka means: to be tried again, or for people to mend.

import { securityFault } from './faults.ts'
import type { KafkaError } from './kafkajs.ts'

/** Errors of KafkaJS's own that say that a broker could not be reached just now. */
const UNREACHABLE: ReadonlySet<string> = new Set([
  'KafkaJSConnectionError',
  'KafkaJSConnectionClosedError',
  'KafkaJSRequestTimeoutError',
  'KafkaJSBrokerNotFound',
  'KafkaJSLockTimeout',
  'KafkaJSMetadataNotLoaded',
  'KafkaJSGroupCoordinatorNotFound',
  'KafkaJSNoBrokerAvailableError',
])

const UNREACHABLE_REMEDY = 'check that Kafka runs there and can be reached from here'
/** Brokers say nothing to who asks without a login, or shows no certificate: they close the connection. */
const CLOSED_REMEDY = `${UNREACHABLE_REMEDY}; where it always closes, look whether it asks for a login (KAFKA_SASL_MECHANISM) or a client certificate (KAFKA_SSL_CERT)`

const REMEDIES: ReadonlyMap<string, string> = new Map([
  [
    'TOPIC_AUTHORIZATION_FAILED',
    'grant this user Read and Describe on the topic, and Write to a writer (kafka-acls)',
  ],
  ['GROUP_AUTHORIZATION_FAILED', 'grant this user Read on groups that begin with "spindexer-" (kafka-acls)'],
  ['CLUSTER_AUTHORIZATION_FAILED', 'grant this user the operation on the cluster (kafka-acls)'],
  ['MESSAGE_TOO_LARGE', 'raise max.message.bytes of the topic to 1048588 or more (kafka-configs)'],
  ['RECORD_LIST_TOO_LARGE', 'raise segment.bytes of the topic (kafka-configs)'],
  ['UNKNOWN_TOPIC_OR_PARTITION', 'run `spindexer log create`'],
  [
    'LEADER_NOT_AVAILABLE',
    'bring back the brokers that have this partition: none of those that have all of it is there',
  ],
  [
    'GROUP_COORDINATOR_NOT_AVAILABLE',
    'bring back brokers: those that keep consumer groups (topic __consumer_offsets) are away',
  ],
  ['NOT_ENOUGH_REPLICAS', 'bring back brokers: fewer than min.insync.replicas have the topic'],
  ['NOT_ENOUGH_REPLICAS_AFTER_APPEND', 'bring back brokers: fewer than min.insync.replicas have the topic'],
])

/** True for what may pass by itself: a lost connection, a leader that moved, a broker that starts. */
export function isTransient(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const fault = securityFault(error)
  if (fault !== null) return fault.mayPass
  const { name, type, retriable, cause, message } = error as KafkaError
  if (type !== undefined && type !== '') return retriable === true
  // A broker whose connection was opened again without asking it for its versions first.
  if (UNREACHABLE.has(name) || message === 'Broker not connected') return true
  return cause !== undefined && cause !== error && isTransient(cause)
}

/** Kafka's own name of the error, such as `MESSAGE_TOO_LARGE`, or null. */
export function errorType(error: unknown): string | null {
  if (!(error instanceof Error)) return null
  const { type, errors, cause } = error as KafkaError
  return type ?? errors?.[0]?.type ?? (cause === undefined || cause === error ? null : errorType(cause))
}

/** The error with what was attempted, why it failed and what to do. */
export function explain(attempt: string, error: unknown): Error {
  const fault = securityFault(error)
  if (fault !== null) return new Error(`${attempt}: ${fault.what}; ${fault.remedy}`, { cause: error })
  const type = errorType(error)
  const away = hasName(error, 'KafkaJSConnectionClosedError') ? CLOSED_REMEDY : UNREACHABLE_REMEDY
  const unreachable = type === null && isTransient(error) ? away : undefined
  const remedy = REMEDIES.get(type ?? '') ?? unreachable
  const reason = error instanceof Error ? error.message : String(error)
  const kind = type === null ? '' : ` (${type})`
  return new Error(`${attempt}: ${reason}${kind}${remedy === undefined ? '' : `; ${remedy}`}`, {
    cause: error,
  })
}

function hasName(error: unknown, name: string): boolean {
  return error instanceof Error && (error.name === name || hasName(error.cause, name))
}
