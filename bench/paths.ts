// Where the benchmark finds the checkout and the command line that it measures.

import { join } from 'node:path'

export const root = join(import.meta.dirname, '..')
export const cli = join(root, 'src/cli/main.ts')
export const resultsDir = join(root, 'bench/results')
