// Private keys: every form that is read, clear words for what is not, and no word of the secret.

import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { createPrivateKeyPem, readPrivateKey } from '../../../src/codec/signing/private-key.ts'
import { schemeOf, signerKeyToBytes } from '../../../src/codec/signing/signer-key.ts'
import { createVerifier } from '../../../src/codec/signing/verify.ts'

type Pkcs = { readonly format: 'pem'; readonly type: 'pkcs8' | 'sec1' | 'pkcs1' | 'spki' }
const pem = (key: KeyObject, type: Pkcs['type'] = 'pkcs8') =>
  key.export({ format: 'pem', type } as never) as unknown as string

const ed25519 = generateKeyPairSync('ed25519')
const secp256k1 = generateKeyPairSync('ec', { namedCurve: 'secp256k1' })
const ed25519Pem = pem(ed25519.privateKey)
const digits = Buffer.from(secp256k1.privateKey.export({ format: 'jwk' }).d!, 'base64url').toString('hex')

function signerOf(text: string): string {
  const read = readPrivateKey(text)
  return read.type === 'key' ? read.key.signer : `refused: ${read.what}`
}

function refusal(text: string): string {
  const read = readPrivateKey(text)
  return read.type === 'key' ? `taken: ${read.key.signer}` : read.what
}

describe('a private key', () => {
  it('of Ed25519 is read as PEM, with any line ends and what editors put around it', () => {
    const signer = `ed25519:${Buffer.from(ed25519.publicKey.export({ format: 'jwk' }).x!, 'base64url').toString('hex')}`
    for (const text of [
      ed25519Pem,
      ed25519Pem.replaceAll('\n', '\r\n'),
      ed25519Pem.trimEnd(),
      `\ufeff${ed25519Pem}\n\n`,
      `${pem(ed25519.publicKey, 'spki')}${ed25519Pem}`,
    ]) {
      expect(signerOf(text)).toBe(signer)
    }
  })

  it('of Ethereum is read as PEM in both forms, and as the digits that wallets export', () => {
    const signer = signerOf(pem(secp256k1.privateKey))
    expect(signer).toMatch(/^eip191:[0-9a-f]{40}$/)
    for (const text of [pem(secp256k1.privateKey, 'sec1'), digits, `0x${digits}\r\n`, digits.toUpperCase()]) {
      expect(signerOf(text)).toBe(signer)
    }
  })

  it.each(['ed25519', 'eip191'] as const)('made for %s signs what its signer verifies', (scheme) => {
    const [first, second] = [createPrivateKeyPem(scheme), createPrivateKeyPem(scheme)]
    expect(first).not.toBe(second)
    const read = readPrivateKey(first)
    if (read.type === 'refused') throw new Error(read.what)
    const text = Buffer.from('a text')
    const { key } = read
    expect(schemeOf(key.signer)).toBe(scheme)
    expect(createVerifier()(scheme, signerKeyToBytes(key.signer), text, key.sign(text))).toBeNull()
  })

  it('of another kind is named by its kind', () => {
    const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const rsa = generateKeyPairSync('rsa', { modulusLength: 1_024 })
    const x25519 = generateKeyPairSync('x25519')
    const only = 'Ed25519 and secp256k1 can sign here'
    expect(refusal(pem(p256.privateKey))).toBe(`it is a key of type prime256v1; ${only}`)
    expect(refusal(pem(rsa.privateKey))).toBe(`it is a key of type rsa; ${only}`)
    expect(refusal(pem(rsa.privateKey, 'pkcs1'))).toBe(`it is a key of type rsa; ${only}`)
    expect(refusal(pem(x25519.privateKey))).toBe(`it is a key of type x25519; ${only}`)
  })

  it('is not a public one, an encrypted one, one of OpenSSH, or something else', () => {
    const sealed = { format: 'pem', cipher: 'aes-256-cbc', passphrase: 'hush' } as const
    const neither = 'it is neither a private key in PEM nor 64 hex digits'
    const cases: readonly (readonly [string, string])[] = [
      [pem(ed25519.publicKey, 'spki'), 'it is a public key'],
      [pem(secp256k1.publicKey, 'spki'), 'it is a public key'],
      [`ssh-ed25519 ${'A'.repeat(68)} me@here`, 'it is a public key'],
      [signerOf(ed25519Pem), 'it is a public key'],
      [
        ed25519.privateKey.export({ ...sealed, type: 'pkcs8' }) as string,
        'it is encrypted, and no passphrase can be given',
      ],
      [
        secp256k1.privateKey.export({ ...sealed, type: 'sec1' }) as string,
        'it is encrypted, and no passphrase can be given',
      ],
      [
        `-----BEGIN OPENSSH PRIVATE KEY-----\n${'A'.repeat(70)}\n-----END OPENSSH PRIVATE KEY-----\n`,
        'it is in the format of OpenSSH; PEM (PKCS #8) is what is read here',
      ],
      ['', neither],
      [digits.slice(1), neither],
      [`${digits}0`, neither],
      [ed25519Pem.slice(0, 80), neither],
      [JSON.stringify(ed25519.privateKey.export({ format: 'jwk' })), neither],
    ]
    for (const [text, what] of cases) expect(refusal(text)).toBe(what)
  })

  it('has a number that the curve has', () => {
    const order = 'fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141'
    for (const text of ['0'.repeat(64), order, 'f'.repeat(64)]) {
      expect(refusal(text)).toBe('its number is none that secp256k1 has')
    }
    expect(signerOf(`${order.slice(0, -1)}0`)).toMatch(/^eip191:/)
  })

  it('that is refused leaves no part of itself in the words', () => {
    const secrets = [ed25519Pem, pem(secp256k1.privateKey), digits]
    const body = (text: string) => text.replaceAll(/-----[^-]+-----|\s/g, '')
    for (const secret of secrets) {
      for (let cut = 0; cut < secret.length; cut += 7) {
        for (const text of [
          secret.slice(cut + 1),
          secret.slice(0, cut),
          `${secret.slice(0, cut)}!${secret.slice(cut)}`,
          `${secret.slice(0, cut)}${secret.slice(cut + 1)}`,
        ]) {
          const read = readPrivateKey(text)
          if (read.type === 'key') continue
          for (let at = 0; at + 10 <= body(secret).length; at++) {
            expect(read.what).not.toContain(body(secret).slice(at, at + 10))
          }
        }
      }
    }
  })
})
