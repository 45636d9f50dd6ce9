// What every command is given: its settings, where it prints, and the way to the adapters.

import type { Readable, Writable } from 'node:stream'
import type { Command } from 'commander'
import { type Config, resolveConfig } from './config.ts'
import type { EmbeddedDefault } from './embedded.ts'
import { createOutput, type Output } from './output.ts'
import { SETTINGS, type SettingName } from './settings.ts'

/** The world outside the process. */
export interface World {
  readonly stdin: Readable
  readonly stdout: Writable & { readonly isTTY?: boolean }
  readonly stderr: Writable & { readonly isTTY?: boolean }
  readonly env: Readonly<Record<string, string | undefined>>
  readonly directory: string
  /** Aborted when the user asks for the end. */
  readonly signal: AbortSignal
}

/** The world, and what stands in it for settings that nobody has set. */
export interface Io extends World {
  readonly embedded: EmbeddedDefault
}

export interface Context {
  readonly io: Io
  readonly config: Config
  readonly out: Output
  /** Prints a line for those who debug. */
  readonly debug: (line: string) => void
}

/** Settles the settings of one command line and says what is odd about them. */
export function createContext(io: Io, command: Command): Context {
  const config = configOf(io, command, io.embedded.url())
  const out = createOutput(io, { json: command.optsWithGlobals().json === true })
  for (const warning of config.warnings) out.say(`warning: ${warning}`)
  const isDebug = config.get('SPINDEXER_DEBUG') === '1'
  return { io, config, out, debug: (line) => isDebug && out.say(line) }
}

/** The settings of one command line. `embeddedUrl` stands for the log and the database where neither is set. */
export function configOf(world: World, command: Command, embeddedUrl: string | null): Config {
  const options: Readonly<Record<string, unknown>> = command.optsWithGlobals()
  const flags: Partial<Record<SettingName, string>> = {}
  for (const { name, flag } of SETTINGS) {
    const value = flag === null ? undefined : options[toOptionName(flag)]
    if (typeof value === 'string') flags[name] = value
  }
  return resolveConfig({ flags, env: world.env, directory: world.directory, embeddedUrl })
}

/** `--schema-registry` is `schemaRegistry` among Commander's options. */
function toOptionName(flag: string): string {
  return flag.slice(2).replace(/-([a-z])/g, (_all, letter: string) => letter.toUpperCase())
}
