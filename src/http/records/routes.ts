// POST /v1/records: records as their writers made and signed them, passed on unchanged.

import type { ProveAll } from '../../codec/signing/proof.ts'
import { boundRecord, type MadeRecord, type Relay } from '../../writer/relay.ts'
import { refuseClosed } from '../posting/policy.ts'
import type { PostingPorts } from '../posting/ports.ts'
import type { AddPosting } from '../posting/routes.ts'
import { createRecordJudge } from './judge.ts'
import { openRecordLines } from './lines.ts'
import { RECORDS } from './schema.ts'
import { readWholeRecords } from './whole.ts'

export interface RecordsPorts {
  readonly writing: PostingPorts['writing']
  readonly relay: Relay
  readonly prove: ProveAll
}

export function addRecordsRoutes(add: AddPosting, { writing, relay, prove }: RecordsPorts): void {
  const judge = createRecordJudge(prove)
  add<MadeRecord>({
    path: '/v1/records',
    description: RECORDS,
    sender: relay,
    bytesOf: boundRecord,
    refuse: ({ standing }) => refuseClosed(standing),
    readWhole: (bytes, rules, signal) => readWholeRecords(bytes, rules, signal, judge),
    openLines: (open) => openRecordLines(open, writing.rules, judge),
  })
}
