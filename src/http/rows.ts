// GET rows: one by its key, with its stamps if asked for, or pages of them in key order.

import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Dataset } from '../codec/catalogue.ts'
import { isVisible, NO_SIGNERS, signerOf, visibleRowJson } from '../codec/dump.ts'
import { rowExists } from '../crdt/merge.ts'
import { stampToIso } from '../crdt/stamp.ts'
import type { StoredRow } from '../store/store.ts'
import { requireDataset } from './datasets.ts'
import { keyToSegment, parseKeySegment } from './key-path.ts'
import { problem } from './problem.ts'
import { rowWithStampsJson } from './row-json.ts'
import { LIMIT_DEFAULT, PAGE_SCHEMA, ROW_SCHEMA } from './rows-schema.ts'
import type { WithSnapshot } from './snapshots.ts'

export interface RowsPorts {
  readonly withSnapshot: WithSnapshot
}

/** A page ends before its limit where its rows have more characters: a row may be of a hundred megabytes. */
const PAGE_CHARS = 4 * 1024 * 1024
const JSON_UTF8 = 'application/json; charset=utf-8'

interface RowQuery {
  readonly include?: 'stamps'
}

interface PageQuery {
  readonly limit?: number
  readonly after?: string
}

export function addRowsRoutes(app: FastifyInstance, { withSnapshot }: RowsPorts): void {
  const row = async (request: FastifyRequest): Promise<string> => {
    const withStamps = (request.query as RowQuery).include === 'stamps'
    return withSnapshot(async (reader) => {
      const dataset = requireDataset(await reader.catalogue(), datasetNameOf(request))
      const key = requireKey(dataset, lastSegment(request), { in: 'path', at: 'key' })
      let found: StoredRow | null = null
      const rows = reader.rows(dataset.name, { type: 'keys', keys: [key] }, { signers: withStamps })
      for await (const each of rows) found = each
      if (found === null || !isVisible(dataset, found)) throw missing(dataset, key, found, withStamps)
      return withStamps ? rowWithStampsJson(dataset, found) : `{"row":${visibleRowJson(dataset, found)}}`
    })
  }
  app.get('/v1/datasets/:dataset/rows/:key', { schema: ROW_SCHEMA }, async (request, reply) =>
    reply.type(JSON_UTF8).send(await row(request)),
  )
  app.get('/v1/datasets/:dataset/rows', { schema: PAGE_SCHEMA }, async (request, reply) => {
    const { limit = LIMIT_DEFAULT, after: afterText } = request.query as PageQuery
    const { rows, last, dataset } = await withSnapshot(async (reader) => {
      const dataset = requireDataset(await reader.catalogue(), datasetNameOf(request))
      const after =
        afterText === undefined
          ? null
          : requireKey(dataset, toSegment(dataset, afterText), { in: 'query', at: 'after' })
      const rows: string[] = []
      let chars = 0
      let last: readonly string[] | null = null
      for await (const found of reader.rows(dataset.name, { type: 'page', after, limit: limit + 1 })) {
        // The one row more that was asked for, or one too many: it says that there is a next page.
        if (rows.length === limit || chars > PAGE_CHARS) return { rows, last, dataset: dataset.name }
        const json = visibleRowJson(dataset, found)
        chars += json.length
        rows.push(json)
        last = found.key
      }
      return { rows, last: null, dataset: dataset.name }
    })
    const next =
      last === null
        ? null
        : `/v1/datasets/${encodeURIComponent(dataset)}/rows?limit=${limit}&after=${encodeURIComponent(afterOf(last))}`
    if (next !== null) reply.header('link', `<${next}>; rel="next"`)
    return reply.type(JSON_UTF8).send(`{"rows":[${rows.join(',')}],"next":${JSON.stringify(next)}}`)
  })
}

function datasetNameOf({ params }: FastifyRequest): string {
  return (params as { readonly dataset: string }).dataset
}

/** The key as it stands in the address: behind decoding, an encoded comma is a comma. */
function lastSegment({ url }: FastifyRequest): string {
  const path = url.split('?')[0]!
  return path.slice(path.lastIndexOf('/') + 1)
}

/** The text of a parameter is decoded once already; of a key of one column that was all. */
function toSegment(dataset: Dataset, text: string): string {
  return dataset.key.length === 1 ? encodeURIComponent(text.toWellFormed()) : text
}

function afterOf(key: readonly string[]): string {
  return key.length === 1 ? key[0]! : keyToSegment(key)
}

function requireKey(
  dataset: Dataset,
  segment: string,
  place: { readonly in: 'path' | 'query'; readonly at: string },
): readonly string[] {
  const parsed = parseKeySegment(dataset, segment)
  if (parsed.type === 'key') return parsed.key
  throw problem('invalid-parameter', `the key: ${parsed.detail}`, {
    where: [{ ...place, detail: parsed.detail }],
  })
}

/** Why a reader gets no row: there never was one, it was deleted, or it is hidden. */
function missing(dataset: Dataset, key: readonly string[], row: StoredRow | null, withStamps: boolean) {
  const place = `"${dataset.name}" on this node`
  if (row === null) {
    return problem('unknown-row', `no row of ${place} has this key, as far as it has read the log`)
  }
  if (rowExists(row)) {
    const empty = [...dataset.columns.values()].filter(
      ({ name, required }) => required && (row.cells.get(name)?.value ?? null) === null,
    )
    return problem(
      'hidden-row',
      `the row of ${place} is hidden while ${empty.map(({ name }) => `"${name}"`).join(', ')} is null: it is required; set it by an update`,
      { members: { columns: empty.map(({ name }) => name) } },
    )
  }
  if (row.dead !== null) {
    const members = withStamps
      ? {
          dead: row.dead,
          deadAt: stampToIso(row.dead),
          deadSigner: signerOf(row.signers ?? NO_SIGNERS, row.dead),
        }
      : {}
    return problem('deleted-row', `the row of ${place} was deleted`, { members })
  }
  return problem(
    'unknown-row',
    `of the row of ${place} only updates have come; it is there once an upsert comes`,
    { members: { key } },
  )
}
