// The definitions task: reads the definitions in the order of their offsets and takes them, tables and all.

import { judgeDefinitions } from '../codec/definitions.ts'
import type { Standing } from '../codec/policy/standing.ts'
import type { LogRecord } from '../codec/record.ts'
import type { Proof } from '../codec/signing/proof.ts'
import { proofAt } from '../proofs/proofs.ts'
import type { DefinitionStep } from '../store/store.ts'
import { explainLost } from './apply.ts'
import { type Context, type Outcome, STOPPED } from './context.ts'
import { unlessAborted } from './prove-ahead.ts'
import { pause, waitOf } from './retry.ts'
import { type Chunk, toLastRecord } from './window.ts'

/**
 * Runs until the signal is aborted or the state was moved by somebody else. `onCurrent` is called once the definitions
 * of the start have been taken, or when they have to wait for a reader: mutations need not wait any longer then.
 */
export async function takeDefinitions(context: Context, onCurrent: () => void): Promise<Outcome> {
  const start = context.catalogue.offset
  const events = context.log.read({
    scope: { type: 'definitions' },
    signal: context.signal,
    positions: async (partitions) => new Map(partitions.map((partition) => [partition, start])),
  })
  for await (const event of events) {
    switch (event.type) {
      case 'chunk': {
        const outcome = event.next > event.from ? await takeChunk(context, event, onCurrent) : null
        if (outcome !== null) return outcome
        if (event.next === event.end) onCurrent()
        break
      }
      case 'lost':
        return explainLost(context, event.partition, event.position)
      case 'assigned':
      case 'reconnected':
        break
    }
  }
  return STOPPED
}

/**
 * Definitions taken in one transaction. A new dataset takes eight locks of the server, which by default has room for
 * 6,400; and what was taken is there, however long the next one has to wait for a reader.
 */
const STEP_RECORDS = 50

/** Null: the chunk is taken, or the signal was aborted. */
async function takeChunk(context: Context, chunk: Chunk, onBusy: () => void): Promise<Outcome | null> {
  const records = [...chunk.records]
  const prove = await proveChunk(context, chunk, records)
  if (prove === null) return null
  let from = chunk.from
  for (let at = 0; at === 0 || at < records.length; at += STEP_RECORDS) {
    const some = records.slice(at, at + STEP_RECORDS)
    const next = at + STEP_RECORDS < records.length ? some.at(-1)!.offset + 1n : chunk.next
    const outcome = await takeStep(context, toStep(context, from, next, some, prove), onBusy)
    if (outcome !== null || context.signal.aborted) return outcome
    from = next
  }
  return null
}

type Prove = (record: LogRecord) => Proof

/** Has the signatures of a chunk verified; in an open log nobody asks for them. Null: the signal was aborted. */
async function proveChunk(
  { proofs: pool, identity, signal }: Context,
  chunk: Chunk,
  records: readonly LogRecord[],
): Promise<Prove | null> {
  const proving = pool?.prove(identity.logId, chunk.records).proofs ?? null
  const proofs = proving === null ? null : await unlessAborted(proving, signal)
  if (proofs === undefined) return null
  const places = new Map(records.map((record, i) => [record, i]))
  return (record) => proofAt(proofs, places.get(record)!)
}

interface JudgedStep extends DefinitionStep {
  /** What holds in the definitions behind the step, whether it has changed it or not. */
  readonly standingAfter: Standing
}

function toStep(
  { catalogue, standing, identity }: Context,
  from: bigint,
  next: bigint,
  records: readonly LogRecord[],
  prove: Prove,
): JudgedStep {
  const { logId, generation } = identity
  const judged = judgeDefinitions({ catalogue, standing }, records, next, { logId, generation, prove })
  const after = judged.standing
  return {
    identity,
    from,
    catalogue: judged.catalogue,
    last: toLastRecord(records.at(-1)),
    taken: judged.taken,
    controls: judged.controls,
    standing: after !== standing && after.type === 'guarded' ? after : null,
    standingAfter: after,
    refused: judged.refused,
  }
}

async function takeStep(
  context: Context,
  { standingAfter, ...step }: JudgedStep,
  onBusy: () => void,
): Promise<Outcome | null> {
  const { store, signal } = context
  for (let tries = 1; !signal.aborted; tries++) {
    // What was judged by the old catalogue is written first, and nothing is judged until the new one holds.
    const result = await context.lock.run(async () => {
      await context.drain()
      const result = await context.retry('take a definition', () => store.define(step))
      if (result.type === 'committed') {
        context.catalogue = step.catalogue
        context.standing = standingAfter
      }
      return result
    })
    if (result.type === 'committed') {
      context.emit({
        type: 'defined',
        offset: step.catalogue.offset,
        taken: step.taken,
        refused: step.refused.length,
        standing: standingAfter,
      })
      context.wakeRejudge.ring()
      return null
    }
    if (result.type === 'stale') {
      return { type: 'restart', reason: `another worker moved the ${result.what}` }
    }
    // Somebody reads the table: mutations go on under the old definitions while this waits for its turn.
    onBusy()
    const waitMs = waitOf(tries)
    context.emit({
      type: 'waiting',
      what: 'take a definition',
      error: `${result.holder}; will try again`,
      waitMs,
    })
    await pause(waitMs, signal)
  }
  return null
}
