// The section of the disk: bytes a row of case a's table with its indexes, against a plain table and the peer's.

import type { RunSection } from '../section.ts'
import { showRatio } from '../stats.ts'

export const runDisk: RunSection = async ({ figures }) => {
  const peer = (pass: string) => figures.get(`bytes a row ${pass} peer`)
  const row = (pass: string) => {
    const ours = figures.get(`bytes a row ${pass} ours`)
    const plain = figures.get(`bytes a row plain ${pass}`)
    return [
      `after ${pass}`,
      showBytes(ours),
      showBytes(plain),
      showRatio(ours, plain),
      showBytes(peer(pass)),
      showRatio(ours, peer(pass)),
    ]
  }
  const passes = ['a1', 'a2']
  return {
    name: 'Disk: bytes a row, table and indexes (pg_total_relation_size)',
    columns: ['', 'ours', 'plain table', 'ours / plain', 'peer', 'ours / peer'],
    rows: passes.map(row),
    notes: [
      'plain: id, plays, title with the primary key id, filled by one COPY of the state after a1, so without a dead row; for a2 each of its rows was updated once, in one statement. The peer’s table also has `at`, 8 bytes.',
    ],
    json: {
      passes: passes.map((pass) => ({
        pass,
        ours: figures.get(`bytes a row ${pass} ours`) ?? null,
        plain: figures.get(`bytes a row plain ${pass}`) ?? null,
        peer: peer(pass) ?? null,
      })),
    },
  }
}

function showBytes(bytes: number | undefined): string {
  return bytes === undefined ? '–' : bytes.toFixed(0)
}
