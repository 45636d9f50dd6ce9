// By whom what is merged of some origins is signed.

import type { PoolClient } from 'pg'
import type { SignersByOrigin } from '../../../codec/dump.ts'
import type { Signer } from '../../../codec/signing/signer-key.ts'
import type { Origin } from '../../../crdt/stamp.ts'
import { plainArray } from '../../../postgres/arrays.ts'
import { compareSigners } from '../../signers.ts'
import { numberToOrigin, originToNumber } from '../author-groups.ts'

/** Those of `origins` of which something is known. */
export async function readSigners(client: PoolClient, origins: Iterable<Origin>): Promise<SignersByOrigin> {
  const { rows } = await client.query<[string, string | null]>({
    text: READ_SIGNERS,
    values: [plainArray(Array.from(origins, originToNumber))],
    rowMode: 'array',
  })
  const signersByOrigin = new Map<Origin, Signer[]>()
  for (const [number, signer] of rows) {
    const origin = numberToOrigin(BigInt(number))
    const signers = signersByOrigin.get(origin)
    if (signers === undefined) signersByOrigin.set(origin, [signer])
    else signers.push(signer)
  }
  for (const signers of signersByOrigin.values()) signers.sort(compareSigners)
  return signersByOrigin
}

/** False in an open log. */
export async function hasAuthors(client: PoolClient): Promise<boolean> {
  const { rowCount } = await client.query('select from spindexer.authors limit 1')
  return rowCount === 1
}

// One look into an index each, whatever the statistics say: a hash join would read a whole table for every page of rows.
const READ_SIGNERS = `
select a.origin::text, (select s.signer from spindexer.signers as s where s.id = a.signer_id)
from unnest($1::bigint[]) as asked (origin)
cross join lateral (
  select held.origin, held.signer_id from spindexer.authors as held where held.origin = asked.origin offset 0
) as a`
