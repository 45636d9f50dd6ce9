// The rejudging task: reads parked messages again from the log when a definition may have cured them, chunk by chunk.

import type { Catalogue } from '../codec/catalogue.ts'
import type { LogRecord, Pointer } from '../codec/record.ts'
import { createFold, foldMutation } from '../crdt/fold.ts'
import type { Rejudgement, SetAside } from '../store/store.ts'
import { type Context, type Outcome, STOPPED } from './context.ts'
import { setAside } from './window.ts'

/** Messages judged again in one transaction: a kill loses at most so much work, and none of the outcome. */
const CHUNK_MESSAGES = 5_000

/** Runs until the signal is aborted; wakes when a definition was taken, and at the start for what a crash left. */
export async function rejudgeParked(context: Context): Promise<Outcome> {
  const { store, signal } = context
  while (!signal.aborted) {
    const pointers = await context.retry('look for parked messages', () =>
      store.parkedToJudge(CHUNK_MESSAGES),
    )
    if (pointers.length === 0) {
      await context.wakeRejudge.wait(signal)
      continue
    }
    const outcome = await rejudgeChunk(context, pointers)
    if (outcome !== null) return outcome
  }
  return STOPPED
}

async function rejudgeChunk(context: Context, pointers: readonly Pointer[]): Promise<Outcome | null> {
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
  } else if (result.type === 'stale' && result.what === 'log') {
    return { type: 'restart', reason: 'another worker moved the log' }
  } else if (result.type === 'stale' && result.what === 'definitions' && context.catalogue === catalogue) {
    return { type: 'restart', reason: 'another worker moved the definitions' }
  }
  return null
}

function judgeAgain(context: Context, catalogue: Catalogue, records: readonly LogRecord[]): Rejudgement {
  const rows = createFold()
  const parked: SetAside[] = []
  for (const record of records) {
    const verdict = context.judge(record, catalogue)
    switch (verdict.type) {
      case 'merge':
        foldMutation(rows, verdict.mutation)
        break
      case 'parked':
        parked.push(setAside(record, verdict))
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
  }
}
