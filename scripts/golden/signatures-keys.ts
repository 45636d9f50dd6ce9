// The keys with which vectors are signed: secrets that were published long ago, with what others have said of them.

import { createPrivateKey } from 'node:crypto'
import { hashPersonalMessage } from '../../src/codec/signing/eip191.ts'
import { readPrivateKey } from '../../src/codec/signing/private-key.ts'
import type { Scheme, SignerKey } from '../../src/codec/signing/signer-key.ts'
import { demand, hex } from './forms.ts'

interface KnownKey {
  readonly scheme: Scheme
  /** 32 bytes: the private key of RFC 8032, or the secret number. */
  readonly secret: string
  readonly signer: SignerKey
}

/** Two of RFC 8032 (7.1, tests 1 and 2); that of the documentation of web3.js, and that of EIP-155's example. */
const KNOWN: Readonly<Record<'first' | 'second' | 'wallet' | 'otherWallet', KnownKey>> = {
  first: {
    scheme: 'ed25519',
    secret: '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60',
    signer: 'ed25519:d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
  },
  second: {
    scheme: 'ed25519',
    secret: '4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb',
    signer: 'ed25519:3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
  },
  wallet: {
    scheme: 'eip191',
    secret: '4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318',
    signer: 'eip191:2c7536e3605d9c16a7a3d7b1898e529396a65c23',
  },
  otherWallet: {
    scheme: 'eip191',
    secret: '46'.repeat(32),
    signer: 'eip191:9d8a62f656a8d1615c1294fd71e9cfb3e4855a4f',
  },
}

export type KeyName = keyof typeof KNOWN
export const KEY_NAMES = Object.keys(KNOWN) as readonly KeyName[]

/** What a file of such a key holds: PKCS #8 (RFC 8410) in PEM, or hex. */
function textOf({ scheme, secret }: KnownKey): string {
  if (scheme === 'eip191') return secret
  const der = Buffer.concat([hex('302e020100300506032b657004220420'), hex(secret)])
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
  return key.export({ format: 'pem', type: 'pkcs8' }) as string
}

export function keyOf(name: KeyName) {
  const read = readPrivateKey(textOf(KNOWN[name]))
  if (read.type === 'refused') throw new Error(read.what)
  return read.key
}

export function keyVectors() {
  return KEY_NAMES.map((name) => {
    const { scheme, secret, signer } = KNOWN[name]
    demand(`the signer of key ${name}`, keyOf(name).signer, signer)
    return { name, scheme, secret, file: textOf(KNOWN[name]), signer }
  })
}

interface SignedText {
  readonly key: KeyName
  readonly text: string
  readonly signature: string
}

/** RFC 8032, 7.1, tests 1 and 2; the example of web3.eth.accounts.sign. */
const PUBLISHED: readonly SignedText[] = [
  {
    key: 'first',
    text: '',
    signature:
      'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
  },
  {
    key: 'second',
    text: 'r',
    signature:
      '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
  },
  {
    key: 'wallet',
    text: 'Some data',
    signature:
      'b91467e570a6466aa9e9876cbcd013baba02900b8979d43fe208a4a4f339f5fd6007e74cd82e037b800186422fc2da167c747ef045e5d18a5f5d4300f8e1a0291c',
  },
]

/** Signatures of texts, the published ones and those of `texts` by every key; both schemes are deterministic here. */
export function signatureVectors(texts: readonly Buffer[]) {
  const hash = Buffer.from(hashPersonalMessage(Buffer.from('Some data')))
  const published = '1da44b586eb0729ff70a73c326926f6ed5a25f5b056e7f47fbc6e58d86871655'
  demand('the hash of a personal message', hash.toString('hex'), published)
  for (const { key, text, signature } of PUBLISHED) {
    demand(`the signature of '${text}'`, keyOf(key).sign(Buffer.from(text)).toString('hex'), signature)
  }
  const ours = KEY_NAMES.flatMap((key) =>
    texts.map((text) => ({
      key,
      text: text.toString('latin1'),
      signature: keyOf(key).sign(text).toString('hex'),
    })),
  )
  return [...PUBLISHED, ...ours]
}
