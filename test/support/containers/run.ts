// Programs that the machine lacks, run in a container of an image that has them, on the same files and addresses.

import { inject } from 'vitest'
import { type ImageName, imageOf } from '../../../scripts/services/images.ts'
import { engineEnvironment } from '../services.ts'
import { RUN_LABEL } from './container.ts'

/** What reaches the world as the caller does: where packages come from, and through which proxy. */
const PASSED_ON = /^(PIP_\w+|(https?|no|all)_proxy)$/i

/**
 * The command that runs `command` in an image, with `directories` at the same paths inside, the machine's network,
 * and files written as the caller's own.
 */
export function inContainer(
  image: ImageName,
  directories: readonly string[],
  command: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): readonly string[] {
  const passedOn = Object.keys(process.env).filter((name) => PASSED_ON.test(name))
  return [
    ...[
      'env',
      ...Object.entries(engineEnvironment()).map(([name, value]) => `${name}=${value}`),
      'docker',
      'run',
      '--rm',
      '--interactive',
      '--network',
      'host',
      '--security-opt',
      'label=disable',
    ],
    ...['--label', `${RUN_LABEL}=${inject('servicesRun').id}`, '--workdir', directories[0]!],
    ...['--user', `${process.getuid?.() ?? 0}:${process.getgid?.() ?? 0}`, '--env', 'HOME=/tmp'],
    ...directories.flatMap((directory) => ['--volume', `${directory}:${directory}`]),
    ...passedOn.flatMap((name) => ['--env', name]),
    ...Object.entries(environment).flatMap(([name, value]) => ['--env', `${name}=${value}`]),
    imageOf(image),
    ...command,
  ]
}
