// Waiting with a bound, and the errors of a writing that comes to nothing for a reason of its own.

/** Somebody did not answer in time, or will not any more. */
export class LateError extends Error {}
/** What is to be written would be ahead of the log's clock. */
export class ClockError extends Error {}
/** The log's policy does not allow what is to be written: every node would quarantine it. */
export class PolicyError extends Error {}

export function lateAfter(ms: number): LateError {
  return new LateError(`the log has not answered for ${ms / 1_000} s`)
}

/** The result of the work, or the error that says that it took too long. */
export async function within<T>(work: Promise<T>, ms: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(lateAfter(ms)), ms)
  })
  // The loser of the race may fail later, with nobody listening.
  work.catch(() => {})
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
