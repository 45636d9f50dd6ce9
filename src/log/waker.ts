// Waiting for something to do: a call to wake is never missed, whenever it comes.

export interface Waker {
  wake(): void
  /** Resolves when somebody wakes, or did since the last wait; when the time is over, if one is given; or at the signal. */
  wait(forMs: number | null): Promise<void>
}

export function createWaker(signal: AbortSignal): Waker {
  let isAwake = false
  let resolve: (() => void) | null = null
  const wake = () => {
    isAwake = true
    resolve?.()
  }
  signal.addEventListener('abort', wake, { once: true })
  return {
    wake,
    async wait(forMs) {
      let timer: NodeJS.Timeout | undefined
      if (!isAwake) {
        await new Promise<void>((woken) => {
          resolve = woken
          if (forMs !== null) timer = setTimeout(woken, Math.ceil(forMs))
        })
      }
      clearTimeout(timer)
      resolve = null
      isAwake = signal.aborted
    },
  }
}
