// Records as their writers make them, for the door that passes them on.

import { encodeMutation } from '../../src/codec/avro-encode.ts'
import { frameSingleObject } from '../../src/codec/framing.ts'
import type { SigningKey } from '../../src/codec/signing/batch-signer.ts'
import { SIGNATURE_HEADER } from '../../src/codec/signing/header.ts'
import type { Mutation } from '../../src/crdt/mutation.ts'
import { createStamp, type Origin } from '../../src/crdt/stamp.ts'
import type { Value } from '../../src/crdt/value.ts'
import type { NewRecord } from '../../src/log/log.ts'
import { signRecords } from '../support/signers.ts'
import { LOG_ID } from '../writer/support.ts'

let stamped = 0n

/** An upsert of a row of `tracks` unless said, stamped now. */
export function messageOf(
  id: string,
  columns: Readonly<Record<string, Value>> = { title: 'a title' },
  more: Partial<Mutation> = {},
): NewRecord {
  const timeNs = BigInt(Date.now()) * 1_000_000n + stamped++
  const mutation: Mutation = {
    stamp: createStamp(timeNs, 'dddddddddddddddd' as Origin),
    ...{ seq: null, operation: 'upsert' as const, dataset: 'tracks', key: [id] },
    columns: new Map(Object.entries(columns)),
    ...more,
  }
  return { partition: null, key: null, value: frameSingleObject(encodeMutation(mutation)) }
}

/** The same, signed alone. */
export function signedMessage(key: SigningKey, ...message: Parameters<typeof messageOf>): NewRecord {
  return signRecords(key, LOG_ID, [messageOf(...message)])[0]!
}

/** A record as it is posted. */
export function recordJson({ value, headers = [] }: NewRecord): string {
  const signature = headers.find(({ name }) => name === SIGNATURE_HEADER)
  return JSON.stringify({
    value: value.toString('base64'),
    signature: signature === undefined ? undefined : Buffer.from(signature.value).toString('base64'),
  })
}
