// Writes the golden vectors into schemas/golden, after every one has been held against what was expected of it by hand.

import { mkdirSync, writeFileSync } from 'node:fs'
import { createGoldenFiles } from './golden/files.ts'

const folder = new URL('../schemas/golden/', import.meta.url)
mkdirSync(folder, { recursive: true })
for (const [name, text] of createGoldenFiles()) writeFileSync(new URL(name, folder), text)
