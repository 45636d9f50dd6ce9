// News of a node as tests bring them.

import { OPEN } from '../../src/codec/policy/standing.ts'
import type { NodeNews } from '../../src/http/news.ts'

export function startedNews(
  positions: readonly (readonly [number, bigint])[] = [],
  offset = 1n,
): Extract<NodeNews, { type: 'started' }> {
  const identity = { logId: 'a-log', copyId: 'a-copy', generation: 1 }
  return {
    type: 'started',
    identity,
    partitions: 2,
    offset,
    rejudgedTo: offset,
    positions: new Map(positions),
    standing: OPEN,
  }
}
