// A record's key: the JSON array of the dataset and the row's key, written straight into a shared buffer.

import type { ByteSink } from '../codec/avro-encode.ts'

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c
/** A UTF-16 unit takes at most six bytes, as an escape. */
const UNIT_BYTES_MAX = 6

/** Bytes of the key, at most. */
export function boundRecordKey(dataset: string, key: readonly string[]): number {
  let units = dataset.length
  for (const text of key) units += text.length
  return units * UNIT_BYTES_MAX + 3 * key.length + 4
}

/** Writes what `JSON.stringify([dataset, ...key])` gives, in UTF-8. The sink must have `boundRecordKey` bytes left. */
export function writeRecordKey(sink: ByteSink, dataset: string, key: readonly string[]): void {
  const { bytes } = sink
  bytes[sink.at++] = 0x5b
  writeJsonText(sink, dataset)
  for (const text of key) {
    bytes[sink.at++] = COMMA
    writeJsonText(sink, text)
  }
  bytes[sink.at++] = 0x5d
}

function writeJsonText(sink: ByteSink, text: string): void {
  const { bytes } = sink
  let at = sink.at
  bytes[at++] = QUOTE
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit < 0x20 || unit >= 0x7f || unit === QUOTE || unit === BACKSLASH) {
      sink.at += bytes.write(JSON.stringify(text), sink.at, 'utf8')
      return
    }
    bytes[at++] = unit
  }
  bytes[at++] = QUOTE
  sink.at = at
}
