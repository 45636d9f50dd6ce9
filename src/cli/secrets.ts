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
