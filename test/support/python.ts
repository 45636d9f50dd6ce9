// Python for tests: an interpreter with the packages of examples/python, and its programs run to their end.

import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { inContainer } from './containers/run.ts'
import { servicesKind } from './services.ts'

const ROOT = resolve(import.meta.dirname, '../..')
const EXAMPLES = join(ROOT, 'examples/python')
const CACHE = join(ROOT, 'node_modules/.cache/spindexer')
const ENVIRONMENT = { PYTHONDONTWRITEBYTECODE: '1' }
type Command = readonly [string, ...string[]]

const PROBE = 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))'

/** What a program printed, and its exit code (null: ended by a signal). */
export interface PythonResult {
  readonly stdout: string
  readonly stderr: string
  readonly code: number | null
}

/**
 * The command that runs the interpreter of a virtual environment with examples/python/requirements.txt, made when there
 * is none or when the requirements have changed. Where the machine has no Python that will do and services run in
 * containers, so does this. Throws with what to install when Python, its venv or the packages are not to be had.
 */
async function python(): Promise<readonly string[]> {
  const isContained = servicesKind() === 'docker' && !(await hasPython())
  const requirements = join(EXAMPLES, 'requirements.txt')
  // Checkouts that share node_modules may differ in what they require.
  const digest = createHash('sha256').update(readFileSync(requirements)).digest('hex').slice(0, 8)
  const venv = join(CACHE, `${isContained ? 'python-in-container' : 'python'}-${digest}`)
  // Tests also name files in directories of their own, under the temporary one.
  const around = isContained
    ? (command: Command) => inContainer('python', [ROOT, tmpdir()], command, ENVIRONMENT)
    : (command: Command) => command
  const script = join(import.meta.dirname, 'python-venv.py')
  const { code, stderr } = await run(around(['python3', script, venv, requirements]), '')
  if (code !== 0) throw new Error(`no Python for the tests: ${stderr.trim()}`)
  return around([join(venv, 'bin/python')])
}

async function hasPython(): Promise<boolean> {
  return run(['python3', '-c', PROBE], '').then(
    ({ code }) => code === 0,
    () => false,
  )
}

/** Runs a program of examples/python (`golden.py`, or a path) to its end, with `input` as its stdin. */
export async function runPython(
  script: string,
  args: readonly string[],
  { input = '' }: { readonly input?: string } = {},
): Promise<PythonResult> {
  return run([...(await python()), resolve(EXAMPLES, script), ...args], input)
}

function run([command, ...args]: readonly string[], input: string): Promise<PythonResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(command!, args, { stdio: 'pipe', env: { ...process.env, ...ENVIRONMENT } })
    const stdout: Buffer[] = []
    const stderr: Buffer[] = []
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk))
    child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk))
    child.on('error', (error: NodeJS.ErrnoException) => {
      const missing = error.code === 'ENOENT'
      reject(missing ? new Error(`${command} is missing: install Python 3.11 or later, with venv`) : error)
    })
    child.on('close', (code) =>
      resolve({ stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString(), code }),
    )
    // A program that ends before it has read everything is no error of ours: its exit code says what happened.
    child.stdin.on('error', () => {})
    child.stdin.end(input)
  })
}
