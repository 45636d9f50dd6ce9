// The private key of the settings: read when a command signs, looked at before anything is sent, and never printed.

import { readFileSync, statSync } from 'node:fs'
import type { SigningKey } from '../codec/signing/batch-signer.ts'
import { readPrivateKey } from '../codec/signing/private-key.ts'
import type { SignerKey } from '../codec/signing/signer-key.ts'
import { readSecret } from './config.ts'
import type { Context } from './context.ts'
import { type Failure, usageFailure } from './errors.ts'
import { showPath } from './secrets.ts'

export const HOW_TO_SIGN =
  '--key FILE (or SPINDEXER_KEY_FILE) names the private key that signs; `spindexer keys create FILE` makes one'

/**
 * The key that `--key`, `SPINDEXER_KEY_FILE` or `SPINDEXER_KEY` gives; null where none does. Throws a usage failure for
 * one that cannot be read or cannot sign. Says on stderr where others can read its file.
 */
export function readSigningKey({ config, out }: Pick<Context, 'config' | 'out'>): SigningKey | null {
  const setting = config.settings.find(({ name }) => name === 'SPINDEXER_KEY')
  if (setting === undefined) return null
  const { lateFile, value } = setting
  if (lateFile === undefined) return value === null ? null : keyOf(value, 'SPINDEXER_KEY holds')
  const { path, namedBy } = lateFile
  const key = keyOf(readSecret(namedBy, path), `${namedBy} names ${showPath(path)}, which holds`)
  const warning = warnOfReaders(path)
  if (warning !== null) out.say(`warning: ${warning}`)
  return key
}

/** The same, but throws a usage failure where no key is given. `why` is a sentence: what has to be signed, and by whom. */
export function requireSigningKey(context: Pick<Context, 'config' | 'out'>, why: string): SigningKey {
  const key = readSigningKey(context)
  if (key === null) throw usageFailure(`no key is set: ${why}`, HOW_TO_SIGN)
  return key
}

/** Who the key in a file signs as. Throws a usage failure for a file that cannot be read or holds no key. */
export function readKeyFile(path: string): SignerKey {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    throw unreadable(path, error)
  }
  return keyOf(text, `${showPath(path)} holds`).signer
}

/** Why a file that holds a key is not safe where it is, or null. */
export function warnOfReaders(path: string): string | null {
  if (process.platform === 'win32') return null
  const stats = statSync(path, { throwIfNoEntry: false })
  if (stats === undefined || !stats.isFile() || (stats.mode & OTHERS) === 0) return null
  const mode = (stats.mode & 0o777).toString(8).padStart(4, '0')
  return `${path} can be read or changed by others than its owner (mode ${mode}): whoever reads it can sign in your name; chmod 600 it, and make another key if they may have`
}

/** Reading and writing, by the group or by everybody. */
const OTHERS = 0o066

function keyOf(text: string, holder: string): SigningKey {
  const read = readPrivateKey(text)
  if (read.type === 'key') return read.key
  throw usageFailure(
    `${holder} no key that can sign: ${read.what}`,
    'give an unencrypted private key, Ed25519 or secp256k1, as PEM (PKCS #8), or an Ethereum key as 64 hex digits; `spindexer keys create FILE` makes one',
  )
}

function unreadable(path: string, error: unknown): Failure {
  const shown = showPath(path)
  const { code } = error as NodeJS.ErrnoException
  if (code === 'ENOENT') return usageFailure(`there is no file ${shown}`, 'check the path')
  if (code === 'EISDIR') return usageFailure(`${shown} is a directory`, 'give the file that holds the key')
  return usageFailure(
    `${shown} cannot be read (${code})`,
    'correct the path, or give this process the right to read it',
  )
}
