// Metrics follow Prometheus's rules for names (https://prometheus.io/docs/practices/naming/) and say what the node said.

import { describe, expect, it } from 'vitest'
import { initialStanding, OPEN } from '../../src/codec/policy/standing.ts'
import { addRoutes } from '../../src/http/routes.ts'
import { fillStore, memoryStore, portsOf } from './memory-node.ts'
import { startedNews } from './news.ts'
import { openTestDoor } from './support.ts'

async function openMetrics() {
  const store = memoryStore()
  await fillStore(store)
  const ports = portsOf(store)
  const { url } = await openTestDoor({ addRoutes: (app) => addRoutes(app, ports) })
  const read = async (): Promise<string> => (await fetch(`${url}/metrics`)).text()
  return { url, ports, read }
}

describe('metrics', () => {
  it('have names, types and words as Prometheus wants them', async () => {
    const { url, read } = await openMetrics()
    await fetch(`${url}/healthz`)
    const text = await read()
    const types = new Map([...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map((match) => [match[1]!, match[2]!]))
    const helps = new Map([...text.matchAll(/^# HELP (\S+) (.+)$/gm)].map((match) => [match[1]!, match[2]!]))
    const ours = [...types].filter(([name]) => name.startsWith('spindexer_'))
    expect(ours.length).toBeGreaterThan(15)
    for (const [name, type] of ours) {
      expect(name).toMatch(/^[a-z][a-z0-9_]*$/)
      expect(helps.get(name), name).toMatch(/^\S.{15,}\.$/)
      // Counters end in _total and nothing else does; units are base units.
      expect([name, name.endsWith('_total')]).toEqual([name, type === 'counter'])
      expect(name).not.toMatch(/_(ms|milliseconds|kb|mb|minutes|count|sum|bucket)(_|$)/)
      if (type === 'histogram') expect(name).toMatch(/_(seconds|bytes)$/)
    }
    expect(types.get('process_cpu_seconds_total')).toBe('counter')
    expect(text).toMatch(/^spindexer_build_info\{version="0\.0\.0",node_version="v\d+.*"\} 1$/m)
  })

  it('say which policy stands, and whether the log is closed; of an open log neither', async () => {
    const { ports, read } = await openMetrics()
    const figures = async () => (await read()).match(/^spindexer_(policy|log)_\w+ \d+$/gm)
    ports.metrics.note(startedNews())
    expect(await figures()).toEqual(null)
    const admin = `ed25519:${'0'.repeat(64)}`
    const genesis = initialStanding([admin])
    ports.metrics.note({ ...startedNews(), standing: genesis })
    expect(await figures()).toEqual(['spindexer_policy_version 0', 'spindexer_log_closed 0'])
    const standing = { ...genesis, version: 7, isClosed: true } as never
    ports.metrics.note({ type: 'defined', offset: 5n, taken: 0, refused: 0, standing })
    expect(await figures()).toEqual(['spindexer_policy_version 7', 'spindexer_log_closed 1'])
  })

  it('count what the node tells', async () => {
    const { ports, read } = await openMetrics()
    const positions = new Map([[3, 17n]])
    const note = (news: Parameters<typeof ports.metrics.note>[0]) => {
      ports.metrics.note(news)
      ports.progress.note(news)
    }
    note(startedNews([], 2n))
    note({ type: 'assigned', partitions: [3] })
    note({
      type: 'committed',
      consumed: 10,
      merged: 7,
      parked: 2,
      quarantined: 1,
      positions,
      offset: 1n,
      ms: 20,
    })
    note({
      type: 'committed',
      consumed: 1,
      merged: 1,
      parked: 0,
      quarantined: 0,
      positions,
      offset: 1n,
      ms: 3_000,
    })
    note({ type: 'defined', offset: 5n, taken: 3, refused: 1, standing: OPEN })
    note({ type: 'rejudged', judged: 2, merged: 1 })
    note({ type: 'waiting', what: 'do a thing', waitMs: 1_000 })
    const text = await read()
    for (const line of [
      'spindexer_messages_consumed_total 11',
      'spindexer_messages_merged_total 8',
      'spindexer_messages_parked_total 2',
      'spindexer_messages_quarantined_total 1',
      'spindexer_messages_rejudged_total 2',
      'spindexer_messages_cured_total 1',
      'spindexer_definitions_taken_total 3',
      'spindexer_definitions_refused_total 1',
      'spindexer_commit_duration_seconds_count 2',
      'spindexer_commit_duration_seconds_bucket{le="0.025"} 1',
      'spindexer_partition_position{partition="3"} 17',
      'spindexer_partition_position{partition="definitions"} 5',
      'spindexer_waiting 1',
      'spindexer_ready 1',
    ]) {
      expect(text.split('\n')).toContain(line)
    }
    expect(text).toMatch(/^spindexer_last_commit_timestamp_seconds 1\d{9}(\.\d+)?$/m)
  })

  it('count requests by the template of their route, never by what a client writes', async () => {
    const { url, read } = await openMetrics()
    for (const id of ['t1', 'never', 'x/y']) await fetch(`${url}/v1/datasets/tracks/rows/${id}`)
    for (let i = 0; i < 20; i++) await fetch(`${url}/random-${i}`)
    await fetch(`${url}/v1/datasets`, { method: 'DELETE' })
    const lines = (await read())
      .split('\n')
      .filter((line) => line.startsWith('spindexer_http_requests_total{'))
    expect(lines.sort()).toEqual([
      'spindexer_http_requests_total{route="/v1/datasets/:dataset/rows/:key",method="GET",status="200"} 1',
      'spindexer_http_requests_total{route="/v1/datasets/:dataset/rows/:key",method="GET",status="404"} 1',
      'spindexer_http_requests_total{route="none",method="DELETE",status="405"} 1',
      'spindexer_http_requests_total{route="none",method="GET",status="404"} 21',
    ])
  })
})
