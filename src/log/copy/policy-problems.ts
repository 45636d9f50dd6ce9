// Why policies keep a copy from another number of partitions, and what to do.

import type { Problem } from '../log.ts'
import { listPlaces } from './place-words.ts'

/** Partitions of the source of which some have a version of the policy, and some do not. */
export interface Lack {
  readonly version: number
  readonly has: readonly number[]
  readonly lacking: readonly number[]
}

/** `closed`: those of the lacking ones in which no policy can be valid any more. */
export function lackProblem(
  { version, has, lacking }: Lack,
  closed: readonly number[],
  partitions: number,
): Problem {
  if (closed.length > 0) {
    return {
      what: `version ${version} of the policy stands in ${listPlaces(has)} of the source, and ${listPlaces(closed)} was closed before it came`,
      remedy: samePartitions(partitions),
    }
  }
  return {
    what: `version ${version} of the policy stands in ${listPlaces(has)} of the source, and not in ${listPlaces(lacking)}: policy apply was interrupted, and a copy with another number of partitions needs it in all`,
    remedy: `finish \`spindexer policy apply\` on the source, then run the copy again; or ${samePartitions(partitions)}`,
  }
}

export function differProblem(version: number, a: number, b: number, partitions: number): Problem {
  return {
    what: `version ${version} of the policy is another one in ${listPlaces([b])} of the source than in ${listPlaces([a])}: two were applied at the same time, and no other number of partitions can keep both`,
    remedy: samePartitions(partitions),
  }
}

function samePartitions(partitions: number): string {
  return `delete the target, and make the copy with --partitions ${partitions}, as many as the source has: then each keeps its own policy`
}
