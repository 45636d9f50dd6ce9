// Whether containers can run here: an engine that speaks Docker's API and answers, with Compose.
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const run = promisify(execFile)
const askTimeoutMs = 15_000

export type Engine =
  | { readonly type: 'answers'; readonly compose: readonly string[] }
  | { readonly type: 'absent'; readonly reason: string }

/** Asks `docker` (DOCKER_HOST and its contexts decide where) and looks for Compose, version 2 or later. */
export async function findEngine(): Promise<Engine> {
  const server = await ask(['docker', 'version', '--format', '{{.Server.Version}}'])
  if (server.type === 'failed')
    return { type: 'absent', reason: `no container engine answers (${server.reason})` }
  for (const compose of [['docker', 'compose'], ['docker-compose']]) {
    const version = await ask([...compose, 'version', '--short'])
    if (version.type === 'said' && Number.parseInt(version.text.replace(/^v/, ''), 10) >= 2) {
      return { type: 'answers', compose }
    }
  }
  return { type: 'absent', reason: 'a container engine answers, but Compose 2 or later is missing' }
}

async function ask([file, ...args]: readonly string[]) {
  try {
    const { stdout } = await run(file!, args, { timeout: askTimeoutMs })
    return { type: 'said', text: stdout.trim() } as const
  } catch (error) {
    const { code, stderr } = error as { code?: unknown; stderr?: string }
    const reason =
      code === 'ENOENT' ? `there is no ${file}` : (stderr?.trim().split('\n').at(-1) ?? String(error))
    return { type: 'failed', reason } as const
  }
}
