// The threads against the prover of one record: the same proofs, however records are cut, delivered and divided; and how threads end.

import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { createRecordProver } from '../../src/codec/signing/proof.ts'
import type { NewRecord } from '../../src/log/log.ts'
import { createProofPool } from '../../src/proofs/pool.ts'
import { proofAt } from '../../src/proofs/proofs.ts'
import { mutateBytes } from '../fuzz/mutate.ts'
import { below, createRandom, one, type Random } from '../sim/world.ts'
import { guardedPartition, KEYS } from '../support/guarded-world.ts'
import { ADAPTERS, deliver } from '../support/records.ts'
import { announceSeed } from '../support/seed.ts'
import { signatureOf, signRecords, withSignature } from '../support/signers.ts'
import { soaked } from '../support/soak.ts'

const seed = announceSeed('test/proofs/pool.test.ts')
const LOG_ID = '00112233-4455-6677-8899-aabbccddeeff'
const OTHER_LOG_ID = '00112233-4455-6677-8899-aabbccddee00'
const APPEND_MS = 1_800_000_000_000n

const guarded = guardedPartition(LOG_ID, 0).map(({ record }) => record)

const CORPUS = guarded.map(({ value }) => value)

const plainRecord = (random: Random, size: number): NewRecord => ({
  partition: 0,
  key: Buffer.alloc(below(random, 400)),
  value: Buffer.from(Array.from({ length: size }, () => below(random, 256))),
})

/** Right and wrong ones, of trees and alone, whole headers and broken ones, with other headers and without. */
function someRecords(random: Random): readonly NewRecord[] {
  const records: NewRecord[] = [...guarded.filter(() => random() < 0.2)]
  const trees = 1 + below(random, 4)
  for (let tree = 0; tree < trees; tree++) {
    const values = Array.from({ length: 1 + below(random, 9) }, () => plainRecord(random, below(random, 120)))
    const log = random() < 0.1 ? OTHER_LOG_ID : LOG_ID
    records.push(...signRecords(one(random, [KEYS.writer, KEYS.stranger, KEYS.wallet]), log, values, 4))
  }
  records.push(plainRecord(random, 10))
  return records
    .map((record) => {
      const dice = random()
      if (record.headers === undefined || dice < 0.7) return record
      if (dice < 0.8) return withSignature(record, mutateBytes(random, signatureOf(record), CORPUS))
      if (dice < 0.85) return { ...record, value: mutateBytes(random, record.value, CORPUS) }
      const other = { name: one(random, ['trace', 'spindexer-signature']), value: Buffer.from('x') }
      return { ...record, headers: dice < 0.93 ? [other, ...record.headers] : [...record.headers, other] }
    })
    .sort(() => random() - 0.5)
}

it('threads prove what the prover of one record proves, in order, however many there are', async () => {
  const random = createRandom(seed)
  const pools = [1, 2, 3].map((threads) => createProofPool({ threads }))
  const expected = createRecordProver(LOG_ID)
  const seen = new Set<string>()
  for (let round = 0; round < soaked(12); round++) {
    const records = someRecords(random)
    const delivered = ADAPTERS.map((adapter) => deliver(adapter, records, 7n, APPEND_MS))
    const asked = pools.flatMap((pool) => delivered.map((one) => pool.prove(LOG_ID, one)))
    const wanted = [...delivered[0]!].map((record) => expected(record))
    for (const { proofs, bytes } of asked) {
      const made = await proofs!
      expect(records.map((_, i) => proofAt(made, i))).toEqual(wanted)
      expect(bytes).toBeGreaterThanOrEqual(records.reduce((sum, { value }) => sum + value.length, 0))
    }
    for (const { type } of wanted) seen.add(type)
  }
  expect([...seen].sort()).toEqual(['bad', 'signed', 'unsigned'])
  await Promise.all(pools.map((pool) => pool.close()))
})

it('a record whose value is null proves nothing, and needs no thread', async () => {
  const pool = createProofPool({ worker: new URL('data:text/javascript,process.exit(7)') })
  const records = deliver(
    'memory',
    signRecords(KEYS.writer, LOG_ID, [plainRecord(createRandom(1), 3)]),
    0n,
    0n,
  )
  const [record] = [...records]
  const { listRecords } = await import('../../src/log/records.ts')
  const made = await pool.prove(LOG_ID, listRecords([{ ...record!, value: null }])).proofs
  expect(proofAt(made, 0)).toEqual({ type: 'bad', detail: 'there is no value' })
  expect(pool.prove(LOG_ID, deliver('memory', [plainRecord(createRandom(1), 3)], 0n, 0n)).proofs).toBeNull()
  await pool.close()
})

