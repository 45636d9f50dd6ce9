// A few places for work that is dear, and a bounded wait for one.

export interface Slots {
  /** True with a place, which the caller gives back; false when none became free in time. */
  take(waitMs: number): Promise<boolean>
  give(): void
}

export function createSlots(count: number): Slots {
  const waiting: ((isMine: boolean) => void)[] = []
  let free = count
  return {
    async take(waitMs) {
      if (free > 0) {
        free--
        return true
      }
      const { promise, resolve } = Promise.withResolvers<boolean>()
      const timer = setTimeout(() => {
        waiting.splice(waiting.indexOf(resolve), 1)
        resolve(false)
      }, waitMs)
      waiting.push(resolve)
      return promise.finally(() => clearTimeout(timer))
    },
    /** The place goes to who has waited longest. */
    give() {
      const next = waiting.shift()
      if (next === undefined) free++
      else next(true)
    },
  }
}
