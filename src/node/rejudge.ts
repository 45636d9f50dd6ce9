// The rejudging task: reads parked messages again from the log when a definition may have cured them, chunk by chunk.

import type { Catalogue } from '../codec/catalogue.ts'
import type { LogRecord, Pointer } from '../codec/record.ts'
import { catalogueToShapes } from '../codec/shapes.ts'
import { claimedSigner, SIGNATURE_HEADER } from '../codec/signing/header.ts'
import type { Signer } from '../codec/signing/signer-key.ts'
import { createPackedFold } from '../crdt/packed/fold.ts'
import type { ParkedMessage, PendingMessage, Rejudgement } from '../store/store.ts'
import { createAuthors } from './authors.ts'
import { explainRejected } from './blame.ts'
import { type Context, type Outcome, STOPPED } from './context.ts'
import { pause } from './retry.ts'
import { parkedMessage } from './window.ts'

/** Of values judged again in one transaction, which are all in memory at once: of the greatest it is gigabytes else. */
const CHUNK_BYTES_MAX = 16 * 1024 * 1024

/**
 * Another worker judges the same messages, one chunk ahead: what this one reads and judges would be for nothing, and two
 * in step were slower than one (5,000 a second instead of 14,000). It looks again, should the other be gone.
 */
const STEP_ASIDE_MS = 1_000

/** Runs until the signal is aborted; wakes when a definition was taken, and at the start for what a crash left. */
export async function rejudgeParked(context: Context, messagesMax: number): Promise<Outcome> {
  const { store, signal } = context
  let after: PendingMessage | null = null
  while (!signal.aborted) {
    const from: PendingMessage | null = after
    const { offset } = context.catalogue
    const found = await context.retry('look for parked messages', () =>
      store.parkedToJudge(from, messagesMax),
    )
    if (found.length === 0) {
      // What came behind the last one has been judged; only a look from the start finds that nothing is left.
      if (after === null) {
        context.emit({ type: 'settled', offset })
        await context.wakeRejudge.wait(signal)
      }
      after = null
      continue
    }
    const chunk = cutToSize(found)
    const outcome = await rejudgeChunk(context, chunk)
    if (outcome === 'committed') after = chunk.at(-1)!
    else if (outcome === 'taken') await pause(STEP_ASIDE_MS, signal)
    else if (outcome !== 'again') return outcome
  }
  return STOPPED
}

/** The first messages whose values are not too many bytes together; one at least. */
function cutToSize(messages: readonly PendingMessage[]): readonly PendingMessage[] {
  let bytes = 0
  const end = messages.findIndex(({ size }) => {
    bytes += size
    return bytes > CHUNK_BYTES_MAX
  })
  return end < 0 ? messages : messages.slice(0, Math.max(1, end))
}

/** Nothing was written with `taken` (another worker was first) and `again` (the definitions have moved). */
async function rejudgeChunk(
  context: Context,
  pointers: readonly Pointer[],
): Promise<Outcome | 'committed' | 'taken' | 'again'> {
  const records = await context.retry('read parked messages', () => context.log.pick(pointers))
  const missing = pointers.findIndex((_, i) => records[i] === null)
  if (missing >= 0) {
    const { partition, offset } = pointers[missing]!
    return {
      type: 'refused',
      problems: [
        {
          what: `the log has no record at partition ${partition}, offset ${offset}, where a parked message was read`,
          remedy: 'find the log with all its records again; the node can then go on from where it is',
        },
      ],
    }
  }
  // The catalogue at this moment: should it move meanwhile, the store finds the rejudgement stale.
  const { catalogue } = context
  const rejudgement = judgeAgain(context, catalogue, records as LogRecord[])
  const result = await context.retry('write parked messages', () => context.store.rejudge(rejudgement))
  if (result.type === 'committed') {
    context.emit({
      type: 'rejudged',
      judged: records.length,
      merged: records.length - rejudgement.parked.length,
    })
    return 'committed'
  }
  if (result.type === 'rejected') return explainRejected(context, result, rejudgement.taken)
  if (result.type === 'stale' && result.what === 'log') {
    return { type: 'restart', reason: 'another worker moved the log' }
  }
  if (result.type === 'stale' && result.what === 'definitions' && context.catalogue === catalogue) {
    return { type: 'restart', reason: 'another worker moved the definitions' }
  }
  return result.type === 'stale' && result.what === 'parked' ? 'taken' : 'again'
}

function judgeAgain(context: Context, catalogue: Catalogue, records: readonly LogRecord[]): Rejudgement {
  const rows = createPackedFold(context.hashSeed)
  const shapes = catalogueToShapes(catalogue)
  const parked: ParkedMessage[] = []
  const authors = createAuthors()
  for (const record of records) {
    const verdict = context.openJudge(record, catalogue)
    switch (verdict.type) {
      case 'merge':
        rows.add(shapes.get(verdict.mutation.dataset)!, verdict.mutation)
        if (context.initialStanding.type === 'guarded')
          authors.addMutation(signerOf(record), verdict.mutation)
        break
      case 'parked':
        parked.push(parkedMessage(record, verdict))
        break
      default:
        // Quarantine is decided without the definitions, so a message that was parked once cannot come to it.
        throw new Error(
          `partition ${record.partition}, offset ${record.offset}: was parked, is now ${verdict.type}`,
        )
    }
  }
  return {
    identity: context.identity,
    catalogueOffset: catalogue.offset,
    taken: records.map(({ partition, offset }) => ({ partition, offset })),
    rows,
    parked,
    authors: authors.toList(),
  }
}

/** Whose message it is: the signature was verified before it was parked. */
function signerOf({ headers }: LogRecord): Signer {
  const header = headers.find(({ name }) => name === SIGNATURE_HEADER)
  if (header === undefined) return null
  const { buffer, byteOffset, length } = header.value
  return claimedSigner(Buffer.from(buffer, byteOffset, length))
}
