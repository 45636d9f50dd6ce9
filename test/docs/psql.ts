// What the README's snippets need of psql, so that their test needs none: `psql URL -c QUERY`, a line for each row.

import pg from 'pg'

const [connectionString, flag, query] = process.argv.slice(2)
if (flag !== '-c' || query === undefined) throw new Error('usage: psql URL -c QUERY')
const client = new pg.Client({ connectionString })
await client.connect()
const { rows } = await client.query({ text: query, rowMode: 'array' })
for (const row of rows) console.log(` ${row.join(' | ')}`)
await client.end()
