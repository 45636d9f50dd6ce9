// One run of the peer: Debezium's JDBC sink in Kafka Connect, standalone, as a process of its own.

import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Kafka, logLevel } from 'kafkajs'
import { fetchJars, javaProgram } from '../../scripts/services/maven.ts'
import { type Identity, isAlive } from '../../src/embedded/identity.ts'
import { choosePort } from '../../src/embedded/ports.ts'
import { end, launch } from '../../src/embedded/process.ts'
import { peakOf } from '../measure.ts'
import { root } from '../paths.ts'
import type { Services } from '../section.ts'
import { watchMarks } from '../visible.ts'
import type { Measured, RunTask } from './measured.ts'

const POLL_MS = 20
const STOP_MS = 30_000
const READ_LOG_EVERY_MS = 500
/** A task that has failed leaves the process running. */
const FAILED =
  /Task threw an uncaught|Failed to create|is FAILED|ERROR .*(?:WorkerSinkTask|ConnectStandalone)/
const STARTED = /^(\S+ \S+) .*Sink task finished initialization and start$/m

export interface PeerTask extends RunTask {
  readonly topic: string
  /** Offset of the first message to take. */
  readonly from: bigint
}

/** Debezium's sink, Connect and what they need, from Maven Central: fetched once into the cache. */
export function peerJars(): Promise<string> {
  return fetchJars('peer', "Debezium's JDBC sink", readFileSync(join(root, 'bench/peer/pom.xml'), 'utf8'))
}

/** Throws with the end of its log when it fails. It counts, generously, from the first message that is seen in SQL. */
export async function runPeer(services: Services, task: PeerTask): Promise<Measured> {
  const dir = join(services.scratch, task.name)
  const logFile = join(dir, 'connect.log')
  mkdirSync(dir)
  await moveGroup(services.brokers, task)
  const args = await prepare(services, task, dir)
  const began = performance.now()
  const command = { file: javaProgram('the peer'), args, cwd: dir, logFile }
  const identity = await launch(command, { signal: 'KILL', removeDir: dir })
  let peakKiB = 0
  const poll = setInterval(() => {
    peakKiB = Math.max(peakKiB, peakOf(identity.pid))
  }, POLL_MS)
  try {
    const relation = `public."${task.dataset.name}"`
    const { marks, databaseUrl, dataset } = task
    const check = createCheck(identity, logFile)
    const { firstMs, lastMs } = await watchMarks(databaseUrl, relation, dataset, { marks, check })
    const startedMs = readStart(logFile)
    const seconds = (lastMs - firstMs) / 1_000
    return {
      seconds,
      fromWordSeconds: startedMs === null ? null : (performance.timeOrigin + lastMs - startedMs) / 1_000,
      fromFirstRowSeconds: seconds,
      fromProcessSeconds: (lastMs - began) / 1_000,
      peakMiB: peakKiB / 1_024,
    }
  } finally {
    clearInterval(poll)
    await end(identity, 'SIGTERM', STOP_MS)
    rmSync(dir, { recursive: true, force: true })
  }
}

/** Writes the settings; what comes back are Java's arguments. */
async function prepare(services: Services, task: PeerTask, dir: string): Promise<readonly string[]> {
  const { jars, registryUrl } = services.peer!
  const values: Readonly<Record<string, string>> = {
    brokers: services.brokers.join(','),
    restPort: String(await choosePort()),
    dir,
    registry: new URL('/apis/registry/v2', registryUrl).href,
    name: task.name,
    topic: task.topic,
    jdbcUrl: `jdbc:postgresql://${new URL(task.databaseUrl).host}${new URL(task.databaseUrl).pathname}`,
    keyFields: task.dataset.key.map(({ name }) => name).join(','),
    table: task.dataset.name,
  }
  const files = ['worker.properties', 'sink.properties'].map((name) => {
    const text = readFileSync(join(root, 'bench/peer', name), 'utf8')
    const file = join(dir, name)
    writeFileSync(
      file,
      text.replaceAll(/@(\w+)@/g, (_, value: string) => values[value]!),
    )
    return file
  })
  const logging = {
    defaultLogLevel: 'warn',
    'log.org.apache.kafka.connect.runtime.WorkerSinkTask': 'info',
    showDateTime: 'true',
    dateTimeFormat: 'yyyy-MM-dd HH:mm:ss.SSS',
  }
  return [
    '-Xmx1g',
    '-Duser.timezone=UTC',
    ...Object.entries(logging).map(([name, value]) => `-Dorg.slf4j.simpleLogger.${name}=${value}`),
    '-cp',
    join(jars, '*'),
    'org.apache.kafka.connect.cli.ConnectStandalone',
    ...files,
  ]
}

/** The sink's position is that of its consumer group, which Connect names after it. */
async function moveGroup(brokers: readonly string[], { name, topic, from }: PeerTask): Promise<void> {
  const admin = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING }).admin()
  await admin.connect()
  try {
    const partitions = [{ partition: 0, offset: String(from) }]
    await admin.setOffsets({ groupId: `connect-${name}`, topic, partitions })
  } finally {
    await admin.disconnect()
  }
}

function createCheck(identity: Identity, logFile: string): () => void {
  let readMs = 0
  return () => {
    const now = performance.now()
    if (now - readMs < READ_LOG_EVERY_MS) return
    readMs = now
    const log = readFileSync(logFile, 'utf8')
    if (!isAlive(identity) || FAILED.test(log)) {
      throw new Error(`the peer has failed:\n${log.split('\n').slice(0, 60).join('\n')}`)
    }
  }
}

/** When its task said that it had started, milliseconds since 1970. */
function readStart(logFile: string): number | null {
  const text = STARTED.exec(readFileSync(logFile, 'utf8'))?.[1]
  return text === undefined ? null : Date.parse(`${text.replace(' ', 'T')}Z`)
}
