// Bytes on disk of a table with its indexes, ours and the peer's.

import type { ClientBase } from 'pg'

/** The tables that the view of a dataset reads, whatever they are named, without the node's bookkeeping. */
export async function oursBytes(client: ClientBase, dataset: string): Promise<number> {
  const { rows } = await client.query(
    `select sum(pg_total_relation_size(refobjid))::float8 as bytes from (
       select distinct d.refobjid from pg_depend as d join pg_rewrite as r on r.oid = d.objid
       where d.classid = 'pg_rewrite'::regclass and d.refclassid = 'pg_class'::regclass
         and r.ev_class = $1::regclass and d.refobjid <> r.ev_class) as read_by_view`,
    [`data."${dataset}"`],
  )
  return rows[0].bytes
}

export async function peerBytes(client: ClientBase, table: string): Promise<number> {
  return totalBytes(client, `public."${table}"`)
}

export async function totalBytes(client: ClientBase, relation: string): Promise<number> {
  const { rows } = await client.query('select pg_total_relation_size($1::regclass)::float8 as bytes', [
    relation,
  ])
  return rows[0].bytes
}
