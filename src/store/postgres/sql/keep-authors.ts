// Keeps who has signed what is merged, all workers in one order, so that two never wait for each other in a circle.

import { plainArray, textArray } from '../../../postgres/arrays.ts'
import type { Bundle, Statement } from '../../../postgres/exchange.ts'
import type { Authorship } from '../../store.ts'
import { type AuthorGroup, chunksOf, groupAuthors } from '../author-groups.ts'

/** A statement's bound: so many that what it costs is what its rows cost. */
const STATEMENT_AUTHORS_MAX = 8_192

/**
 * All signers first, in their order, then all authors by signer and origin. Whoever waits for a row of another worker
 * has written none yet that stands behind it, wherever the statements end.
 */
export async function keepAuthors(bundle: Bundle, authors: readonly Authorship[]): Promise<void> {
  const groups = groupAuthors(authors)
  const signers = groups.map(({ signer }) => signer).filter((signer) => signer !== null)
  for (let at = 0; at < signers.length; at += STATEMENT_AUTHORS_MAX) {
    const some = signers.slice(at, at + STATEMENT_AUTHORS_MAX)
    await bundle.add({ text: KEEP_SIGNERS, values: [textArray(some)] })
  }
  for (const chunk of chunksOf(groups, STATEMENT_AUTHORS_MAX)) await bundle.add(statementOf(chunk))
}

function statementOf(chunk: readonly AuthorGroup[]): Statement {
  let end = 0
  const lasts = chunk.map(({ origins }) => {
    end += origins.length
    return end
  })
  const values = [
    textArray(chunk.map(({ signer }) => signer)),
    plainArray(chunk.map(({ origins }, i) => lasts[i]! - origins.length + 1)),
    plainArray(lasts),
    plainArray(chunk.flatMap(({ origins }) => [...origins])),
  ]
  return { text: KEEP_AUTHORS, values }
}

// Asked first, because a number is used up by each row that is not inserted, too.
const KEEP_SIGNERS = `
insert into spindexer.signers (signer)
select k.signer from unnest($1::text[]) as k (signer)
where not exists (select from spindexer.signers as s where s.signer = k.signer)
order by k.signer collate "C"
on conflict (signer) do nothing`

// The parameters are an array of origins, and for each signer in order which part of it is theirs.
const KEEP_AUTHORS = `
insert into spindexer.authors (origin, signer_id)
select o.origin, case when g.signer is null then 0 else s.id end
from unnest($1::text[], $2::int[], $3::int[]) as g (signer, first, last)
left join spindexer.signers as s on s.signer = g.signer
cross join lateral unnest(($4::bigint[])[g.first:g.last]) as o (origin)
order by g.first, o.origin
on conflict do nothing`
