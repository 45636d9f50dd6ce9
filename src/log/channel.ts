// A queue between a task that fetches and an iteration that consumes: bounded by weight, ended by either side.

export interface Channel<T> {
  /** Adds an item of this weight; takes it even when full, so ask for room first. Ignored once ended. */
  push(item: T, weight: number): void
  /** Resolves as soon as the items that wait weigh less than the bound, or the channel has ended. */
  room(): Promise<void>
  /** Ends the iteration behind what waits. */
  end(): void
  /** Ends the iteration with this error, behind what waits. Ignored once ended. */
  fail(error: unknown): void
  /** The next item, or undefined at the end. Throws what `fail` was given. */
  next(): Promise<T | undefined>
}

export function createChannel<T>(weightMax: number): Channel<T> {
  const waiting: { readonly item: T; readonly weight: number }[] = []
  let weight = 0
  let ended = false
  let failure: { readonly error: unknown } | null = null
  let consumer: (() => void) | null = null
  let producers: (() => void)[] = []

  const wakeProducers = () => {
    if (weight >= weightMax && !ended) return
    const woken = producers
    producers = []
    for (const wake of woken) wake()
  }
  const wakeConsumer = () => {
    const wake = consumer
    consumer = null
    wake?.()
  }
  const end = () => {
    ended = true
    wakeConsumer()
    wakeProducers()
  }

  return {
    push(item, itemWeight) {
      if (ended) return
      waiting.push({ item, weight: itemWeight })
      weight += itemWeight
      wakeConsumer()
    },
    room() {
      if (weight < weightMax || ended) return Promise.resolve()
      return new Promise((resolve) => producers.push(resolve))
    },
    end,
    fail(error) {
      if (ended) return
      failure = { error }
      end()
    },
    async next() {
      for (;;) {
        const first = waiting.shift()
        if (first !== undefined) {
          weight -= first.weight
          wakeProducers()
          return first.item
        }
        if (failure !== null) throw failure.error
        if (ended) return undefined
        await new Promise<void>((resolve) => {
          consumer = resolve
        })
      }
    },
  }
}
