// Making a guarded log on the command line, in Kafka and in Postgres: its genesis names the admins, and stays as it is.

import { describe, expect, it } from 'vitest'
import { createLogOfKind, LOG_KINDS } from '../e2e/support.ts'
import { runCli } from '../support/cli.ts'
import { testKey } from '../support/signers.ts'

const ADMIN = testKey('admin').signer
const SECOND = testKey('second admin', 'eip191').signer
const OTHER = testKey('stranger').signer

describe.each(LOG_KINDS)('a log in %s', { timeout: 600_000 }, (kind) => {
  it('that names admins is guarded by them for ever', async () => {
    const { env } = await createLogOfKind(kind, 'guarded', { partitions: 2, admins: [ADMIN, SECOND, ADMIN] })
    const checked = await runCli(['log', 'check'], { env })
    expect([checked.code, checked.stderr]).toEqual([0, expect.stringMatching(/is guarded: .* 2 admins/)])
    expect(JSON.parse(checked.stdout)).toMatchObject({ admins: [ADMIN, SECOND] })

    const create = (...admins: string[]) =>
      runCli(['log', 'create', ...admins.flatMap((admin) => ['--admin', admin])], { env })
    expect(await create(SECOND, ADMIN)).toMatchObject({ code: 0 })
    expect(await create()).toMatchObject({ code: 0, stderr: expect.stringContaining('stays as it is') })
    for (const admins of [[ADMIN], [ADMIN, OTHER], [ADMIN, SECOND, OTHER]]) {
      const { code, stdout, stderr } = await create(...admins)
      expect([code, stdout]).toEqual([1, ''])
      expect(stderr).toMatch(/is not made as --admin asks: its genesis names the admins[\s\S]*stays for ever/)
    }
  })

  it('that names none is open for ever', async () => {
    const { env } = await createLogOfKind(kind, 'open', { partitions: 1 })
    expect((await runCli(['log', 'check'], { env })).stderr).toMatch(/It is open/)
    const { code, stderr } = await runCli(['log', 'create', '--admin', ADMIN], { env })
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(/its genesis names no admins: whoever can append/),
    ])
  })
})
