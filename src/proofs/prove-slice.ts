// What a thread does with its slice: verifies the signature of each record in it.

import type { Prover } from '../codec/signing/prover.ts'
import { codesOf, createProofLists, type ProofLists } from './proofs.ts'
import { PLACES, type Slice } from './slices.ts'

/** Of the slice's records, in their order; their codes are left in its buffer. */
export function proveSlice(prover: Prover, slice: Slice): ProofLists {
  const bytes = Buffer.from(slice.buffer)
  const places = new Int32Array(slice.buffer, 0, slice.count * PLACES)
  // Each code is written over places that have been read already.
  const codes = codesOf(slice)
  const { signers, details, codeOfSigner, codeOfDetail } = createProofLists()
  for (let i = 0; i < slice.count; i++) {
    const at = i * PLACES
    const [start, end] = [places[at]!, places[at + 1]!]
    const found = prover.prove(bytes, start, end, bytes, places[at + 2]!, places[at + 3]!)
    codes[i] = found.signer === null ? codeOfDetail(found.detail) : codeOfSigner(found.signer)
  }
  return { signers, details }
}
