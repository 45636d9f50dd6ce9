// Rights by places of columns: what is kept of them does not keep the policies that they come from.

import { setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import type { Plan } from '../../../src/codec/plan.ts'
import { createColumnRights } from '../../../src/codec/policy/column-rights.ts'
import { type Right, rightsOf } from '../../../src/codec/policy/rights.ts'
import { PackedMessage } from '../../../src/crdt/packed/message.ts'

const VERSIONS = 50
const SIGNER = `ed25519:${'a'.repeat(64)}`

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

describe('rights by places of columns', () => {
  it('a policy that stands nowhere any more is forgotten', async () => {
    const covers = createColumnRights()
    const plan = { shape: { dataset: 'tracks', columns: [{ name: 'title' }] } } as unknown as Plan
    const message = new PackedMessage()
    const ask = (version: number): WeakRef<Right> => {
      const rules = [
        { signers: [SIGNER], operations: ['upsert'], datasets: ['tracks'], columns: ['title'] },
      ] as const
      const standing = {
        type: 'guarded',
        version,
        admins: [],
        rules,
        unsigned: false,
        isClosed: false,
      } as const
      const right = rightsOf(standing).rightOf(SIGNER)
      expect(covers(right, plan, message)).toBe(true)
      return new WeakRef(right)
    }
    const asked = Array.from({ length: VERSIONS }, (_, version) => ask(version))
    // What a WeakRef was made of or asked for stays until the turn is over.
    await sleep(0)
    collect()
    // The latest is still at hand.
    expect(asked.filter((right) => right.deref() !== undefined).length).toBeLessThanOrEqual(1)
  })
})
