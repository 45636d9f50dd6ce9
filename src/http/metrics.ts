// GET /metrics: figures of the node and of its door, named after Prometheus's rules, in a registry of their own.

import type { FastifyInstance, FastifyRequest } from 'fastify'
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import { OPEN, type Standing } from '../codec/policy/standing.ts'
import { DEFINITIONS } from '../codec/record.ts'
import type { NodeNews } from './news.ts'
import type { Progress } from './progress.ts'
import type { Watermarks } from './watermarks.ts'

export interface MetricsOptions {
  /** Of the program. */
  readonly version: string
  readonly progress: Progress
  readonly watermarks: () => Promise<Watermarks>
}

export interface Metrics {
  readonly registry: Registry
  note(news: NodeNews): void
}

/** From a millisecond to the ten seconds after which a batch is worth a word. */
const COMMIT_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]

export function createMetrics({ version, progress, watermarks }: MetricsOptions): Metrics {
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry })
  const counter = (name: string, help: string) => new Counter({ name: `spindexer_${name}`, help, registers })
  const outcomes = {
    consumed: counter(
      'messages_consumed_total',
      'Mutations processed: merged, parked and quarantined ones together.',
    ),
    merged: counter('messages_merged_total', 'Mutations merged into the tables.'),
    parked: counter('messages_parked_total', 'Mutations set aside until a definition cures them.'),
    quarantined: counter('messages_quarantined_total', 'Mutations set aside for good.'),
  }
  const rejudged = counter('messages_rejudged_total', 'Parked mutations that were judged again.')
  const cured = counter(
    'messages_cured_total',
    'Parked mutations that were merged when they were judged again.',
  )
  const taken = counter('definitions_taken_total', 'Definitions taken.')
  const refused = counter('definitions_refused_total', 'Definitions refused.')
  const commitSeconds = new Histogram({
    name: 'spindexer_commit_duration_seconds',
    help: 'Time in which a batch was written, retries included; its count is the number of commits.',
    buckets: COMMIT_SECONDS,
    registers,
  })
  const committedAt = new Gauge({
    name: 'spindexer_last_commit_timestamp_seconds',
    help: 'When the last batch was committed, seconds since 1970; 0 before the first.',
    registers,
  })
  new Gauge({
    name: 'spindexer_build_info',
    help: 'Always 1; its labels say which program runs.',
    labelNames: ['version', 'node_version'],
    registers,
  }).set({ version, node_version: process.version }, 1)
  addProgressGauges(registers, progress, watermarks)
  const noteStanding = addPolicyGauges(registers)

  return {
    registry,
    note(news) {
      switch (news.type) {
        case 'committed':
          for (const name of ['consumed', 'merged', 'parked', 'quarantined'] as const)
            outcomes[name].inc(news[name])
          commitSeconds.observe(news.ms / 1_000)
          committedAt.setToCurrentTime()
          return
        case 'started':
          noteStanding(news.standing)
          return
        case 'defined':
          noteStanding(news.standing)
          taken.inc(news.taken)
          refused.inc(news.refused)
          return
        case 'rejudged':
          rejudged.inc(news.judged)
          cured.inc(news.merged)
          return
        default:
          return
      }
    },
  }
}

/** Of a guarded log: in an open one there is nothing to tell. */
function addPolicyGauges(registers: Registry[]): (standing: Standing) => void {
  let standing: Standing = OPEN
  new Gauge({
    name: 'spindexer_policy_version',
    help: 'Version of the policy that stands in the definitions that the node has taken, 0: the genesis; left out of an open log.',
    registers,
    collect() {
      setOrLeaveOut(this, standing.type === 'open' ? null : standing.version)
    },
  })
  new Gauge({
    name: 'spindexer_log_closed',
    help: '1 once an admin has closed the log, else 0; left out of an open log.',
    registers,
    collect() {
      setOrLeaveOut(this, standing.type === 'open' ? null : standing.isClosed ? 1 : 0)
    },
  })
  return (found) => {
    standing = found
  }
}

function setOrLeaveOut(gauge: Gauge, value: number | null): void {
  if (value === null) gauge.remove()
  else gauge.set(value)
}

function addProgressGauges(
  registers: Registry[],
  progress: Progress,
  watermarks: () => Promise<Watermarks>,
): void {
  const labelNames = ['partition']
  const labelOf = (partition: number) => ({
    partition: partition === DEFINITIONS ? 'definitions' : String(partition),
  })
  new Gauge({
    name: 'spindexer_partition_position',
    help: 'Offset below which this process has processed everything, of the partitions that it reads.',
    labelNames,
    registers,
    async collect() {
      const found = progress.partitions(await watermarks())
      this.reset()
      for (const { partition, position } of found) this.set(labelOf(partition), Number(position))
    },
  })
  new Gauge({
    name: 'spindexer_partition_lag_records',
    help: 'Records of the log behind the position; a partition whose end is not known is left out.',
    labelNames,
    registers,
    async collect() {
      const found = progress.partitions(await watermarks())
      this.reset()
      for (const { partition, lag } of found) if (lag !== null) this.set(labelOf(partition), Number(lag))
    },
  })
  new Gauge({
    name: 'spindexer_waiting',
    help: '1 while the node waits for the log or the database to answer, else 0.',
    registers,
    collect() {
      this.set(progress.isWaiting() ? 1 : 0)
    },
  })
  new Gauge({
    name: 'spindexer_ready',
    help: '1 when /readyz answers 200, else 0.',
    registers,
    async collect() {
      this.set(progress.judge(await watermarks()).type === 'ready' ? 1 : 0)
    },
  })
}

const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])
const REQUEST_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]

/** Counts every request, whatever its route; streams only while they last. */
export function addMetricsRoutes(app: FastifyInstance, { registry }: Metrics): void {
  const registers = [registry]
  const requests = new Counter({
    name: 'spindexer_http_requests_total',
    help: 'Requests answered, by the template of their route ("none": no such route), method and status.',
    labelNames: ['route', 'method', 'status'],
    registers,
  })
  const seconds = new Histogram({
    name: 'spindexer_http_request_duration_seconds',
    help: 'Time from the headers of a request to the end of its answer; streams not counted.',
    labelNames: ['route', 'method'],
    buckets: REQUEST_SECONDS,
    registers,
  })
  const streams = new Gauge({
    name: 'spindexer_http_streams',
    help: 'Clients that read a stream of events just now.',
    registers,
  })
  const isStream = (request: FastifyRequest): boolean => request.routeOptions.config.isStream === true
  app.addHook('preHandler', async (request, reply) => {
    if (!isStream(request)) return
    streams.inc()
    reply.raw.once('close', () => streams.dec())
  })
  app.addHook('onResponse', async (request, reply) => {
    const route = request.routeOptions.url ?? 'none'
    const method = METHODS.has(request.method) ? request.method : 'other'
    requests.inc({ route, method, status: String(reply.statusCode) })
    if (!isStream(request)) seconds.observe({ route, method }, reply.elapsedTime / 1_000)
  })
  app.get('/metrics', { schema: METRICS_SCHEMA }, async (_request, reply) => {
    return reply.type(registry.contentType).send(await registry.metrics())
  })
}

const METRICS_SCHEMA = {
  operationId: 'getMetrics',
  summary: 'Figures for Prometheus',
  tags: ['node'],
  response: {
    200: {
      description: 'In the text format of Prometheus, version 0.0.4',
      content: { 'text/plain': { schema: { type: 'string' } } },
    },
  },
} as const
