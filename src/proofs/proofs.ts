// What the signatures of a chunk of records prove, without an object for each: numbers, and a short list of signers.

import { type Proof, UNSIGNED } from '../codec/signing/proof.ts'
import type { SignerKey } from '../codec/signing/signer-key.ts'

/** The code of a record without a signature. */
export const NOT_SIGNED = -1
/** The greatest code of a record whose signature proves nothing. */
export const BAD = -2

export interface Proofs extends ProofLists {
  /** By record, in order: its signer's place in `signers`; NOT_SIGNED; or BAD - i, where `details[i]` says what is bad. */
  readonly codes: Int32Array
}

export interface ProofLists {
  readonly signers: readonly SignerKey[]
  /** For people; each of them once. */
  readonly details: readonly string[]
}

/** The proof of one record of the chunk, as an object. `null` are the proofs of a chunk without signatures. */
export function proofAt(proofs: Proofs | null, record: number): Proof {
  const code = proofs === null ? NOT_SIGNED : proofs.codes[record]!
  if (code === NOT_SIGNED) return UNSIGNED
  return code >= 0
    ? { type: 'signed', signer: proofs!.signers[code]! }
    : { type: 'bad', detail: proofs!.details[BAD - code]! }
}

/** The lists while they are made. */
export function createProofLists() {
  const signers: SignerKey[] = []
  const details: string[] = []
  const placeOfDetail = createList(details)
  return {
    signers,
    details,
    codeOfSigner: createList(signers),
    codeOfDetail: (detail: string): number => BAD - placeOfDetail(detail),
  }
}

/** Proofs while they are put together, from parts that know their own signers and details only. */
export interface ProofsInMaking extends Proofs {
  signed(record: number, signer: SignerKey): void
  bad(record: number, detail: string): void
  /** `records` says which ones of these the codes of `part` are of. */
  take(records: Int32Array, part: Proofs): void
}

export function createProofs(count: number): ProofsInMaking {
  const codes = new Int32Array(count).fill(NOT_SIGNED)
  const { signers, details, codeOfSigner, codeOfDetail } = createProofLists()
  return {
    codes,
    signers,
    details,
    signed(record, signer) {
      codes[record] = codeOfSigner(signer)
    },
    bad(record, detail) {
      codes[record] = codeOfDetail(detail)
    },
    take(records, part) {
      const codesOfSigners = part.signers.map(codeOfSigner)
      const codesOfDetails = part.details.map(codeOfDetail)
      for (let i = 0; i < records.length; i++) {
        const code = part.codes[i]!
        codes[records[i]!] = code >= 0 ? codesOfSigners[code]! : codesOfDetails[BAD - code]!
      }
    },
  }
}

/** The codes that a thread has left in a slice: see slices.ts. */
export function codesOf({
  buffer,
  count,
}: {
  readonly buffer: SharedArrayBuffer
  readonly count: number
}): Int32Array {
  return new Int32Array(buffer, 0, count)
}

/** The place of a text in a list that has each once. */
function createList(texts: string[]): (text: string) => number {
  const places = new Map<string, number>()
  return (text) => {
    const known = places.get(text)
    if (known !== undefined) return known
    places.set(text, texts.length)
    return texts.push(text) - 1
  }
}
