// Verifying the signatures of what is copied: few at once, many on other threads.

import type { LogRecord } from '../../codec/record.ts'
import { createRecordProver, type Proof } from '../../codec/signing/proof.ts'
import { createProofPool, type ProofPool } from '../../proofs/pool.ts'
import { proofAt } from '../../proofs/proofs.ts'
import { listRecords } from '../records.ts'

export interface Prover {
  /** What the signatures of records prove, in their order. */
  prove(records: readonly LogRecord[]): Promise<readonly Proof[]>
  /** Ends the threads, where there are any. */
  close(): Promise<void>
}

/** For fewer no thread is started. */
const POOL_RECORDS_MIN = 200

export function createRecordsProver(logId: string): Prover {
  const proveOne = createRecordProver(logId)
  let pool: ProofPool | null = null
  return {
    async prove(records) {
      if (pool === null && records.length < POOL_RECORDS_MIN) return records.map(proveOne)
      pool ??= createProofPool()
      const made = await pool.prove(logId, listRecords(records)).proofs
      return records.map((_, i) => proofAt(made, i))
    },
    close: async () => pool?.close(),
  }
}
