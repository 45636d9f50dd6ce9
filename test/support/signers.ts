// Keys of named signers, always the same, and records that they have signed, alone or together, rightly or not.

import { createHash, createPrivateKey } from 'node:crypto'
import { type Control, encodeControl } from '../../src/codec/control.ts'
import { createBatchSigner, type SigningKey } from '../../src/codec/signing/batch-signer.ts'
import { SIGNATURE_HEADER } from '../../src/codec/signing/header.ts'
import { readPrivateKey } from '../../src/codec/signing/private-key.ts'
import type { Scheme } from '../../src/codec/signing/signer-key.ts'
import type { NewRecord } from '../../src/log/log.ts'

/** PKCS #8 around an Ed25519 seed (RFC 8410). */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex')

/** PEM, or hex for Ethereum's; everybody can know it, so it is for tests alone. */
export function testKeyText(name: string, scheme: Scheme = 'ed25519'): string {
  const secret = createHash('sha256').update(`a test's key: ${name}`).digest()
  if (scheme === 'eip191') return secret.toString('hex')
  const key = createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, secret]), format: 'der', type: 'pkcs8' })
  return key.export({ format: 'pem', type: 'pkcs8' }) as string
}

export function testKey(name: string, scheme: Scheme = 'ed25519'): SigningKey {
  const read = readPrivateKey(testKeyText(name, scheme))
  if (read.type === 'refused') throw new Error(read.what)
  return read.key
}

/** The records with their signatures: `together` at a time, each alone unless said. */
export function signRecords(
  key: SigningKey,
  logId: string,
  records: readonly NewRecord[],
  together = 1,
): readonly NewRecord[] {
  const headers = createBatchSigner(key, logId, together).sign(records.map(({ value }) => value))
  return records.map((record, i) => withSignature(record, headers[i]!))
}

export function withSignature(record: NewRecord, signature: Buffer): NewRecord {
  return { ...record, headers: [{ name: SIGNATURE_HEADER, value: signature }] }
}

export function signatureOf(record: NewRecord): Buffer {
  return Buffer.from(record.headers!.find(({ name }) => name === SIGNATURE_HEADER)!.value)
}

/** A control record of a partition, not signed yet. */
export function controlRecord(partition: number, control: Control): NewRecord {
  return { partition, key: null, value: encodeControl(control) }
}
