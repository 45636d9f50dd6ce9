// A door in a process of its own, on a log that takes everything and keeps nothing: how much memory does it take?
// Prints its port, then, when its stdin ends, the most memory that it has had (resident, in KiB).

import { setImmediate as turn } from 'node:timers/promises'
import { createApplied } from '../../src/http/applied.ts'
import { LIMITS } from '../../src/http/limits.ts'
import { addMutationsRoutes } from '../../src/http/mutations/routes.ts'
import { createPosting } from '../../src/http/posting/routes.ts'
import { addRecordsRoutes } from '../../src/http/records/routes.ts'
import { createDoor } from '../../src/http/server.ts'
import type { Log } from '../../src/log/log.ts'
import { createTestLog, TRACKS } from '../writer/support.ts'
import { createTestRelay, createTestWriting, defineIn, explainTestLog, proveHere } from './writing.ts'

const held = await createTestLog(() => BigInt(Date.now()))
await defineIn(held, TRACKS)
let offset = 0n
const log: Log = {
  ...held,
  async append(records) {
    const appendMs = BigInt(Date.now())
    await turn()
    return records.map(() => ({ partition: 0, offset: offset++, appendMs }))
  },
}
const app = await createDoor({
  ...{ isLoopback: true, allowedHosts: [], tls: null, tokens: { read: [], write: [] } },
  ...{ limits: LIMITS, version: '0.0.0', onBug: (error: unknown) => console.error(error) },
})
const writing = createTestWriting(log, 30_000)
const ports = {
  writing,
  applied: createApplied({ look: async () => null }),
  explainLog: explainTestLog,
  limits: LIMITS,
}
const addPosting = createPosting(app, ports)
addMutationsRoutes(addPosting, ports)
addRecordsRoutes(addPosting, {
  writing,
  relay: createTestRelay(log, writing, 30_000),
  prove: proveHere,
})
await app.listen({ host: '127.0.0.1', port: 0 })
console.log((app.server.address() as { port: number }).port)
process.stdin.resume().once('end', async () => {
  console.log(process.resourceUsage().maxRSS)
  app.server.closeAllConnections()
  await app.close()
  process.exit(0)
})
