// What a thread does with its slice: verifies the signature of each record in it.

import type { Prover } from '../codec/signing/prover.ts'
import { createProofs, type Proofs } from './proofs.ts'
import { PLACES, type Slice } from './slices.ts'

/** Of the slice's records, in their order. */
export function proveSlice(prover: Prover, { bytes, places }: Slice): Proofs {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  const { codes, signers, details, signed, bad } = createProofs(places.length / PLACES)
  for (let i = 0; i < codes.length; i++) {
    const at = i * PLACES
    const [start, end] = [places[at]!, places[at + 1]!]
    const found = prover.prove(buffer, start, end, buffer, places[at + 2]!, places[at + 3]!)
    if (found.signer === null) bad(i, found.detail)
    else signed(i, found.signer)
  }
  return { codes, signers, details }
}
