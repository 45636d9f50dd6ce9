// Membership of a consumer group: joins, says that it lives, learns which partitions are its share, leaves.
// Spoken by hand over KafkaJS's requests: its Consumer restarts itself after a crash, also while it is being stopped,
// and would have to be kept from fetching.

import { setTimeout as sleep } from 'node:timers/promises'
import type { Trouble } from '../trouble.ts'
import { type KafkaClient, pause } from './client.ts'
import { errorType, explain, isTransient } from './errors.ts'
import {
  type Broker,
  decodeAssignment,
  decodeMemberMetadata,
  encodeAssignment,
  encodeMemberMetadata,
  type GroupMember,
  joinGroupOnce,
  leaveGroupAside,
} from './kafkajs.ts'

export interface GroupOptions {
  readonly client: KafkaClient
  readonly group: string
  readonly topic: string
  readonly signal: AbortSignal
  readonly onLog: (line: string) => void
  readonly trouble: Trouble
  /** This is our share from now on, until the next one or `onRevoked`. */
  readonly onAssigned: (partitions: readonly number[]) => void
  /** It is not ours any more; `isInterrupted`: because the connection was lost, not because the group changed. */
  readonly onRevoked: (isInterrupted: boolean) => void
}

interface Seat {
  readonly coordinator: Broker
  readonly memberId: string
  readonly generationId: number
}

const PROTOCOL = 'spindexer'
const HEARTBEAT_MS = 1_000
/** A member that is silent for so long loses its partitions. */
const SESSION_TIMEOUT_MS = 6_000
/** How long the others wait for a member to join again. It does at its next heartbeat, however busy its reader is. */
const REBALANCE_TIMEOUT_MS = 15_000
/** Less than a process that is told to end waits for its services. */
const LEAVE_MS = 1_000

const REJOIN_AT_ONCE: ReadonlySet<string | null> = new Set(['REBALANCE_IN_PROGRESS', 'ILLEGAL_GENERATION'])
const MOVED: ReadonlySet<string | null> = new Set([
  'NOT_COORDINATOR_FOR_GROUP',
  'GROUP_COORDINATOR_NOT_AVAILABLE',
  'GROUP_LOAD_IN_PROGRESS',
])

/** This member as the coordinator knows it. */
interface Member {
  /** Empty until the coordinator has given one. */
  id: string
  coordinator: Broker | null
  /** The coordinator answers when all have joined, or are given up. */
  isJoining: boolean
  /** What it reads: nobody else was given these since. */
  share: readonly number[]
}

/**
 * Stays a member until the signal is aborted, then leaves. Throws what waiting does not mend.
 *
 * While a group divides its partitions anew, each member reads on: a worker that was killed is waited for until its
 * session ends, and all would stand still for so long. What two of them read at once is for the store to refuse.
 */
export async function keepMembership(options: GroupOptions): Promise<void> {
  const { client, group, signal, onLog, trouble } = options
  const member: Member = { id: '', coordinator: null, isJoining: false, share: [] }
  for (let attempt = 0; !signal.aborted; ) {
    let isSeated = false
    try {
      member.isJoining = true
      const seat = await unlessAborted(join(options, member), signal)
      if (seat === undefined) break
      isSeated = true
      member.isJoining = false
      attempt = 0
      trouble.passed()
      await stay(seat, options)
    } catch (error) {
      if (signal.aborted) break
      const type = errorType(error)
      if (isSeated && type === 'REBALANCE_IN_PROGRESS') continue
      member.share = []
      options.onRevoked(!REJOIN_AT_ONCE.has(type))
      if (REJOIN_AT_ONCE.has(type)) continue
      if (type === 'UNKNOWN_MEMBER_ID') member.id = ''
      const explained = explain(`joining kafka group "${group}"`, error)
      if (type !== 'UNKNOWN_MEMBER_ID' && !MOVED.has(type) && !isTransient(error)) throw explained
      trouble.failed(explained)
      onLog(`kafka group "${group}" is to be joined again: ${(error as Error).message}`)
      await pause(Math.min(50 * 2 ** attempt++, 1_000), signal)
      // Another broker may have become the coordinator: learn of all that there are.
      await client.layout(options.topic).catch(() => {})
    }
  }
  await leave(member, group)
}

