// KafkaJS with a codec for zstd, in which logs of ours are compressed: it has none of its own.

import { promisify } from 'node:util'
import { zstdCompress, zstdDecompress } from 'node:zlib'
import kafkajs from 'kafkajs'

const compress = promisify(zstdCompress)
const decompress = promisify(zstdDecompress)

/** Once in a process, before anything is read. */
export function registerZstd(): void {
  // No named exports of theirs: the module is CommonJS.
  kafkajs.CompressionCodecs[kafkajs.CompressionTypes.ZSTD] = () => ({
    compress: (encoder: { readonly buffer: Buffer }) => compress(encoder.buffer),
    decompress: (bytes: Buffer) => decompress(bytes),
  })
}
