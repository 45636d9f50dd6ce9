// The program's own description of itself.

import { readFileSync } from 'node:fs'

/** package.json stands two directories above this file, in the sources as in the built package. */
export const PACKAGE: { readonly description: string; readonly version: string } = JSON.parse(
  readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
)
