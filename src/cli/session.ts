// Opens a writer's session with what the settings say: its framing, and where its clock starts.

import { randomBytes } from 'node:crypto'
import type { BatchSigner } from '../codec/signing/batch-signer.ts'
import { type Origin, stampToIso, stampToOrigin } from '../crdt/stamp.ts'
import type { LogGenesis } from '../log/check.ts'
import type { Log } from '../log/log.ts'
import { readAuthorities } from '../tls/pem.ts'
import { createEncoder, type Framing } from '../writer/framing.ts'
import { registerMutationSchema } from '../writer/registry.ts'
import { createSession, type Session } from '../writer/session.ts'
import { findStart, type Newest, unfollowedMs } from '../writer/start.ts'
import type { Config } from './config.ts'
import type { Context } from './context.ts'
import { Failure, usageFailure } from './errors.ts'

export interface SessionSource {
  readonly log: Log
  readonly genesis: LogGenesis
  /** Who signs what is written; null: nobody. */
  readonly signer: BatchSigner | null
  /** In the schema registry. */
  readonly subject: string
  /** False where all messages bring their timestamps: then it does not matter where the clock starts. */
  readonly isClockUsed: boolean
  /** Null where no node's database is configured; answers null when that follows another log. */
  readonly readNewest: (() => Promise<Newest | null>) | null
}

export async function openSession(context: Context, source: SessionSource): Promise<Session> {
  const { log, genesis, signer, subject, isClockUsed, readNewest } = source
  const { out } = context
  const framing = await findFraming(context, subject)
  const start = isClockUsed ? await findStart(readNewest) : null
  if (start?.type === 'unknown') {
    out.say(`Timestamps start from this machine's clock alone: ${start.reason}.`)
  }
  if (start?.type === 'node') warnOfClock(context, start.newest, genesis.maxClockAheadMs)
  return createSession({
    log,
    maxClockAheadMs: genesis.maxClockAheadMs,
    encode: createEncoder(framing),
    origin: randomBytes(8).toString('hex') as Origin,
    nowNs,
    signing: signer === null ? null : { signer, partitions: genesis.partitions },
    ...(start?.type === 'node' ? { newest: start.newest } : {}),
  })
}

/** This machine's clock, nanoseconds since 1970. */
export function nowNs(): bigint {
  return BigInt(Date.now()) * 1_000_000n
}

function warnOfClock({ out }: Context, newest: Newest, maxClockAheadMs: bigint): void {
  const aheadMs = unfollowedMs(newest, nowNs(), maxClockAheadMs)
  if (newest.stamp === null || aheadMs === 0n) return
  out.say(
    `warning: the node's newest timestamp, ${stampToIso(newest.stamp)}, is ${aheadMs} ms further ahead of the clock than a writer follows: until then changes of what has that timestamp are without effect. Find the writer whose clock is ahead (origin ${stampToOrigin(newest.stamp)}).`,
  )
}

async function findFraming({ config }: Context, subject: string): Promise<Framing> {
  const url = config.get('SCHEMA_REGISTRY_URL')
  if (url === null) return { type: 'single-object' }
  const registered = await registerMutationSchema(url, subject, registryAuthorities(config))
  if (registered.type === 'refused') throw new Failure(registered.what, registered.remedy)
  return { type: 'confluent', schemaId: registered.schemaId }
}

/** PEM; null: those that the system trusts. Throws a usage failure for a file that holds none. */
export function registryAuthorities(config: Config): string | null {
  const path = config.get('SCHEMA_REGISTRY_SSL_CA')
  if (path === null) return null
  const read = readAuthorities({ setting: 'SCHEMA_REGISTRY_SSL_CA', path })
  if (read.type === 'refused') throw usageFailure(read.what, read.remedy)
  return read.pem
}
