// Vectors of policies: the records of a partition of a guarded log in order, with what becomes of each.

import { EMPTY_CATALOGUE } from '../../src/codec/catalogue.ts'
import { judgeDefinitions, judgeOpenDefinitions, nothingDefined } from '../../src/codec/definitions.ts'
import { initialStanding } from '../../src/codec/policy/standing.ts'
import { DEFINITION_REASONS } from '../../src/codec/reasons.ts'
import { DEFINITIONS, type LogRecord } from '../../src/codec/record.ts'
import { createRecordProver } from '../../src/codec/signing/proof.ts'
import type { SignerKey } from '../../src/codec/signing/signer-key.ts'
import { createJudge, type Verdict } from '../../src/codec/verdict.ts'
import { demand } from './forms.ts'
import { definitionSequences } from './policies-definitions.ts'
import { rightSequences } from './policies-rights.ts'
import { versionSequences } from './policies-versions.ts'
import { genesisOf, type Sequence, type Step } from './policies-world.ts'
import { APPEND_MS, DEFINITION_TEXTS, LOG_ID, MAX_CLOCK_AHEAD_MS } from './verdicts-world.ts'

export function policyVectors() {
  const sequences = [...versionSequences(), ...rightSequences(), ...definitionSequences()]
  return {
    maxClockAhead: MAX_CLOCK_AHEAD_MS,
    /** Under which mutations are judged. */
    definitions: DEFINITION_TEXTS,
    sequences: sequences.map(sequenceVector),
  }
}

function sequenceVector(sequence: Sequence) {
  const { name, admins, generation = 1, partition = 0 } = sequence
  const records = [genesisStep(sequence), ...sequence.steps]
  const outcomes = partition === DEFINITIONS ? define(sequence, records) : judge(sequence, records)
  return {
    name,
    genesis: { admins, generation },
    partition,
    records: records.map((step, offset) => {
      const { verdict, reason, signer } = outcomes[offset]!
      const expected = `${name}, record ${offset}: ${step.name}`
      demand(expected, reason ?? verdict, step.expected)
      const isWritten = verdict === 'merge' || verdict === 'parked'
      demand(`${expected}, by`, signer, isWritten ? step.signer : null)
      return {
        name: step.name,
        appendMs: String(APPEND_MS),
        stampedByLog: step.stampedByLog ?? true,
        headers: (step.headers ?? []).map((header) => [header.name, header.value.toString('hex')]),
        value: step.value === null ? null : step.value.toString('hex'),
        verdict,
        reason,
        signer,
      }
    }),
  }
}

interface Outcome {
  readonly verdict: Verdict['type'] | 'taken' | 'refused'
  readonly reason: string | null
  /** Of a message that is merged or parked. */
  readonly signer: SignerKey | null
}

const genesisStep = ({ admins, generation = 1, partition = 0 }: Sequence): Step => ({
  name: 'the genesis',
  expected: 'control',
  value: genesisOf(admins, generation, partition),
  signer: null,
})

function recordOf(
  { value, headers = [], stampedByLog = true }: Step,
  partition: number,
  offset: number,
): LogRecord {
  return { partition, offset: BigInt(offset), appendMs: APPEND_MS, stampedByLog, key: null, value, headers }
}

function judge(
  { admins, generation = 1, partition = 0 }: Sequence,
  steps: readonly Step[],
): readonly Outcome[] {
  const definitions = DEFINITION_TEXTS.map((text, i) =>
    recordOf({ name: '', expected: 'taken', value: Buffer.from(text), signer: null }, DEFINITIONS, i + 1),
  )
  const { catalogue } = judgeOpenDefinitions(EMPTY_CATALOGUE, definitions, 100n, LOG_ID)
  const judgeRecord = createJudge({ logId: LOG_ID, generation, maxClockAheadMs: BigInt(MAX_CLOCK_AHEAD_MS) })
  const prove = createRecordProver(LOG_ID)
  let standing = initialStanding(admins)
  return steps.map((step, offset) => {
    const record = recordOf(step, partition, offset)
    const verdict = judgeRecord(record, catalogue, standing, prove(record))
    if (verdict.type === 'control') standing = verdict.standing
    return {
      verdict: verdict.type,
      reason: 'reason' in verdict ? verdict.reason : null,
      signer: 'signer' in verdict ? verdict.signer : null,
    }
  })
}

/** One record after the other, as a chunk of its own. */
function define({ admins, generation = 1 }: Sequence, steps: readonly Step[]): readonly Outcome[] {
  let held = nothingDefined(admins)
  return steps.map((step, offset) => {
    const record = recordOf(step, DEFINITIONS, offset)
    const judged = judgeDefinitions(held, [record], BigInt(offset) + 1n, { logId: LOG_ID, generation })
    held = judged
    const [refused] = judged.refused
    if (refused === undefined)
      return { verdict: judged.taken === 1 ? 'taken' : 'control', reason: null, signer: null }
    const isRefused = refused.reason in DEFINITION_REASONS
    return { verdict: isRefused ? 'refused' : 'quarantined', reason: refused.reason, signer: null }
  })
}
