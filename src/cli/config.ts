// Where settings come from: flag, then environment, then `.env`; secrets also from a file that NAME_FILE names.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseEnv } from 'node:util'
import { listNames, nearNames } from '../codec/near-names.ts'
import { connectionWarnings } from './connection-warnings.ts'
import { usageFailure } from './errors.ts'
import { MASK, maskSecrets, showPath } from './secrets.ts'
import { SETTINGS, type Setting, type SettingName } from './settings.ts'

export interface ResolvedSetting extends Setting {
  /** Null where nothing sets it and it has no default. */
  readonly value: string | null
  /** `flag --log`, `environment`, `.env`, `file /run/secrets/db`, `embedded`, `default`, `not set`. */
  readonly source: string
  /** The file that holds the value, where it is read late: `value` is null then. */
  readonly lateFile?: { readonly path: string; readonly namedBy: string }
}

export interface Config {
  readonly settings: readonly ResolvedSetting[]
  readonly warnings: readonly string[]
  /** The value, or null where it is not set (or set to nothing). */
  get(name: SettingName): string | null
}

export interface ConfigSources {
  /** Values of flags by setting name. */
  readonly flags: Partial<Readonly<Record<SettingName, string>>>
  readonly env: Readonly<Record<string, string | undefined>>
  /** The directory whose `.env` counts. */
  readonly directory: string
  /** Of the embedded Postgres of that directory; null where there is none. */
  readonly embeddedUrl: string | null
}

/**
 * Settles every setting. Throws a usage failure for a secret that is given twice or whose file cannot be read.
 * A variable that is set to nothing counts as set: `SCHEMA_REGISTRY_URL= spindexer …` turns off what `.env` says.
 */
export function resolveConfig({ flags, env, directory, embeddedUrl }: ConfigSources): Config {
  const dotEnv = readDotEnv(directory)
  const configured = SETTINGS.map((setting): ResolvedSetting => {
    const flag = flags[setting.name]
    if (flag !== undefined) return fromFlag(setting, flag)
    return (
      fromVariables(setting, env, 'environment') ??
      fromVariables(setting, dotEnv, '.env') ?? {
        ...setting,
        value: setting.fallback,
        source: setting.fallback === null ? 'not set' : 'default',
      }
    )
  })
  const settings = embeddedUrl === null ? configured : withEmbedded(configured, embeddedUrl)
  const valueByName = new Map(settings.map((setting) => [setting.name, setting.value]))
  return {
    settings,
    warnings: [
      ...unknownNames(env, 'the environment'),
      ...unknownNames(dotEnv, '.env'),
      ...oddValues(settings),
      ...connectionWarnings((name) => valueByName.get(name) ?? null),
    ],
    get: (name) => valueByName.get(name) ?? null,
  }
}

/** What of these says where a node works: without one of them it is the embedded Postgres. */
const PLACES: ReadonlySet<SettingName> = new Set(['SPINDEXER_LOG', 'DATABASE_URL'])

export function isPlaceConfigured({ settings }: Pick<Config, 'settings'>): boolean {
  return settings.some(({ name, value }) => PLACES.has(name) && value !== null)
}

/** The value that asks for the embedded Postgres where the other place is configured. */
const EMBEDDED = 'embedded'

/** True where a place is the embedded Postgres: neither is set, or one is said to be. */
export function usesEmbedded({ settings }: Pick<Config, 'settings'>): boolean {
  return (
    !isPlaceConfigured({ settings }) ||
    settings.some(({ name, value }) => PLACES.has(name) && value === EMBEDDED)
  )
}

/** One server is both, log and database, where neither is set; or one of them, where that is said. */
function withEmbedded(settings: readonly ResolvedSetting[], url: string): readonly ResolvedSetting[] {
  const isNothingSet = !isPlaceConfigured({ settings })
  return settings.map((setting) => {
    if (!PLACES.has(setting.name) || !(isNothingSet || setting.value === EMBEDDED)) return setting
    return { ...setting, value: url, source: isNothingSet ? EMBEDDED : `${EMBEDDED} (${setting.source})` }
  })
}

/** A setting's value for people: secrets masked. */
export function maskSetting(setting: ResolvedSetting): string | null {
  if (setting.lateFile !== undefined) return MASK
  if (setting.value === null || !setting.isSecret) return setting.value
  return setting.isWhollySecret === true ? MASK : maskSecrets(setting.value)
}

type Variables = Readonly<Record<string, string | undefined>>

function fromFlag(setting: Setting, text: string): ResolvedSetting {
  const { flag, isFlagFile } = setting
  return isFlagFile === true && text !== ''
    ? fromFile(setting, flag!, text, `flag ${flag}`)
    : { ...setting, value: orNull(text), source: `flag ${flag}` }
}

