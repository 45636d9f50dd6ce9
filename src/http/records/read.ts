// The JSON form of a record: `{"value": base64, "signature"?: base64}`, the bytes that its writer has made.

import { readBase64 } from '../../codec/base64.ts'
import { describeJson, isJsonObject, type Json } from '../../codec/json.ts'
import { VALUE_BYTES_MAX } from '../../codec/limits.ts'
import { SIGNATURE_BYTES_MAX } from '../../codec/signing/header.ts'
import { quoteShort } from '../../codec/words.ts'

/** A record whose bytes nobody has looked at yet. */
export interface PostedRecord {
  readonly value: Buffer
  /** Of the signature header; null: it is not signed. */
  readonly signature: Buffer | null
}

export type ReadRecord =
  | { readonly type: 'record'; readonly record: PostedRecord }
  | {
      readonly type: 'refused'
      /** Which member, what is wrong with it, and what would be right. */
      readonly detail: string
    }

export function readRecord(json: Json): ReadRecord {
  if (!isJsonObject(json)) return refuse(`a record should be an object, not ${describeJson(json)}`)
  for (const member of json.keys()) {
    if (member !== 'value' && member !== 'signature') {
      return refuse(
        `${quoteShort(member)} is no member of a record (value, signature): what is known of it stands in its bytes`,
      )
    }
  }
  const value = readBytes('value', json.get('value'), VALUE_BYTES_MAX)
  if (typeof value === 'string') return refuse(value)
  const signed = json.get('signature')
  const signature = signed === undefined ? null : readBytes('signature', signed, SIGNATURE_BYTES_MAX)
  return typeof signature === 'string' ? refuse(signature) : { type: 'record', record: { value, signature } }
}

/** A string is the refusal. */
function readBytes(member: string, json: Json | undefined, bytesMax: number): Buffer | string {
  if (json === undefined) return `${member}: it is missing; send the record's ${member} in base64`
  if (typeof json !== 'string') return `${member}: it should be a string of base64, not ${describeJson(json)}`
  const tooLong = `${member}: it has more than ${bytesMax} bytes, and no record may`
  if (json.length > 4 * Math.ceil(bytesMax / 3)) return tooLong
  const bytes = readBase64(json)
  if (bytes === null) return `${member}: it should be base64 with padding`
  return bytes.length > bytesMax ? tooLong : bytes
}

function refuse(detail: string): ReadRecord {
  return { type: 'refused', detail }
}
