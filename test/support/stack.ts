// make up and make down in a directory of a test's own, and nothing of theirs left behind.

import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { projectOf } from '../../scripts/services/compose-stack.ts'
import { ROOT } from './cli.ts'
import { engineEnvironment, servicesKind } from './services.ts'

export interface StackResult {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** `npm run services -- ARGUMENTS --root ROOT`, run as this run's services are. */
export function runStack(
  root: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<StackResult> {
  return new Promise((resolve) => {
    const options = { env: { ...process.env, ...engineEnvironment(), ...env } }
    const all = [join(ROOT, 'scripts/services.ts'), ...args, '--root', root]
    const child = execFile(process.execPath, all, options, (_error, stdout, stderr) =>
      resolve({ code: child.exitCode, stdout, stderr }),
    )
  })
}

/** Takes it down, its data with it. */
export async function removeStack(root: string): Promise<void> {
  await runStack(root, ['down'])
  if (servicesKind() === 'native') return
  const { removeProjectVolumes } = await import('./containers/container.ts')
  await removeProjectVolumes(projectOf(join(root, '.spindexer/services')))
}
