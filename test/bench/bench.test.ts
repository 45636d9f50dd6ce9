// The benchmark runs from end to end, small and without the peer: what it measures is checked within, and figures come out.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { measure } from '../../bench/measure.ts'
import { createTemporaryDir } from '../../scripts/services/temporary-dir.ts'

const root = join(import.meta.dirname, '../..')
const LIMIT_MS = 400_000

it(
  'measures every case, the limits, disk, memory, writers, latency, the door and signed messages',
  async () => {
    const dir = createTemporaryDir('bench-test')
    try {
      const at = (path: string) => join(root, path)
      await measure([at('node_modules/typescript/bin/tsc'), '-p', at('tsconfig.build.json')], process.env)
      const json = join(dir.path, 'figures.json')
      const sizes = ['--messages', '3000', '--rows', '300', '--runs', '1', '--warm-up', '0']
      const rest = [
        '--long-messages',
        '20000',
        '--writer-messages',
        '3000',
        '--latency-seconds',
        '2',
        '--door-mutations',
        '4000',
        '--signed-messages',
        '3000',
      ]
      const args = [at('bench/main.ts'), '--peer', 'none', '--json', json, ...sizes, ...rest]
      const { stdout: printed } = await measure(args, process.env, LIMIT_MS)
      const { sections } = JSON.parse(readFileSync(json, 'utf8'))
      const names: string[] = sections.map((section: { name: string }) => section.name.split(/[:,]/)[0])
      expect(names).toEqual([
        'Cases',
        'Limits',
        'Disk',
        'Long replay',
        'Writers',
        'Latency',
        'Door',
        'Signed',
        'Targets',
      ])
      for (const name of names) expect(printed).toContain(name)
      // Those against the peer and on real rows were not measured.
      const words = sections.at(-1).json.map(({ word }: { word: string }) => word)
      expect(words.filter((word: string) => word !== 'not measured').length).toBeGreaterThanOrEqual(12)
    } finally {
      dir.remove()
    }
  },
  2 * LIMIT_MS,
)