function fromVariables(setting: Setting, variables: Variables, source: string): ResolvedSetting | null {
  const value = variables[setting.name]
  const fileName = `${setting.name}_FILE`
  const path = setting.isSecret ? variables[fileName] : undefined
  if (value !== undefined && path !== undefined && path !== '') {
    throw usageFailure(
      `${setting.name} and ${fileName} are both set in the ${source}.`,
      'Keep one of them, so that nobody has to guess which counts.',
    )
  }
  if (path !== undefined && path !== '') {
    return fromFile(setting, fileName, path, source)
  }
  return value === undefined ? null : { ...setting, value: orNull(value), source }
}

function fromFile(setting: Setting, namedBy: string, path: string, source: string): ResolvedSetting {
  const from = { ...setting, source: `file ${showPath(path)} (${source})` }
  return setting.isFileReadLate === true
    ? { ...from, value: null, lateFile: { path, namedBy } }
    : { ...from, value: orNull(readSecret(namedBy, path)) }
}

/** Throws a usage failure that names the setting and the file. */
export function readSecret(name: string, path: string): string {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch (error) {
    const shown = showPath(path)
    throw usageFailure(
      `${name} names ${shown}, which cannot be read (${(error as Error).message.replaceAll(path, shown)}).`,
      'Correct the path, or give this process the right to read it.',
    )
  }
}

function readDotEnv(directory: string): Variables {
  try {
    return parseEnv(readFileSync(join(directory, '.env'), 'utf8'))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {}
    throw usageFailure(
      `.env cannot be read (${(error as Error).message}).`,
      'Make it readable, or remove it and set the variables in the environment.',
    )
  }
}

/**
 * Names that look like ours and are not: a slip of the pen would otherwise change nothing, silently. The environment
 * has many names of others, so that only ours are looked at there.
 */
function unknownNames(variables: Variables, source: string): string[] {
  const known = new Set<string>(SETTINGS.map(({ name }) => name))
  for (const { name, isSecret } of SETTINGS) if (isSecret) known.add(`${name}_FILE`)
  return Object.keys(variables).flatMap((name) => {
    if (known.has(name)) return []
    const hasOurs = name.startsWith('SPINDEXER_')
    // Another program's DATABASE_USER may stand there too, and is two edits away.
    const near = nearNames(name, known, hasOurs ? 2 : 1)
    const looksOurs = source === '.env' || /^KAFKA_(SASL|SSL)/.test(name)
    const isOurs = hasOurs || (looksOurs && near.length > 0)
    const hint = near.length > 0 ? `did you mean ${listNames(near)}?` : '`spindexer config` lists them.'
    return isOurs ? [`${name} (in ${source}) is not a setting of spindexer; ${hint}`] : []
  })
}

/** A value that would be taken for another one, silently. */
function oddValues(settings: readonly ResolvedSetting[]): string[] {
  const debug = settings.find(({ name }) => name === 'SPINDEXER_DEBUG')?.value ?? null
  return debug === null || debug === '0' || debug === '1'
    ? []
    : [`SPINDEXER_DEBUG is ${JSON.stringify(debug)}, which is without effect; 1 turns it on.`]
}

function orNull(text: string): string | null {
  return text === '' ? null : text
}

/** The value of a setting that a command cannot do without; else a usage failure that says how to set it. */
export function requireSetting(config: Config, name: 'SPINDEXER_LOG' | 'DATABASE_URL'): string {
  const value = config.get(name)
  if (value === EMBEDDED) {
    throw usageFailure(
      `${name} is "${EMBEDDED}", and there is no embedded Postgres in this folder`,
      '`spindexer run` makes one here, in .spindexer; or run this in the folder that has it',
    )
  }
  if (value !== null) return value
  if (config.get('SPINDEXER_LOG') === null && config.get('DATABASE_URL') === null) {
    throw usageFailure(
      'nothing is configured: neither SPINDEXER_LOG (the log) nor DATABASE_URL (the database of a node) is set, and there is no embedded Postgres in this folder',
      `\`spindexer run\` makes one here, in .spindexer, and is a whole node with it; or set them in the environment or in .env, for example\n${EXAMPLES}\n  \`make up\` starts both services on this machine and writes these settings into .env`,
    )
  }
  throw usageFailure(
    name === 'SPINDEXER_LOG'
      ? 'SPINDEXER_LOG is not set: this command needs to know the log'
      : 'DATABASE_URL is not set: this command needs the database of a node',
    `set it in the environment or in .env, for example\n    ${EXAMPLE[name]}\n    ${name}=${EMBEDDED}   (a Postgres of its own, under .spindexer in this folder)`,
  )
}

const EXAMPLE = {
  SPINDEXER_LOG: 'SPINDEXER_LOG=kafka://127.0.0.1:9092/spindexer',
  DATABASE_URL: 'DATABASE_URL=postgres://user:password@127.0.0.1:5432/spindexer',
} as const
const EXAMPLES = `    ${EXAMPLE.SPINDEXER_LOG}\n    ${EXAMPLE.DATABASE_URL}`
