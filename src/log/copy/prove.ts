// Verifying the signatures of what is copied.

import { setImmediate } from 'node:timers/promises'
import type { LogRecord } from '../../codec/record.ts'
import { createRecordProver, type Proof } from '../../codec/signing/proof.ts'

/** What the signatures of records prove, in their order. */
export type ProveRecords = (records: readonly LogRecord[]) => Promise<readonly Proof[]>

/** So many are verified before others get a turn: some ten milliseconds. */
const TURN = 100

export function createRecordsProver(logId: string): ProveRecords {
  const prove = createRecordProver(logId)
  return async (records) => {
    const proofs: Proof[] = []
    for (const record of records) {
      if (proofs.length % TURN === TURN - 1) await setImmediate()
      proofs.push(prove(record))
    }
    return proofs
  }
}
