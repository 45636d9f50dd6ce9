// The commands of docs/operations.md, run as they stand there against a Kafka that checks every right; what it says of
// refusals and reasons is what the program says.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { programOnPath } from '../../scripts/services/maven.ts'
import {
  DEFINITION_REASONS,
  PARK_REASONS,
  QUARANTINE_REASONS,
  type ReasonText,
} from '../../src/codec/reasons.ts'
import { ROOT } from '../support/cli.ts'
import { program } from '../support/containers/run.ts'
import { type GuardedKafka, PLAIN_USER, startGuardedKafka } from '../support/guarded-kafka.ts'
import { kafkaTool } from '../support/kafka-tool.ts'
import { createDatabase, temporaryDir, uniqueTopic } from '../support/services.ts'
import { addProgram, type Checkout, copyCheckout, type Ran, runSnippets, snippetsOf } from './snippets.ts'

const DOCUMENT = 'docs/operations.md'
const TIMEOUT_MS = 240_000

const text = readFileSync(join(ROOT, DOCUMENT), 'utf8')
const dir = temporaryDir()
const databases: Awaited<ReturnType<typeof createDatabase>>[] = []
let kafka: GuardedKafka | undefined
let ran: Ran = { outputs: [], words: '' }

beforeAll(async () => {
  kafka = await startGuardedKafka(join(dir.path, 'kafka'))
  // Postgres 15: its pg_dump is the oldest that anybody has, and does not dump newer servers.
  databases.push(await createDatabase(15, 'operations'), await createDatabase(15, 'restored'))
  const checkout = copyCheckout(dir.path)
  await addPrograms(checkout)
  kafka.writeAdminConfig(join(checkout.path, 'admin.properties'))
  const topic = uniqueTopic('operations')
  const env = {
    SPINDEXER_LOG: `kafka://${kafka.brokers[0]}/${topic}`,
    DATABASE_URL: databases[0]!.url,
    RESTORED_URL: databases[1]!.url,
    TOPIC: topic,
    KAFKA_ADMIN: kafka.adminBroker,
    KAFKA_BROKERS: kafka.brokers[0]!,
    // One user after the other: what the one before was allowed is taken back in between.
    OPERATOR: PLAIN_USER,
    NODE: PLAIN_USER,
    WRITER: PLAIN_USER,
  }
  ran = await runSnippets(checkout, snippetsOf(DOCUMENT).flatMap(withRoles), {
    env,
    timeoutMs: TIMEOUT_MS,
  })
}, TIMEOUT_MS)

afterAll(async () => {
  await kafka?.kill('SIGKILL')
  for (const database of databases) await database.drop()
  dir.remove()
})

const ACLS = 'kafka-acls.sh --bootstrap-server "$KAFKA_ADMIN" --command-config admin.properties'

/**
 * Around a snippet that grants rights: those of the role before are taken back, and what the snippet then does is refused.
 * The snippets behind the last role's need the rights of a writer and of a node.
 */
function withRoles(snippet: string, at: number, all: readonly string[]): string[] {
  if (!snippet.includes('kafka-acls.sh')) return [snippet]
  const [command] = /^.*spindexer .*$/m.exec(snippet)!
  const before = [
    `${ACLS} --remove --force --topic "$TOPIC" --topic "$TOPIC.definitions"`,
    `${ACLS} --remove --force --group spindexer- --resource-pattern-type prefixed`,
    `if ${command}; then exit 9; fi`,
  ]
  const isLast = !all.slice(at + 1).some((later) => later.includes('kafka-acls.sh'))
  return [before.join('\n'), snippet, ...(isLast ? [WITHOUT_SETTINGS] : [])]
}

/** A node that may read everything but the settings of the topics. */
const WITHOUT_SETTINGS = `${ACLS} --remove --force --allow-principal "$NODE" --topic "$TOPIC" --operation DescribeConfigs
${ACLS} --add --allow-principal "$NODE" --group spindexer- --resource-pattern-type prefixed --operation Read --operation Describe
spindexer run --until-end`

async function addPrograms(checkout: Checkout): Promise<void> {
  const acls = await kafkaTool('org.apache.kafka.tools.AclCommand', [checkout.path])
  addProgram(checkout, 'kafka-acls.sh', acls)
  addProgram(checkout, 'spindexer', [process.execPath, join(ROOT, 'src/cli/main.ts')])
  addProgram(checkout, 'psql', [process.execPath, join(import.meta.dirname, 'psql.ts')])
  for (const [name, image, debianPackage] of [
    ['kcat', 'kcat', 'kcat'],
    ['pg_dump', 'postgres15', 'postgresql-client'],
    ['pg_restore', 'postgres15', 'postgresql-client'],
  ] as const) {
    const command = program(name, image, [checkout.path])
    if (command.length > 1) addProgram(checkout, name, command)
    else programOnPath(name, `a command of ${DOCUMENT} is ${name}`, debianPackage)
  }
}

