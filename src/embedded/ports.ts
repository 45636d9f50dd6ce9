// Ports on 127.0.0.1 that nobody uses.
import { randomInt } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'

/**
 * A port below the range that the kernel gives to outgoing connections, at random, tried by binding.
 *
 * Port 0 would give one from within that range, and a service that is down for a moment could lose such
 * a port to any client's own end of a connection: restart() could not come back, and a client that
 * retries on localhost may even connect to itself.
 */
export async function choosePort(): Promise<number> {
  const first = firstOutgoingPort()
  if (first <= 12_000) return bind(0)
  for (let attempt = 0; attempt < 100; attempt++) {
    const port = randomInt(10_000, first)
    if (await isPortFree(port)) return port
  }
  return bind(0)
}

export async function isPortFree(port: number): Promise<boolean> {
  return bind(port).then(
    () => true,
    () => false,
  )
}

function firstOutgoingPort(): number {
  try {
    return Number(readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').split(/\s+/)[0])
  } catch {
    // Elsewhere than on Linux it is what RFC 6335 says.
    return 49_152
  }
}

function bind(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address ? address.port : port))
    })
  })
}
