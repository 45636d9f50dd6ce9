// Jars from Maven Central: fetched once into a cache, found there afterwards.
import { execFile } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { delimiter, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { withLock } from './lock.ts'
import { dependencyPlugin, kafkaArtifacts, registryArtifact, registryJar } from './versions.ts'

const run = promisify(execFile)
const fetchTimeoutMs = 600_000

const checkout = resolve(import.meta.dirname, '../..')

export class MissingProgram extends Error {}

/** The directory of Kafka's jars. */
export function kafkaJars(): Promise<string> {
  const artifacts = kafkaArtifacts.map((artifact) => {
    const members = Object.entries(artifact).map(([name, value]) => `<${name}>${value}</${name}>`)
    return `<dependency>${members.join('')}</dependency>`
  })
  const pom = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>spindexer</groupId><artifactId>services</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>${artifacts.join('')}</dependencies>
</project>
`
  return fetchJars('kafka', 'Kafka', pom)
}

/** The directory of the jars that a project description depends on; `what` is for messages. */
export function fetchJars(name: string, what: string, pom: string): Promise<string> {
  return cached(name, pom, async (dir) => {
    const pomFile = join(dir, 'pom.xml')
    writeFileSync(pomFile, pom)
    await maven(what, dir, [
      '-f',
      pomFile,
      `${dependencyPlugin}:copy-dependencies`,
      `-DoutputDirectory=${dir}`,
    ])
  })
}

/** The registry's jar, its libraries beside it. */
export async function registryJarFile(): Promise<string> {
  const dir = await cached('registry', registryArtifact, (target) =>
    maven('the schema registry', target, [
      `${dependencyPlugin}:unpack`,
      `-Dartifact=${registryArtifact}`,
      `-DoutputDirectory=${target}`,
    ]),
  )
  return join(dir, registryJar)
}

/** The java to run; says what to install when there is none. */
export function javaProgram(service: string): string {
  return programOnPath('java', `${service} runs on Java (17 or later)`, 'default-jre-headless')
}

/** A cache entry is a finished directory or none: filled beside, then renamed. */
async function cached(name: string, content: string, fill: (dir: string) => Promise<void>): Promise<string> {
  const cache = resolve(process.env.SPINDEXER_CACHE ?? join(checkout, 'node_modules/.cache/spindexer'))
  const key = createHash('sha256').update(dependencyPlugin).update(content).digest('hex').slice(0, 12)
  const dir = join(cache, `${name}-${key}`)
  if (existsSync(dir)) return dir
  mkdirSync(cache, { recursive: true })
  return withLock(`${dir}.lock`, fetchTimeoutMs, async () => {
    if (existsSync(dir)) return dir
    const partial = `${dir}.${randomBytes(4).toString('hex')}.partial`
    mkdirSync(partial, { recursive: true })
    try {
      await fill(partial)
      renameSync(partial, dir)
    } finally {
      rmSync(partial, { recursive: true, force: true })
    }
    return dir
  })
}

/** Runs in `cwd`, where the plugin also leaves a directory of marks. */
async function maven(what: string, cwd: string, args: readonly string[]): Promise<void> {
  const mvn = programOnPath('mvn', `Maven fetches ${what} from Maven Central`, 'maven')
  try {
    await run(mvn, ['-B', '-q', ...args], { cwd, timeout: fetchTimeoutMs })
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string }
    const lines = `${stdout}\n${stderr}`.split('\n').filter((line) => line.includes('[ERROR] Failed'))
    throw new Error(`Maven could not fetch ${what}:\n${lines.join('\n') || String(error)}`)
  }
}

export function programOnPath(name: string, why: string, debianPackage: string): string {
  const dirs = (process.env.PATH ?? '').split(delimiter).filter((dir) => dir !== '')
  const found = dirs.map((dir) => join(dir, name)).find((file) => existsSync(file))
  if (found) return found
  throw new MissingProgram(
    `${name} is missing: ${why}. On Debian or Ubuntu: sudo apt-get install ${debianPackage}`,
  )
}
