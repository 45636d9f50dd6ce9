// Words for people about trouble that lasts: a leader that moves is no news, a log that stays away is.

export interface Trouble {
  /** An attempt failed and is repeated. */
  failed(error: Error): void
  /** All is well again. */
  passed(): void
}

const GRACE_MS = 3_000
const EVERY_MS = 10_000

/**
 * Makes one for each that may have trouble. `say` is given a message when the attempts of one have failed for three
 * seconds, at most every ten seconds, whoever has the trouble: it is often the same.
 */
export function createTroubles(say: (text: string) => void): () => Trouble {
  let saidMs = Number.NEGATIVE_INFINITY
  return () => {
    let sinceMs: number | null = null
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
      },
    }
  }
}
