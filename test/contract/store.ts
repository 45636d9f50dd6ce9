// The contract of stores: what every adapter must do alike.

import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { RowSelection, Store, StoredRow, StoreReader, StoreStatus } from '../../src/store/store.ts'
import { type RowsOptions, rowsOf, type WholeState, wholeState } from './store-fixture.ts'
import { identityContract } from './store-identity.ts'
import { mergeContract } from './store-merge.ts'
import { moveContract } from './store-move.ts'
import { pageContract } from './store-pages.ts'
import { parkedContract } from './store-parked.ts'
import { setAsideContract } from './store-set-aside.ts'
import { signerContract } from './store-signers.ts'
import { standingContract } from './store-standings.ts'
import { stepContract } from './store-steps.ts'
import { valueContract } from './store-values.ts'

export interface StoreBench {
  /** A worker: a store on the bench's one database. */
  store(): Store
  reader(): Promise<StoreReader>
  close(): Promise<void>
}

/** What the parts of the contract use; everything is of the bench of the running test. */
export interface StoreSubject {
  store(): Store
  reader(): Promise<StoreReader>
  rows(dataset: string, selection?: RowSelection, options?: RowsOptions): Promise<StoredRow[]>
  status(): Promise<StoreStatus>
  whole(): Promise<WholeState>
}

export function storeContract(name: string, open: () => Promise<StoreBench>): void {
  describe(`store: ${name}`, () => {
    let bench: StoreBench
    beforeEach(async () => {
      bench = await open()
    })
    afterEach(() => bench.close())

    const withReader = async <T>(use: (reader: StoreReader) => Promise<T>): Promise<T> => {
      const reader = await bench.reader()
      try {
        return await use(reader)
      } finally {
        await reader.close()
      }
    }
    const subject: StoreSubject = {
      store: () => bench.store(),
      reader: () => bench.reader(),
      rows: (dataset, selection, options) =>
        withReader((reader) => rowsOf(reader, dataset, selection, options)),
      status: () => withReader((reader) => reader.status()),
      whole: () => withReader(wholeState),
    }

    identityContract(subject)
    moveContract(subject)
    stepContract(subject)
    standingContract(subject)
    signerContract(subject)
    mergeContract(subject)
    valueContract(subject)
    parkedContract(subject)
    pageContract(subject)
    setAsideContract(subject)

    it('a reader of an unbound store sees that there is nothing', async () => {
      const status = await subject.status()
      expect(status.identity).toBeNull()
      expect(status.state).toBeNull()
      expect(status.counts).toEqual([])
      expect((await subject.whole()).rows.size).toBe(0)
    })
  })
}
