// Where the benchmarks find the checkout and the command line that they measure: the built one, as it is shipped.

import { join } from 'node:path'

export const root = join(import.meta.dirname, '..')
/** `npm run build` makes it; the scripts of package.json do that first. */
export const cli = join(root, 'dist/cli/main.js')
export const resultsDir = join(root, 'bench/results')
