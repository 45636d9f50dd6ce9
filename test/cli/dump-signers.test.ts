// `dump --cells` of a node of a guarded log: each cell says whose signatures its origin carries, in the fingerprint too.

import { createHash } from 'node:crypto'
import { expect, it } from 'vitest'
import { createStamp, type Origin } from '../../src/crdt/stamp.ts'
import { batchOf, datasetOf, mutationOf, prepare, signerOf } from '../contract/store-fixture.ts'
import { openPostgres } from '../store/postgres-bench.ts'
import { runCli } from '../support/cli.ts'

it('dump --cells names the signers of each cell, and is the fingerprint of them', async () => {
  const bench = await openPostgres(18)
  try {
    const store = bench.store()
    await prepare(store, datasetOf('tracks', { columns: { title: 'string' } }))
    const origins = [
      '000000000000000a',
      '000000000000000b',
      '000000000000000c',
      '000000000000000d',
    ] as Origin[]
    const [a, b, c] = origins as [Origin, Origin, Origin]
    const authors = [
      { origin: b, signer: signerOf(1) },
      { origin: c, signer: signerOf(2, 'eip191') },
      { origin: c, signer: null },
      { origin: c, signer: signerOf(1) },
      { origin: a, signer: null },
    ]
    const mutations = origins.map((origin, i) => ({
      ...mutationOf('upsert', 'tracks', `t${i}`, 1, { title: null }),
      stamp: createStamp(1n, origin),
    }))
    await store.commit(batchOf(mutations, { authors }))
    const { code, stdout, stderr } = await runCli(['dump', '--cells'], { env: { DATABASE_URL: bench.url } })
    expect(code).toBe(0)
    const cells = stdout.split('\n').filter((line) => line.includes('"column"'))
    expect(
      cells.map((line) => /"origin":"(.*?)","signer":(.*),"visible":true}$/.exec(line)?.slice(1)),
    ).toEqual([
      [a, 'null'],
      [b, `"${signerOf(1)}"`],
      [c, `[null,"${signerOf(1)}","${signerOf(2, 'eip191')}"]`],
      // Of this one nothing is known.
      [origins[3], 'null'],
    ])
    expect(stderr).toContain(`fingerprint: ${createHash('sha256').update(stdout).digest('hex')}`)
  } finally {
    await bench.close()
  }
})
