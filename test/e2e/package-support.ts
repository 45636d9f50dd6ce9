// The package as npm has it: packed from the sources, and installed where there is little more than Node.

import { spawn } from 'node:child_process'
import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, realpathSync, symlinkSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { ROOT } from '../support/cli.ts'

/** What `npm pack` and its build read; node_modules comes as a link. */
const PACKED = [
  'package.json',
  'tsconfig.json',
  'tsconfig.build.json',
  'README.md',
  'LICENSE',
  'src',
  'schemas',
]

export interface Ran {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface RunHow {
  readonly cwd: string
  readonly env: NodeJS.ProcessEnv
  readonly input?: string
  readonly user?: { readonly uid: number; readonly gid: number } | undefined
}

export interface Running {
  stderr(): string
  readonly ended: Promise<Ran>
}

export function start(file: string, args: readonly string[], { cwd, env, input, user }: RunHow): Running {
  const child = spawn(file, args, { cwd, env, stdio: ['pipe', 'pipe', 'pipe'], ...user })
  let [stdout, stderr] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text) => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text) => {
    stderr += text
  })
  child.stdin.on('error', () => {})
  child.stdin.end(input)
  const ended = new Promise<Ran>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => resolve({ code, stdout, stderr }))
  })
  return { stderr: () => stderr, ended }
}

/** Runs what has to succeed. */
export async function run(file: string, args: readonly string[], how: RunHow): Promise<string> {
  const { code, stdout, stderr } = await start(file, args, how).ended
  if (code !== 0) throw new Error(`${file} ${args.join(' ')} ended with ${code}:\n${stderr}\n${stdout}`)
  return stdout
}

/** A directory for PATH with node, npm, npx and sh, and nothing else: also for users who cannot enter this checkout. */
export function makeBin(dir: string): string {
  const bin = join(dir, 'bin')
  mkdirSync(bin)
  cpSync(realpathSync(process.execPath), join(bin, 'node'))
  const npm = dirname(realpathSync(onPath('npm')))
  for (const name of ['npm', 'npx']) symlinkSync(join(npm, `${name}-cli.js`), join(bin, name))
  symlinkSync('/bin/sh', join(bin, 'sh'))
  return bin
}

function onPath(name: string): string {
  const found = (process.env.PATH ?? '')
    .split(delimiter)
    .map((dir) => join(dir, name))
    .find((file) => existsSync(file))
  if (found === undefined) throw new Error(`${name} is missing: it comes with Node`)
  return found
}

/** The caller's own settings of npm (registry, cache, proxy) without those of the `npm` that runs the tests. */
export function npmEnvironment(bin: string): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(
    ([name]) =>
      !/^(npm_(?!config_)|npm_config_(local|global)?_?prefix|INIT_CWD|SPINDEXER_|DATABASE_URL|SCHEMA_)/i.test(
        name,
      ),
  )
  return { ...Object.fromEntries(own), PATH: bin, NODE_ENV: '', npm_config_update_notifier: 'false' }
}

/** Builds and packs from a copy, so that `dist` of this checkout stays as it is. Returns the archive. */
export async function pack(dir: string, env: NodeJS.ProcessEnv): Promise<string> {
  const copy = join(dir, 'source')
  mkdirSync(copy)
  for (const name of PACKED) cpSync(join(ROOT, name), join(copy, name), { recursive: true })
  symlinkSync(realpathSync(join(ROOT, 'node_modules')), join(copy, 'node_modules'))
  await run(join(env.PATH!, 'npm'), ['pack', '--pack-destination', dir], { cwd: copy, env })
  return join(dir, readdirSync(dir).find((name) => name.endsWith('.tgz'))!)
}

/** Installs the archive into a new folder, and opens that to everyone. */
export async function install(archive: string, app: string, env: NodeJS.ProcessEnv): Promise<void> {
  mkdirSync(app)
  const options = ['--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error']
  await run(join(env.PATH!, 'npm'), ['install', ...options, archive], { cwd: app, env })
  chmodSync(app, 0o755)
}
