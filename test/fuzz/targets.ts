// Everything that is fuzzed.

import type { Target } from './target.ts'
import { answerById, answerByName } from './targets/answer.ts'
import { batch, batchesRead } from './targets/batch.ts'
import { control, definition } from './targets/control.ts'
import { importCsv, importRows, publishLines } from './targets/lines.ts'
import { framing, mutation } from './targets/mutation.ts'
import { show } from './targets/show.ts'
import { signature } from './targets/signature.ts'
import { json, output, texts, typed } from './targets/texts.ts'

export const TARGETS: readonly Target[] = [
  mutation,
  framing,
  control,
  definition,
  json,
  texts,
  typed,
  output,
  show,
  signature,
  publishLines,
  importRows,
  importCsv,
  batch,
  batchesRead,
  answerByName,
  answerById,
]
