// A writer's view of the definitions: reads them all from the log, plans new ones, appends them, looks what became of them.

import type { Catalogue } from '../codec/catalogue.ts'
import { encodeControl } from '../codec/control.ts'
import {
  type Defined,
  definitionWarnings,
  foldDefinition,
  judgeDefinitions,
  nothingDefined,
  type RefusedRecord,
} from '../codec/definitions.ts'
import type { Json, JsonObject } from '../codec/json.ts'
import { VALUE_BYTES_MAX } from '../codec/limits.ts'
import type { GuardedStanding, Standing } from '../codec/policy/standing.ts'
import { DEFINITION_REASONS, explainReason } from '../codec/reasons.ts'
import { DEFINITIONS } from '../codec/record.ts'
import { readSchema, type Schema } from '../codec/schema.ts'
import type { BatchSigner } from '../codec/signing/batch-signer.ts'
import type { LogGenesis } from '../log/check.ts'
import type { Appended, Log, LogEvent, Problem } from '../log/log.ts'
import { signRecords } from '../log/sign-records.ts'

/** Everything that the definitions add up to, up to their end when they were read. */
export interface ReadDefinitions extends Defined {
  readonly refused: readonly RefusedRecord[]
  /** In a guarded log every standing that has held among them, the first from the genesis; none in an open one. */
  readonly standings: readonly GuardedStanding[]
}

/** What of a log's genesis decides about its definitions. */
export type DefinedLog = Pick<LogGenesis, 'logId' | 'generation' | 'admins'>

/** Reads the definitions to their end. Throws when the log has lost them, or when the signal is aborted before. */
export async function readDefinitions(
  log: Log,
  genesis: DefinedLog,
  signal: AbortSignal,
): Promise<ReadDefinitions> {
  let defined = nothingDefined(genesis.admins)
  const refused: RefusedRecord[] = []
  const standings: Standing[] = [defined.standing]
  const ending = new AbortController()
  const events = log.read({
    scope: { type: 'definitions' },
    positions: async (partitions) =>
      new Map(partitions.map((partition) => [partition, defined.catalogue.offset])),
    signal: AbortSignal.any([signal, ending.signal]),
  })
  try {
    for await (const event of events) {
      if (event.type === 'lost')
        throw new Error(`the log no longer has its definitions from ${event.position} on`)
      if (event.type !== 'chunk') continue
      const { catalogue, standing, ...judged } = judgeDefinitions(
        defined,
        [...event.records],
        event.next,
        genesis,
      )
      if (standing !== defined.standing) standings.push(...standingsWithin(defined, event, genesis))
      defined = { catalogue, standing }
      refused.push(...judged.refused)
      if (event.next === event.end) {
        return { ...defined, refused, standings: standings.filter((each) => each.type === 'guarded') }
      }
    }
  } finally {
    ending.abort()
  }
  signal.throwIfAborted()
  throw new Error('the log ended while its definitions were read')
}

/** Every standing behind a record of the chunk that changes it. */
function standingsWithin(
  held: Defined,
  { records }: Extract<LogEvent, { type: 'chunk' }>,
  genesis: DefinedLog,
): readonly Standing[] {
  const standings: Standing[] = []
  let defined = held
  for (const record of records) {
    const { catalogue, standing } = judgeDefinitions(defined, [record], record.offset + 1n, genesis)
    if (standing !== defined.standing) standings.push(standing)
    defined = { catalogue, standing }
  }
  return standings
}

/** A definition as somebody brings it. */
export interface NewDefinition {
  /** Where it comes from, for messages: a file's name. */
  readonly source: string
  readonly json: Json
}

export interface PlannedDefinition {
  readonly source: string
  readonly schema: Schema
  readonly json: JsonObject
  readonly change: 'new' | 'changed' | 'unchanged'
}

export type DefinitionPlan =
  | {
      readonly type: 'plan'
      readonly definitions: readonly PlannedDefinition[]
      readonly warnings: readonly string[]
      /** What will hold once they are appended. */
      readonly catalogue: Catalogue
    }
  | { readonly type: 'refused'; readonly problems: readonly Problem[] }

