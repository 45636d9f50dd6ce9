// Where a record goes whose writer names no partition: Kafka's own choice for keys, so that a row's messages stay together.

/** The partition (from 0) of a key among `partitions`, as Kafka's Java client chooses it. Without a key: 0. */
export function keyToPartition(key: Uint8Array | null, partitions: number): number {
  return key === null ? 0 : (murmur2(key) & 0x7fffffff) % partitions
}

/** MurmurHash2, 32 bits, as in org.apache.kafka.common.utils.Utils: a signed number. */
export function murmur2(bytes: Uint8Array): number {
  const multiplier = 0x5bd1e995
  const whole = bytes.length & ~3
  let hash = 0x9747b28c ^ bytes.length
  for (let at = 0; at < whole; at += 4) {
    const word = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
    const mixed = Math.imul(word, multiplier)
    hash = Math.imul(hash, multiplier) ^ Math.imul(mixed ^ (mixed >>> 24), multiplier)
  }
  const left = bytes.length - whole
  if (left === 3) hash ^= bytes[whole + 2]! << 16
  if (left >= 2) hash ^= bytes[whole + 1]! << 8
  if (left >= 1) hash = Math.imul(hash ^ bytes[whole]!, multiplier)
  hash = Math.imul(hash ^ (hash >>> 13), multiplier)
  return hash ^ (hash >>> 15)
}
