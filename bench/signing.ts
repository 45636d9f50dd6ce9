// Who signs the benchmark's messages, and how many at a time.

import { createBatchSigner } from '../src/codec/signing/batch-signer.ts'
import { SIGNATURE_HEADER } from '../src/codec/signing/header.ts'
import { createPrivateKeyPem, readPrivateKey } from '../src/codec/signing/private-key.ts'
import type { NewRecord } from '../src/log/log.ts'

export interface Signing {
  /** The one admin of the log. */
  readonly admin: string
  readonly adminPem: string
  /** As `policy apply` takes it. */
  readonly policy: unknown
  /** Signs the records that are appended together. */
  signerFor(logId: string): (records: readonly NewRecord[]) => readonly NewRecord[]
}

/** `together` messages have one signature. A signer signs once (`isEachNew`), or one signs all. */
export function createSigning(together: number, isEachNew: boolean): Signing {
  const adminPem = createPrivateKeyPem('ed25519')
  const admin = keyOf(adminPem)
  const writer = createKey()
  const rule = {
    signers: isEachNew ? '*' : [writer.signer],
    operations: ['upsert', 'update', 'delete'],
    datasets: '*',
    columns: '*',
  }
  return {
    admin: admin.signer,
    adminPem,
    policy: { admins: [admin.signer], rules: [rule], unsigned: false },
    signerFor: (logId) => (records) => {
      const signed: NewRecord[] = []
      for (let at = 0; at < records.length; at += together) {
        const some = records.slice(at, at + together)
        const signer = createBatchSigner(isEachNew ? createKey() : writer, logId, together)
        const headers = signer.sign(some.map(({ value }) => value))
        for (const [i, record] of some.entries()) {
          signed.push({ ...record, headers: [{ name: SIGNATURE_HEADER, value: headers[i]! }] })
        }
      }
      return signed
    },
  }
}

function createKey() {
  return keyOf(createPrivateKeyPem('ed25519'))
}

function keyOf(pem: string) {
  const read = readPrivateKey(pem)
  if (read.type === 'refused') throw new Error(read.what)
  return read.key
}
