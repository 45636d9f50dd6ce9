// What the short way may take of a chunk: by what stands before each record and by what its signature proves.

import { type Right, type Rights, rightsOf } from '../codec/policy/rights.ts'
import type { Standing } from '../codec/policy/standing.ts'
import type { RecordCursor } from '../codec/record.ts'
import type { Proof } from '../codec/signing/proof.ts'
import type { Signer } from '../codec/signing/signer-key.ts'
import { NOT_SIGNED, type Proofs, proofAt } from '../proofs/proofs.ts'

/** The right of everybody to everything: in an open log nobody is asked. */
export type Freedom = 'free'

export interface Gate {
  readonly standing: Standing
  /** Whose message number `record` of the chunk is; only of a guarded log. */
  signerOf(record: number): Signer
  /** The right of who wrote the record at the cursor; null: it is for the judge. */
  rightOf(cursor: RecordCursor, record: number): Right | Freedom | null
  proofOf(record: number): Proof
  /** What holds behind the record that was looked at last. */
  pass(standing: Standing): void
}

/** For one chunk; `proofs` null: nothing of it is signed. */
export function createGate(before: Standing, proofs: Proofs | null): Gate {
  let standing = before
  /** Null where the judge has to look at everything. */
  let rights: Rights | null = null
  let rightsBySigner: (Right | undefined)[] = []
  let rightOfNobody: Right | null = null

  const enter = (next: Standing): void => {
    standing = next
    rights = next.type === 'guarded' && !next.isClosed ? rightsOf(next) : null
    rightsBySigner = []
    rightOfNobody = rights?.rightOf(null) ?? null
  }
  const codeOf = (record: number): number => (proofs === null ? NOT_SIGNED : proofs.codes[record]!)
  const rightOfSigned = (code: number): Right | null => {
    if (code < 0 || rights === null) return null
    let right = rightsBySigner[code]
    if (right === undefined) {
      right = rights.rightOf(proofs!.signers[code]!)
      rightsBySigner[code] = right
    }
    return right
  }

  enter(before)
  return {
    get standing() {
      return standing
    },
    signerOf(record) {
      const code = codeOf(record)
      return code >= 0 ? proofs!.signers[code]! : null
    },
    rightOf(cursor, record) {
      if (standing.type === 'open') return cursor.isPlain || cursor.isSigned ? 'free' : null
      if (cursor.isPlain) return rightOfNobody
      return cursor.isSigned ? rightOfSigned(codeOf(record)) : null
    },
    proofOf: (record) => proofAt(proofs, record),
    pass(next) {
      if (next !== standing) enter(next)
    },
  }
}
