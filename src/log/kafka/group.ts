// Membership of a consumer group: joins, says that it lives, learns which partitions are its share, leaves.
// Spoken by hand over KafkaJS's requests: its Consumer restarts itself after a crash, also while it is being stopped,
// and would have to be kept from fetching.

import { setTimeout as sleep } from 'node:timers/promises'
import { type KafkaClient, pause } from './client.ts'
import { errorType, explain, isTransient } from './errors.ts'
import {
  type Broker,
  decodeAssignment,
  encodeAssignment,
  encodeMemberMetadata,
  type GroupMember,
} from './kafkajs.ts'
import type { Trouble } from './trouble.ts'

export interface GroupOptions {
  readonly client: KafkaClient
  readonly group: string
  readonly topic: string
  readonly signal: AbortSignal
  readonly onLog: (line: string) => void
  readonly trouble: Trouble
  /** This is our share from now on, until `onRevoked`. */
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
const LEAVE_MS = 2_000

const REJOIN_AT_ONCE: ReadonlySet<string | null> = new Set(['REBALANCE_IN_PROGRESS', 'ILLEGAL_GENERATION'])
const MOVED: ReadonlySet<string | null> = new Set([
  'NOT_COORDINATOR_FOR_GROUP',
  'GROUP_COORDINATOR_NOT_AVAILABLE',
  'GROUP_LOAD_IN_PROGRESS',
])

/** Stays a member until the signal is aborted, then leaves. Throws what waiting does not mend. */
export async function keepMembership(options: GroupOptions): Promise<void> {
  const { client, group, signal, onLog, trouble } = options
  let memberId = ''
  for (let attempt = 0; !signal.aborted; ) {
    try {
      const seat = await unlessAborted(join(options, memberId), signal)
      if (seat === undefined) return
      memberId = seat.memberId
      attempt = 0
      trouble.passed()
      await stay(seat, options)
      await leave(seat, group)
    } catch (error) {
      if (signal.aborted) return
      const type = errorType(error)
      options.onRevoked(!REJOIN_AT_ONCE.has(type))
      if (REJOIN_AT_ONCE.has(type)) continue
      if (type === 'UNKNOWN_MEMBER_ID') memberId = ''
      const explained = explain(`joining kafka group "${group}"`, error)
      if (type !== 'UNKNOWN_MEMBER_ID' && !MOVED.has(type) && !isTransient(error)) throw explained
      trouble.failed(explained)
      onLog(`kafka group "${group}" is to be joined again: ${(error as Error).message}`)
      await pause(Math.min(50 * 2 ** attempt++, 1_000), signal)
      // Another broker may have become the coordinator: learn of all that there are.
      await client.layout(options.topic).catch(() => {})
    }
  }
}

/** Joins, divides the partitions if it falls to us, and takes our share. */
async function join(options: GroupOptions, formerId: string): Promise<Seat> {
  const { client, group, topic, onAssigned } = options
  const coordinator = await client.coordinator(group)
  const { memberId, leaderId, generationId, members } = await coordinator.joinGroup({
    groupId: group,
    sessionTimeout: SESSION_TIMEOUT_MS,
    rebalanceTimeout: REBALANCE_TIMEOUT_MS,
    memberId: formerId,
    groupProtocols: [{ name: PROTOCOL, metadata: encodeMemberMetadata(topic) }],
  })
  const groupAssignment = memberId === leaderId ? await divide(client, topic, members) : []
  const { memberAssignment } = await coordinator.syncGroup({
    groupId: group,
    generationId,
    memberId,
    groupAssignment,
  })
  onAssigned([...decodeAssignment(memberAssignment, topic)].sort((a, b) => a - b))
  return { coordinator, memberId, generationId }
}

/** Partitions in turn to members in order of their ids, which begin with their names. */
async function divide(client: KafkaClient, topic: string, members: readonly GroupMember[]) {
  const layout = (await client.layout(topic)) ?? []
  const ids = members.map(({ memberId }) => memberId).sort()
  return ids.map((memberId, place) => {
    const share = layout.filter((_, index) => index % ids.length === place).map(({ partition }) => partition)
    return { memberId, memberAssignment: encodeAssignment(topic, share) }
  })
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
async function leave({ coordinator, memberId }: Seat, group: string): Promise<void> {
  const left = coordinator.leaveGroup({ groupId: group, memberId }).catch(() => {})
  await Promise.race([left, sleep(LEAVE_MS, undefined, { ref: false })])
}

/** What the promise brings; undefined when the signal is aborted and it brings nothing for a while after that. */
async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  const settled = new AbortController()
  const aborted = new Promise<void>((resolve) => {
    const onAbort = () => resolve()
    if (signal.aborted) return resolve()
    signal.addEventListener('abort', onAbort)
    settled.signal.addEventListener('abort', () => signal.removeEventListener('abort', onAbort))
  })
  try {
    return await Promise.race([promise, aborted.then(() => sleep(LEAVE_MS, undefined, { ref: false }))])
  } finally {
    settled.abort()
    promise.catch(() => {})
  }
}
