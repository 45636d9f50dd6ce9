// Who has written under which origin within a window, each once: part of the state of guarded logs.

import type { Signer } from '../codec/signing/signer-key.ts'
import type { Mutation } from '../crdt/mutation.ts'
import { type Origin, stampWord } from '../crdt/stamp.ts'
import type { Authorship } from '../store/store.ts'

/** Origins as words of 32 bits, high and low. */
interface Author {
  readonly signer: Signer
  readonly origins: Set<Origin>
  latestHigh: number
  latestLow: number
}

export interface Authors {
  add(signer: Signer, originHigh: number, originLow: number): void
  addMutation(signer: Signer, mutation: Pick<Mutation, 'stamp'>): void
  /** An estimate of the memory that they hold. */
  bytes(): number
  toList(): readonly Authorship[]
}

// Measured, and a little more than that: a signer with one origin takes 420 bytes, each further origin 60.
const SIGNER_BYTES = 400
const ORIGIN_BYTES = 70

export function createAuthors(): Authors {
  const authors = new Map<Signer, Author>()
  let origins = 0
  // One writer sends many messages in a row.
  let latest: Author | null = null

  const find = (signer: Signer): Author => {
    const found = authors.get(signer)
    if (found !== undefined) return found
    const made = { signer, origins: new Set<Origin>(), latestHigh: -1, latestLow: -1 }
    authors.set(signer, made)
    return made
  }

  const add = (signer: Signer, originHigh: number, originLow: number): void => {
    if (latest === null || latest.signer !== signer) latest = find(signer)
    if (latest.latestLow === originLow && latest.latestHigh === originHigh) return
    latest.latestHigh = originHigh
    latest.latestLow = originLow
    const origin = (toHex(originHigh) + toHex(originLow)) as Origin
    if (latest.origins.has(origin)) return
    latest.origins.add(origin)
    origins++
  }

  return {
    add,
    addMutation: (signer, { stamp }) => add(signer, stampWord(stamp, 2), stampWord(stamp, 3)),
    bytes: () => authors.size * SIGNER_BYTES + origins * ORIGIN_BYTES,
    toList: () =>
      [...authors.values()].flatMap(({ signer, origins }) =>
        [...origins].map((origin) => ({ origin, signer })),
      ),
  }
}

function toHex(word: number): string {
  return word.toString(16).padStart(8, '0')
}
