// `keys show FILE`: which signer a key file is.

import type { Command } from 'commander'
import { schemeOf } from '../../codec/signing/signer-key.ts'
import { createContext, type Io } from '../context.ts'
import { readKeyFile, warnOfReaders } from '../signing.ts'

export function addKeysShowCommand(parent: Command, io: Io): void {
  parent
    .command('show')
    .summary('show who signs with a key')
    .description(
      'Shows who signs with the private key in a file, as policies and `log create --admin` name it. Nothing of the key itself is printed.',
    )
    .argument('<file>', 'a private key: PEM (PKCS #8), or the 64 hex digits of an Ethereum key')
    .addHelpText('after', '\nExample:\n  $ spindexer keys show admin.pem')
    .action(async (path: string, _options: unknown, command: Command) => {
      const { out } = createContext(io, command)
      const signer = readKeyFile(path)
      await out.record({ signer, scheme: schemeOf(signer), file: path })
      const warning = warnOfReaders(path)
      if (warning !== null) out.say(`warning: ${warning}`)
    })
}
