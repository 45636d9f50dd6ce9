// One process at a time, by a lock that the kernel lets go of when its holder dies.
import { createHash } from 'node:crypto'
import { createServer, type Server } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

/**
 * Runs `work` while no other process on this machine runs under the same name. The lock is a Unix socket
 * in Linux's abstract namespace: no file, so none that a killed process could leave behind.
 */
export async function withLock<T>(name: string, timeoutMs: number, work: () => Promise<T>): Promise<T> {
  const address = `\0spindexer-${createHash('sha256').update(name).digest('hex').slice(0, 32)}`
  const until = Date.now() + timeoutMs
  let server = await listen(address)
  while (!server) {
    if (Date.now() > until) throw new Error(`another process has held ${name} for ${timeoutMs / 1000} s`)
    await sleep(100)
    server = await listen(address)
  }
  try {
    return await work()
  } finally {
    server.close()
  }
}

function listen(address: string): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((connection) => connection.destroy())
    server.once('error', (error: NodeJS.ErrnoException) =>
      error.code === 'EADDRINUSE' ? resolve(undefined) : reject(error),
    )
    server.listen(address, () => resolve(server))
  })
}
