// Contract of stores: what was set aside can be listed and counted, whatever there is of it.

import { describe, expect, it } from 'vitest'
import { DEFINITIONS, type Pointer } from '../../src/codec/record.ts'
import type { SetAsideFilter, SetAsideMessage } from '../../src/store/store.ts'
import type { StoreSubject } from './store.ts'
import {
  batchOf,
  catalogueOf,
  datasetOf,
  definitionStep,
  parkedOf,
  prepare,
  setAsideOf,
} from './store-fixture.ts'

const TRACKS = datasetOf('tracks', { columns: { title: 'string' } })
/** More than a first fetch brings. */
const MANY = 300

export function setAsideContract(subject: StoreSubject): void {
  describe('set aside', () => {
    const at = (offset: bigint, partition = 0): Pointer => ({ partition, offset })

    /** What a reader tells of the messages that the filter lets through. */
    const look = async (filter: SetAsideFilter) => {
      const reader = await subject.reader()
      try {
        const view = reader.setAside(filter)
        const messages: SetAsideMessage[] = []
        for await (const message of view.messages()) messages.push(message)
        return { counts: await view.counts(), messages }
      } finally {
        await reader.close()
      }
    }
    const placesOf = (messages: readonly SetAsideMessage[]) =>
      messages.map(({ kind, partition, offset }) => `${kind} ${partition}/${offset}`)

    const fill = async () => {
      const store = subject.store()
      await prepare(store, TRACKS)
      await store.commit(
        batchOf([], {
          partition: 10,
          parked: [parkedOf(at(0n, 10), 'albums', '', 'unknown-dataset')],
          quarantined: [setAsideOf(at(1n, 10), null, 'no-value')],
        }),
      )
      await store.commit(
        batchOf([], {
          partition: 2,
          parked: [
            parkedOf(at(2n, 2), 'tracks', 'plays'),
            parkedOf(at(10n, 2), 'tracks', null, 'wrong-value'),
          ],
          quarantined: [
            setAsideOf(at(3n, 2), 'tracks', 'clock-ahead'),
            setAsideOf(at(1n, 2), null, 'bad-avro'),
          ],
        }),
      )
      const refused = [setAsideOf(at(1n, DEFINITIONS), 'tracks', 'key-changed')]
      await store.define(definitionStep(1n, catalogueOf(2n, TRACKS), { refused }))
    }

    it('all of it comes in order of place, with everything that is known of each', async () => {
      await fill()
      const { counts, messages } = await look({})
      expect(placesOf(messages)).toEqual([
        'quarantined -1/1',
        'quarantined 2/1',
        'parked 2/2',
        'quarantined 2/3',
        'parked 2/10',
        'parked 10/0',
        'quarantined 10/1',
      ])
      expect(messages[0]).toEqual({
        kind: 'quarantined',
        ...setAsideOf(at(1n, DEFINITIONS), 'tracks', 'key-changed'),
      })
      expect(messages[1]).toEqual({ kind: 'quarantined', ...setAsideOf(at(1n, 2), null, 'bad-avro') })
      expect(messages[2]).toEqual({ kind: 'parked', ...setAsideOf(at(2n, 2), 'tracks', 'unknown-column') })
      expect(counts).toEqual([
        { kind: 'parked', reason: 'unknown-column', count: 1n },
        { kind: 'parked', reason: 'unknown-dataset', count: 1n },
        { kind: 'parked', reason: 'wrong-value', count: 1n },
        { kind: 'quarantined', reason: 'bad-avro', count: 1n },
        { kind: 'quarantined', reason: 'clock-ahead', count: 1n },
        { kind: 'quarantined', reason: 'key-changed', count: 1n },
        { kind: 'quarantined', reason: 'no-value', count: 1n },
      ])
      expect((await subject.status()).reasons).toEqual(counts)
    })

    it.each<[SetAsideFilter, string[]]>([
      [{ kind: 'parked' }, ['parked 2/2', 'parked 2/10', 'parked 10/0']],
      [
        { kind: 'quarantined' },
        ['quarantined -1/1', 'quarantined 2/1', 'quarantined 2/3', 'quarantined 10/1'],
      ],
      [{ reason: 'wrong-value' }, ['parked 2/10']],
      [{ dataset: 'tracks', partition: 2 }, ['parked 2/2', 'quarantined 2/3', 'parked 2/10']],
      [{ partition: DEFINITIONS }, ['quarantined -1/1']],
      [{ partition: 2, offset: 3n }, ['quarantined 2/3']],
      [{ partition: 2, offset: 4n }, []],
      [{ partition: 2, offsets: { from: 2n, next: 10n } }, ['parked 2/2', 'quarantined 2/3']],
      [
        { kind: 'quarantined', partition: DEFINITIONS, offsets: { from: 0n, next: 2n } },
        ['quarantined -1/1'],
      ],
      [{ offsets: { from: 2n, next: 2n } }, []],
      [{ kind: 'parked', reason: 'no-value' }, []],
      [{ dataset: "' or true --" }, []],
    ])('a filter lets through what it names: %o', async (filter, places) => {
      await fill()
      const { counts, messages } = await look(filter)
      expect(placesOf(messages)).toEqual(places)
      expect(counts.reduce((sum, { count }) => sum + count, 0n)).toBe(BigInt(places.length))
    })

    it('many of them come in order, and who stops reading may go on with something else', async () => {
      const store = subject.store()
      await prepare(store, TRACKS)
      const offsets = Array.from({ length: MANY }, (_, i) => BigInt(i))
      const isEven = (offset: bigint) => offset % 2n === 0n
      const parked = offsets.filter(isEven).map((offset) => parkedOf(at(offset), 'x', '', 'unknown-dataset'))
      const quarantined = offsets
        .filter((offset) => !isEven(offset))
        .map((offset) => setAsideOf(at(offset), null, 'bad-avro'))
      await store.commit(batchOf([], { parked, quarantined }))
      expect((await look({})).messages.map(({ offset }) => offset)).toEqual(offsets)
      const reader = await subject.reader()
      for await (const { offset } of reader.setAside({}).messages()) if (offset === 1n) break
      expect((await reader.setAside({ kind: 'parked' }).counts())[0]?.count).toBe(BigInt(MANY / 2))
      await reader.close()
    })
  })
}
