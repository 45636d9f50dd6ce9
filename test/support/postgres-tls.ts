// Makes a running Postgres of a test's own demand TLS, by SQL alone, so that it works however the server runs.

import pg from 'pg'
import type { Certificate } from './certificates.ts'

/** The superuser still comes into the database `postgres` without; everyone else needs TLS. */
const HBA = `host postgres postgres all trust
hostssl all carl all cert
hostssl all all all scram-sha-256
`

/** Who logs in with a password, and who with a certificate that bears the name. Both may do everything. */
export const PASSWORD_USER = { name: 'ada', password: 'hush-hush' }
export const CERTIFICATE_USER = { name: 'carl' }

/** `url`: the superuser's. Again, with another certificate: for connections to come. */
export async function demandTls(url: string, server: Certificate, authority: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    const { rows } = await client.query<{ hba: string }>("select current_setting('hba_file') as hba")
    const files = {
      'tls.crt': server.certificate,
      'tls.key': server.key,
      'tls-ca.crt': authority,
      [rows[0]!.hba]: HBA,
    }
    for (const [path, content] of Object.entries(files)) {
      const encoded = Buffer.from(content).toString('base64')
      await client.query(
        `copy (select '${encoded}') to program $program$umask 077 && base64 -d > '${path}'$program$`,
      )
    }
    const settings = {
      ssl: 'on',
      ssl_cert_file: 'tls.crt',
      ssl_key_file: 'tls.key',
      ssl_ca_file: 'tls-ca.crt',
    }
    for (const [name, value] of Object.entries(settings)) {
      await client.query(`alter system set ${name} = '${value}'`)
    }
    await client.query('select pg_reload_conf()')
  } finally {
    await client.end()
  }
}

/** The two users, and empty databases. */
export async function prepareUsers(url: string, databases: readonly string[]): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    const { name, password } = PASSWORD_USER
    await client.query(`create role ${name} superuser login password '${password}'`)
    await client.query(`create role ${CERTIFICATE_USER.name} superuser login`)
    for (const database of databases) await client.query(`create database ${database}`)
  } finally {
    await client.end()
  }
}
