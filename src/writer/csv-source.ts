// Rows from CSV (RFC 4180, with a header line), each to be upserted, typed by their dataset's definition.

import { isUtf8 } from 'node:buffer'
import { pipeline, Readable } from 'node:stream'
import { CsvError, type Options, parse } from 'csv-parse'
import type { Dataset, KeyColumn } from '../codec/catalogue.ts'
import { isJsonNumber, type Json, parseJson } from '../codec/json.ts'
import { readRow } from '../codec/line.ts'
import { listNames, nearNames } from '../codec/near-names.ts'
import { quoteShort } from '../codec/words.ts'
import { toEntry, withTime } from './json-source.ts'
import { LINE_BYTES_MAX } from './lines.ts'
import type { Entry, Source } from './source.ts'

/** A record with the line that it begins in; a cell is null where it is empty and not quoted. */
interface CsvRecord {
  readonly line: number
  readonly cells: readonly (string | null)[]
}

type ReadCell =
  | { readonly type: 'json'; readonly json: Json }
  | { readonly type: 'refused'; readonly detail: string }

const ENTRIES_AT_ONCE = 500

/**
 * Rows of a CSV file, at `timeNs`, or at the session's time when that is null. Reading throws where no row can be
 * told from the next any more, or none is right: wrong quotes, bytes that are not UTF-8, a wrong header.
 */
export function createCsvRowSource(
  open: () => AsyncIterable<Buffer>,
  dataset: Dataset,
  timeNs: bigint | null,
): Source {
  return async function* () {
    let header: readonly KeyColumn[] | null = null
    let entries: Entry[] = []
    for await (const { line, cells } of readRecords(open())) {
      if (header === null) {
        header = readHeader(dataset, cells, line)
        continue
      }
      const row = toRow(header, cells)
      if (typeof row === 'string') entries.push({ type: 'bad', line, fault: row })
      else entries.push(toEntry(line, withTime(readRow(dataset, row), timeNs)))
      if (entries.length < ENTRIES_AT_ONCE) continue
      yield entries
      entries = []
    }
    if (header === null) throw new Error('the CSV is empty; its first line should name the columns')
    if (entries.length > 0) yield entries
  }
}

function readHeader(dataset: Dataset, cells: CsvRecord['cells'], line: number): readonly KeyColumn[] {
  const refuse = (what: string): Error => new Error(`line ${line}, the CSV's header: ${what}`)
  const header = cells.map((cell) => {
    const name = cell ?? ''
    const column = dataset.columns.get(name) ?? dataset.key.find((part) => part.name === name)
    if (column !== undefined) return column
    if (cells.length === 1 && /[;\t|]/.test(name)) {
      return refuse('its cells are divided by something else; divide them by commas, here and in the rows')
    }
    const near = nearNames(name, dataset.fieldNames)
    const hint =
      near.length === 0 ? `it has ${listNames(dataset.fieldNames)}` : `did you mean ${listNames(near)}?`
    const shown = quoteShort(name)
    return refuse(`${dataset.name} has no column ${shown} (${hint}); correct it, or take the column out`)
  })
  const wrong = header.find((column) => column instanceof Error)
  if (wrong !== undefined) throw wrong
  const columns = header as readonly KeyColumn[]
  const names = columns.map(({ name }) => name)
  const twice = names.find((name, i) => names.indexOf(name) !== i)
  if (twice !== undefined) throw refuse(`it names ${twice} twice; take one of the two out`)
  const missing = dataset.key.find(({ name }) => !names.includes(name))
  if (missing !== undefined) {
    throw refuse(`it lacks ${missing.name}, which belongs to the key of ${dataset.name}; add that column`)
  }
  return columns
}

/** A string is the refusal. */
function toRow(header: readonly KeyColumn[], cells: CsvRecord['cells']): ReadonlyMap<string, Json> | string {
  if (cells.length !== header.length) {
    return `the row has ${cells.length} cell${cells.length === 1 ? '' : 's'}, the header ${header.length}`
  }
  const row = new Map<string, Json>()
  for (const [i, column] of header.entries()) {
    const cell = cells[i]!
    const read: ReadCell = cell === null ? { type: 'json', json: null } : readCell(column, cell)
    if (read.type === 'refused') return `${column.name}: ${read.detail}`
    row.set(column.name, read.json)
  }
  return row
}

/** A cell as the JSON that people would type for it; whether that is right for the column is judged with the row. */
function readCell(column: KeyColumn, text: string): ReadCell {
  switch (column.type) {
    case 'boolean': {
      const json = BOOLEANS.get(text.toLowerCase())
      return json === undefined ? refuse('it should be true or false, or t or f') : { type: 'json', json }
    }
    case 'double': {
      const parsed = parseJson(text)
      return parsed.type === 'parsed' && isJsonNumber(parsed.value)
        ? { type: 'json', json: parsed.value }
        : refuse('it should be a number, as 1.5 or -2e-7')
    }
    case 'json': {
      const parsed = parseJson(text)
      return parsed.type === 'parsed'
        ? { type: 'json', json: parsed.value }
        : refuse(`it should be JSON: ${parsed.detail}`)
    }
    case 'bytes':
      return readBytesCell(text)
    default:
      return { type: 'json', json: text }
  }
}