describe('the commands', () => {
  test('nothing works before its rights are granted, and each refusal says which are missing', () => {
    expect(ran.words.match(/^spindexer: .*AUTHORIZATION_FAILED.*; .*kafka-acls/gm)).toHaveLength(3)
  })

  test('a node that may not read the settings says so and goes on', () => {
    expect(ran.words).toMatch(/warning: .*settings/)
    expect(ran.words).toContain('1 message processed in this run')
  })

  test('each role can do its work with just its rights', () => {
    expect(ran.words).toContain('is sound')
    expect(ran.words).toContain('Caught up')
    expect(ran.outputs.join()).toContain('{"durable":1,"skipped":0}')
  })

  test('kcat shows every record of the log', () => {
    const keys = ran.outputs.flatMap((output) => output.match(/^\d+ \d+ \d{13} .*$/gm) ?? [])
    expect(keys).toHaveLength(7)
    expect(keys.filter((line) => line.includes('["tracks","t1"]'))).toHaveLength(1)
  })

  test('the restored node has the state of the backup', () => {
    expect(ran.outputs.join()).toMatch(/t1 *\| *Blue/)
  })
})

describe('what it says', () => {
  test.each([
    ['quarantined', QUARANTINE_REASONS],
    ['parked', PARK_REASONS],
    ['refused', DEFINITION_REASONS],
  ])(
    'the reasons to be %s are those of the program',
    (_kind, reasons: Readonly<Record<string, ReasonText>>) => {
      const rows = Object.entries(reasons).map(
        ([name, { meaning, remedy }]) => `| \`${name}\` | ${meaning} | ${remedy} |`,
      )
      const documented = text.split('\n').filter((line) => rows.some((row) => line === row))
      expect(documented, `the table should be\n${rows.join('\n')}`).toEqual(rows)
    },
  )

  test('every refusal of a log or a database is explained', () => {
    const section = text.slice(text.indexOf('\n## Refusals'), text.indexOf('\n## Sizes'))
    const phrases = [...section.matchAll(/^\| `(.+?)` \| /gm)].map(([, phrase]) => phrase!)
    const patterns = phrases.map((phrase) => new RegExp(phrase.split('…').map(RegExp.escape).join('.*'), 's'))
    const refusals = refusalsOfSources()
    expect(refusals.length).toBeGreaterThan(30)
    expect(refusals.filter((refusal) => !patterns.some((pattern) => pattern.test(refusal)))).toEqual([])
    const sources = sourcesThatRefuse().join('\n')
    const unused = phrases.filter((phrase) =>
      phrase.split('…').some((part) => !sources.includes(part.trim())),
    )
    expect(unused, 'phrases that the program does not say').toEqual([])
  })
})

const FILLED_IN = /\$\{(?:[^{}]|\{[^}]*\})*\}/g
const LITERAL = /`((?:[^`$]|\$\{(?:[^{}]|\{[^}]*\})*\})*)`|'([^']*)'/g
const isSentence = (literal: string) => /[a-z] [a-z]/.test(literal)

/** What the sources say when they refuse a log or a database: the texts of `what`, with … for what is filled in. */
function refusalsOfSources(): string[] {
  return sourcesThatRefuse().flatMap((source) => {
    const refusals = [...source.matchAll(/\bwhat(?: =|:)\s([\s\S]{1,700}?)\bremedy\b/g)]
    const texts = refusals.flatMap(([, between]) => [...between!.matchAll(LITERAL)])
    return texts
      .map(([, template, plain]) => (template ?? plain!).replaceAll(FILLED_IN, '…'))
      .filter(isSentence)
  })
}

function sourcesThatRefuse(): string[] {
  const folders = [
    'src/log',
    'src/node',
    'src/postgres',
    'src/store',
    'src/cli/membership.ts',
    'src/cli/compose.ts',
  ]
  const files = folders.flatMap((folder) =>
    folder.endsWith('.ts')
      ? [folder]
      : readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
          .filter((name) => name.endsWith('.ts'))
          .map((name) => `${folder}/${name}`),
  )
  return files.map((file) => readFileSync(join(ROOT, file), 'utf8'))
}
