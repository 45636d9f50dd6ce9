// The order in which a process ends: what serves others first, then the work itself.

export interface Stop {
  /** Aborted when the end was asked for and what has to be first is done. */
  readonly signal: AbortSignal
  /** What to do before, from the moment at which the end is asked for; it does not fail. */
  first(work: () => Promise<void>): void
}

export function createStop(asked: AbortSignal): Stop {
  const controller = new AbortController()
  let before: () => Promise<void> = async () => {}
  const stop = (): void => {
    void before().finally(() => controller.abort(asked.reason))
  }
  if (asked.aborted) stop()
  else asked.addEventListener('abort', stop, { once: true })
  return {
    signal: controller.signal,
    first(work) {
      before = work
    },
  }
}
