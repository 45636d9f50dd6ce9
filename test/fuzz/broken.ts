// Targets that break every rule: by them is shown that a broken one is found.

import { below } from '../sim/world.ts'
import type { Target } from './target.ts'

const kept: Buffer[] = []
const make: Target['make'] = (random) => Buffer.from([below(random, 256), below(random, 256)])
/** One input of a thousand or so. */
const isRare = (input: Buffer | string): boolean => input[0] === 7 && (input[1] as number) < 64

export const BROKEN: readonly Target[] = [
  {
    name: 'broken-throws',
    make,
    check(input) {
      if (isRare(input)) throw new TypeError('nobody expects it')
    },
  },
  {
    name: 'broken-hangs',
    make,
    check(input) {
      while (isRare(input));
    },
  },
  {
    name: 'broken-grows',
    make,
    check() {
      kept.push(Buffer.alloc(2_000))
    },
  },
]
