// Words about partitions and what stands in them, for people.

import { DEFINITIONS } from '../../codec/record.ts'

const LISTED_MAX = 12

/** `partition 3`, `partitions 0, 2 and the definitions`, `the definitions`. */
export function partitionsWords(partitions: readonly number[]): string {
  const data = partitions.filter((partition) => partition !== DEFINITIONS)
  const more = data.length > LISTED_MAX ? ` and ${data.length - LISTED_MAX} more` : ''
  const noun = data.length === 1 ? 'partition' : 'partitions'
  const words = data.length === 0 ? [] : [`${noun} ${data.slice(0, LISTED_MAX).join(', ')}${more}`]
  if (partitions.length > data.length) words.push('the definitions')
  return words.join(' and ')
}

/** `policy version 3`, `the genesis`. */
export function versionWords(version: number): string {
  return version === 0 ? 'the genesis' : `policy version ${version}`
}
