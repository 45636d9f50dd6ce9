// A signer's right as the short way asks for it: by places of columns, in bits, compiled once for each dataset.

import type { PackedMessage } from '../../crdt/packed/message.ts'
import type { Plan } from '../plan.ts'
import type { Right } from './rights.ts'

/** What rows may name under one operation: all columns, those whose bits are set, or not even no column (null). */
type Columns = 'all' | Uint32Array | null

/** By operation. */
type Compiled = Partial<Record<number, Columns>>

/** A policy may know thousands of signers, a catalogue a thousand datasets. */
const COMPILED_MAX = 10_000

/**
 * Tells for plans of one catalogue whether a right covers a message. What it keeps decides nothing, and keeps no right: a
 * right holds its whole policy, and a long log has thousands of versions.
 */
export function createColumnRights(): (right: Right, plan: Plan, message: PackedMessage) => boolean {
  let compiledByRight = new WeakMap<Right, Map<Plan, Compiled>>()
  let size = 0
  // Messages of one writer and of one dataset come in a row.
  let latestRight: Right | null = null
  let latestPlan: Plan | null = null
  let latest: Compiled = {}

  const find = (right: Right, plan: Plan): Compiled => {
    const known = compiledByRight.get(right)?.get(plan)
    if (known !== undefined) return known
    if (size++ >= COMPILED_MAX) {
      compiledByRight = new WeakMap()
      size = 1
    }
    const byPlan = compiledByRight.get(right) ?? new Map<Plan, Compiled>()
    const made: Compiled = {}
    compiledByRight.set(right, byPlan.set(plan, made))
    return made
  }

  return (right, plan, message) => {
    if (right !== latestRight || plan !== latestPlan) {
      latest = find(right, plan)
      latestRight = right
      latestPlan = plan
    }
    const { operation, columnCount, columns } = message
    let allowed = latest[operation]
    if (allowed === undefined) {
      allowed = compile(right, plan, operation)
      latest[operation] = allowed
    }
    if (allowed === 'all' || allowed === null) return allowed !== null
    for (let i = 0; i < columnCount; i++) {
      const place = columns[i]!
      if ((allowed[place >>> 5]! & (1 << (place & 31))) === 0) return false
    }
    return true
  }
}

function compile(right: Right, plan: Plan, operation: number): Columns {
  const names = right.permits(operation, plan.shape.dataset)
  if (names === null || names === 'all') return names
  const bits = new Uint32Array((plan.shape.columns.length + 31) >>> 5)
  for (const [place, { name }] of plan.shape.columns.entries()) {
    if (names.has(name)) bits[place >>> 5]! |= 1 << (place & 31)
  }
  return bits
}
