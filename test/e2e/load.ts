// Load for the end-to-end tests: a lot of generated mutations, published by the command line.

import { generateLines } from '../../scripts/demo/generate.ts'
import { type RunningCli, startCli } from '../support/cli.ts'
import type { TestLog } from './support.ts'

/** Publishes `count` generated mutations of the small catalogue; resolves when all are durable. */
export async function publishGenerated(
  log: TestLog,
  writer: string,
  seed: number,
  count: number,
): Promise<void> {
  const input = `${[...generateLines(writer, seed, count)].join('\n')}\n`
  const { code, stderr } = await startCli(['publish', '-'], { env: log.env, input }).ended
  if (code !== 0) throw new Error(`publish ended with ${code}:\n${stderr}`)
}

export interface Load {
  /** Stops after the lines that are under way; gives how many are durable, when the writer has ended well. */
  stop(): Promise<number>
  /** Lines that the writer was given so far: more than it has read, and that more than are durable. */
  written(): number
  /** What the writer said so far. */
  stderr(): string
  /** Ends it however it is; for a test that failed. */
  kill(): void
}

/** A writer that goes on until it is stopped, some thousand mutations a second unless told otherwise. */
export function startLoad(log: TestLog, writer: string, seed: number, linesPerSecond = 5_000): Load {
  const running: RunningCli = startCli(['publish', '-'], { env: log.env, keepStdin: true })
  const lines = generateLines(writer, seed, 100_000_000)
  let stopped = false
  let written = 0
  const timer = setInterval(() => {
    if (stopped || running.child.stdin.writableNeedDrain) return
    const some = Array.from({ length: linesPerSecond / 25 }, () => `${lines.next().value}\n`)
    running.child.stdin.write(some.join(''))
    written += some.length
  }, 40)
  return {
    kill() {
      clearInterval(timer)
      running.kill('SIGKILL')
    },
    async stop() {
      stopped = true
      clearInterval(timer)
      running.child.stdin.end()
      const { code, stdout, stderr } = await running.ended
      if (code !== 0) throw new Error(`publish ended with ${code}:\n${stderr}`)
      return JSON.parse(stdout).durable
    },
    written: () => written,
    stderr: () => running.stderr(),
  }
}
