// Keeps pointers to messages that can never be applied, and to refused definitions.

import type { Statement } from '../../../postgres/exchange.ts'
import type { SetAside } from '../../store.ts'
import { setAsideParameters } from './set-aside-parameters.ts'

export function quarantine(messages: readonly SetAside[]): Statement {
  return { text: QUARANTINE, values: setAsideParameters(messages) }
}

const QUARANTINE = `
insert into spindexer.quarantined (partition, "offset", dataset, reason, detail, size, append_ms)
select *
from unnest($1::int[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::bigint[])`
