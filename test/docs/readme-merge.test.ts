// The README's merge rules by example: each row of its table is what the merge makes of it, in either order.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { createRow, mergeMutation, rowExists } from '../../src/crdt/merge.ts'
import type { Mutation, Operation } from '../../src/crdt/mutation.ts'
import { createStamp, ZERO_ORIGIN } from '../../src/crdt/stamp.ts'
import { ROOT } from '../support/cli.ts'

interface Example {
  readonly messages: string
  readonly mutations: readonly Mutation[]
  /** `Blue, 9`, or `no row`. */
  readonly expected: string
}

const examples = readExamples(readFileSync(join(ROOT, 'README.md'), 'utf8'))

describe("the README's merge rules", () => {
  test('are found', () => {
    expect(examples.map(({ mutations }) => mutations.length)).toEqual([3, 3, 1, 2, 3, 4, 2, 2])
  })

  test.each(examples)('$messages', ({ mutations, expected }) => {
    expect(merged(mutations)).toBe(expected)
    expect(merged([...mutations].reverse())).toBe(expected)
  })
})

/** Rows of the table whose first column holds messages; one that begins with … goes on from the row above. */
function readExamples(readme: string): Example[] {
  const examples: Example[] = []
  for (const [, messages, outcome] of readme.matchAll(/^\| ((?:… then )?\d\d:\d\d .*?) \| (.*) \|$/gm)) {
    const own = readMessages(messages!)
    if (own.length === 0) continue
    const before = messages!.startsWith('…') ? examples.at(-1)!.mutations : []
    examples.push({
      messages: messages!,
      mutations: [...before, ...own],
      expected: /^[^;:]*/.exec(outcome!)![0],
    })
  }
  return examples
}

function readMessages(text: string): Mutation[] {
  const found = text.matchAll(/10:0(\d) (?:\w+: )?(upsert|update|delete)((?:,? \w+=\w+)*)/g)
  return [...found].map(([, minute, operation, columns]) => ({
    stamp: createStamp(BigInt(minute!) + 1n, ZERO_ORIGIN),
    seq: null,
    operation: operation as Operation,
    dataset: 'tracks',
    key: ['t1'],
    columns: new Map(
      [...columns!.matchAll(/(\w+)=(\w+)/g)].map(([, name, value]) => [
        name!,
        value === 'null' ? null : value!,
      ]),
    ),
  }))
}

function merged(mutations: readonly Mutation[]): string {
  const row = createRow()
  for (const mutation of mutations) mergeMutation(row, mutation)
  if (!rowExists(row)) return 'no row'
  return ['title', 'plays'].map((column) => String(row.cells.get(column)?.value ?? null)).join(', ')
}
