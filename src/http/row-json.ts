// A row with all that is known of it, as JSON text with exact numbers.

import type { Dataset } from '../codec/catalogue.ts'
import { NO_SIGNERS, signerOf, visibleRowJson } from '../codec/dump.ts'
import { valueToJson } from '../codec/values.ts'
import { type Stamp, stampToIso, stampToOrigin } from '../crdt/stamp.ts'
import type { StoredRow } from '../store/store.ts'

/** Of a visible row. A column that nothing has set has no cell. */
export function rowWithStampsJson(dataset: Dataset, row: StoredRow): string {
  const signer = (stamp: Stamp | null) =>
    JSON.stringify(stamp === null ? null : signerOf(row.signers ?? NO_SIGNERS, stamp))
  const cells = dataset.fieldNames.flatMap((name) => {
    const column = dataset.columns.get(name)
    const cell = row.cells.get(name)
    if (column === undefined || cell === undefined) return []
    const { value, stamp } = cell
    return [
      `"${name}":{"value":${valueToJson(column, value)},"stamp":"${stamp}","timestamp":"${stampToIso(stamp)}","origin":"${stampToOrigin(stamp)}","signer":${signer(stamp)}}`,
    ]
  })
  const dead = row.dead === null ? 'null' : `"${row.dead}"`
  const times = `"alive":"${row.alive}","aliveSigner":${signer(row.alive)},"dead":${dead},"deadSigner":${signer(row.dead)}`
  return `{"row":${visibleRowJson(dataset, row)},${times},"cells":{${cells.join(',')}}}`
}
