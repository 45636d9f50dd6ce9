// Signatures verified on this thread, some at a time.

import { setImmediate as turn } from 'node:timers/promises'
import { createRecordProver, type Proof } from '../../codec/signing/proof.ts'
import type { Prove } from './judge.ts'

/** Others get their turn after so many: a few milliseconds. */
const TURN_RECORDS = 20

export function createProve(): Prove {
  let held: { readonly logId: string; readonly prove: ReturnType<typeof createRecordProver> } | null = null
  return async (logId, records) => {
    if (held?.logId !== logId) held = { logId, prove: createRecordProver(logId) }
    const { prove } = held
    const proofs: Proof[] = []
    for (const record of records) {
      proofs.push(prove(record))
      if (proofs.length % TURN_RECORDS === 0) await turn()
    }
    return proofs
  }
}
