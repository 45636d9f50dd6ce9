// A thread that verifies: takes slices of records, answers with what their signatures prove.

import { parentPort } from 'node:worker_threads'
import { createProver, type Prover } from '../codec/signing/prover.ts'
import type { Proofs } from './proofs.ts'
import { proveSlice } from './prove-slice.ts'
import type { Slice } from './slices.ts'

export interface Request extends Slice {
  readonly id: number
  readonly logId: string
}

export interface Answer extends Proofs {
  readonly id: number
}

const port = parentPort!
let held: { readonly logId: string; readonly prover: Prover } | null = null

port.on('message', ({ id, logId, ...slice }: Request) => {
  if (held?.logId !== logId) held = { logId, prover: createProver(logId) }
  const answer: Answer = { id, ...proveSlice(held.prover, slice) }
  port.postMessage(answer, [answer.codes.buffer as ArrayBuffer])
})
