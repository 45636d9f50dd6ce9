// Single records by their place.

import type { PoolClient } from 'pg'
import type { LogRecord, Pointer } from '../../codec/record.ts'
import { copyOut } from '../../postgres/copy-out.ts'
import { listRows } from './rows.ts'
import { recordsSql } from './statements.ts'

/** Of one statement: they may be large. */
const OFFSETS_MAX = 50

/** The records at these places, in the order asked for; null where there is none. */
export async function pickRecords(
  client: PoolClient,
  pointers: readonly Pointer[],
): Promise<(LogRecord | null)[]> {
  const found = new Map<string, LogRecord>()
  for (const [partition, wanted] of Map.groupBy(pointers, (pointer) => pointer.partition)) {
    const offsets = [...new Set(wanted.map(({ offset }) => offset))]
    for (let i = 0; i < offsets.length; i += OFFSETS_MAX) {
      const bytes = await copyOut(client, recordsSql(partition, offsets.slice(i, i + OFFSETS_MAX)))
      for (const record of listRows(bytes, partition)) found.set(placeOf(record), ownBytes(record))
    }
  }
  return pointers.map((pointer) => found.get(placeOf(pointer)) ?? null)
}

/** The record with bytes of its own: as it is read, it holds on to all that came with it. */
function ownBytes(record: LogRecord): LogRecord {
  const { key, value, headers } = record
  return {
    ...record,
    key: key && Buffer.from(key),
    value: value && Buffer.from(value),
    headers: headers.map((header) => ({ name: header.name, value: Buffer.from(header.value) })),
  }
}

function placeOf({ partition, offset }: Pointer): string {
  return `${partition} ${offset}`
}
