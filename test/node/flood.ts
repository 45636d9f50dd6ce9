// A process that reads a flood of bad signatures, each another one, from a log that keeps none of them, into a store that keeps nothing.

import { createHash } from 'node:crypto'
import type { LogRecord } from '../../src/codec/record.ts'
import { SIGNATURE_HEADER } from '../../src/codec/signing/header.ts'
import { createLog } from '../../src/log/genesis.ts'
import type { Log, LogEvent } from '../../src/log/log.ts'
import { createMemoryLog } from '../../src/log/memory/log.ts'
import { listRecords } from '../../src/log/records.ts'
import { runNode } from '../../src/node/run.ts'
import { createProofPool } from '../../src/proofs/pool.ts'
import { createMemoryStore } from '../../src/store/memory/store.ts'
import type { Store } from '../../src/store/store.ts'
import { plan } from '../log/samples.ts'
import { ADMINS } from '../support/guarded-world.ts'

const RECORDS = Number(process.argv[2])
const CHUNK_RECORDS = 500
/** Bytes for what a thread keeps of what it has seen: less than the flood has. */
const HEAP_MIB = 8

const digest = (text: string): Buffer => createHash('sha256').update(text).digest()

/** Of a tree of 65,536 messages, by an Ethereum signature whose v is 0: refused at once, so that many take little time. */
function badSignature(number: number): Buffer {
  const counts = Buffer.alloc(8)
  counts.writeUInt32BE(65_536)
  counts.writeUInt32BE(number % 65_536, 4)
  const node = digest(`node ${number}`)
  return Buffer.concat([
    Buffer.of(2),
    node.subarray(0, 20),
    Buffer.alloc(65),
    counts,
    Buffer.alloc(16 * 32, node),
  ])
}

function flood(offset: bigint): LogRecord {
  const number = Number(offset)
  const place = { partition: 0, offset, appendMs: 1_800_000_000_000n, stampedByLog: true, key: null }
  const name = SIGNATURE_HEADER
  return { ...place, value: digest(`${number}`), headers: [{ name, value: badSignature(number) }] }
}

const memory = createMemoryLog({ partitions: 1, now: () => 1_800_000_000_000n })
await createLog(memory, { ...plan(1), admins: ADMINS })
const end = BigInt(RECORDS + 1)
const log: Log = {
  ...memory,
  async *read(options) {
    if (options.scope.type === 'definitions') {
      yield* memory.read(options)
      return
    }
    yield { type: 'assigned', partitions: [0] }
    await options.positions([0])
    for (let from = 1n; from < end && !options.signal.aborted; from += BigInt(CHUNK_RECORDS)) {
      const next = from + BigInt(CHUNK_RECORDS) < end ? from + BigInt(CHUNK_RECORDS) : end
      const records = listRecords(
        Array.from({ length: Number(next - from) }, (_, i) => flood(from + BigInt(i))),
      )
      yield { type: 'chunk', partition: 0, from, next, end, records } satisfies LogEvent
    }
  },
}

let quarantined = 0
const stop = new AbortController()
const kept = createMemoryStore()
const store: Store = {
  ...kept,
  async commit({ steps }) {
    for (const step of steps) quarantined += step.quarantined
    if (quarantined === RECORDS) stop.abort()
    return { type: 'committed' }
  },
}
const pool = createProofPool({ threads: 1, heapMib: HEAP_MIB })
await runNode({
  log,
  store,
  scope: { type: 'all' },
  signal: stop.signal,
  untilEnd: false,
  isTransient: () => false,
  emit: () => {},
  windowBytesMax: 4 * 1024 * 1024,
  pool,
})
await pool.close()
console.log(`quarantined ${quarantined}`)
