// What the HTTP door bears: each limit, its default, and the setting that moves it, which every refusal names.

export interface Limits {
  /** Bytes of a JSON body. JSON lines have no such limit. */
  readonly bodyBytes: number
  /** Bytes of a request's line and headers. */
  readonly headerBytes: number
  /** Milliseconds until all headers of a request are there, and again until all of a JSON body is. */
  readonly receiveMs: number
  /** Milliseconds in which nothing comes in a body of JSON lines, or nothing is taken of a stream of events. */
  readonly idleMs: number
  /** Milliseconds that a request waits for the log to take its mutations. */
  readonly appendMs: number
  /** Requests a second of one client (address). */
  readonly requestsPerSecond: number
  /** Requests at the same time, streams not counted. */
  readonly requestsMax: number
  /** Streams at the same time. */
  readonly streamsMax: number
}

export const LIMITS: Limits = {
  bodyBytes: 16 * 1024 * 1024,
  headerBytes: 16 * 1024,
  receiveMs: 30_000,
  idleMs: 60_000,
  appendMs: 30_000,
  requestsPerSecond: 5_000,
  requestsMax: 128,
  streamsMax: 64,
}

/** The setting behind each limit, for messages and for the command line. Times are set in seconds. */
export const LIMIT_SETTINGS = {
  bodyBytes: 'SPINDEXER_HTTP_BODY_BYTES',
  headerBytes: 'SPINDEXER_HTTP_HEADER_BYTES',
  receiveMs: 'SPINDEXER_HTTP_RECEIVE_SECONDS',
  idleMs: 'SPINDEXER_HTTP_IDLE_SECONDS',
  appendMs: 'SPINDEXER_HTTP_APPEND_SECONDS',
  requestsPerSecond: 'SPINDEXER_HTTP_REQUESTS_PER_SECOND',
  requestsMax: 'SPINDEXER_HTTP_REQUESTS_MAX',
  streamsMax: 'SPINDEXER_HTTP_STREAMS_MAX',
} as const satisfies Readonly<Record<keyof Limits, string>>
