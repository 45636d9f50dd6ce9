// Edits of the small catalogue as records of a log, from a seed, and what they come to by the fold in memory.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { encodeMutation } from '../../src/codec/avro-encode.ts'
import { type Catalogue, EMPTY_CATALOGUE } from '../../src/codec/catalogue.ts'
import { foldDefinition } from '../../src/codec/definitions.ts'
import { stateLines } from '../../src/codec/dump.ts'
import { frameConfluent, frameSingleObject } from '../../src/codec/framing.ts'
import { parseJson } from '../../src/codec/json.ts'
import { readSchema } from '../../src/codec/schema.ts'
import { createFold, foldMutation } from '../../src/crdt/fold.ts'
import type { Mutation } from '../../src/crdt/mutation.ts'
import { createStamp, type Origin } from '../../src/crdt/stamp.ts'
import type { Value } from '../../src/crdt/value.ts'
import type { NewRecord } from '../../src/log/log.ts'
import { below, one, type Random } from '../sim/world.ts'
import { ROOT } from '../support/cli.ts'

const ROWS = 4_000
/** Rows that are edited again and again, where equal stamps meet. */
const HOT_ROWS = 100
const ORIGINS = ['0a00000000000001', '0a00000000000002', '0b00000000000003'] as Origin[]
/** Messages after which the clock of the equal stamps moves on. */
const TICK = 500

export interface Edits {
  /** The next `count` records, some of them for a partition that their key does not name. */
  next(count: number): NewRecord[]
  /** What all records so far have to be counted as. */
  counts(): Record<'consumed' | 'merged' | 'parked' | 'quarantined', bigint>
  /** What `dump --cells` of all records so far has to print. */
  state(): string
}

/** The definitions are those of examples/catalogue; `beginMs` is before the append time of the first record. */
export function createEdits(random: Random, partitions: number, beginMs: number): Edits {
  const fold = createFold()
  const catalogue = readCatalogue(join(ROOT, 'examples/catalogue'))
  const counts = { consumed: 0n, merged: 0n, parked: 0n, quarantined: 0n }
  const seqs = new Map<Origin, bigint>()
  let number = 0

  const nextSeq = (origin: Origin): bigint | null => {
    if (random() < 0.2) return null
    const seq = seqs.get(origin) ?? 0n
    seqs.set(origin, seq + 1n)
    return seq
  }
  const createEdit = (): Mutation => {
    const isHot = random() < 0.3
    const origin = one(random, ORIGINS)
    const ns = BigInt(isHot ? Math.floor(number / TICK) * TICK : number - below(random, 2_000)) * 1_000n
    const edit = randomEdit(random, isHot ? below(random, HOT_ROWS) : below(random, ROWS))
    return { ...edit, stamp: createStamp(BigInt(beginMs) * 1_000_000n + ns, origin), seq: nextSeq(origin) }
  }
  const createRecord = (): NewRecord => {
    number++
    counts.consumed++
    const partition = random() < 0.2 ? below(random, partitions) : null
    const dice = random()
    if (dice < 0.002) {
      counts.quarantined++
      return { partition, key: null, value: Buffer.from('rubbish') }
    }
    const edit = createEdit()
    if (dice < 0.006) {
      counts.parked++
      return recordOf({ ...edit, dataset: 'nowhere' }, partition, random)
    }
    counts.merged++
    foldMutation(fold, edit)
    return recordOf(edit, partition, random)
  }
  return {
    next: (count) => Array.from({ length: count }, createRecord),
    counts: () => ({ ...counts }),
    state: () => [...stateLines(catalogue, fold)].join(''),
  }
}

function recordOf(mutation: Mutation, partition: number | null, random: Random): NewRecord {
  const avro = encodeMutation(mutation)
  return {
    partition,
    key: Buffer.from(JSON.stringify([mutation.dataset, ...mutation.key])),
    value: random() < 0.5 ? frameSingleObject(avro) : frameConfluent(7, avro),
  }
}

function randomEdit(random: Random, row: number): Omit<Mutation, 'stamp' | 'seq'> {
  const dice = random()
  const track = { dataset: 'tracks', key: [`track-${row}`] }
  if (dice < 0.1) {
    const columns = new Map<string, Value>([['name', `Artist ${below(random, 1_000)}`]])
    if (random() < 0.5) columns.set('country', one(random, ['NG', 'BR', 'JP', null]))
    return { operation: 'upsert', dataset: 'artists', key: [`artist-${row}`], columns }
  }
  if (dice < 0.45) {
    const columns = new Map<string, Value>([['title', random() < 0.1 ? null : `no. ${below(random, 1_000)}`]])
    if (random() < 0.5) columns.set('artistId', `artist-${below(random, ROWS)}`)
    if (random() < 0.3) columns.set('releasedOn', `20${10 + below(random, 15)}-0${1 + below(random, 9)}-17`)
    if (random() < 0.3) columns.set('tags', `["dub",{"by":${below(random, 9)}}]`)
    return { ...track, operation: 'upsert', columns }
  }
  if (dice < 0.94) {
    const columns = new Map<string, Value>([['plays', BigInt(below(random, 1_000_000))]])
    return { ...track, operation: 'update', columns }
  }
  return { ...track, operation: 'delete', columns: new Map() }
}

function readCatalogue(folder: string): Catalogue {
  let catalogue = EMPTY_CATALOGUE
  for (const name of readdirSync(folder)) {
    const parsed = parseJson(readFileSync(join(folder, name), 'utf8'))
    const read = parsed.type === 'parsed' ? readSchema(parsed.value) : parsed
    const folded = read.type === 'refused' ? read : foldDefinition(catalogue, read.schema, 0n)
    if (folded.type === 'refused') throw new Error(`${name}: ${folded.detail}`)
    catalogue = folded.catalogue
  }
  return catalogue
}
