// The settings of the HTTP door: where it is, who may use it, what it bears.

import { ALLOWED_HOSTS_SETTING } from '../http/host.ts'
import { LIMIT_SETTINGS, LIMITS, type Limits } from '../http/limits.ts'
import type { Setting } from './settings.ts'

export type HttpSettingName =
  | 'SPINDEXER_HTTP'
  | 'SPINDEXER_HTTP_TLS_CERT'
  | 'SPINDEXER_HTTP_TLS_KEY'
  | 'SPINDEXER_HTTP_READ_TOKEN'
  | 'SPINDEXER_HTTP_WRITE_TOKEN'
  | 'SPINDEXER_HTTP_STALL_SECONDS'
  | typeof ALLOWED_HOSTS_SETTING
  | (typeof LIMIT_SETTINGS)[keyof Limits]

export const HTTP_DEFAULT = '127.0.0.1:4747'

const LIMIT_MEANINGS: Readonly<Record<keyof Limits, string>> = {
  bodyBytes: 'HTTP: the most bytes of a JSON body (JSON lines may be of any length)',
  headerBytes: "HTTP: the most bytes of a request's line and headers",
  receiveMs: 'HTTP: seconds until all headers of a request are there, and again until all of a JSON body is',
  idleMs: 'HTTP: seconds in which nothing comes of a body of JSON lines, or nothing is taken of an answer',
  appendMs: 'HTTP: seconds that a request waits for the log to take its mutations',
  requestsPerSecond: 'HTTP: requests a second from one address',
  requestsMax: 'HTTP: requests at the same time, streams not counted',
  streamsMax: 'HTTP: streams at the same time: of events, and of JSON lines',
}

export const HTTP_SETTINGS: readonly Setting[] = [
  {
    name: 'SPINDEXER_HTTP',
    flag: '--http',
    flagValue: '<address>',
    isSecret: false,
    meaning: 'where `run` serves HTTP: host:port, a port of this machine alone, or off',
    fallback: HTTP_DEFAULT,
  },
  plain('SPINDEXER_HTTP_TLS_CERT', 'a PEM file with the certificate (and its chain) for HTTPS'),
  plain('SPINDEXER_HTTP_TLS_KEY', 'a PEM file with the key of that certificate'),
  token(
    'SPINDEXER_HTTP_READ_TOKEN',
    'bearer tokens for reading over HTTP, separated by commas; not set: none is needed',
  ),
  token(
    'SPINDEXER_HTTP_WRITE_TOKEN',
    'bearer tokens for writing and reading over HTTP, separated by commas; not set: as for reading',
  ),
  plain(
    ALLOWED_HOSTS_SETTING,
    'host names, separated by commas, that a door for this machine alone answers to as well',
  ),
  ...(Object.keys(LIMITS) as (keyof Limits)[]).map((name) =>
    plain(LIMIT_SETTINGS[name], LIMIT_MEANINGS[name], String(toUnit(name, LIMITS[name]))),
  ),
  plain(
    'SPINDEXER_HTTP_STALL_SECONDS',
    'HTTP: seconds behind the log without a commit after which /readyz says no',
    '60',
  ),
]

/** Times are set in seconds. */
function toUnit(name: keyof Limits, value: number): number {
  return name.endsWith('Ms') ? value / 1_000 : value
}

function plain(name: HttpSettingName, meaning: string, fallback: string | null = null): Setting {
  return { name, flag: null, isSecret: false, meaning, fallback }
}

function token(name: HttpSettingName, meaning: string): Setting {
  return { name, flag: null, isSecret: true, isWhollySecret: true, meaning, fallback: null }
}