const BOOLEANS: ReadonlyMap<string, boolean> = new Map([
  ['true', true],
  ['t', true],
  ['false', false],
  ['f', false],
])

/** Base64, or hex as Postgres writes it; a backslash is no letter of base64. */
function readBytesCell(text: string): ReadCell {
  if (!text.startsWith('\\x')) return { type: 'json', json: text }
  const hex = text.slice(2)
  if (!/^(?:[0-9a-f]{2})*$/i.test(hex)) return refuse('behind \\x there should be pairs of hex digits')
  return { type: 'json', json: Buffer.from(hex, 'hex').toString('base64') }
}

function refuse(detail: string): ReadCell {
  return { type: 'refused', detail }
}

async function* readRecords(bytes: AsyncIterable<Buffer>): AsyncIterable<CsvRecord> {
  // The parser counts CRLF in a cell as two lines: counted here, by records, the lines in their cells, and blank lines.
  let nextLine = 1
  const options: Options<CsvRecord, CsvRecord['cells']> = {
    record_delimiter: ['\r\n', '\n'],
    skip_empty_lines: true,
    relax_column_count: true,
    max_record_size: LINE_BYTES_MAX,
    cast: (text, { quoting }) => (text === '' && !quoting ? null : text),
    on_record: (cells, context) => {
      const line = nextLine + context.empty_lines
      nextLine += 1 + cells.reduce((sum, cell) => sum + countLineEnds(cell), 0)
      return { line, cells }
    },
  }
  // The library's types know other cells than strings only where it names the columns itself.
  const parser = parse(options as unknown as Options)
  // Errors reach the loop below through the parser, which pipeline destroys with them.
  pipeline(Readable.from(checkText(bytes)), parser, () => {})
  try {
    for await (const record of parser) yield record as CsvRecord
  } catch (error) {
    if (!(error instanceof CsvError)) throw error
    const line = nextLine + ((error as { readonly empty_lines?: number }).empty_lines ?? 0)
    const what = FAULTS.get(error.code) ?? error.message
    throw new Error(`the CSV cannot be read from line ${line} on: ${what}`, { cause: error })
  }
}

const FAULTS: ReadonlyMap<string, string> = new Map([
  ['CSV_QUOTE_NOT_CLOSED', 'a quoted cell of that row does not end; close the quote'],
  [
    'CSV_INVALID_CLOSING_QUOTE',
    'a quote is followed by something else than a comma or the end of the line; write a quote in a cell twice',
  ],
  [
    'INVALID_OPENING_QUOTE',
    'a quote stands in a cell that does not begin with one; put the cell in quotes and write the quote twice',
  ],
  [
    'CSV_MAX_RECORD_SIZE',
    `the row is longer than ${LINE_BYTES_MAX} bytes; close the quote, if one is open, or take the row out`,
  ],
])

function countLineEnds(cell: string | null): number {
  if (cell === null) return 0
  let count = 0
  for (let at = cell.indexOf('\n'); at !== -1; at = cell.indexOf('\n', at + 1)) count++
  return count
}

const NEWLINE = 10
const BYTE_ORDER_MARK = Buffer.from('\ufeff')

/** The same bytes in pieces of whole lines without a byte order mark; throws where they are not UTF-8. */
async function* checkText(bytes: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
  let held: Buffer = Buffer.alloc(0)
  let line = 1

  function check(piece: Buffer): Buffer {
    const isText = isUtf8(piece)
    for (let from = 0; from < piece.length; ) {
      const end = piece.indexOf(NEWLINE, from)
      const to = end === -1 ? piece.length : end + 1
      if (!isText && !isUtf8(piece.subarray(from, to))) {
        throw new Error(`line ${line} of the CSV is not UTF-8; save the file as UTF-8`)
      }
      line++
      from = to
    }
    return piece
  }

  let isStart = true
  function trim(piece: Buffer): Buffer {
    const hasMark = isStart && piece.subarray(0, BYTE_ORDER_MARK.length).equals(BYTE_ORDER_MARK)
    isStart = false
    return hasMark ? piece.subarray(BYTE_ORDER_MARK.length) : piece
  }

  for await (const chunk of bytes) {
    held = held.length === 0 ? chunk : Buffer.concat([held, chunk])
    const end = held.lastIndexOf(NEWLINE) + 1
    if (end > 0) yield trim(check(held.subarray(0, end)))
    held = held.subarray(end)
    if (held.length > LINE_BYTES_MAX) {
      throw new Error(`line ${line} of the CSV is longer than ${LINE_BYTES_MAX} bytes; take it out`)
    }
  }
  if (held.length > 0) yield trim(check(held))
}
