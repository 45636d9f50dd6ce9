// A whole node of a guarded log in this process, and records posted to its door.

import type { NewRecord } from '../../src/log/log.ts'
import { KEYS } from '../support/guarded-world.ts'
import { type LiveNode, type LiveOptions, openLive, type Posted, post } from './live-node.ts'
import { recordJson } from './signed.ts'

export const WRITER_RULE = {
  signers: [KEYS.writer.signer],
  operations: ['upsert', 'update'],
  datasets: ['tracks'],
  columns: ['title'],
} as const

/** Its first admin signs what the node is given by `define` and `setPolicy`. */
export function openGuarded(options: LiveOptions = {}): Promise<LiveNode> {
  return openLive({ admins: [KEYS.admin, KEYS.secondAdmin], ...options })
}

/** Posts records, or a body as it is. */
export function sendRecords(
  { url }: LiveNode,
  records: readonly NewRecord[] | NewRecord | string | Buffer,
  query = '',
  type = 'application/json',
): Promise<Posted> {
  const isText = typeof records === 'string' || Buffer.isBuffer(records)
  const body = isText
    ? records
    : Array.isArray(records)
      ? `[${records.map(recordJson).join(',')}]`
      : recordJson(records as NewRecord)
  return post(url, body, query, type, '/v1/records')
}
