// The settings that keep a topic a log for ever: what they must be, what breaks when they are not, how to mend them.

import type { Problem } from '../log.ts'

interface Setting {
  readonly name: string
  readonly value: string
  /** What happens with another value. */
  readonly harm: string
  /** What happened already when it had another value for a while. */
  readonly aftermath?: string
}

const SETTINGS: readonly Setting[] = [
  {
    name: 'cleanup.policy',
    value: 'delete',
    harm: 'Kafka throws away the older records of a key',
    aftermath: 'if records are gone already, delete the log and run `spindexer log create`',
  },
  { name: 'retention.ms', value: '-1', harm: 'Kafka throws away old records' },
  { name: 'retention.bytes', value: '-1', harm: 'Kafka throws away old records' },
  {
    name: 'message.timestamp.type',
    value: 'LogAppendTime',
    harm: "records carry their writer's clock, and nodes quarantine them",
  },
  {
    name: 'unclean.leader.election.enable',
    value: 'false',
    harm: 'Kafka may forget records that it acknowledged',
  },
]

/** A mutation has at most 900,000 bytes; key, headers and Kafka's own overhead come on top. */
const MESSAGE_BYTES_MIN = 1_000_000

const MIN_IN_SYNC = 'min.insync.replicas'
const MAX_MESSAGE = 'max.message.bytes'

/** The settings to read in order to judge a topic. */
export const SETTING_NAMES: readonly string[] = [
  ...SETTINGS.map(({ name }) => name),
  MIN_IN_SYNC,
  MAX_MESSAGE,
]

/** The settings that a topic of a log is created with. */
export function topicSettings(
  replicationFactor: number,
): { readonly name: string; readonly value: string }[] {
  const own = SETTINGS.map(({ name, value }) => ({ name, value }))
  return replicationFactor >= 3 ? [...own, { name: MIN_IN_SYNC, value: '2' }] : own
}

/** Judges a topic's settings. `brokers` is for the command that mends them. */
export function judgeSettings(
  topic: string,
  settings: ReadonlyMap<string, string | null>,
  replicationFactor: number,
  brokers: readonly string[],
): { readonly problems: Problem[]; readonly warnings: string[] } {
  const problems = SETTINGS.filter(({ name, value }) => settings.get(name) !== value).map((setting) => {
    const found = settings.get(setting.name) ?? 'not known'
    const remedy = `run \`${alterCommand(topic, brokers, setting.name, setting.value)}\``
    return {
      what: `kafka topic "${topic}" has ${setting.name}=${found}, not ${setting.value}: ${setting.harm}`,
      remedy: setting.aftermath === undefined ? remedy : `${remedy}; ${setting.aftermath}`,
    }
  })
  const warnings: string[] = []
  if (replicationFactor === 1) {
    warnings.push(
      `kafka topic "${topic}" is on one broker only (replication factor 1): its loss is the log's loss`,
    )
  } else if (settings.get(MIN_IN_SYNC) === '1') {
    const mend = alterCommand(topic, brokers, MIN_IN_SYNC, '2')
    warnings.push(
      `kafka topic "${topic}" has ${MIN_IN_SYNC}=1: one broker may acknowledge alone; run \`${mend}\``,
    )
  }
  if (replicationFactor >= 3 && Number(settings.get(MIN_IN_SYNC)) >= replicationFactor) {
    const mend = alterCommand(topic, brokers, MIN_IN_SYNC, '2')
    warnings.push(
      `kafka topic "${topic}" has ${MIN_IN_SYNC}=${settings.get(MIN_IN_SYNC)}: writers wait as soon as one of ${replicationFactor} brokers is away; run \`${mend}\``,
    )
  }
  const messageBytes = Number(settings.get(MAX_MESSAGE) ?? MESSAGE_BYTES_MIN)
  if (messageBytes < MESSAGE_BYTES_MIN) {
    const mend = alterCommand(topic, brokers, MAX_MESSAGE, '1048588')
    warnings.push(
      `kafka topic "${topic}" refuses larger mutations (${MAX_MESSAGE}=${messageBytes}); run \`${mend}\``,
    )
  }
  return { problems, warnings }
}

function alterCommand(topic: string, brokers: readonly string[], name: string, value: string): string {
  const target = `--bootstrap-server ${brokers.join(',')} --entity-type topics --entity-name ${topic}`
  return `kafka-configs.sh ${target} --alter --add-config ${name}=${value}`
}
