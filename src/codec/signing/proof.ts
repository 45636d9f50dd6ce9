// What a message's signature proves, whatever the policy makes of it.

import type { LogRecord } from '../record.ts'
import { SIGNATURE_HEADER } from './header.ts'
import { createProver, type Prover } from './prover.ts'
import type { SignerKey } from './signer-key.ts'

export type Proof =
  /** There is no signature. */
  | { readonly type: 'unsigned' }
  | { readonly type: 'signed'; readonly signer: SignerKey }
  /** There is one that proves nothing. `detail` is for people. */
  | { readonly type: 'bad'; readonly detail: string }

/** What the signatures of these records prove for the log of this id, in their order. */
export type ProveAll = (logId: string, records: readonly LogRecord[]) => Promise<readonly Proof[]>

export const UNSIGNED: Proof = { type: 'unsigned' }

/** Verifies a record's signature at once, on this thread. For few records; nodes verify elsewhere (`src/proofs`). */
export function createRecordProver(logId: string): (record: LogRecord) => Proof {
  let prover: Prover | null = null
  return ({ value, headers }) => {
    const header = headers.find(({ name }) => name === SIGNATURE_HEADER)
    if (header === undefined) return UNSIGNED
    if (value === null) return { type: 'bad', detail: 'there is no value' }
    prover ??= createProver(logId)
    const bytes = Buffer.from(header.value.buffer, header.value.byteOffset, header.value.length)
    const found = prover.prove(value, 0, value.length, bytes, 0, bytes.length)
    return found.signer === null
      ? { type: 'bad', detail: found.detail }
      : { type: 'signed', signer: found.signer }
  }
}