/** Folds new definitions into the catalogue in their order: all of them, or what is wrong with each that is refused. */
export function planDefinitions(catalogue: Catalogue, brought: readonly NewDefinition[]): DefinitionPlan {
  const definitions: PlannedDefinition[] = []
  const warnings: string[] = []
  const problems: Problem[] = []
  let current = catalogue
  for (const { source, json } of brought) {
    const read = readSchema(json)
    if (read.type === 'refused') {
      problems.push(toProblem(source, read.reason, read.detail))
      continue
    }
    const { schema } = read
    const notes = definitionWarnings(current, schema)
    const isNew = !current.datasets.has(schema.name)
    const folded = foldDefinition(current, schema, current.offset)
    const bytes = recordOf(json as JsonObject).length
    if (folded.type === 'refused') problems.push(toProblem(source, folded.reason, folded.detail))
    else if (bytes > VALUE_BYTES_MAX)
      problems.push(toProblem(source, 'too-large', `it would have ${bytes} bytes`))
    else {
      current = folded.catalogue
      warnings.push(...notes.map((note) => `${source}: ${note}`))
      const change = isNew ? 'new' : folded.changed ? 'changed' : 'unchanged'
      definitions.push({ source, schema, json: json as JsonObject, change })
    }
  }
  if (problems.length > 0) return { type: 'refused', problems }
  return { type: 'plan', definitions, warnings, catalogue: current }
}

export interface AppendedDefinitions {
  readonly appended: readonly Appended[]
  /** Those that were refused because somebody else's came before them; none as a rule. */
  readonly problems: readonly Problem[]
  /** What somebody else's definitions, come before ours, make of them. */
  readonly warnings: readonly string[]
}

export interface AppendDefinitionsOptions {
  readonly log: Log
  readonly genesis: DefinedLog
  readonly plan: DefinitionPlan & { readonly type: 'plan' }
  readonly signal: AbortSignal
  /** An admin of a guarded log; null: nobody signs. */
  readonly signer: BatchSigner | null
}

/**
 * Appends the planned definitions that change something, then reads the definitions again: somebody else may have
 * appended others in between, or a policy that names other admins.
 */
export async function appendDefinitions({
  log,
  genesis,
  plan,
  signal,
  signer,
}: AppendDefinitionsOptions): Promise<AppendedDefinitions> {
  const changing = plan.definitions.filter(({ change }) => change !== 'unchanged')
  if (changing.length === 0) return { appended: [], problems: [], warnings: [] }
  const records = changing.map(({ json }) => ({ partition: DEFINITIONS, key: null, value: recordOf(json) }))
  const appended = await log.append(signer === null ? records : signRecords(signer, records))
  const { refused, catalogue } = await readDefinitions(log, genesis, signal)
  const refusedByOffset = new Map(refused.map((record) => [record.offset, record]))
  const problems: Problem[] = []
  const warnings: string[] = []
  for (const [i, { offset }] of appended.entries()) {
    const { source, schema } = changing[i]!
    const record = refusedByOffset.get(offset)
    if (record !== undefined) {
      const isForestalled = Object.hasOwn(DEFINITION_REASONS, record.reason)
      const cause = isForestalled
        ? 'another definition came before it'
        : 'the policy or the log was changed before it'
      const detail = `it is in the log but refused, because ${cause}: ${record.detail}`
      problems.push(toProblem(source, record.reason, detail))
    } else {
      const notes = definitionWarnings(catalogue, schema).map((note) => `${source}: ${note}`)
      warnings.push(...notes.filter((note) => !plan.warnings.includes(note)))
    }
  }
  return { appended, problems, warnings }
}

function recordOf(schema: JsonObject): Buffer {
  return encodeControl({ kind: 'dataset', schema })
}

function toProblem(source: string, reason: string, detail: string): Problem {
  const text = explainReason(reason)
  return { what: `${source}: ${detail}`, remedy: text?.remedy ?? '' }
}
