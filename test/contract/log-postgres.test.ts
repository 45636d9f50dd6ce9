// The log in Postgres against the contract, on the oldest version and the newest.

import { afterAll } from 'vitest'
import { createLogDatabase, truncateRecords } from '../log/postgres-admin.ts'
import { logContract } from './log.ts'

const drops: (() => Promise<void>)[] = []
afterAll(async () => {
  await Promise.all(drops.map((drop) => drop()))
})

for (const version of [15, 18] as const) {
  logContract({
    name: `postgres ${version}`,
    groupMs: 10_000,
    async create(partitions) {
      const database = await createLogDatabase(version, partitions, 'contract')
      drops.push(database.drop)
      return {
        log: database.open(),
        another: () => database.open(),
        truncate: async (partition, first) => void (await truncateRecords(database, partition, first)),
      }
    },
  })
}
