// Runs a command against podman in place of Docker: node scripts/containers/with-podman.ts COMMAND [ARGUMENT...]
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** crun and the limits that podman would set by default fail where we may not raise limits: in a sandbox, say. */
const settings = `[containers]
default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
[engine]
runtime = "runc"
`

const serveTimeoutMs = 20_000

async function main([command, ...args]: readonly string[]): Promise<number> {
  if (command === undefined)
    throw new Error('usage: node scripts/containers/with-podman.ts COMMAND [ARGUMENT...]')
  const dir = mkdtempSync(join(tmpdir(), 'spindexer-podman-'))
  const socket = join(dir, 'docker.sock')
  const configuration = join(dir, 'containers.conf')
  writeFileSync(configuration, settings)
  const env = { ...process.env, CONTAINERS_CONF: configuration }
  const started: ChildProcess[] = []
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => started.at(-1)?.kill(signal))
  try {
    const service = spawn('podman', ['system', 'service', '--time', '0', `unix://${socket}`], {
      env,
      // It reports every connection that ends.
      stdio: 'ignore',
      // Ctrl-C is for the command: it needs the service to clean up.
      detached: true,
    })
    started.push(service)
    await Promise.race([untilServed(socket), untilEnded(service)])
    const child = spawn(command, args, {
      env: {
        ...env,
        DOCKER_HOST: `unix://${socket}`,
        // Testcontainers' own image for cleaning up is in no registry that can be reached; we clean up by label.
        TESTCONTAINERS_RYUK_DISABLED: 'true',
      },
      stdio: 'inherit',
    })
    started.push(child)
    const [code] = await once(child, 'close')
    return code ?? 1
  } finally {
    for (const child of started) if (child.exitCode === null) child.kill('SIGTERM')
    rmSync(dir, { recursive: true, force: true })
  }
}

async function untilServed(socket: string): Promise<void> {
  for (let waited = 0; waited < serveTimeoutMs; waited += 100) {
    if (existsSync(socket)) return
    await sleep(100)
  }
  throw new Error(`podman did not serve its API within ${serveTimeoutMs / 1000} s`)
}

async function untilEnded(service: ChildProcess): Promise<never> {
  await once(service, 'exit').catch(() => {
    throw new Error('podman does not run; on Debian or Ubuntu: sudo apt-get install podman runc iptables')
  })
  throw new Error(`podman's service ended with ${service.exitCode}; see podman info`)
}

process.exitCode = await main(process.argv.slice(2)).catch((error: Error) => {
  console.error(error.message)
  return 1
})
