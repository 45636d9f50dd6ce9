// The workers of one node to which things happen, and a record of which of them moved which partition how far.

import { type RunningCli, startCli } from '../support/cli.ts'
import type { TestNode } from './support.ts'

export interface Worker extends RunningCli {
  /** As `movesOf` names it. */
  readonly name: string
}

export interface Crew {
  start(): Worker
  /** One of: another worker, an orderly end, a kill, a freeze, a thaw. Throws when one has ended by itself. */
  change(random: () => number): void
  /** SIGKILL for one that is awake; there is another one then, or it is started. */
  kill(random: () => number): void
  /** Throws when a worker has ended by itself. */
  check(): void
  wakeAll(): void
  /** Ends all that are left in good order; throws when one of those that were asked to end did not end well. */
  endAll(): Promise<void>
  /** SIGKILL for whoever is left; resolves when all are gone. */
  killAll(): Promise<void>
  /** Everybody who ever was, in order of their start. */
  all(): readonly Worker[]
}

const WORKERS_MAX = 4

export function createCrew(node: TestNode): Crew {
  const workers: Worker[] = []
  const awake: Worker[] = []
  const frozen: Worker[] = []
  const ended: Promise<void>[] = []
  const take = (from: Worker[], random: () => number): Worker =>
    from.splice(Math.floor(random() * from.length), 1)[0]!
  const end = (worker: Worker): void => {
    const ending = worker.ended.then(({ code, stderr }) => {
      // Asked to end before it had learnt to listen, it is just gone.
      if (code !== 0 && stderr !== '') throw new Error(`${worker.name} ended with ${code}:\n${stderr}`)
    })
    // Whoever waits for all of them learns of it.
    ending.catch(() => {})
    ended.push(ending)
    worker.kill('SIGTERM')
  }
  const start = (): Worker => {
    const name = `worker-${workers.length + 1}`
    const running = startCli(['run'], { env: { ...node.env, DATABASE_URL: urlOf(node, name) } })
    const worker: Worker = { ...running, name }
    workers.push(worker)
    awake.push(worker)
    return worker
  }
  const kill = (random: () => number): void => {
    if (awake.length < 2) start()
    take(awake, random).kill('SIGKILL')
  }
  const check = (): void => {
    for (const { name, child, stderr } of awake) {
      if (child.exitCode !== null) throw new Error(`${name} ended by itself:\n${stderr()}`)
    }
  }
  const wakeAll = (): void => {
    for (const worker of frozen.splice(0)) {
      awake.push(worker)
      worker.kill('SIGCONT')
    }
  }
  return {
    start,
    kill,
    check,
    change(random) {
      check()
      const dice = random()
      if (awake.length + frozen.length < 2 || (dice < 0.35 && awake.length + frozen.length < WORKERS_MAX)) {
        start()
      } else if (dice < 0.55 && awake.length > 1) {
        end(take(awake, random))
      } else if (dice < 0.65 && awake.length > 1) {
        kill(random)
      } else if (dice < 0.85 && awake.length > 1) {
        const worker = take(awake, random)
        frozen.push(worker)
        worker.kill('SIGSTOP')
      } else if (frozen.length > 0) {
        const worker = take(frozen, random)
        awake.push(worker)
        worker.kill('SIGCONT')
      }
    },
    wakeAll,
    async endAll() {
      check()
      wakeAll()
      for (const worker of awake.splice(0)) end(worker)
      await Promise.all(ended)
    },
    async killAll() {
      for (const worker of workers) worker.kill('SIGKILL')
      await Promise.all(workers.map((worker) => worker.ended))
    },
    all: () => workers,
  }
}

/** The node's database as this worker addresses it: its sessions carry its name, which the program knows nothing of. */
function urlOf(node: TestNode, name: string): string {
  const url = new URL(node.url)
  url.searchParams.set('options', `-c crew.worker=${name}`)
  return url.href
}

/** From now on every move of a position is noted, with its worker; the node must have been migrated. */
export async function noteMoves(node: TestNode): Promise<void> {
  for (const sql of NOTE_MOVES) await node.query(sql)
}

const NOTE_MOVES = [
  'create schema crew',
  `create table crew.moves (
     id bigint generated always as identity, worker text, partition int, start bigint, next bigint, consumed bigint)`,
  `create function crew.note() returns trigger language plpgsql as $$
   begin
     insert into crew.moves (worker, partition, start, next, consumed)
     select current_setting('crew.worker', true), new.partition, coalesce(old.next_offset, 0), new.next_offset,
       new.consumed - coalesce(old.consumed, 0);
     return null;
   end $$`,
  'create trigger note after insert or update on spindexer.positions for each row execute function crew.note()',
]

export interface Move {
  readonly worker: string
  readonly partition: number
  /** Offsets moved over: [start, next). */
  readonly start: bigint
  readonly next: bigint
  readonly consumed: bigint
}

/** Every move that was committed, in order. */
export async function movesOf(node: TestNode): Promise<readonly Move[]> {
  const rows = await node.query('select * from crew.moves where next <> start order by id')
  return rows.map(({ worker, partition, start, next, consumed }) => ({
    worker: worker!,
    partition: Number(partition),
    start: BigInt(start!),
    next: BigInt(next!),
    consumed: BigInt(consumed!),
  }))
}