/** Joins, divides the partitions if it falls to us, and takes our share. */
async function join(options: GroupOptions, member: Member): Promise<Seat> {
  const { client, group, topic, onAssigned } = options
  const coordinator = await client.coordinator(group)
  member.coordinator = coordinator
  const ask = () =>
    joinGroupOnce(coordinator, {
      groupId: group,
      sessionTimeout: SESSION_TIMEOUT_MS,
      rebalanceTimeout: REBALANCE_TIMEOUT_MS,
      memberId: member.id,
      groupProtocols: [{ name: PROTOCOL, metadata: encodeMemberMetadata(topic, member.share) }],
    })
  let joined = await ask()
  if (joined.type === 'id-required') {
    member.id = joined.memberId
    joined = await ask()
  }
  if (joined.type === 'id-required') throw new Error(`the coordinator of "${group}" gave two member ids`)
  const { memberId, leaderId, generationId, members } = joined
  member.id = memberId
  const groupAssignment = memberId === leaderId ? await divide(client, topic, members) : []
  const { memberAssignment } = await coordinator.syncGroup({
    groupId: group,
    generationId,
    memberId,
    groupAssignment,
  })
  member.share = [...decodeAssignment(memberAssignment, topic)].sort((a, b) => a - b)
  onAssigned(member.share)
  return { coordinator, memberId, generationId }
}

async function divide(client: KafkaClient, topic: string, members: readonly GroupMember[]) {
  const layout = (await client.layout(topic)) ?? []
  const claims = new Map(
    members.map(({ memberId, memberMetadata }) => [memberId, decodeMemberMetadata(memberMetadata)]),
  )
  const shares = dividePartitions(
    layout.map(({ partition }) => partition),
    claims,
  )
  return [...shares].map(([memberId, share]) => ({
    memberId,
    memberAssignment: encodeAssignment(topic, share),
  }))
}

/**
 * Shares that differ by one partition at most. Each member keeps what it claims to read as far as that goes: where a
 * partition changes hands, what its former reader has in flight is read twice.
 */
export function dividePartitions(
  partitions: readonly number[],
  claims: ReadonlyMap<string, readonly number[]>,
): ReadonlyMap<string, readonly number[]> {
  const free = new Set(partitions)
  const claimsOf = (id: string) => claims.get(id)!.filter((partition) => free.has(partition))
  const ids = [...claims.keys()].sort((a, b) => claimsOf(b).length - claimsOf(a).length || (a < b ? -1 : 1))
  const quotaOf = (place: number) =>
    Math.floor(partitions.length / ids.length) + (place < partitions.length % ids.length ? 1 : 0)
  const shares = ids.map((id, place) => {
    const kept = claimsOf(id).slice(0, quotaOf(place))
    for (const partition of kept) free.delete(partition)
    return kept
  })
  const left = [...free]
  return new Map(ids.map((id, place) => [id, fill(shares[place]!, left, quotaOf(place))]))
}

function fill(share: readonly number[], left: number[], quota: number): readonly number[] {
  return [...share, ...left.splice(0, quota - share.length)].sort((a, b) => a - b)
}

/** Returns when the signal is aborted; throws when the group has to be joined again. */
async function stay(
  { coordinator, memberId, generationId }: Seat,
  { group, signal }: GroupOptions,
): Promise<void> {
  for (;;) {
    await pause(HEARTBEAT_MS, signal)
    if (signal.aborted) return
    await coordinator.heartbeat({ groupId: group, groupGenerationId: generationId, memberId })
  }
}

/** A courtesy, so that the others take over at once instead of when our session ends. */
async function leave({ coordinator, id, isJoining }: Member, group: string): Promise<void> {
  if (coordinator === null || id === '') return
  const farewell = { groupId: group, memberId: id }
  const leaving = isJoining ? leaveGroupAside(coordinator, farewell) : coordinator.leaveGroup(farewell)
  const left = leaving.catch(() => {})
  await Promise.race([left, sleep(LEAVE_MS, undefined, { ref: false })])
}

/** What the promise brings; undefined once the signal is aborted, whatever it brings then. */
async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  const settled = new AbortController()
  const aborted = new Promise<undefined>((resolve) => {
    if (signal.aborted) return resolve(undefined)
    signal.addEventListener('abort', () => resolve(undefined), { once: true, signal: settled.signal })
  })
  try {
    return await Promise.race([promise, aborted])
  } finally {
    settled.abort()
    promise.catch(() => {})
  }
}