it('the bytes of a chunk may change once they were handed over', async () => {
  const pool = createProofPool()
  const records = signRecords(KEYS.writer, LOG_ID, [plainRecord(createRandom(seed), 50)])
  const delivered = deliver('kafka', records, 0n, 0n)
  const { proofs } = pool.prove(LOG_ID, delivered)
  for (const { value } of delivered) value!.fill(0)
  expect(proofAt(await proofs, 0)).toEqual({ type: 'signed', signer: KEYS.writer.signer })
  await pool.close()
})

it('what is read ahead is weighed with all that holds memory, once', async () => {
  const pool = createProofPool({ threads: 1 })
  const records = [{ partition: 0, key: Buffer.alloc(300_000), value: Buffer.from('x') }]
  const headers = [{ name: 'trace', value: Buffer.alloc(200_000) }]
  const delivered = deliver('kafka', [...records, { ...records[0]!, headers }], 0n, 0n)
  expect(pool.prove(LOG_ID, delivered).bytes).toBeGreaterThan(800_000)
  // As a second chunk of the same batch would.
  expect(pool.prove(LOG_ID, delivered).bytes).toBe(0)
  const rows = deliver('postgres', records, 0n, 0n)
  expect(pool.prove(LOG_ID, rows).bytes).toBeGreaterThan(300_000)
  await pool.close()
})

it('one pool serves several logs', async () => {
  const pool = createProofPool({ threads: 1 })
  const records = signRecords(KEYS.writer, OTHER_LOG_ID, [plainRecord(createRandom(seed), 50)])
  const delivered = deliver('kafka', records, 0n, 0n)
  const asked = [LOG_ID, OTHER_LOG_ID, LOG_ID].map((logId) => pool.prove(logId, delivered).proofs!)
  expect((await Promise.all(asked)).map((made) => proofAt(made, 0).type)).toEqual(['bad', 'signed', 'bad'])
  await pool.close()
})

const ENDS = [
  ['throws', `throw new Error('out of luck')`, /thread \d of 2 .*out of luck/],
  [
    'throws later',
    `setTimeout(() => { throw new Error('out of luck') }, 20)`,
    /thread \d of 2 .*out of luck/,
  ],
  ['exits', 'process.exit(3)', /thread \d of 2 .* has died: it ended with code 3/],
  [
    'runs out of memory',
    'const all = []; for (;;) all.push(new Array(1e5).fill(all.length))',
    /thread \d of 2 .* has died: .*memory/,
  ],
  ['ends', '', /thread \d of 2 .* has died: it ended with code 0/],
] as const

it.each(ENDS)(
  'a thread that %s is an error that names it, for all that waits and all that comes',
  async (_, text, expected) => {
    const pool = createProofPool({
      threads: 2,
      worker: new URL(`data:text/javascript,${encodeURIComponent(text)}`),
      heapMib: 16,
    })
    const records = signRecords(KEYS.writer, LOG_ID, [plainRecord(createRandom(seed), 50)])
    const delivered = deliver('kafka', records, 0n, 0n)
    const first = pool.prove(LOG_ID, delivered).proofs
    await expect(first).rejects.toThrow(expected)
    await expect(pool.prove(LOG_ID, delivered).proofs).rejects.toThrow(expected)
    await pool.close()
  },
)

it('what is being proved is given up when the pool is closed', async () => {
  const pool = createProofPool({ worker: new URL('data:text/javascript,setInterval(() => {}, 1000)') })
  const delivered = deliver('kafka', signRecords(KEYS.writer, LOG_ID, guarded), 0n, 0n)
  const waiting = expect(pool.prove(LOG_ID, delivered).proofs).rejects.toThrow(/were ended/)
  await pool.close()
  await waiting
})

/** What a process of its own says and how it ends that has had records proved. */
async function runProcess(then: string): Promise<unknown> {
  const script = `
    import { createProofPool } from './src/proofs/pool.ts'
    import { guardedPartition } from './test/support/guarded-world.ts'
    import { deliver } from './test/support/records.ts'
    const records = guardedPartition('${LOG_ID}', 0).map(({ record }) => record)
    const pool = createProofPool()
    const made = await pool.prove('${LOG_ID}', deliver('kafka', records, 0n, 0n)).proofs
    console.log(made.codes.length === records.length)
    ${then}`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    cwd: join(import.meta.dirname, '../..'),
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let said = ''
  child.stdout.setEncoding('utf8').on('data', (text) => {
    said += text
  })
  const code = await new Promise((resolve) => child.once('close', resolve))
  return [code, said]
}

it('a process can end while the pool is idle, and waits for what is being proved', async () => {
  expect(await runProcess('')).toEqual([0, 'true\n'])
})

it('a process that closes the pool waits for its end', async () => {
  expect(await runProcess(`await pool.close(); console.log('closed')`)).toEqual([0, 'true\nclosed\n'])
})
