// Keeps passwords out of everything that is printed.

export const MASK = '****'

/** A URL or connection string with its passwords masked; other text as it is. */
export function maskSecrets(text: string): string {
  return (
    text
      // A password may hold `@` and `/` unescaped: up to the last `@` before a space.
      .replace(/([a-z][a-z0-9+.-]*:\/\/[^\s:@/?#]*):\S+@/gi, `$1:${MASK}@`)
      .replace(/((?:ssl)?password=)[^&\s'"]+/gi, `$1${MASK}`)
      .replace(/((?:ssl)?password\s*=\s*)'[^']*'/gi, `$1${MASK}`)
  )
}

/** A path for people. A private key that was given where a path belongs is not shown. */
export function showPath(path: string): string {
  return /-----BEGIN|^\s*(?:0x)?[0-9a-fA-F]{64}\s*$/.test(path) ? MASK : path
}
