// A bound on what is under way, and waiting for it to become less.

export interface Room {
  /** Resolves when there is room, or nothing is under way. */
  wait(): Promise<void>
  take(bytes: number): void
  give(bytes: number): void
}

/** `bytesMax` is asked at each look: how much may be under way just now. */
export function createRoom(bytesMax: () => number): Room {
  let taken = 0
  let waiting: (() => void)[] = []
  return {
    async wait() {
      while (taken > 0 && taken >= bytesMax()) await new Promise<void>((resolve) => waiting.push(resolve))
    },
    take(bytes) {
      taken += bytes
    },
    give(bytes) {
      taken -= bytes
      const woken = waiting
      waiting = []
      for (const wake of woken) wake()
    },
  }
}
