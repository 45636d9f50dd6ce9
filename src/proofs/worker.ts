// A thread that verifies: takes slices of records, answers with what their signatures prove.

import { parentPort } from 'node:worker_threads'
import { createProver, type Prover } from '../codec/signing/prover.ts'
import type { ProofLists } from './proofs.ts'
import { proveSlice } from './prove-slice.ts'
import type { Slice } from './slices.ts'

export interface Request extends Slice {
  readonly id: number
  readonly logId: string
}

/** The codes are in the slice now. */
export interface Answer extends ProofLists {
  readonly id: number
}

const port = parentPort!
let held: { readonly logId: string; readonly prover: Prover } | null = null

port.on('message', ({ id, logId, buffer, count }: Request) => {
  if (held?.logId !== logId) held = { logId, prover: createProver(logId) }
  const lists = proveSlice(held.prover, { buffer, count })
  const answer: Answer = { id, ...lists }
  port.postMessage(answer)
})
