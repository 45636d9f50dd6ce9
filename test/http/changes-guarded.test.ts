// The stream of a guarded log: what its node has merged and nothing else, with who has signed it, alike for whoever listens and whoever comes back.

import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it, onTestFinished } from 'vitest'
import { claimedSigner } from '../../src/codec/signing/header.ts'
import type { NewRecord } from '../../src/log/log.ts'
import { below, createRandom, one } from '../sim/world.ts'
import { guardedDefinitions, guardedPartition, KEYS } from '../support/guarded-world.ts'
import { announceSeed } from '../support/seed.ts'
import { signatureOf, signRecords } from '../support/signers.ts'
import { LOG_ID } from '../writer/support.ts'
import { type EventClient, openEvents, type ServerEvent } from './event-stream.ts'
import { openGuarded } from './guarded-live.ts'
import { type LiveNode, post } from './live-node.ts'
import { messageOf, recordJson, signedMessage } from './signed.ts'

/** A machine may be busy. */
const SLOW = { timeout: 30_000 }

const SEED = announceSeed('test/http/changes-guarded.test.ts')

async function listen(node: LiveNode, query = ''): Promise<EventClient> {
  const client = await openEvents(node.url, query)
  onTestFinished(() => client.close())
  return client
}

function signerIn(record: NewRecord): string | null {
  return record.headers === undefined ? null : claimedSigner(signatureOf(record))
}

/** Place and signer of each change, in the order of places. */
function changesOf(events: readonly ServerEvent[]): readonly string[] {
  return events
    .filter(({ type }) => type === 'change')
    .map(
      ({ data }) => `${data.partition}/${String(data.offset).padStart(4, '0')} ${data.status} ${data.signer}`,
    )
    .sort()
}

describe('GET /v1/changes of a guarded log', () => {
  it.each([1, 2, 3])(
    'tells what was merged, whatever was appended around the door (round %i)',
    async (round) => {
      const random = createRandom((SEED + round) >>> 0)
      const partitions = 2
      const node = await openGuarded({
        ...{ partitions, chunkRecords: 1 + below(random, 20), workers: 1 + below(random, 2) },
        ringBytes: one(random, [2_000, 16 * 1024 * 1024]),
        limits: { requestsPerSecond: 100_000 },
      })
      const client = await listen(node, '?from=start')
      for (const { record } of guardedDefinitions(LOG_ID)) await node.log.append([record])
      await node.caughtUp()
      const expected: string[] = []
      const left = Array.from({ length: partitions }, (_, partition) => [
        ...guardedPartition(LOG_ID, partition),
      ])
      while (left.some((items) => items.length > 0)) {
        const items = one(random, left)
        const some = items.splice(0, 1 + below(random, 8))
        if (some.length === 0) continue
        const appended = await node.log.append(some.map(({ record }) => record))
        for (const [i, { record, expected: verdict }] of some.entries()) {
          const { partition, offset } = appended[i]!
          if (verdict === 'merge')
            expected.push(`${partition}/${String(offset).padStart(4, '0')} merged ${signerIn(record)}`)
        }
        if (random() < 0.3) await sleep(below(random, 10))
      }
      await node.caughtUp()
      expected.sort()
      await client.until(expected.length + 2)
      await sleep(50)
      expect(changesOf(client.events)).toEqual(expected)
      const definitions = client.events.filter(({ type }) => type === 'definition').map(({ data }) => data)
      expect(definitions.map(({ name, signer }) => [name, signer])).toEqual([
        ['tracks', KEYS.admin.signer],
        ['albums', KEYS.secondAdmin.signer],
      ])
      // Whoever comes back, from wherever, is told the same.
      const ids = [...new Set(client.events.flatMap(({ id }) => (id === null ? [] : [id])))]
      for (const query of ['?from=start', ...[1, 2, 3].map(() => `?after=${one(random, ids)}`)]) {
        const again = await listen(node, query)
        const from = query === '?from=start' ? 0 : lastIndexOf(client.events, query.slice(7)) + 1
        const rest = changesOf(client.events.slice(from))
        await expect
          .poll(() => changesOf(again.events).filter((each) => rest.includes(each)).length, SLOW)
          .toBe(rest.length)
        expect(changesOf(again.events).filter((each) => !expected.includes(each))).toEqual([])
        again.close()
      }
      const { partitions: counted } = node.database
      expect([...counted.values()].reduce((sum, { merged }) => sum + Number(merged), 0)).toBe(expected.length)
      expect(node.bugs).toEqual([])
    },
  )

  it('what was posted comes with its signer, and is told once the node says what it has quarantined', async () => {
    let isSilent = false
    const node = await openGuarded({ isSilent: () => isSilent })
    await node.setPolicy({
      rules: [{ signers: '*', operations: ['upsert', 'delete'], datasets: ['tracks'], columns: '*' }],
    })
    await node.caughtUp()
    const client = await listen(node)
    const send = async (record: NewRecord) =>
      (await post(node.url, recordJson(record), '?wait=applied', 'application/json', '/v1/records')).json
    expect(await send(signedMessage(KEYS.writer, 'a'))).toMatchObject({ durable: 1, applied: true })
    const [first] = await client.until(1)
    expect(first!.data).toMatchObject({
      ...{ key: { id: 'a' }, status: 'merged', signer: KEYS.writer.signer },
      origin: 'dddddddddddddddd',
    })
    isSilent = true
    await send(signedMessage(KEYS.wallet, 'b'))
    await node.log.append([{ ...messageOf('c'), partition: 0 }])
    await sleep(100)
    expect(client.events.length).toBe(1)
    isSilent = false
    expect((await client.until(2))[1]!.data).toMatchObject({ key: { id: 'b' }, signer: KEYS.wallet.signer })
    // One origin under which two have written: each cell says so.
    await node.caughtUp()
    const row = await fetch(`${node.url}/v1/datasets/tracks/rows/a?include=stamps`)
    const signers = [KEYS.writer.signer, KEYS.wallet.signer].sort()
    expect(await row.json()).toMatchObject({
      aliveSigner: signers,
      deadSigner: null,
      cells: { title: { origin: 'dddddddddddddddd', signer: signers } },
    })
    const stamp = { stamp: `${'1'.repeat(16)}eeeeeeeeeeeeeeee` as never }
    const gone = messageOf('gone', {}, { ...stamp, operation: 'delete' })
    await send(signRecords(KEYS.admin, LOG_ID, [gone])[0]!)
    const missing = await fetch(`${node.url}/v1/datasets/tracks/rows/gone?include=stamps`)
    expect([missing.status, await missing.json()]).toMatchObject([404, { deadSigner: KEYS.admin.signer }])
  })
})

/** Of the last event that came with the id. */
function lastIndexOf(events: readonly ServerEvent[], id: string): number {
  return events.findLastIndex((event) => event.id === id)
}
