// Words for people about trouble that lasts: a leader that moves is no news, a log that stays away is.

export interface Trouble {
  /** An attempt failed and is repeated. */
  failed(error: Error): void
  /** All is well again. */
  passed(): void
}

const GRACE_MS = 3_000
const EVERY_MS = 10_000

/** `say` is given a message when attempts have failed for three seconds, and every ten seconds from then on. */
export function createTrouble(say: (text: string) => void): Trouble {
  let sinceMs: number | null = null
  let saidMs = Number.NEGATIVE_INFINITY
  return {
    failed(error) {
      const nowMs = performance.now()
      sinceMs ??= nowMs
      if (nowMs - sinceMs < GRACE_MS || nowMs - saidMs < EVERY_MS) return
      saidMs = nowMs
      say(error.message)
    },
    passed() {
      sinceMs = null
      saidMs = Number.NEGATIVE_INFINITY
    },
  }
}
