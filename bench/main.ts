// `npm run bench`: our node and a sink that people use, on the same messages and one machine; limits, memory, disk. See README.md.

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { startKafka } from '../scripts/services/kafka.ts'
import { startPostgres } from '../scripts/services/postgres.ts'
import { startRegistry } from '../scripts/services/registry.ts'
import { createTemporaryDir } from '../scripts/services/temporary-dir.ts'
import { readFlags } from './flags.ts'
import { printSection, writeResults } from './report.ts'
import { peerJars } from './runners/peer.ts'
import { type Flags, type RunSection, type Section, type Services, say } from './section.ts'
import { runCases } from './sections/cases.ts'
import { runDisk } from './sections/disk.ts'
import { runDoors } from './sections/door.ts'
import { runLatencies } from './sections/latencies.ts'
import { runLimits } from './sections/limits.ts'
import { runLong } from './sections/long.ts'
import { runSigned } from './sections/signed.ts'
import { runTargets } from './sections/targets.ts'
import { runWriters } from './sections/writers.ts'

/** In this order: a later one compares itself with figures of those before. */
function chooseSections(flags: Flags): readonly RunSection[] {
  return [
    runCases,
    runLimits,
    runDisk,
    ...(flags.longMessages > 0 ? [runLong] : []),
    ...(flags.writerMessages > 0 ? [runWriters] : []),
    ...(flags.latencySeconds > 0 ? [runLatencies] : []),
    ...(flags.doorMutations > 0 ? [runDoors] : []),
    ...(flags.signedMessages > 0 ? [runSigned] : []),
    runTargets,
  ]
}

async function main(flags: Flags): Promise<void> {
  const began = new Date()
  const sections: Section[] = []
  await withServices(flags, async (services) => {
    for (const run of chooseSections(flags)) {
      const section = await run(services, flags)
      printSection(section)
      sections.push(section)
      // After each, so that one that fails does not take the others with it.
      say(`written to ${writeResults(flags, began, sections)}`)
    }
  })
}

/** Brings up what the sections need, and ends it, whatever becomes of them; also when this process is killed. */
async function withServices(flags: Flags, work: (services: Services) => Promise<void>): Promise<void> {
  const jars = flags.peer === 'none' ? null : await peerJars()
  const dir = createTemporaryDir('bench')
  const stops: (() => Promise<void>)[] = []
  const options = (name: string) => ({ dir: join(dir.path, name), removeDirWhenOrphaned: true })
  try {
    const kafka = await startKafka(options('kafka'))
    stops.push(() => kafka.stop())
    const postgres = await startPostgres({ ...options('postgres'), version: 18 })
    stops.push(() => postgres.stop())
    const registry = jars === null ? null : await startRegistry(options('registry'))
    if (registry !== null) stops.push(() => registry.stop())
    // Within a service's own directory, because that goes with it when this process is killed.
    const scratch = join(dir.path, 'postgres', 'bench')
    mkdirSync(scratch)
    const peer = jars === null || registry === null ? null : { jars, registryUrl: registry.url }
    await work({ brokers: kafka.brokers, postgres, peer, scratch, figures: new Map() })
  } finally {
    for (const stop of stops) await stop()
    dir.remove()
  }
}

/** Null, and words for whoever typed them, where the flags are wrong. */
function flagsOrWords(): Flags | null {
  try {
    return readFlags(process.argv.slice(2))
  } catch (error) {
    console.error(`${(error as Error).message}\nbench/README.md has all flags.`)
    process.exitCode = 2
    return null
  }
}

const flags = flagsOrWords()
if (flags !== null) await main(flags)
