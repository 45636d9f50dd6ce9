// Records with their signatures: one tree over all that are signed together, and a header on each.

import type { BatchSigner } from '../codec/signing/batch-signer.ts'
import { SIGNATURE_HEADER } from '../codec/signing/header.ts'
import type { NewRecord } from './log.ts'

/** The same records, each with a signature header behind the headers that it has. */
export function signRecords(
  signer: Pick<BatchSigner, 'sign'>,
  records: readonly NewRecord[],
): readonly NewRecord[] {
  const signatures = signer.sign(records.map(({ value }) => value))
  return records.map((record, i) => ({
    ...record,
    headers: [...(record.headers ?? []), { name: SIGNATURE_HEADER, value: signatures[i]! }],
  }))
}
