// The key that commands sign with: what is wrong with it is told before a log is looked for, and nothing of a secret is.

import { generateKeyPairSync } from 'node:crypto'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { ROOT, runCli } from '../support/cli.ts'
import { temporaryDir } from '../support/services.ts'
import { testKeyText } from '../support/signers.ts'

/** Nothing listens there. */
const LOG = { SPINDEXER_LOG: 'kafka://127.0.0.1:4/log' }

const dir = temporaryDir()
afterAll(() => dir.remove())
const at = (name: string, text?: string): string => {
  const path = join(dir.path, name)
  if (text !== undefined) writeFileSync(path, text, { mode: 0o600 })
  return path
}

const COMMANDS = [
  ['publish', '-'],
  ['import', 'tracks', '-'],
  ['datasets', 'apply', join(ROOT, 'examples/catalogue')],
]

describe('the key of a command that signs', () => {
  const { privateKey } = generateKeyPairSync('ed25519')
  const sealed = privateKey.export({
    ...{ format: 'pem', type: 'pkcs8', cipher: 'aes-256-cbc', passphrase: 'hush' },
  } as const)
  mkdirSync(at('folder'))
  const secret = 'ab'.repeat(31)
  const cases: readonly (readonly [string, Record<string, string>, string[], RegExp])[] = [
    ['is not there', {}, ['--key', at('nowhere')], /--key names .*nowhere, which cannot be read \(ENOENT/],
    ['is a folder', {}, ['--key', at('folder')], /--key names .*folder, which cannot be read \(EISDIR/],
    [
      'is encrypted',
      { SPINDEXER_KEY_FILE: at('sealed', sealed as string) },
      [],
      /SPINDEXER_KEY_FILE names .*sealed, which holds no key that can sign: it is encrypted[\s\S]*unencrypted/,
    ],
    ['is none', { SPINDEXER_KEY: secret }, [], /SPINDEXER_KEY holds no key that can sign: it is neither/],
    [
      'is given twice',
      { SPINDEXER_KEY: secret, SPINDEXER_KEY_FILE: at('none', secret) },
      [],
      /SPINDEXER_KEY and SPINDEXER_KEY_FILE are both set/,
    ],
  ]

  it.each(cases)('that %s is told with exit code 2', async (_name, env, args, message) => {
    const results = await Promise.all(
      COMMANDS.map((command) => runCli([...command, ...args], { env: { ...LOG, ...env }, input: '' })),
    )
    for (const { code, stdout, stderr } of results) {
      expect([code, stdout, stderr]).toEqual([2, '', expect.stringMatching(message)])
      expect(stderr).not.toMatch(/hush|abab| {4}at /)
    }
  })

  it('in a file that others can read is used, with a warning', async () => {
    const path = at('open.pem', testKeyText('writer'))
    chmodSync(path, 0o640)
    const { code, stderr } = await runCli(['publish', '-', '--key', path], { env: LOG, input: '' })
    expect(code).toBe(1)
    expect(stderr).toMatch(/warning: .*open\.pem can be read or changed by others .*mode 0640/)
    expect(stderr).toMatch(/127\.0\.0\.1:4/)
  })

  it('is not read by commands that sign nothing', async () => {
    const env = { ...LOG, SPINDEXER_KEY_FILE: at('nowhere') }
    const { code, stderr } = await runCli(['log', 'check'], { env })
    expect([code, stderr]).toEqual([1, expect.not.stringContaining('nowhere')])
  })
})
