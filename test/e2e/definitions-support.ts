// What the tests of definitions share: a log written to by hand, below everything that checks, and what nodes made of it.

import { expect } from 'vitest'
import { encodeMutation } from '../../src/codec/avro-encode.ts'
import { encodeControl } from '../../src/codec/control.ts'
import { frameSingleObject } from '../../src/codec/framing.ts'
import { type JsonObject, plainToJson } from '../../src/codec/json.ts'
import { DEFINITIONS } from '../../src/codec/record.ts'
import type { Mutation } from '../../src/crdt/mutation.ts'
import { createStamp, type Origin } from '../../src/crdt/stamp.ts'
import type { Value } from '../../src/crdt/value.ts'
import { createKafkaLog, type KafkaLog } from '../../src/log/kafka/log.ts'
import type { NewRecord } from '../../src/log/log.ts'
import { cli } from '../support/cli.ts'
import { waitFor } from '../support/wait.ts'
import { cellsOf, foldInPython, type KafkaTestLog, sha256, type TestNode } from './support.ts'

/** The log's port; whoever opens it closes it. */
export function openLog({ brokers, topic }: KafkaTestLog): KafkaLog {
  return createKafkaLog({ connection: { brokers }, topic, onLog: () => {} })
}

export const nullable = (name: string, type: unknown) => ({ name, type: ['null', type] })
export const enumOf = (name: string, ...symbols: string[]) =>
  nullable(name, { type: 'enum', name: `${name}_symbols`, symbols })

/** A definition as plain data, with the key column `id` of type string unless told otherwise. */
export function schemaOf(
  name: string,
  fields: readonly unknown[],
  key: readonly { readonly name: string; readonly type: unknown }[] = [{ name: 'id', type: 'string' }],
) {
  return { type: 'record', name, key: key.map((column) => column.name), fields: [...key, ...fields] }
}

export function definition(schema: unknown): NewRecord {
  return amongDefinitions(encodeControl({ kind: 'dataset', schema: plainToJson(schema) as JsonObject }))
}

/** Anything at all, among the definitions. */
export function amongDefinitions(value: Buffer | string, headers: NewRecord['headers'] = []): NewRecord {
  return { partition: DEFINITIONS, key: null, value: Buffer.from(value), headers }
}

const ORIGIN = '00000000000000dd' as Origin

/** An upsert of one column (or none), by a writer that knows nothing of definitions; `n` makes key text and stamp. */
export function upsert(
  dataset: string,
  n: number,
  columns: Readonly<Record<string, Value>> = {},
  key: readonly string[] = [`k${n}`],
): NewRecord {
  const mutation: Mutation = {
    stamp: createStamp(1_700_000_000_000_000_000n + BigInt(n), ORIGIN),
    seq: null,
    operation: 'upsert',
    dataset,
    key,
    columns: new Map(Object.entries(columns)),
  }
  return { partition: n % 2, key: null, value: frameSingleObject(encodeMutation(mutation)) }
}

/** Offset and reason of everything that a node refused among the definitions. */
export async function refusedOf(node: TestNode): Promise<string[]> {
  const rows = await node.query(
    'select "offset", reason from spindexer.quarantined where partition = -1 order by "offset"',
  )
  return rows.map(({ offset, reason }) => `${offset} ${reason}`)
}

/** `partition/offset reason` of everything that is parked. */
export async function parkedOf(node: TestNode): Promise<string[]> {
  const rows = await node.query('select * from spindexer.parked order by partition, "offset"')
  return rows.map(({ partition, offset, reason }) => `${partition}/${offset} ${reason}`)
}

/** Resolves when a running node has taken every definition and judged again what they may cure. */
export async function awaitDefinitions(node: TestNode, log: KafkaLog): Promise<void> {
  const { definitions } = await log.describe()
  await waitFor(
    'the definitions to be taken',
    async () => {
      const rows = await node.query('select * from spindexer.definitions').catch(() => [])
      const [row] = rows
      return row?.next_offset === String(definitions!.end) && row.rejudged_to === row.next_offset
    },
    { timeoutMs: 120_000 },
  )
}

/** The nodes hold the same cells and definitions, and the cells are those of the fold in Python. */
export async function expectEqual(log: KafkaTestLog, nodes: readonly TestNode[]): Promise<void> {
  const python = sha256(await foldInPython(log))
  const [first] = nodes
  for (const node of nodes) {
    expect(sha256(await cellsOf(node))).toBe(python)
    expect(await definedBy(node)).toEqual(await definedBy(first!))
    expect(await refusedOf(node)).toEqual(await refusedOf(first!))
    expect(await parkedOf(node)).toEqual(await parkedOf(first!))
  }
}

/** The folded definitions of a node. */
export async function definedBy(node: TestNode): Promise<Record<string, string>[]> {
  return node.query('select name, folded, changed_at from spindexer.datasets order by name')
}

export async function statusOf(node: TestNode): Promise<{
  readonly definitions: { readonly taken: number; readonly refused: number; readonly controls: number }
  readonly reasons: readonly { readonly kind: string; readonly reason: string; readonly count: number }[]
}> {
  return JSON.parse(await cli(['status', '--json'], { env: node.env }))
}
