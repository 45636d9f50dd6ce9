// The golden vectors' files by name, with the text that each one has to have.

import { canonicalJsonVectors } from './canonical-json.ts'
import { definitionVectors } from './definitions.ts'
import { mergeVectors } from './merge.ts'
import { messageVectors } from './messages.ts'
import { signatureFileVectors } from './signatures.ts'
import { stampVectors } from './stamps.ts'
import { typedVectors } from './typed.ts'
import { valueVectors } from './values.ts'
import { verdictVectors } from './verdicts.ts'

/** Throws where the code and an expectation that was written by hand disagree. */
export function createGoldenFiles(): ReadonlyMap<string, string> {
  const files = {
    'stamps.json': stampVectors(),
    'values.json': valueVectors(),
    'canonical-json.json': canonicalJsonVectors(),
    'typed.json': typedVectors(),
    'messages.json': messageVectors(),
    'verdicts.json': verdictVectors(),
    'definitions.json': definitionVectors(),
    'merge.json': mergeVectors(),
    'signatures.json': signatureFileVectors(),
  }
  return new Map(
    Object.entries(files).map(([name, vectors]) => [name, `${JSON.stringify(vectors, null, 2)}\n`]),
  )
}
