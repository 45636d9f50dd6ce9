// Keeps pointers to messages that the definitions so far do not allow, with the D that judged them.

import { textArray } from '../../../postgres/arrays.ts'
import type { Statement } from '../../../postgres/exchange.ts'
import type { ParkedMessage } from '../../store.ts'
import { setAsideParameters } from './set-aside-parameters.ts'

export function park(messages: readonly ParkedMessage[], judgedAt: bigint): Statement {
  const waitsFor = textArray(messages.map((message) => message.waitsFor))
  return { text: PARK, values: [...setAsideParameters(messages), waitsFor, judgedAt.toString()] }
}

const PARK = `
insert into spindexer.parked (partition, "offset", dataset, reason, detail, size, append_ms, waits_for, judged_at)
select *, $9::bigint
from unnest($1::int[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::bigint[], $8::text[])`
