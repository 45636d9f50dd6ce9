// Signatures of posted records, verified by the node's threads.

import type { ProveAll } from '../../codec/signing/proof.ts'
import { listRecords } from '../../log/records.ts'
import type { ProofPool } from '../../proofs/pool.ts'
import { proofAt } from '../../proofs/proofs.ts'

export function createProve(pool: Pick<ProofPool, 'prove'>): ProveAll {
  return async (logId, records) => {
    const proofs = await pool.prove(logId, listRecords(records)).proofs
    return records.map((_, i) => proofAt(proofs, i))
  }
}
