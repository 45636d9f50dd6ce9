// What a window knows of who has written: each pair of origin and signer once, as much of it as its bytes allow, by either way.

import fc from 'fast-check'
import { expect, it } from 'vitest'
import { encodeMutation } from '../../src/codec/avro-encode.ts'
import { DirectReader } from '../../src/codec/direct.ts'
import { frameSingleObject } from '../../src/codec/framing.ts'
import {
  type GuardedStanding,
  initialStanding,
  OPEN,
  type Standing,
} from '../../src/codec/policy/standing.ts'
import { SIGNATURE_HEADER } from '../../src/codec/signing/header.ts'
import type { Signer } from '../../src/codec/signing/signer-key.ts'
import { createJudge } from '../../src/codec/verdict.ts'
import { createPackedFold } from '../../src/crdt/packed/fold.ts'
import { createStamp, type Origin } from '../../src/crdt/stamp.ts'
import type { NewRecord } from '../../src/log/log.ts'
import { createWindow, type Window } from '../../src/node/window.ts'
import { createProofs } from '../../src/proofs/proofs.ts'
import { ADMINS, guardedCatalogue } from '../support/guarded-world.ts'
import { deliver } from '../support/records.ts'
import { announceSeed, seeded } from '../support/seed.ts'

const seed = announceSeed('test/node/window.test.ts')
const LOG_ID = '00112233-4455-6677-8899-aabbccddeeff'
const APPEND_MS = 1_800_000_000_000n
const catalogue = guardedCatalogue(LOG_ID)
const maxClockAheadMs = 60_000n
const judge = createJudge({ logId: LOG_ID, generation: 1, maxClockAheadMs })
const direct = new DirectReader(catalogue, maxClockAheadMs)
const everybody: Standing = { ...(initialStanding(ADMINS) as GuardedStanding), unsigned: true }

interface Written {
  readonly signer: Signer
  readonly origin: Origin
  /** Whether the judge has to look at it. */
  readonly isOdd: boolean
}

const open = (): Window =>
  createWindow({ catalogue, judge, direct, rows: createPackedFold({ first: 1, second: 2 }) })

/** Adds messages as one chunk, with proofs as the threads would give them. */
function add(window: Window, messages: readonly Written[], standing: Standing): void {
  const from = window.end(0) ?? 1n
  const proofs = createProofs(messages.length)
  const records = messages.map(({ signer, origin, isOdd }, i): NewRecord => {
    if (signer !== null) proofs.signed(i, signer)
    const headers = signer === null ? [] : [{ name: SIGNATURE_HEADER, value: Buffer.alloc(3) }]
    const mutation = {
      stamp: createStamp(1_700_000_000_000_000_000n, origin),
      seq: null,
      operation: 'upsert' as const,
      dataset: 'tracks',
      key: ['one'],
      columns: new Map(),
    }
    const value = frameSingleObject(encodeMutation(mutation))
    const others = isOdd ? [{ name: 'trace', value: Buffer.alloc(1) }] : []
    return { partition: 0, key: null, value, headers: [...headers, ...others] }
  })
  const next = from + BigInt(records.length)
  const delivered = deliver('kafka', records, from, APPEND_MS)
  window.add({ type: 'chunk', partition: 0, from, next, end: next, records: delivered, proofs }, standing)
}

const signerOf = (number: number): string => `ed25519:${number.toString(16).padStart(64, '0')}`
const originOf = (number: number) => number.toString(16).padStart(16, '0') as Origin
const batchOf = (window: Window) => window.toBatch({ logId: LOG_ID, copyId: LOG_ID, generation: 1 })

it('every pair of origin and signer of what was merged comes once', () => {
  const written = fc.record({
    signer: fc.oneof(fc.constant(null), fc.nat(3).map(signerOf)),
    origin: fc.nat(3).map(originOf),
    isOdd: fc.nat(4).map((dice) => dice === 0),
  })
  fc.assert(
    fc.property(fc.array(fc.array(written, { maxLength: 12 }), { maxLength: 3 }), (chunks) => {
      const window = open()
      for (const chunk of chunks) add(window, chunk, everybody)
      const { authors, steps } = batchOf(window)
      const pairs = chunks.flat().map(({ origin, signer }) => `${origin} ${signer}`)
      expect(authors.map(({ origin, signer }) => `${origin} ${signer}`).sort()).toEqual(
        [...new Set(pairs)].sort(),
      )
      if (pairs.length > 0) expect(steps[0]).toMatchObject({ merged: pairs.length, standing: null })
    }),
    seeded(seed, 200),
  )
})

it('nobody is known of an open log, nor of messages that were not merged', () => {
  const messages = [signerOf(1), signerOf(2)].map((signer) => ({ signer, origin: originOf(1), isOdd: false }))
  const openLog = open()
  add(openLog, messages, OPEN)
  expect(batchOf(openLog)).toMatchObject({ authors: [], steps: [{ merged: 2 }] })
  const strict = open()
  add(strict, messages, initialStanding(ADMINS))
  expect(batchOf(strict)).toMatchObject({ authors: [], steps: [{ merged: 0, quarantined: 2 }] })
})

it('authors weigh what they take: a hundred thousand signers fill more than one window', () => {
  const window = open()
  const SIGNERS = 100_000
  const WINDOW_BYTES = 24 * 1024 * 1024
  let added = 0
  let windows = 0
  let current = window
  while (added < SIGNERS) {
    const some = Array.from({ length: 1_000 }, (_, i) => ({
      signer: signerOf(added + i),
      origin: originOf(added + i),
      isOdd: false,
    }))
    add(current, some, everybody)
    added += some.length
    if (current.bytes() < WINDOW_BYTES) continue
    // Measured, a signer with an origin of its own takes 420 bytes.
    expect(batchOf(current).authors.length * 420).toBeLessThan(WINDOW_BYTES + 1_000 * 1_000)
    current = open()
    windows++
  }
  expect(windows).toBeGreaterThanOrEqual(1)
})
