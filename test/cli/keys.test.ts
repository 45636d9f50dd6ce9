// Private keys on the command line: made once, never overwritten, shown by who signs with them, and never printed.

import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { cli, runCli } from '../support/cli.ts'

const dir = mkdtempSync(join(tmpdir(), 'spindexer-keys-'))
afterAll(() => rmSync(dir, { recursive: true }))
const at = (name: string) => join(dir, name)

/** A well-known key of Ethereum's own documents, and its address. */
const WALLET = {
  key: '0x4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318',
  signer: 'eip191:2c7536e3605d9c16a7a3d7b1898e529396a65c23',
}

describe('keys create', () => {
  it.each(['ed25519', 'eip191'])('makes a key for %s that only its owner can read, once', async (scheme) => {
    const file = at(`${scheme}.pem`)
    const made = await runCli(['keys', 'create', file, '--scheme', scheme])
    expect([made.code, made.stderr]).toEqual([0, expect.stringContaining('Keep a copy')])
    const shown = JSON.parse(made.stdout)
    expect(shown).toEqual({ signer: expect.stringMatching(`^${scheme}:[0-9a-f]+$`), scheme, file })
    expect(statSync(file).mode & 0o777).toBe(0o600)
    const text = readFileSync(file, 'utf8')
    expect(text).toMatch(/^-----BEGIN PRIVATE KEY-----\n[\s\S]+\n-----END PRIVATE KEY-----\n$/)
    expect(JSON.parse(await cli(['keys', 'show', file]))).toEqual(shown)

    const again = await runCli(['keys', 'create', file])
    expect([again.code, again.stdout]).toEqual([2, ''])
    expect(again.stderr).toMatch(/exists already[\s\S]*name a file that is not there/)
    expect(readFileSync(file, 'utf8')).toBe(text)
  })

  it('prints the public key that OpenSSL reads from the file', async () => {
    const file = at('openssl.pem')
    const { signer } = JSON.parse(await cli(['keys', 'create', file]))
    const der = createPublicKey(createPrivateKey(readFileSync(file))).export({ format: 'der', type: 'spki' })
    expect(signer).toBe(`ed25519:${der.subarray(-32).toString('hex')}`)
  })

  it('names the folder that is not there', async () => {
    const { code, stderr } = await runCli(['keys', 'create', at('nowhere/key.pem')])
    expect([code, stderr]).toEqual([
      2,
      expect.stringMatching(/cannot be written \(ENOENT\)[\s\S]*a folder that is there/),
    ])
  })

  it('needs no log, no database, and no key', async () => {
    const env = { SPINDEXER_KEY_FILE: at('later.pem') }
    await cli(['keys', 'create', at('later.pem')], { env, cwd: dir })
  })
})

describe('keys show', () => {
  it('knows the address of an Ethereum key, as PEM and as digits', async () => {
    writeFileSync(at('wallet'), `${WALLET.key}\n`, { mode: 0o600 })
    const shown = await runCli(['keys', 'show', at('wallet')])
    expect([JSON.parse(shown.stdout).signer, shown.stderr]).toEqual([WALLET.signer, ''])
    expect(shown.stdout).not.toContain(WALLET.key.slice(2))
  })

  it('warns of a file that others can read', async () => {
    const file = at('open.pem')
    await cli(['keys', 'create', file])
    chmodSync(file, 0o644)
    expect(await runCli(['keys', 'show', file])).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(/warning: .*open\.pem can be read .*mode 0644.*chmod 600/),
    })
    chmodSync(file, 0o400)
    expect((await runCli(['keys', 'show', file])).stderr).toBe('')
  })

  it('refuses what is no key, and tells nothing of what is', async () => {
    mkdirSync(at('folder'))
    writeFileSync(at('hush'), 'hush')
    const rsa = generateKeyPairSync('rsa', { modulusLength: 1_024 }).privateKey
    writeFileSync(at('rsa'), rsa.export({ format: 'pem', type: 'pkcs8' }))
    writeFileSync(at('public'), createPublicKey(rsa).export({ format: 'pem', type: 'spki' }))
    const { privateKey } = generateKeyPairSync('ed25519')
    const sealed = { format: 'pem', type: 'pkcs8', cipher: 'aes-256-cbc', passphrase: 'hush' } as const
    writeFileSync(at('sealed'), privateKey.export(sealed))
    writeFileSync(at('zero'), '0'.repeat(64))
    const cases: readonly (readonly [string, RegExp])[] = [
      ['nowhere', /there is no file .*nowhere/],
      ['folder', /is a directory/],
      ['hush', /holds no key that can sign: it is neither a private key in PEM nor 64 hex digits/],
      ['rsa', /a key of type rsa; Ed25519 and secp256k1/],
      ['public', /it is a public key/],
      ['sealed', /it is encrypted, and no passphrase can be given[\s\S]*unencrypted/],
      ['zero', /its number is none that secp256k1 has/],
    ]
    const results = await Promise.all(cases.map(([name]) => runCli(['keys', 'show', at(name)])))
    for (const [i, [name, message]] of cases.entries()) {
      const { code, stdout, stderr } = results[i]!
      expect([name, code, stdout, stderr]).toEqual([name, 2, '', expect.stringMatching(message)])
      expect(stderr.replaceAll(at(name), '')).not.toMatch(/hush| {4}at /)
    }
  })

  it('does not repeat a key that was given in the place of its file', async () => {
    const given = [
      ['keys', 'show', WALLET.key],
      ['log', 'create', '--admin', WALLET.key],
      ['config', '--key', WALLET.key],
    ]
    for (const args of given) {
      const { stdout, stderr } = await runCli(args, {
        env: { SPINDEXER_LOG: 'kafka://127.0.0.1:4/log' },
        cwd: dir,
      })
      expect(`${stdout}${stderr}`).not.toContain(WALLET.key.slice(2))
    }
  })
})

describe('the setting', () => {
  const keyOf = async (args: readonly string[], env: Record<string, string> = {}) => {
    const { stdout } = await runCli(['config', ...args], { env, cwd: dir })
    const rows = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    return rows.find(({ name }) => name === 'SPINDEXER_KEY')
  }

  it('is masked, says where it comes from, and reads no file before something is signed', async () => {
    expect(await keyOf([])).toMatchObject({ value: null, source: 'not set' })
    expect(await keyOf([], { SPINDEXER_KEY: WALLET.key })).toMatchObject({
      value: '****',
      source: 'environment',
    })
    expect(await keyOf([], { SPINDEXER_KEY_FILE: 'nowhere' })).toMatchObject({
      value: '****',
      source: 'file nowhere (environment)',
    })
    expect(await keyOf(['--key', 'key.pem'], { SPINDEXER_KEY: WALLET.key })).toMatchObject({
      value: '****',
      source: 'file key.pem (flag --key)',
    })
  })
})
