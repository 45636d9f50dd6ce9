// Python for tests: an interpreter with the packages of examples/python, and its programs run to their end.

import { spawn } from 'node:child_process'
import { join, resolve } from 'node:path'

const ROOT = resolve(import.meta.dirname, '../..')
const EXAMPLES = join(ROOT, 'examples/python')
const VENV = join(ROOT, 'node_modules/.cache/spindexer/python')

/** What a program printed, and its exit code (null: ended by a signal). */
export interface PythonResult {
  readonly stdout: string
  readonly stderr: string
  readonly code: number | null
}

/**
 * The interpreter of a virtual environment with examples/python/requirements.txt, made when there is none or when
 * the requirements have changed. Throws with what to install when Python, its venv or the packages are not to be had.
 */
export async function python(): Promise<string> {
  const script = join(import.meta.dirname, 'python-venv.py')
  const { code, stderr } = await run('python3', [script, VENV, join(EXAMPLES, 'requirements.txt')], '')
  if (code !== 0) throw new Error(`no Python for the tests: ${stderr.trim()}`)
  return join(VENV, 'bin/python')
}

/** Runs a program of examples/python (`golden.py`, or a path) to its end, with `input` as its stdin. */
export async function runPython(
  script: string,
  args: readonly string[],
  { input = '' }: { readonly input?: string } = {},
): Promise<PythonResult> {
  return run(await python(), [resolve(EXAMPLES, script), ...args], input)
}

function run(command: string, args: readonly string[], input: string): Promise<PythonResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      stdio: 'pipe',
      env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1' },
    })
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
