// What is fuzzed: a maker of inputs, and the rules that hold for whatever comes of each.

import { createRandom } from '../../scripts/demo/random.ts'
import type { Random } from '../sim/world.ts'

/** Bytes, or a text of any UTF-16 units. */
export type Input = Buffer | string

export interface Target {
  readonly name: string
  /** An input that is nearly right, or not at all; a function of `random` alone. */
  make(random: Random): Input
  /** Throws where a rule is broken: by an error that is not documented, or by an assertion. */
  check(input: Input): void | Promise<void>
}

/** The randomness of one input: any input can be made again without those before it. */
export function randomOf(seed: number, index: number): Random {
  return createRandom(Math.imul(seed ^ Math.imul(index + 1, 0x9e3779b1), 0x85ebca6b) ^ index)
}

/** For people: hex, or a JSON string. */
export function showInput(input: Input): string {
  return typeof input === 'string' ? JSON.stringify(input) : input.toString('hex')
}
