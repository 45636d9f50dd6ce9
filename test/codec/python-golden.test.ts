// The golden vectors, checked by the implementation in Python, which shares no code with this one.

import { describe, expect, it } from 'vitest'
import { runPython } from '../support/python.ts'

/** The first one that asks for Python makes its environment, over the network. */
const TIMEOUT_MS = 600_000

describe('the implementation in Python', () => {
  for (const script of ['run_tests.py', 'golden.py']) {
    it(
      `passes ${script}`,
      async () => {
        const { code, stdout, stderr } = await runPython(script, [])
        expect(code, `${stdout}${stderr}`).toBe(0)
      },
      TIMEOUT_MS,
    )
  }
})
