// One process has a folder: whoever else wants it, at whatever moment, and however the one before it ended.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import { afterAll, expect, it } from 'vitest'
import { childrenOf, identify } from '../../src/embedded/identity.ts'
import { announceSeed, seeded } from '../support/seed.ts'
import { waitFor } from '../support/wait.ts'
import { createPlace, open, query, refusal, serverPid, startHolder, tryOpen } from './support.ts'

const place = createPlace()
const { directory, folder } = place
const data = join(folder, 'data')
afterAll(() => place.remove())

it('of several that start at the same moment one gets it, and the others are told which', async () => {
  const holders = Array.from({ length: 4 }, () => startHolder(directory))
  const outcomes = await Promise.all(holders.map(({ outcome }) => outcome))
  const winner = holders[outcomes.findIndex(({ type }) => type === 'opened')]!
  const refused = outcomes.filter(({ type }) => type === 'refused')
  expect(refused).toHaveLength(3)
  for (const each of refused) {
    expect(each).toMatchObject({
      what: expect.stringMatching(
        new RegExp(`in use: process ${winner.pid} \\(spindexer run, since \\d{4}-\\d\\d-\\d\\dT`),
      ),
      remedy: expect.stringContaining(`kill ${winner.pid}`),
    })
  }
  await winner.end()
})

it('who is killed leaves neither server nor lock behind, at whatever moment', async () => {
  const first = await open(directory)
  await query(first.url, 'create table acknowledged (round int)')
  await query(first.url, 'insert into acknowledged values (0)')
  await first.close()
  const seed = announceSeed('test/embedded/owner.test.ts')
  for (const ms of fc.sample(fc.integer({ min: 50, max: 1_200 }), seeded(seed, 5))) {
    const holder = startHolder(directory)
    await sleep(ms)
    await holder.kill()
    const next = await open(directory)
    expect(await query(next.url, 'select round from acknowledged')).toEqual([{ round: 0 }])
    const pid = serverPid(next.data)
    await next.close()
    expect(identify(pid)).toBeUndefined()
  }
})

it('who is killed while it makes the folder leaves one that can be made', async () => {
  const fresh = createPlace()
  try {
    for (const ms of [300, 900, 1_500]) {
      const holder = startHolder(fresh.directory)
      await sleep(ms)
      await holder.kill()
    }
    const opened = await open(fresh.directory)
    await query(opened.url, 'select 1')
    await opened.close()
    // An initdb that was left alone may be at it for a moment longer.
    await (await open(fresh.directory)).close()
    expect(readdirSync(fresh.folder).filter((name) => name.includes('.new-'))).toEqual([])
  } finally {
    fresh.remove()
  }
})

it('a server dies with its killed owner, with nobody coming after', async () => {
  const holder = startHolder(directory)
  expect((await holder.outcome).type).toBe('opened')
  const pid = serverPid(data)
  expect(identify(pid)).toBeDefined()
  await holder.kill()
  await waitFor('the server to end', () => identify(pid) === undefined)
})

it('a server that outlived owner and watchdog is ended before another starts', async () => {
  const holder = startHolder(directory)
  expect((await holder.outcome).type).toBe('opened')
  const pid = serverPid(data)
  for (const child of childrenOf(holder.pid)) {
    if (readFileSync(`/proc/${child.pid}/comm`, 'utf8').startsWith('sh')) process.kill(child.pid, 'SIGKILL')
  }
  await holder.kill()
  await sleep(500)
  expect(identify(pid)).toBeDefined()
  const said: string[] = []
  const opened = await open(directory, { say: (text) => void said.push(text) })
  expect(said.join('\n')).toContain(`process ${pid}) that outlived`)
  expect(identify(pid)).toBeUndefined()
  expect(await query(opened.url, 'select round from acknowledged')).toEqual([{ round: 0 }])
  await opened.close()
})

it('numbers of processes that others have by now mean nothing', async () => {
  const state = JSON.parse(readFileSync(join(folder, 'state.json'), 'utf8'))
  const owner = { ...state.owner, process: identify(process.pid), isServing: true }
  writeFileSync(join(folder, 'state.json'), JSON.stringify({ ...state, owner }))
  writeFileSync(
    join(data, 'postmaster.pid'),
    `${process.pid}\n${data}\n1\n${state.port}\n\n127.0.0.1\n1 1\nready\n`,
  )
  const opened = await open(directory)
  await opened.close()
})

it('commands use the server of a node that runs, and it stays when they have done', async () => {
  const node = await open(directory)
  const guest = await open(directory, { command: 'dump', isNode: false })
  expect(guest.url).toBe(node.url)
  await guest.close()
  expect(await query(node.url, 'select round from acknowledged')).toEqual([{ round: 0 }])
  expect((await refusal(directory)).what).toContain(`process ${process.pid} `)
  await node.close()
})

it('a command has it for itself: a node and other commands wait until it is done', async () => {
  const command = await open(directory, { command: 'publish', isNode: false })
  const said: string[] = []
  const say = (text: string): void => void said.push(text)
  const others = [startHolder(directory, { command: 'dump', isNode: false }), startHolder(directory)]
  const here = tryOpen(directory, { command: 'status', isNode: false, say })
  await waitFor('words about waiting', () => said.length > 0)
  expect(said[0]).toMatch(new RegExp(`waiting: process ${process.pid} \\(spindexer publish, since`))
  await command.close()
  // Whoever comes first; those behind it get their turn as it ends.
  const open1 = here.then(async (outcome) => {
    if (outcome.type === 'opened') await outcome.close()
    return outcome.type
  })
  const ends = others.map(async (holder) => {
    const { type } = await holder.outcome
    await holder.end()
    return type
  })
  expect(await Promise.all([open1, ...ends])).toEqual(['opened', 'opened', 'opened'])
})
