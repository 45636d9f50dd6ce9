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
  /** What stands behind the flag in `--help`; `<url>` unless set. */
  readonly flagValue?: string
  readonly meaning: string
  readonly fallback: string | null
}

export type SettingName =
  | 'SPINDEXER_LOG'
  | 'DATABASE_URL'
  | 'SCHEMA_REGISTRY_URL'
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
    meaning: "this node's Postgres: postgres://user:password@host:port/database",
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
