// `keys create FILE`: a new private key in a file of its own.

import { closeSync, fsyncSync, openSync, unlinkSync, writeSync } from 'node:fs'
import { type Command, Option } from 'commander'
import { createPrivateKeyPem, readPrivateKey } from '../../codec/signing/private-key.ts'
import type { Scheme } from '../../codec/signing/signer-key.ts'
import { type Context, createContext, type Io } from '../context.ts'
import { type Failure, usageFailure } from '../errors.ts'

interface Options {
  readonly scheme: Scheme
}

export function addKeysCreateCommand(parent: Command, io: Io): void {
  parent
    .command('create')
    .summary('make a new private key')
    .description(
      'Makes a random private key, writes it into a new file that its owner alone can read (PEM, PKCS #8), and prints who signs with it: what `log create --admin` and policies name. A file that is there is left alone.',
    )
    .argument('<file>', 'the file to make')
    .addOption(
      new Option('--scheme <scheme>', 'Ed25519, or Ethereum’s personal signatures (secp256k1)')
        .choices(['ed25519', 'eip191'])
        .default('ed25519'),
    )
    .addHelpText('after', '\nExample:\n  $ spindexer keys create admin.pem')
    .action(async (path: string, options: Options, command: Command) =>
      run(createContext(io, command), path, options),
    )
}

async function run({ out }: Context, path: string, { scheme }: Options): Promise<void> {
  const pem = createPrivateKeyPem(scheme)
  const read = readPrivateKey(pem)
  if (read.type === 'refused') throw new Error(`a new key was refused: ${read.what}`)
  writeNew(path, pem)
  await out.record({ signer: read.key.signer, scheme, file: path })
  out.say(
    `${path} holds the private key, unencrypted: whoever reads it signs in its name, and a lost one cannot be made anew. Keep a copy in a safe place.`,
  )
}

/** Durable before anybody is told the public key: it may stand in a genesis for ever. */
function writeNew(path: string, text: string): void {
  let file: number
  try {
    file = openSync(path, 'wx', 0o600)
  } catch (error) {
    throw refuse(path, error)
  }
  try {
    writeSync(file, text)
    fsyncSync(file)
  } catch (error) {
    unlinkSync(path)
    throw refuse(path, error)
  } finally {
    closeSync(file)
  }
}

function refuse(path: string, error: unknown): Failure {
  const { code, message } = error as NodeJS.ErrnoException
  if (code === 'EEXIST') {
    return usageFailure(
      `${path} exists already, and may hold a key that somebody needs`,
      'name a file that is not there; `spindexer keys show FILE` says whose key a file holds',
    )
  }
  return usageFailure(
    `${path} cannot be written (${code ?? message})`,
    'name a file in a folder that is there and that this process may write to',
  )
}
