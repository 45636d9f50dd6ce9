// `kafka://host:port[,host:port]/topic`: where a log is.

export interface KafkaAddress {
  /** `host:port` each. */
  readonly brokers: readonly string[]
  readonly topic: string
}

export type ParsedKafkaUrl =
  | { readonly type: 'ok'; readonly address: KafkaAddress }
  | { readonly type: 'refused'; readonly what: string; readonly remedy: string }

const FORM = 'write kafka://host:port[,host:port]/topic, such as kafka://127.0.0.1:9092/spindexer'
const HOST_AND_PORT = /^([^:@/?#\s]+):(\d{1,5})$/
/** Kafka allows 249 characters; the definitions' topic is named like the data's, with something behind. */
const TOPIC = /^[A-Za-z0-9._-]{1,237}$/

/** Reads a log's URL. Refusals say what is wrong with it. */
export function parseKafkaUrl(text: string): ParsedKafkaUrl {
  const rest = /^kafka:\/\/(.*)$/s.exec(text)?.[1]
  if (rest === undefined) {
    return refuse(
      'it begins with neither kafka:// nor postgres://',
      `${FORM}, or postgres://user:password@host:port/database`,
    )
  }
  if (rest.includes('@')) {
    return refuse(
      'user and password do not belong into it',
      'set KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD',
    )
  }
  const slash = rest.indexOf('/')
  const [hosts, topic] = slash < 0 ? [rest, ''] : [rest.slice(0, slash), rest.slice(slash + 1)]
  const brokers = hosts.split(',')
  for (const broker of brokers) {
    const port = Number(HOST_AND_PORT.exec(broker)?.[2] ?? 0)
    if (port < 1 || port > 65_535) return refuse(`"${broker}" is not host:port`)
  }
  if (topic === '') return refuse('it names no topic')
  if (!TOPIC.test(topic) || topic === '.' || topic === '..') {
    return refuse(`"${topic}" cannot be a topic: letters, digits, ".", "_" and "-", at most 237`)
  }
  return { type: 'ok', address: { brokers, topic } }
}

function refuse(reason: string, remedy: string = FORM): ParsedKafkaUrl {
  return { type: 'refused', what: `the log's URL is wrong: ${reason}`, remedy }
}
