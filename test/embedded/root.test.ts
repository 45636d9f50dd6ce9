// As root, for whom Postgres runs as somebody else: folders that one cannot enter, and data that belong to another.

import { spawnSync } from 'node:child_process'
import { chmodSync, chownSync, cpSync, lstatSync, mkdirSync, readlinkSync, rmSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { createPlace, open, query, refusal, serverPid } from './support.ts'

const isRoot = process.getuid!() === 0
const STRANGER = 54_321
const place = createPlace()
const { directory } = place
afterAll(() => place.remove())

const ownerOf = (pid: number): number => statSync(`/proc/${pid}`).uid

if (isRoot) {
  describe('root', () => {
    it('has the data elsewhere where nobody can enter the folder, and still one server for them', async () => {
      const closed = join(directory, 'closed')
      mkdirSync(closed, { mode: 0o700 })
      const first = await open(closed)
      const elsewhere = dirname(first.data)
      try {
        expect(first.data).toMatch(/^\/var\/lib\/spindexer\/data-\w+\/data$/)
        const link = join(closed, '.spindexer/postgres/data')
        expect([lstatSync(link).isSymbolicLink(), readlinkSync(link)]).toEqual([true, first.data])
        await query(first.url, 'create table kept as select 1 as n')
        // A copy of the folder has a link to the same data.
        const copy = join(directory, 'copy')
        cpSync(closed, copy, { recursive: true, verbatimSymlinks: true })
        expect((await refusal(copy)).what).toMatch(/in use: /)
        await first.close()
        chmodSync(closed, 0o755)
        const second = await open(closed)
        expect(second.data).toBe(first.data)
        expect(await query(second.url, 'select n from kept')).toEqual([{ n: 1 }])
        await second.close()
      } finally {
        rmSync(elsewhere, { recursive: true })
      }
      expect(await refusal(closed)).toMatchObject({
        what: expect.stringMatching(/holds no data of Postgres/),
      })
    })

    it("runs Postgres as the data's owner; data of root's own are refused", async () => {
      const first = await open(directory)
      expect(ownerOf(serverPid(first.data))).not.toBe(0)
      await first.close()
      spawnSync('chown', ['-R', `${STRANGER}:${STRANGER}`, first.data])
      const second = await open(directory)
      expect(ownerOf(serverPid(second.data))).toBe(STRANGER)
      await second.close()
      chownSync(first.data, 0, 0)
      expect(await refusal(directory)).toMatchObject({
        what: expect.stringMatching(/belongs to root, and Postgres does not run as root/),
        remedy: expect.stringMatching(/chown -R/),
      })
    })
  })
} else {
  it('is somebody else: what root alone meets is tried where the tests run as root', () => {
    expect(process.getuid!()).not.toBe(0)
  })
}
