// Paths as people read them.
import { relative } from 'node:path'

/** Where a path is, from where they are. */
export function fromHere(path: string): string {
  return relative(process.cwd(), path) || '.'
}
