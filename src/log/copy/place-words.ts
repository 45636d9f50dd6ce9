// Partitions in words.

import { DEFINITIONS } from '../../codec/record.ts'

const PLACES_SHOWN_MAX = 5

/** `the definitions`, `partition 3`. */
export function partitionWords(partition: number): string {
  return partition === DEFINITIONS ? 'the definitions' : `partition ${partition}`
}

/** `partition 3, the definitions and 4 more`. */
export function listPlaces(partitions: readonly number[]): string {
  const shown = partitions.slice(0, PLACES_SHOWN_MAX).map(partitionWords)
  const more = partitions.length - shown.length
  return more > 0 ? `${shown.join(', ')} and ${more} more` : shown.join(', ')
}
