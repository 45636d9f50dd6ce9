// Every setting that there is: its name, its flag, what it means.

export interface Setting {
  readonly name: SettingName
  /** The global option that sets it, or null. */
  readonly flag: string | null
  /** Whether it may hold a secret: `part` (a password inside a URL) and `whole` can also come from NAME_FILE. */
  readonly secret: 'no' | 'part' | 'whole'
  readonly meaning: string
  readonly fallback: string | null
}

export type SettingName =
  | 'SPINDEXER_LOG'
  | 'DATABASE_URL'
  | 'SCHEMA_REGISTRY_URL'
  | 'KAFKA_SASL_MECHANISM'
  | 'KAFKA_SASL_USERNAME'
  | 'KAFKA_SASL_PASSWORD'
  | 'KAFKA_SSL'
  | 'KAFKA_SSL_CA'
  | 'KAFKA_SSL_CERT'
  | 'KAFKA_SSL_KEY'
  | 'SPINDEXER_DEBUG'

export const SETTINGS: readonly Setting[] = [
  {
    name: 'SPINDEXER_LOG',
    flag: '--log',
    secret: 'part',
    meaning: 'the log: kafka://host:port[,host:port]/topic',
    fallback: null,
  },
  {
    name: 'DATABASE_URL',
    flag: '--database',
    secret: 'part',
    meaning: "this node's Postgres: postgres://user:password@host:port/database",
    fallback: null,
  },
  {
    name: 'SCHEMA_REGISTRY_URL',
    flag: '--schema-registry',
    secret: 'part',
    meaning: 'set: messages are framed for this Confluent schema registry; not set: Avro single-object framing',
    fallback: null,
  },
  {
    name: 'KAFKA_SASL_MECHANISM',
    flag: null,
    secret: 'no',
    meaning: 'plain, scram-sha-256 or scram-sha-512, where the brokers ask for it',
    fallback: null,
  },
  {
    name: 'KAFKA_SASL_USERNAME',
    flag: null,
    secret: 'no',
    meaning: 'the user for SASL',
    fallback: null,
  },
  {
    name: 'KAFKA_SASL_PASSWORD',
    flag: null,
    secret: 'whole',
    meaning: 'the password for SASL',
    fallback: null,
  },
  {
    name: 'KAFKA_SSL',
    flag: null,
    secret: 'no',
    meaning: 'true: speak TLS with the brokers (implied by the next three)',
    fallback: null,
  },
  {
    name: 'KAFKA_SSL_CA',
    flag: null,
    secret: 'no',
    meaning: 'path of a PEM file with the authorities to trust instead of the usual ones',
    fallback: null,
  },
  {
    name: 'KAFKA_SSL_CERT',
    flag: null,
    secret: 'no',
    meaning: "path of a PEM file with this client's certificate",
    fallback: null,
  },
  {
    name: 'KAFKA_SSL_KEY',
    flag: null,
    secret: 'no',
    meaning: "path of a PEM file with this client's private key",
    fallback: null,
  },
  {
    name: 'SPINDEXER_DEBUG',
    flag: null,
    secret: 'no',
    meaning: '1: errors come with their stack trace, and warnings of libraries are shown',
    fallback: null,
  },
]
