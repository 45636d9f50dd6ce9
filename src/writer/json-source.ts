// Changes from JSON lines: one change a line (`publish`), or one row a line (`import`).

import type { Catalogue, Dataset } from '../codec/catalogue.ts'
import { parseJson } from '../codec/json.ts'
import { JSON_DEPTH_MAX } from '../codec/limits.ts'
import { type ReadChange, readLine, readRow } from '../codec/line.ts'
import { type Line, readLines } from './lines.ts'
import { refuseSize } from './size.ts'
import type { Entry, Source } from './source.ts'

/** Lines `{"timestamp"?, "dataset", "operation", "data"}`. The catalogue is asked for at each line. */
export function createChangeSource(open: () => AsyncIterable<Buffer>, catalogue: () => Catalogue): Source {
  return createSource(open, (text) => readLine(text, catalogue()))
}

/** Lines `{column: value, …}`, each a row to upsert; at `timeNs`, or at the session's time when that is null. */
export function createRowSource(
  open: () => AsyncIterable<Buffer>,
  dataset: Dataset,
  timeNs: bigint | null,
): Source {
  return createSource(open, (text) => {
    // The row itself is a level around a json column's own.
    const parsed = parseJson(text, JSON_DEPTH_MAX + 1)
    if (parsed.type === 'refused') return { type: 'refused', detail: `not valid JSON: ${parsed.detail}` }
    return withTime(readRow(dataset, parsed.value), timeNs)
  })
}

export function withTime(read: ReadChange, timeNs: bigint | null): ReadChange {
  return read.type === 'change' ? { type: 'change', change: { ...read.change, timeNs } } : read
}

/** An entry of what was read on a line. */
export function toEntry(line: number, read: ReadChange): Entry {
  if (read.type === 'refused') return { type: 'bad', line, fault: read.detail }
  const fault = refuseSize(read.change)
  return fault === null ? { type: 'change', line, change: read.change } : { type: 'bad', line, fault }
}

function createSource(open: () => AsyncIterable<Buffer>, read: (text: string) => ReadChange): Source {
  return async function* () {
    for await (const lines of readLines(open())) yield lines.map((line) => readEntry(line, read))
  }
}

function readEntry(line: Line, read: (text: string) => ReadChange): Entry {
  if (line.type === 'bad') return { type: 'bad', line: line.number, fault: line.fault }
  return toEntry(line.number, read(line.text))
}
