// Runs one command line and turns what comes of it into an exit code.

import { CommanderError } from 'commander'
import { createEmbeddedDefault } from './embedded.ts'
import { EXIT_DONE, EXIT_USAGE, explainError, Failure } from './errors.ts'
import { printable } from './output.ts'
import { buildProgram } from './program.ts'

const isDebug = process.env.SPINDEXER_DEBUG === '1'
quietWarnings()
endQuietlyOnClosedPipe(process.stdout)
endQuietlyOnClosedPipe(process.stderr)
process.exitCode = await runCommandLine()
// A library's idle socket or timer must not keep a command that is done from ending.
process.exit()

async function runCommandLine(): Promise<number> {
  const world = {
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    directory: process.cwd(),
    signal: abortOnSignals(),
  }
  const embedded = createEmbeddedDefault(world)
  const program = buildProgram({ ...world, embedded })
  try {
    try {
      await program.parseAsync(process.argv)
    } finally {
      await embedded.close()
    }
    await flush(process.stdout)
    return typeof process.exitCode === 'number' ? process.exitCode : EXIT_DONE
  } catch (error) {
    // Commander has printed its own message; help and version come as an error with exit code 0.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT_DONE : EXIT_USAGE
    const { text, exitCode } = explainError(error, isDebug)
    process.stderr.write(`${printable(text)}\n`)
    await flush(process.stdout)
    return exitCode
  }
}

/** The first signal asks for an orderly end; a second one is for those who cannot wait. */
function abortOnSignals(): AbortSignal {
  const controller = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.on(name, () => {
      if (controller.signal.aborted) process.exit(name === 'SIGINT' ? 130 : 143)
      controller.abort(new Failure('interrupted'))
    })
  }
  return controller.signal
}

/** `spindexer dump … | head` is no error. */
function endQuietlyOnClosedPipe(stream: NodeJS.WriteStream): void {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(EXIT_DONE)
    throw error
  })
}

/** Warnings of libraries and of Node itself say nothing to who uses the program (KafkaJS under Node 24 has one). */
function quietWarnings(): void {
  process.env.KAFKAJS_NO_PARTITIONER_WARNING ??= '1'
  if (!isDebug) process.removeAllListeners('warning').on('warning', () => {})
}

function flush(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    stream.write('', () => resolve())
  })
}
