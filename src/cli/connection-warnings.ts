// What is insecure about the way to the services, by the settings alone: said, and not forbidden.

import type { SettingName } from './settings.ts'

type Get = (name: SettingName) => string | null

/** For every command. What a node alone says once as it starts is in `nodeWarnings`. */
export function connectionWarnings(get: Get): readonly string[] {
  return [...ofKafka(get), ...ofPostgres(get)]
}

function ofKafka(get: Get): readonly string[] {
  const log = get('SPINDEXER_LOG') ?? ''
  const mechanism = get('KAFKA_SASL_MECHANISM')
  const hosts = /^kafka:\/\/([^/]*)/.exec(log)?.[1]?.split(',') ?? []
  const isAway = hosts.some((host) => !isLoopback(host.replace(/:\d*$/, '')))
  if (mechanism === null || !isAway || asksForTls(get)) return []
  const harm =
    mechanism.toLowerCase() === 'plain'
      ? 'the password goes over the network in the clear'
      : 'whoever is on the way can read and change everything, and try passwords at leisure'
  return [`KAFKA_SASL_MECHANISM is set without TLS: ${harm}; set KAFKA_SSL=true, or KAFKA_SSL_CA.`]
}

function asksForTls(get: Get): boolean {
  const isOn = /^(true|1)$/i.test(get('KAFKA_SSL') ?? '')
  return isOn || get('KAFKA_SSL_CA') !== null || get('KAFKA_SSL_CERT') !== null
}

function ofPostgres(get: Get): readonly string[] {
  return (['DATABASE_URL', 'SPINDEXER_LOG'] as const).flatMap((name) => {
    const url = get(name) ?? ''
    if (!/^postgres(ql)?:/.test(url) || !/[?&]ssl(mode)?=no-verify(&|$)/.test(url)) return []
    return [
      `${name} says no-verify: the connection is encrypted, but whoever is on the way can pose as the server; write sslmode=verify-full, with sslrootcert=ca.pem where its authority is your own.`,
    ]
  })
}

/** For a node, once as it starts: in a script of many commands it would be noise. */
export function nodeWarnings(get: Get): readonly string[] {
  return (['DATABASE_URL', 'SPINDEXER_LOG'] as const).flatMap((name) => {
    const url = get(name) ?? ''
    if (!/^postgres(ql)?:/.test(url) || !URL.canParse(url) || /[?&]ssl/.test(url)) return []
    const { hostname } = new URL(url)
    if (hostname === '' || /^%2f/i.test(hostname) || isLoopback(hostname)) return []
    return [
      `${name} goes to ${hostname} without TLS: whoever is on the way can read and change everything; add ?sslmode=verify-full (and &sslrootcert=ca.pem where its authority is your own).`,
    ]
  })
}

function isLoopback(host: string): boolean {
  return /^(localhost|127(\.\d{1,3}){3}|\[?::1\]?)$/i.test(host)
}
