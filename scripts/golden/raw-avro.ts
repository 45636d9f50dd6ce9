// Avro bytes part by part, so that tests can put a wrong one anywhere. Shares nothing with the codec that it tests.

type Text = string | Buffer

/** Zigzag and varint of a long, minimal. */
export function long(value: bigint | number): Buffer {
  const wide = BigInt(value)
  let zigzag = BigInt.asUintN(64, (wide << 1n) ^ (wide >> 63n))
  const bytes: number[] = []
  do {
    const rest = zigzag >> 7n
    bytes.push(Number(zigzag & 0x7fn) | (rest === 0n ? 0 : 0x80))
    zigzag = rest
  } while (zigzag !== 0n)
  return Buffer.from(bytes)
}

/** The same number in more bytes than it needs. */
export function longPadded(value: bigint | number, padding: number): Buffer {
  const bytes = Buffer.from([...long(value), ...Array<number>(padding).fill(0x80)])
  bytes[long(value).length - 1]! |= 0x80
  bytes[bytes.length - 1] = 0
  return bytes
}

/** A length and the bytes: a string or bytes. */
export function text(content: Text): Buffer {
  const bytes = typeof content === 'string' ? Buffer.from(content, 'utf8') : content
  return Buffer.concat([long(bytes.length), bytes])
}

export function double(value: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeDoubleLE(value)
  return bytes
}

/** Items in one block of positive count; none: the end alone. */
export function block(items: readonly Buffer[]): Buffer {
  return items.length === 0 ? END : Buffer.concat([long(items.length), ...items, END])
}

/** Items in one block of negative count, with its size in bytes, which may be a lie; without the end. */
export function sizedBlock(items: readonly Buffer[], size = Buffer.concat(items).length): Buffer {
  return Buffer.concat([long(-items.length), long(size), ...items])
}

/** The block that ends an array or a map. */
export const END = Buffer.from([0])

export const branch = {
  null: Buffer.from([0]),
  boolean: (value: number) => Buffer.from([2, value]),
  long: (value: bigint | number) => Buffer.concat([Buffer.from([4]), long(value)]),
  double: (value: number) => Buffer.concat([Buffer.from([6]), double(value)]),
  string: (value: Text) => Buffer.concat([Buffer.from([8]), text(value)]),
  bytes: (value: Buffer) => Buffer.concat([Buffer.from([10]), text(value)]),
}

export interface RawMutation {
  readonly stamp?: Buffer
  readonly seq?: Buffer
  readonly operation?: Buffer
  readonly dataset?: Buffer
  readonly key?: Buffer
  readonly columns?: Buffer
  /** Bytes behind the message. */
  readonly rest?: Buffer
}

/** 2022-10-20T16:35:19.896Z, for messages that say nothing else. */
export const RAW_TIME_NS = 1_666_283_719_896_000_000n

export function stampOf(timeNs: bigint, origin = '00112233aabbccdd'): Buffer {
  return Buffer.from(BigInt.asUintN(64, timeNs).toString(16).padStart(16, '0') + origin, 'hex')
}

/** An upsert of tracks/t1 with no columns and no seq, but for the parts given. */
export function rawMutation(parts: RawMutation = {}): Buffer {
  return Buffer.concat([
    parts.stamp ?? stampOf(RAW_TIME_NS),
    parts.seq ?? Buffer.from([0]),
    parts.operation ?? long(0),
    parts.dataset ?? text('tracks'),
    parts.key ?? block([text('t1')]),
    parts.columns ?? END,
    parts.rest ?? Buffer.alloc(0),
  ])
}
