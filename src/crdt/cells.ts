// The cells of one row, in the form that costs least memory: a node folds a hundred thousand rows at a time.

import type { Stamp } from './stamp.ts'
import type { Value } from './value.ts'

/** A value and the stamp that set it. */
export interface Cell {
  readonly stamp: Stamp
  readonly value: Value
}

const WIDTH = 3

/**
 * Cells by column name, with the members of a Map that the merge and the stores use. A Map with an object a cell takes
 * 300 bytes for two cells, this 120; most rows have few columns, so names are searched one by one. It is a class,
 * against the habit of the house, because closures would give every row its own copy of these functions.
 */
export class Cells implements Iterable<readonly [string, Cell]> {
  /** Name, stamp and value of each cell, one after the other. */
  private readonly items: (string | Value)[] = []

  get size(): number {
    return this.items.length / WIDTH
  }

  get(name: string): Cell | undefined {
    const at = this.find(name)
    return at < 0 ? undefined : this.cellAt(at)
  }

  /** The stamp of a cell without an object for it; undefined where there is none. */
  stampOf(name: string): Stamp | undefined {
    const at = this.find(name)
    return at < 0 ? undefined : (this.items[at + 1] as Stamp)
  }

  set(name: string, stamp: Stamp, value: Value): void {
    const at = this.find(name)
    if (at < 0) {
      this.items.push(name, stamp, value)
    } else {
      this.items[at + 1] = stamp
      this.items[at + 2] = value
    }
  }

  /** Removes every cell whose stamp is not greater. */
  deleteUpTo(stamp: Stamp): void {
    for (let at = this.items.length - WIDTH; at >= 0; at -= WIDTH) {
      if ((this.items[at + 1] as Stamp) <= stamp) this.items.splice(at, WIDTH)
    }
  }

  *keys(): Generator<string> {
    for (let at = 0; at < this.items.length; at += WIDTH) yield this.items[at] as string
  }

  *[Symbol.iterator](): Generator<readonly [string, Cell]> {
    for (let at = 0; at < this.items.length; at += WIDTH) yield [this.items[at] as string, this.cellAt(at)]
  }

  /** Calls `visit` for every cell, without an object a cell. */
  forEach(visit: (name: string, stamp: Stamp, value: Value) => void): void {
    const { items } = this
    for (let at = 0; at < items.length; at += WIDTH) {
      visit(items[at] as string, items[at + 1] as Stamp, items[at + 2] as Value)
    }
  }

  private find(name: string): number {
    const { items } = this
    for (let at = 0; at < items.length; at += WIDTH) if (items[at] === name) return at
    return -1
  }

  private cellAt(at: number): Cell {
    return { stamp: this.items[at + 1] as Stamp, value: this.items[at + 2] as Value }
  }
}
