// The arrays that keep set-aside messages, parked or quarantined.

import { plainArray, textArray } from '../../../postgres/arrays.ts'
import { toStorable } from '../../set-aside.ts'
import type { SetAside } from '../../store.ts'

/** Partition, offset, dataset, reason, detail, size, append time. */
export function setAsideParameters(messages: readonly SetAside[]): string[] {
  const storable = messages.map(toStorable)
  return [
    plainArray(storable.map(({ partition }) => partition)),
    plainArray(storable.map(({ offset }) => offset)),
    textArray(storable.map(({ dataset }) => dataset)),
    textArray(storable.map(({ reason }) => reason)),
    textArray(storable.map(({ detail }) => detail)),
    plainArray(storable.map(({ size }) => size)),
    plainArray(storable.map(({ appendMs }) => appendMs)),
  ]
}
