// The store in memory keeps the contract of stores.

import { createMemoryDatabase } from '../../src/store/memory/database.ts'
import { createMemoryReader } from '../../src/store/memory/reader.ts'
import { createMemoryStore } from '../../src/store/memory/store.ts'
import { storeContract } from './store.ts'

storeContract('memory', async () => {
  const database = createMemoryDatabase()
  return {
    store: () => createMemoryStore(database),
    reader: async () => createMemoryReader(database),
    close: async () => {},
  }
})
