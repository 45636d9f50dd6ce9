// The limit to measure against: threads that do nothing but verify Ed25519 signatures of a root's text, one key, node:crypto.

import { generateKeyPairSync, sign, verify } from 'node:crypto'
import { once } from 'node:events'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { signedText } from '../src/codec/signing/signed-text.ts'

const LOG_ID = '00112233-4455-6677-8899-aabbccddeeff'
const WARM_UP_MS = 500

interface Counted {
  readonly count: number
  readonly ms: number
}

/** Verifies for so long, and tells how many that were. */
function verifyFor(durationMs: number): Counted {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const text = signedText(LOG_ID, 1, 'x'.repeat(32))
  const signature = sign(null, text, privateKey)
  const run = (ms: number): Counted => {
    const began = performance.now()
    let count = 0
    for (; performance.now() - began < ms; count++) {
      if (!verify(null, text, publicKey, signature)) throw new Error('a signature is not right')
    }
    return { count, ms: performance.now() - began }
  }
  run(WARM_UP_MS)
  return run(durationMs)
}

if (isMainThread) {
  const [threads, ms] = process.argv.slice(2).map(Number)
  const workers = Array.from({ length: threads! }, () => new Worker(import.meta.filename, { workerData: ms }))
  const counted = await Promise.all(
    workers.map(async (worker) => (await once(worker, 'message'))[0] as Counted),
  )
  const perSecond = counted.reduce((sum, { count, ms }) => sum + (1_000 * count) / ms, 0)
  console.log(JSON.stringify({ perSecond }))
} else {
  parentPort!.postMessage(verifyFor(workerData as number))
}
