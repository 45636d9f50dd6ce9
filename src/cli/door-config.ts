// Settings of the HTTP door, read and checked: every refusal names the setting and the remedy, and none shows a token.

import type { Tokens } from '../http/auth.ts'
import { ALLOWED_HOSTS_SETTING, isLoopbackName } from '../http/host.ts'
import { LIMIT_SETTINGS, LIMITS, type Limits } from '../http/limits.ts'
import type { Tls } from '../http/listener.ts'
import { readCertificateAndKey } from '../tls/pem.ts'
import type { Config } from './config.ts'
import { usageFailure } from './errors.ts'
import type { SettingName } from './settings.ts'

export interface DoorConfig {
  readonly host: string
  readonly port: number
  /** False where nobody has set the address: then another port does as well. */
  readonly isSet: boolean
  readonly isLoopback: boolean
  readonly tls: Tls | null
  readonly tokens: Tokens
  readonly allowedHosts: readonly string[]
  readonly limits: Limits
  readonly stallMs: number
}

/** Null where the door is off. Throws a usage failure for what cannot be meant. */
export function readDoorConfig(config: Config): DoorConfig | null {
  const address = parseAddress(config.get('SPINDEXER_HTTP'))
  if (address === null) return null
  const source = config.settings.find(({ name }) => name === 'SPINDEXER_HTTP')!.source
  return {
    ...address,
    isSet: source !== 'default',
    isLoopback: isLoopbackName(address.host),
    tls: readTls(config),
    tokens: {
      read: readTokens(config, 'SPINDEXER_HTTP_READ_TOKEN'),
      write: readTokens(config, 'SPINDEXER_HTTP_WRITE_TOKEN'),
    },
    allowedHosts: listOf(config, ALLOWED_HOSTS_SETTING).map((host) => host.toLowerCase()),
    limits: readLimits(config),
    stallMs: readNumber(config, 'SPINDEXER_HTTP_STALL_SECONDS') * 1_000,
  }
}

/** What is worth a word about a door that other machines can reach. */
export function warningsOf({ host, isLoopback, tls, tokens }: DoorConfig): readonly string[] {
  if (isLoopback) return []
  const reach = `HTTP at ${host} can be reached from other machines`
  const warnings: string[] = []
  if (tls === null) {
    warnings.push(
      `${reach} and has no TLS: tokens and rows can be read on the way (SPINDEXER_HTTP_TLS_CERT, SPINDEXER_HTTP_TLS_KEY)`,
    )
  }
  if (tokens.read.length === 0) {
    const who = tokens.write.length === 0 ? 'read and write' : 'read'
    warnings.push(
      `${reach} and asks for no token: whoever reaches it may ${who} (SPINDEXER_HTTP_READ_TOKEN, SPINDEXER_HTTP_WRITE_TOKEN)`,
    )
  }
  return warnings
}

/** Reads the files again, for a certificate that was renewed. */
export function readTls(config: Config): Tls | null {
  const certPath = config.get('SPINDEXER_HTTP_TLS_CERT')
  const keyPath = config.get('SPINDEXER_HTTP_TLS_KEY')
  if (certPath === null && keyPath === null) return null
  if (certPath === null || keyPath === null) {
    throw usageFailure(
      'of SPINDEXER_HTTP_TLS_CERT and SPINDEXER_HTTP_TLS_KEY one alone is set',
      'set both for HTTPS, or none',
    )
  }
  const read = readCertificateAndKey(
    { setting: 'SPINDEXER_HTTP_TLS_CERT', path: certPath },
    { setting: 'SPINDEXER_HTTP_TLS_KEY', path: keyPath },
  )
  if (read.type === 'refused') throw usageFailure(read.what, read.remedy)
  return { cert: read.pair.certificate, key: read.pair.key }
}

const ADDRESS_PATTERN = /^(?:(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s/@]+)):)?(\d{1,5})$/

function parseAddress(text: string | null): { readonly host: string; readonly port: number } | null {
  if (text === null || text.toLowerCase() === 'off') return null
  const match = ADDRESS_PATTERN.exec(text)
  const port = Number(match?.[3])
  if (match === null || port > 65_535) {
    throw usageFailure(
      `SPINDEXER_HTTP is ${JSON.stringify(text)}, which is no address`,
      'write host:port (127.0.0.1:4747, [::1]:4747, 0.0.0.0:4747), a port, or off',
    )
  }
  const host = match[1] ?? match[2] ?? 'localhost'
  // The name may stand for two addresses, and one is enough.
  return { host: host.toLowerCase() === 'localhost' ? '127.0.0.1' : host, port }
}

const TOKEN_CHARS_MIN = 16

function readTokens(config: Config, name: SettingName): readonly string[] {
  const tokens = listOf(config, name)
  if (config.get(name) !== null && tokens.length === 0) {
    throw usageFailure(`${name} holds no token`, 'set one, or nothing')
  }
  for (const [i, token] of tokens.entries()) {
    if (token.length >= TOKEN_CHARS_MIN && /^[\x21-\x7e]+$/.test(token)) continue
    throw usageFailure(
      `${name}: token ${i + 1} of ${tokens.length} is no token: it has fewer than ${TOKEN_CHARS_MIN} characters, or others than visible ASCII`,
      'take a random one, for example of `openssl rand -hex 32`',
    )
  }
  return tokens
}

function readLimits(config: Config): Limits {
  const values = (Object.keys(LIMITS) as (keyof Limits)[]).map((name) => {
    const value = readNumber(config, LIMIT_SETTINGS[name])
    return [name, name.endsWith('Ms') ? value * 1_000 : value]
  })
  return Object.fromEntries(values)
}

/** A timer of Node takes no more milliseconds than this. */
const NUMBER_MAX = 2_147_483

function readNumber(config: Config, name: SettingName): number {
  const text = config.get(name) ?? ''
  const value = Number(text)
  const max = name.endsWith('SECONDS') ? NUMBER_MAX : NUMBER_MAX * 1_000
  if (/^\d{1,12}$/.test(text) && value >= 1 && value <= max) return value
  throw usageFailure(`${name} is ${JSON.stringify(text)}`, `set a whole number from 1 to ${max}`)
}

function listOf(config: Config, name: SettingName): readonly string[] {
  return (config.get(name) ?? '')
    .split(',')
    .map((text) => text.trim())
    .filter((text) => text !== '')
}
