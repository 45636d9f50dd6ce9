// The signature header: who signed which batch, and the path from this message to what was signed.

import { DIGEST_BYTES, LEAVES_MAX, pathLength } from './merkle.ts'
import {
  bytesToSignerKey,
  KEY_BYTES,
  type Scheme,
  type SignerKey,
  schemeOf,
  signerKeyToBytes,
} from './signer-key.ts'

export const SIGNATURE_HEADER = 'spindexer-signature'

const SCHEMES: readonly (Scheme | undefined)[] = [undefined, 'ed25519', 'eip191']
/** Ed25519: R and S (RFC 8032). EIP-191: r, s and v, which is 27 or 28. */
export const SIGNATURE_BYTES: Readonly<Record<Scheme, number>> = { ed25519: 64, eip191: 65 }
const COUNT_BYTES = 4
/** Of a header: no scheme and no place in a tree takes more. */
export const SIGNATURE_BYTES_MAX =
  1 +
  Math.max(...Object.values(KEY_BYTES)) +
  Math.max(...Object.values(SIGNATURE_BYTES)) +
  2 * COUNT_BYTES +
  pathLength(0, LEAVES_MAX) * DIGEST_BYTES

/**
 * One byte for the scheme (1 Ed25519, 2 EIP-191), the signer's key or address, the signature, then as 32 bits
 * big-endian each the number of leaves and the leaf's index, then the path: 32 bytes a node, from the sibling upwards.
 */
export interface SignatureHeader {
  readonly signer: SignerKey
  readonly signature: Buffer
  /** Messages signed together, 1 to 65,536. */
  readonly count: number
  readonly index: number
  readonly path: Buffer
}

/** Where the parts of a header stand that is whole. */
export interface HeaderLayout {
  readonly scheme: Scheme
  readonly signatureAt: number
  readonly count: number
  readonly index: number
  readonly pathAt: number
}

/** Reads bytes[start, end); or says what is wrong with its form. Whether the signature is right is not looked at. */
export function layOut(bytes: Buffer, start: number, end: number): HeaderLayout | string {
  const scheme = start < end ? SCHEMES[bytes[start]!] : undefined
  if (scheme === undefined) return start < end ? `there is no scheme ${bytes[start]}` : 'it is empty'
  const signatureAt = start + 1 + KEY_BYTES[scheme]
  const countAt = signatureAt + SIGNATURE_BYTES[scheme]
  const pathAt = countAt + 2 * COUNT_BYTES
  if (pathAt > end) return `it has ${end - start} bytes`
  const count = bytes.readUInt32BE(countAt)
  const index = bytes.readUInt32BE(countAt + COUNT_BYTES)
  if (count === 0 || count > LEAVES_MAX)
    return `it is of ${count} messages; 1 to ${LEAVES_MAX} are signed together`
  if (index >= count) return `it is of message ${index} of ${count}`
  const nodes = pathLength(index, count)
  if (end - pathAt !== nodes * DIGEST_BYTES) {
    return `the path of message ${index} of ${count} has ${nodes * DIGEST_BYTES} bytes, not ${end - pathAt}`
  }
  return { scheme, signatureAt, count, index, pathAt }
}

/**
 * Where in bytes[start, end) the part ends that all messages signed together share: scheme, signer, signature, count. -1
 * where that part and an index do not fit in.
 */
export function layOutId(bytes: Buffer, start: number, end: number): number {
  const scheme = start < end ? SCHEMES[bytes[start]!] : undefined
  if (scheme === undefined) return -1
  const idEnd = start + 1 + KEY_BYTES[scheme] + SIGNATURE_BYTES[scheme] + COUNT_BYTES
  return idEnd + COUNT_BYTES <= end ? idEnd : -1
}

export function decodeSignature(bytes: Buffer): SignatureHeader | string {
  const layout = layOut(bytes, 0, bytes.length)
  if (typeof layout === 'string') return layout
  const { scheme, signatureAt, count, index, pathAt } = layout
  return {
    signer: bytesToSignerKey(scheme, bytes.subarray(1, signatureAt)),
    signature: bytes.subarray(signatureAt, signatureAt + SIGNATURE_BYTES[scheme]),
    count,
    index,
    path: bytes.subarray(pathAt),
  }
}

export function encodeSignature({ signer, signature, count, index, path }: SignatureHeader): Buffer {
  const counts = Buffer.alloc(2 * COUNT_BYTES)
  counts.writeUInt32BE(count, 0)
  counts.writeUInt32BE(index, COUNT_BYTES)
  const scheme = SCHEMES.indexOf(schemeOf(signer))
  return Buffer.concat([Buffer.of(scheme), signerKeyToBytes(signer), signature, counts, path])
}

/** Who a header says has signed, true or not; null where it does not say so in due form. */
export function claimedSigner(bytes: Buffer): SignerKey | null {
  const layout = layOut(bytes, 0, bytes.length)
  return typeof layout === 'string'
    ? null
    : bytesToSignerKey(layout.scheme, bytes.subarray(1, layout.signatureAt))
}
