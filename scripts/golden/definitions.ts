// Vectors of definitions: records in order, what becomes of each, and the catalogue that they fold to.

import { EMPTY_CATALOGUE } from '../../src/codec/catalogue.ts'
import { datasetToJson } from '../../src/codec/catalogue-json.ts'
import { judgeOpenDefinitions } from '../../src/codec/definitions.ts'
import { explainReason } from '../../src/codec/reasons.ts'
import { DEFINITIONS, type LogRecord } from '../../src/codec/record.ts'
import { definitionFoldCases } from './definitions-folds.ts'
import { definitionFormCases } from './definitions-forms.ts'
import { demand } from './forms.ts'
import { LOG_ID } from './verdicts-world.ts'

export type DefinitionVerdict = 'taken' | 'refused' | 'control' | 'quarantined'

/** A record's text, what has to become of it, and why. */
export type DefinitionStep = readonly [text: string, verdict: DefinitionVerdict, why: string]

export interface DefinitionCase {
  readonly name: string
  readonly records: readonly DefinitionStep[]
}

export function definitionVectors() {
  return [...definitionFoldCases(), ...definitionFormCases()].map(({ name, records }) => {
    let catalogue = EMPTY_CATALOGUE
    for (const [i, [text, verdict, why]] of records.entries()) {
      const judged = judgeOpenDefinitions(catalogue, [recordOf(text, i)], BigInt(i + 1), LOG_ID)
      demand(`${name}, record ${i} (${why})`, verdictOf(judged), verdict)
      catalogue = judged.catalogue
    }
    return {
      name,
      records: records.map(([value, verdict, why]) => ({ value, verdict, why })),
      catalogue: [...catalogue.datasets.values()].map(datasetToJson),
    }
  })
}

function verdictOf({ taken, controls, refused }: ReturnType<typeof judgeOpenDefinitions>): DefinitionVerdict {
  if (taken === 1) return 'taken'
  if (controls === 1) return 'control'
  const { reason } = refused[0]!
  if (explainReason(reason) === null) throw new Error(`reason ${reason} is in no table`)
  return ['bad-control', 'foreign-genesis', 'unknown-framing'].includes(reason) ? 'quarantined' : 'refused'
}

function recordOf(text: string, offset: number): LogRecord {
  return {
    partition: DEFINITIONS,
    offset: BigInt(offset),
    appendMs: 0n,
    stampedByLog: true,
    key: null,
    value: Buffer.from(text),
    headers: [],
  }
}
