// Numbers that look drawn at random and are the same in every run.

/** A number of 32 bits for each number (the finalizer of MurmurHash3). */
export function scatter(n: number): number {
  let hash = n ^ (n >>> 16)
  hash = Math.imul(hash, 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
