// Ethereum's personal signature (EIP-191, version 0x45): secp256k1 with a low s, known by the address.

import { secp256k1 } from '@noble/curves/secp256k1.js'
import { keccak_256 } from '@noble/hashes/sha3.js'

const ADDRESS_BYTES = 20

/** Keccak-256 of `\x19Ethereum Signed Message:\n`, the length in decimal, and the text: what wallets sign. */
export function hashPersonalMessage(text: Uint8Array): Uint8Array {
  return keccak_256(
    Buffer.concat([Buffer.from(`\x19Ethereum Signed Message:\n${text.length}`, 'latin1'), text]),
  )
}

/** The last 20 bytes of Keccak-256 over the uncompressed point. `publicKey` in 65 bytes, or in 64 without the `04`. */
export function publicKeyToAddress(publicKey: Uint8Array): Uint8Array {
  const point = publicKey.length === 65 ? publicKey.subarray(1) : publicKey
  return keccak_256(point).subarray(-ADDRESS_BYTES)
}

/** Null when the signature (r, s, v; v 27 or 28) is of the text by the address; else why it is not. */
export function verifyEip191(address: Uint8Array, text: Uint8Array, signature: Uint8Array): string | null {
  const v = signature[64]!
  if (v !== 27 && v !== 28) return `v of the Ethereum signature is ${v}, not 27 or 28`
  try {
    const parsed = secp256k1.Signature.fromBytes(signature.subarray(0, 64), 'compact')
    if (parsed.hasHighS())
      return 's of the Ethereum signature is in the upper half, where each signature has a twin'
    const point = parsed.addRecoveryBit(v - 27).recoverPublicKey(hashPersonalMessage(text))
    const signer = publicKeyToAddress(point.toBytes(false))
    if (Buffer.compare(signer, address) === 0) return null
  } catch {
    // No point of the curve has this r, or r or s is out of range: nobody has signed so.
  }
  return 'the Ethereum signature is not of this message by this address in this log'
}
