// Threads that verify the signatures of records, so that the main one does not have to: started when there is something to verify.

import { availableParallelism } from 'node:os'
import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { Records } from '../codec/record.ts'
import { codesOf, type Proofs, type ProofsInMaking } from './proofs.ts'
import { type CutSlice, createSlicer, type Slice } from './slices.ts'
import type { Answer, Request } from './worker.ts'

/** Proofs that are being made. */
export interface Proving {
  /** What the records hold of memory, about; see `Cut` of slices.ts. */
  readonly bytes: number
  /** Null: no record is signed. Rejects when a thread has died, or the pool was closed. */
  readonly proofs: Promise<Proofs> | null
}

/**
 * Verification alone: what a signer may do, and what stands before a record, is not its job. How much is asked of it at a
 * time is for the caller to bound.
 */
export interface ProofPool {
  /** The records' bytes are copied before this returns. */
  prove(logId: string, records: Records): Proving
  /** Starts the first thread, so that nobody waits for it later: of a log in which records are signed. */
  warm(): void
  /** Ends the threads; what is being made is rejected. */
  close(): Promise<void>
}

/** More would wait for the one thread that reads and folds. */
const THREADS_MAX = 8
/** Young objects of a thread, MiB: its garbage is short texts, and eight nurseries of the usual size are 400 MiB. */
const NURSERY_MIB = 16
/**
 * A thread with so many slices before it does not keep up, when it is found so this often in a row: what is read ahead is
 * no more than some, and while it starts they wait. Another thread is 40 MiB, and half a second of a processor to start.
 */
const BUSY_SLICES = 4
const BUSY_TIMES = 40
/** Unbuilt it is TypeScript, built it is not; the compiler rewrites no address of a thread. */
const WORKER = new URL(`./worker${extname(import.meta.filename)}`, import.meta.url)

export function threadsOfMachine(): number {
  return Math.min(THREADS_MAX, Math.max(1, availableParallelism()))
}

interface Pending {
  readonly proofs: ProofsInMaking
  /** By thread, the numbers of the records that it was given; null once it has answered. */
  readonly records: (Int32Array | null)[]
  left: number
  readonly resolve: (proofs: Proofs) => void
  readonly reject: (error: unknown) => void
}

interface Thread {
  readonly worker: Worker
  /** Slices that it has not answered, in order: as long as there are any, the process has to wait for it. */
  readonly waiting: Slice[]
}

export interface PoolOptions {
  /** As many as the machine can run, at most 8, unless set. */
  readonly threads?: number
  /** What the threads run, and the memory for it, MiB; for tests. */
  readonly worker?: URL
  readonly heapMib?: number
}

export function createProofPool({
  threads: count = threadsOfMachine(),
  worker: script = WORKER,
  heapMib,
}: PoolOptions = {}): ProofPool {
  const slicer = createSlicer(count)
  const threads: Thread[] = []
  const pending = new Map<number, Pending>()
  const resourceLimits = {
    maxYoungGenerationSizeMb: NURSERY_MIB,
    ...(heapMib === undefined ? {} : { maxOldGenerationSizeMb: heapMib }),
  }
  /** So many threads share the messages that were signed together: one as long as it keeps up. */
  let treeThreads = 1
  let busyTimes = 0
  let nextId = 0
  let failure: Error | null = null

  const fail = (error: Error): void => {
    if (failure !== null) return
    failure = error
    for (const { reject } of pending.values()) reject(failure)
    pending.clear()
    // The others have nothing left to do, and must not keep the process.
    for (const { worker } of threads) worker.unref()
  }
  const take = (number: number, answer: Answer): void => {
    const thread = threads[number]!
    const slice = thread.waiting.shift()!
    if (thread.waiting.length === 0) thread.worker.unref()
    takeCodes(number, answer, slice)
    slicer.giveBack(slice.buffer)
  }
  const takeCodes = (number: number, answer: Answer, slice: Slice): void => {
    const asked = pending.get(answer.id)
    const records = asked?.records[number]
    if (asked === undefined || records === undefined || records === null) return
    asked.proofs.take(records, { ...answer, codes: codesOf(slice) })
    asked.records[number] = null
    asked.left--
    if (asked.left > 0) return
    pending.delete(answer.id)
    const { codes, signers, details } = asked.proofs
    asked.resolve({ codes, signers, details })
  }
  const start = (number: number): Thread => {
    const name = `thread ${number + 1} of ${count} that verify signatures`
    // Of the process's own flags some are refused in threads.
    const worker = new Worker(script, { name, execArgv: [], resourceLimits })
    const died = (why: string, cause?: unknown): void =>
      fail(new Error(`${name} has died: ${why}; start again, and report it should it come back`, { cause }))
    worker.on('message', (answer: Answer) => take(number, answer))
    worker.on('messageerror', (error) => died(error.message, error))
    worker.on('error', (error) => died(error instanceof Error ? error.message : String(error), error))
    worker.on('exit', (code) => died(`it ended with code ${code}`))
    worker.unref()
    return { worker, waiting: [] }
  }
  const ask = (id: number, logId: string, { thread: number, buffer, count }: CutSlice): void => {
    while (threads.length <= number) threads.push(start(threads.length))
    const thread = threads[number]!
    const request: Request = { id, logId, buffer, count }
    if (thread.waiting.length === 0) thread.worker.ref()
    thread.waiting.push({ buffer, count })
    thread.worker.postMessage(request)
  }

  const lookForBusy = (): void => {
    const isBusy =
      threads.length >= treeThreads &&
      threads.slice(0, treeThreads).every(({ waiting }) => waiting.length >= BUSY_SLICES)
    busyTimes = isBusy ? busyTimes + 1 : 0
    if (busyTimes < BUSY_TIMES || treeThreads === count) return
    treeThreads++
    busyTimes = 0
  }

  return {
    prove(logId, records) {
      lookForBusy()
      const { proofs, slices, bytes } = slicer.cut(records, treeThreads)
      if (failure !== null && slices.length > 0) return { bytes, proofs: Promise.reject(failure) }
      if (slices.length === 0)
        return { bytes, proofs: proofs.details.length > 0 ? Promise.resolve(proofs) : null }
      const id = nextId++
      const made = new Promise<Proofs>((resolve, reject) => {
        const recordsByThread: Int32Array[] = []
        for (const slice of slices) recordsByThread[slice.thread] = slice.records
        pending.set(id, { proofs, records: recordsByThread, left: slices.length, resolve, reject })
      })
      for (const slice of slices) ask(id, logId, slice)
      return { bytes, proofs: made }
    },
    warm() {
      if (threads.length === 0 && failure === null) threads.push(start(0))
    },
    async close() {
      fail(new Error('the threads that verify signatures were ended'))
      await Promise.all(
        threads.map(({ worker }) => {
          // Else a process that has nothing left to do but this would end in the middle of it.
          worker.ref()
          return worker.terminate()
        }),
      )
    },
  }
}
