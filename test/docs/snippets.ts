// A document's snippets of shell, run as they stand there: in one shell, in a copy of the checkout.

import { execFile } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { ROOT } from '../support/cli.ts'

/** What the checkout has and its copy must not: the developer's settings and services, and what is no part of it. */
const LEFT_OUT: ReadonlySet<string> = new Set(['.env', '.git', '.spindexer', 'definitions'])
/** Leads one snippet's output off from the next one's. */
const CUT = '-----8<-----'
/** Each marker that may stand above a snippet of shell, and whether it is run. */
const RUN_BY_MARKER: Readonly<Record<string, boolean>> = { run: true, 'starts services': false }

export interface Checkout {
  readonly path: string
  /** A folder of programs that the snippets find before all others. */
  readonly bin: string
}

/** A checkout in which snippets may write, in `dir`. */
export function copyCheckout(dir: string): Checkout {
  const path = join(dir, 'checkout')
  const bin = join(dir, 'bin')
  mkdirSync(path)
  mkdirSync(bin)
  for (const name of readdirSync(ROOT)) {
    if (!LEFT_OUT.has(name)) symlinkSync(join(ROOT, name), join(path, name))
  }
  return { path, bin }
}

/** A program of the snippets that is another one here. */
export function addProgram({ bin }: Checkout, name: string, command: readonly string[]): void {
  const words = command.map((word) => `'${word}'`).join(' ')
  writeFileSync(join(bin, name), `#!/bin/sh\nexec ${words} "$@"\n`, { mode: 0o755 })
}

/** The blocks of shell in their order. Each has a marker, so that none is left out by oversight. */
export function snippetsOf(document: string): string[] {
  const text = readFileSync(join(ROOT, document), 'utf8')
  const found = [...text.matchAll(/(?:<!-- (.+) -->\n)?```sh\n([\s\S]*?)```/g)]
  return found.flatMap(([, marker = '', snippet]) => {
    const isRun = RUN_BY_MARKER[marker]
    if (isRun === undefined)
      throw new Error(`${document} marks a snippet of shell as "${marker}":\n${snippet}`)
    return isRun ? [snippet!] : []
  })
}

/** The blocks of another language, such as the output that a document shows. */
export function fencedIn(document: string, language: string): string[] {
  const text = readFileSync(join(ROOT, document), 'utf8')
  return [...text.matchAll(new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``, 'g'))].map(
    (block) => block[1]!,
  )
}

export interface Ran {
  /** What each snippet printed on stdout. */
  readonly outputs: readonly string[]
  /** What all of them printed on stderr. */
  readonly words: string
}

/** Runs snippets one after the other in one bash that stops at the first failure. */
export async function runSnippets(
  checkout: Checkout,
  snippets: readonly string[],
  { env = {}, timeoutMs }: { readonly env?: Readonly<Record<string, string>>; readonly timeoutMs: number },
): Promise<Ran> {
  const script = ['set -euo pipefail', ...snippets].join(`\necho '${CUT}'\n`)
  const path = [checkout.bin, dirname(process.execPath), process.env.PATH].join(delimiter)
  const { stdout, stderr } = await new Promise<{ stdout: string; stderr: string }>((resolve, reject) => {
    execFile(
      'bash',
      ['-c', script],
      { cwd: checkout.path, env: { PATH: path, HOME: process.env.HOME ?? '', ...env }, timeout: timeoutMs },
      (error, stdout, stderr) =>
        error === null
          ? resolve({ stdout, stderr })
          : reject(new Error(`${error.message}\n${stdout}\n${stderr}`)),
    )
  })
  return { outputs: stdout.split(`${CUT}\n`).slice(1), words: stderr }
}
