// Programs that the machine lacks, run in a container of an image that has them, on the same files and addresses.

import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { inject } from 'vitest'
import { type ImageName, imageOf } from '../../../scripts/services/images.ts'
import { engineEnvironment, servicesKind } from '../services.ts'
import { RUN_LABEL } from './container.ts'

/** What reaches the world as the caller does: where packages come from, and through which proxy. */
const PASSED_ON = /^(PIP_\w+|(https?|no|all)_proxy)$/i

/**
 * The command that runs a program in an image, with `directories` at the same paths inside, the machine's network,
 * and files written as the caller's own.
 */
export function inContainer(
  image: ImageName,
  directories: readonly string[],
  [program, ...args]: readonly [string, ...string[]],
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
    ...['--entrypoint', program, imageOf(image)],
    ...args,
  ]
}

/** The command for a program: the machine's own; where it has none and services run in containers, an image's. */
export function program(name: string, image: ImageName, directories: readonly string[]): readonly string[] {
  const isHere = (process.env.PATH ?? '').split(delimiter).some((folder) => existsSync(join(folder, name)))
  return isHere || servicesKind() === 'native' ? [name] : inContainer(image, directories, [name])
}
