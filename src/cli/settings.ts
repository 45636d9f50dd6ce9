// Every setting that there is: its name, its flag, what it means.

import { HTTP_SETTINGS, type HttpSettingName } from './http-settings.ts'

export interface Setting {
  readonly name: SettingName
  /** The global option that sets it, or null. */
  readonly flag: string | null
  /** Whether it may hold a secret (a password inside a URL): then it can also come from the file NAME_FILE. */
  readonly isSecret: boolean
  /** True where all of it is the secret, not only a password inside it. */
  readonly isWhollySecret?: true
  /** True where commands that need it read its file themselves: others may not be allowed to, and it may not be there yet. */
  readonly isFileReadLate?: true
  /** What stands behind the flag in `--help`; `<url>` unless set. */
  readonly flagValue?: string
  /** True where the flag names the file that holds the value. */
  readonly isFlagFile?: true
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
  | 'SCHEMA_REGISTRY_SSL_CA'
  | 'SPINDEXER_KEY'
  | 'SPINDEXER_DATA_SCHEMA'
  | 'SPINDEXER_DEBUG'
  | HttpSettingName

export const SETTINGS: readonly Setting[] = [
  {
    name: 'SPINDEXER_LOG',
    flag: '--log',
    isSecret: true,
    meaning: 'the log: kafka://host:port[,host:port]/topic or postgres://user:password@host:port/database',
    fallback: null,
  },
  {
    name: 'DATABASE_URL',
    flag: '--database',
    isSecret: true,
    meaning:
      "this node's Postgres: postgres://user:password@host:port/database; for TLS ?sslmode=verify-full&sslrootcert=ca.pem; or embedded: one of its own, under .spindexer",
    fallback: null,
  },
  {
    name: 'SCHEMA_REGISTRY_URL',
    flag: '--schema-registry',
    isSecret: true,
    meaning: 'a Confluent schema registry to frame messages for; not set: Avro single-object framing',
    fallback: null,
  },
  {
    name: 'KAFKA_SASL_MECHANISM',
    flag: null,
    isSecret: false,
    meaning: 'how Kafka is logged in to: plain, scram-sha-256 or scram-sha-512; not set: no login',
    fallback: null,
  },
  {
    name: 'KAFKA_SASL_USERNAME',
    flag: null,
    isSecret: true,
    meaning: 'the user that logs in to Kafka',
    fallback: null,
  },
  {
    name: 'KAFKA_SASL_PASSWORD',
    flag: null,
    isSecret: true,
    isWhollySecret: true,
    meaning: 'its password',
    fallback: null,
  },
  {
    name: 'KAFKA_SSL',
    flag: null,
    isSecret: false,
    meaning: 'true: TLS to Kafka, with the authorities that this system trusts',
    fallback: null,
  },
  {
    name: 'KAFKA_SSL_CA',
    flag: null,
    isSecret: false,
    meaning: 'a PEM file with the authority of the brokers; TLS to Kafka then',
    fallback: null,
  },
  {
    name: 'KAFKA_SSL_CERT',
    flag: null,
    isSecret: false,
    meaning: 'a PEM file with the client certificate for brokers that demand one; TLS to Kafka then',
    fallback: null,
  },
  {
    name: 'KAFKA_SSL_KEY',
    flag: null,
    isSecret: false,
    meaning: 'a PEM file with its key',
    fallback: null,
  },
  {
    name: 'SCHEMA_REGISTRY_SSL_CA',
    flag: null,
    isSecret: false,
    meaning:
      'a PEM file with the authority of a schema registry at https://; not set: those that this system trusts',
    fallback: null,
  },
  {
    name: 'SPINDEXER_KEY',
    flag: '--key',
    flagValue: '<file>',
    isFlagFile: true,
    isSecret: true,
    isWhollySecret: true,
    isFileReadLate: true,
    meaning: 'the private key that signs what is written: PEM, or 64 hex digits of an Ethereum key',
    fallback: null,
  },
  {
    name: 'SPINDEXER_DATA_SCHEMA',
    flag: null,
    isSecret: false,
    meaning: 'the Postgres schema that holds a view for each dataset',
    fallback: 'data',
  },
  {
    name: 'SPINDEXER_DEBUG',
    flag: null,
    isSecret: false,
    meaning: '1: errors come with their stack trace, and libraries may warn',
    fallback: null,
  },
  ...HTTP_SETTINGS,
]
