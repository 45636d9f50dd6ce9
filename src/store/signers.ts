// Whose signatures the origins of a row carry, for the readers of all stores.

import type { SignersByOrigin } from '../codec/dump.ts'
import type { Signer } from '../codec/signing/signer-key.ts'
import type { FoldedRow } from '../crdt/fold.ts'
import { type Origin, type Stamp, stampToOrigin } from '../crdt/stamp.ts'
import { compareText } from '../crdt/value.ts'

/** Of all stamps of a row, each once. */
export function originsOf(row: FoldedRow): ReadonlySet<Origin> {
  const origins = new Set<Origin>()
  const take = (stamp: Stamp | null): void => {
    if (stamp !== null) origins.add(stampToOrigin(stamp))
  }
  take(row.alive)
  take(row.dead)
  row.cells.forEach((_, stamp) => {
    take(stamp)
  })
  return origins
}

/** What is known of a row's origins; those of which nothing is are left out. */
export function signersOf(row: FoldedRow, known: SignersByOrigin): SignersByOrigin {
  const signers = new Map<Origin, readonly Signer[]>()
  if (known.size === 0) return signers
  for (const origin of originsOf(row)) {
    const held = known.get(origin)
    if (held !== undefined) signers.set(origin, held)
  }
  return signers
}

/** Nobody first, then in order of UTF-8 bytes. */
export function compareSigners(a: Signer, b: Signer): number {
  return compareText(a ?? '', b ?? '')
}
