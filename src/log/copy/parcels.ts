// Cutting what was read into parcels: what is appended in one go, and which places of the source are done with it.

import type { Carrier } from './carrier.ts'
import { isLarge } from './carrier.ts'
import type { Places } from './places.ts'
import type { Item } from './translate.ts'

export interface Parcels {
  /** Takes an item of a partition of the source. */
  add(partition: number, item: Item): Promise<void>
  /** Everything below `next` was given; `isLast`: what is held back goes now, since nothing more may come for long. */
  passed(partition: number, next: bigint, isLast: boolean): Promise<void>
}

export interface ParcelsOptions {
  readonly carrier: Carrier
  readonly places: Places
  /** Definitions: one parcel is acknowledged before the next one is sent, so that they keep their order. */
  readonly isOrdered: boolean
  readonly recordsMax: number
  /** Items that the target has. */
  readonly onDone: (items: readonly Item[]) => void
}

interface Parcel {
  items: Item[]
  bytes: number
}

/** As in a writer's session: what keeps a log busy. */
const PARCEL_BYTES_MAX = 512 * 1024
/** Held back in all partitions together. */
const HELD_BYTES_MAX = 8 * 1024 * 1024

export function createParcels(options: ParcelsOptions): Parcels {
  const { carrier, places, isOrdered, recordsMax, onDone } = options
  const open = new Map<number, Parcel>()
  let heldBytes = 0

  const send = async (partition: number, next: bigint): Promise<void> => {
    const { items, bytes } = open.get(partition) ?? { items: [], bytes: 0 }
    open.delete(partition)
    heldBytes -= bytes
    const done = places.begin(partition, next)
    await carrier.carry(items, () => {
      onDone(items)
      done()
    })
    if (isOrdered) await carrier.settle()
  }
  const sendAll = async (): Promise<void> => {
    for (const [partition, { items }] of [...open]) await send(partition, items.at(-1)!.offset + 1n)
  }

  return {
    async add(partition, item) {
      const held = open.get(partition)
      const isFull =
        held !== undefined &&
        (held.bytes + item.bytes > PARCEL_BYTES_MAX || held.items.length >= recordsMax || isLarge(item))
      if (isFull) await send(partition, item.offset)
      const parcel = open.get(partition) ?? { items: [], bytes: 0 }
      parcel.items.push(item)
      parcel.bytes += item.bytes
      heldBytes += item.bytes
      open.set(partition, parcel)
      if (isLarge(item)) await send(partition, item.offset + 1n)
      else if (heldBytes > HELD_BYTES_MAX) await sendAll()
    },
    async passed(partition, next, isLast) {
      // A stretch without records is no parcel, but a place that was passed.
      if (isLast) await send(partition, next)
    },
  }
}
