// The seed of a random test: from SPINDEXER_SEED, else fresh; printed, so that every failure can be repeated.

import type { Parameters } from 'fast-check'
import { soaked } from './soak.ts'

/** A seed for this run, announced with the command that repeats it. `name` is the test's file. */
export function announceSeed(name: string): number {
  const given = process.env.SPINDEXER_SEED
  const seed = given === undefined ? Math.floor(Math.random() * 0x7fffffff) : Number(given)
  console.log(`${name}: seed ${seed}; repeat with SPINDEXER_SEED=${seed} npx vitest run ${name}`)
  return seed
}

/** fast-check's parameters for a run of `runs` inputs from that seed; of many more in a soak. */
export function seeded<T>(seed: number, runs: number): Parameters<T> {
  return { seed, numRuns: soaked(runs), endOnFailure: false }
}
