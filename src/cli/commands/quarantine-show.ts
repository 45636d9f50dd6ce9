// `quarantine show PARTITION OFFSET`: one message, read from the log, and what the rules and this node make of it.

import type { Command } from 'commander'
import { columnsToJson } from '../../codec/inspect-json.ts'
import { DEFINITIONS, type LogRecord, type Pointer } from '../../codec/record.ts'
import { placeName } from '../../log/check.ts'
import type { SetAsideMessage } from '../../store/store.ts'
import { type Context, createContext, type Io } from '../context.ts'
import { explainError, Failure } from '../errors.ts'
import {
  type CheckedLog,
  readAllDefinitions,
  withCheckedLog,
  withDatabase,
  withReader,
} from '../log-access.ts'
import { controlOf, describeMessage, isDecoded, type Message, messageToJson, textOrNull } from '../message.ts'
import { printable } from '../output.ts'
import { msToIso, parseOffset, parsePartition } from '../place.ts'
import { countOf } from '../progress.ts'

export function addQuarantineShowCommand(parent: Command, io: Io): void {
  parent
    .command('show')
    .summary('show one message of the log, and why it is set aside or not')
    .description(
      'Reads one message from the log and shows its place, its bytes, what they say, what the rules and the definitions in the log make of it, and what the node of DATABASE_URL (if it is set) has made of it. For any message, also a merged one.',
    )
    .argument('<partition>', 'the number of a partition, or definitions', parsePartition)
    .argument('<offset>', 'the offset in it', parseOffset)
    .addHelpText('after', HELP)
    .action(async (partition: number, offset: bigint, _options: unknown, command: Command) => {
      await show(createContext(io, command), { partition, offset })
    })
}

const HELP = `
"line", the last member of the JSON form, is the change as \`publish\` takes it: mend the
cause, then publish it again. It has the message's own timestamp, unless that is what is
wrong with it.

Examples:
  $ spindexer quarantine show 2 1417
  $ spindexer quarantine show definitions 3
  $ spindexer quarantine show 2 1417 --json | jq -c .line | spindexer publish -`

async function show(context: Context, place: Pointer): Promise<void> {
  await withCheckedLog(context, async (checked) => {
    const record = await pick(checked, place)
    const definitions = await readAllDefinitions(context, checked)
    const message = describeMessage(record, checked.genesis, definitions)
    const node = await askNode(context, checked, message)
    if (context.out.json) {
      const head = { log: checked.description.name, partition: place.partition, offset: place.offset, node }
      await context.out.write(`${messageToJson(message, head)}\n`)
    } else {
      await print(context, checked, message, node)
    }
  })
}

/** Throws a failure that says why there is none. */
async function pick({ log, description }: CheckedLog, place: Pointer): Promise<LogRecord> {
  const { name, partitions, definitions } = description
  const state =
    place.partition === DEFINITIONS
      ? definitions
      : partitions.find(({ partition }) => partition === place.partition)
  if (state == null) {
    throw new Failure(
      `${name} has no partition ${place.partition}`,
      `it has ${countOf(partitions.length, 'partition')}, numbered from 0, and the definitions`,
    )
  }
  const where = placeName(name, place.partition)
  const [record] = await log.pick([place])
  if (record == null) {
    throw new Failure(
      `there is no message at offset ${place.offset} of ${where}`,
      place.offset >= state.end
        ? `it ends at ${state.end}; \`spindexer quarantine list\` names places that the node knows`
        : 'a mark of a transaction stands there, which Kafka does not deliver, or nothing does',
    )
  }
  if (record.partition !== place.partition || record.offset !== place.offset) {
    throw new Error(`asked for offset ${place.offset} of ${where}, got ${record.partition}/${record.offset}`)
  }
  return record
}

/** What the node of DATABASE_URL has made of a message. `unknown`: `detail` says why it could not be asked. */
interface NodeView {
  readonly type: 'parked' | 'quarantined' | 'applied' | 'ahead' | 'unknown'
  readonly reason: string | null
  readonly detail: string
}

async function askNode(context: Context, { genesis }: CheckedLog, { record }: Message): Promise<NodeView> {
  const unknown = (detail: string): NodeView => ({ type: 'unknown', reason: null, detail })
  if (context.config.get('DATABASE_URL') === null) return unknown('DATABASE_URL is not set')
  try {
    // The position first: what is processed in between is found among what was set aside, or was applied.
    const look = await withDatabase(context, (database) => database.look(genesis))
    if (look === null) return unknown('the node of DATABASE_URL does not follow this log, or has not run yet')
    const position = look.positions.get(record.partition) ?? 0n
    const found = await withReader(context, async (reader) => {
      const { partition, offset } = record
      for await (const message of reader.setAside({ partition, offset }).messages()) return message
      return null
    })
    if (found !== null) return viewOf(found, record)
    return position > record.offset
      ? { type: 'applied', reason: null, detail: '' }
      : { type: 'ahead', reason: null, detail: `its position is ${position}` }
  } catch (error) {
    return unknown(explainError(error, false).text.split('\n')[0]!.replace('spindexer: ', ''))
  }
}

function viewOf({ kind, reason, detail, size, appendMs }: SetAsideMessage, record: LogRecord): NodeView {
  const isSame = size === (record.value?.length ?? 0) && appendMs === record.appendMs
  const changed = `the node saw ${size} bytes appended at ${msToIso(appendMs) ?? appendMs}: this is another message, so the log was rewritten`
  return { type: kind, reason, detail: isSame ? detail : changed }
}

const LINE_SHOWN_MAX = 4_000
const HEAD_SHOWN_BYTES = 64

async function print(
  context: Context,
  { description }: CheckedLog,
  message: Message,
  node: NodeView,
): Promise<void> {
  const { out } = context
  const { record, judgement, line } = message
  await out.record({
    place: `offset ${record.offset} of ${placeName(description.name, record.partition)}`,
    'append time': record.stampedByLog
      ? msToIso(record.appendMs)
      : 'none of the log: the record carries its writer’s time',
    key: record.key === null ? 'none' : shorten(textOrNull(record.key) ?? hexOf(record.key)),
    headers: record.headers
      .map(({ name, value }) => `${shorten(name)}: ${shorten(textOrNull(value) ?? hexOf(value))}`)
      .join('; '),
    size: countOf(record.value?.length ?? 0, 'byte'),
    framing: framingWords(message),
    verdict: verdictWords(message),
    ...(judgement.detail === '' || judgement.type === 'control' ? {} : { detail: judgement.detail }),
    ...(judgement.meaning === null ? {} : { meaning: judgement.meaning, remedy: judgement.remedy }),
    'this node': nodeWords(node),
    ...partWords(message),
  })
  const text = controlOf(message) ?? line
  if (text === null) return
  await out.write(`\n${printable(shorten(text, LINE_SHOWN_MAX))}\n`)
  if (text.length > LINE_SHOWN_MAX) out.say('Cut off; --json prints all of it.')
}

function framingWords({ inspected: { framing, schemaId }, record }: Message): string {
  if (record.value === null) return 'none: it has no value'
  if (framing === 'confluent') return `Confluent’s, schema id ${schemaId}`
  if (framing === 'single-object') return 'Avro single-object'
  return framing === 'control' ? 'a control record' : 'none that these rules know'
}

function verdictWords({ judgement: { type, reason, detail } }: Message): string {
  switch (type) {
    case 'merge':
      return 'merged: nothing is wrong with it'
    case 'control':
      return `a control record (${detail}), nothing is wrong with it`
    case 'refused':
      return `a definition that is refused (${reason})`
    default:
      return `${type} (${reason})`
  }
}

function nodeWords({ type, reason, detail }: NodeView): string {
  const more = detail === '' ? '' : `: ${detail}`
  switch (type) {
    case 'applied':
      return 'has processed it, and has not set it aside'
    case 'ahead':
      return `has not come to it yet${more}`
    case 'unknown':
      return `not known${more}`
    default:
      return `has ${type} it (${reason})${more}`
  }
}

/** What is left to tell of a message that no line can stand for. */
function partWords(message: Message): Readonly<Record<string, unknown>> {
  const { inspected, record, line } = message
  if (line !== null || inspected.framing === 'control') return isDecoded(message) ? {} : headWords(record)
  const { stamp, operation, dataset, key, columns, stop } = inspected
  return {
    ...(stamp === null ? {} : { stamp }),
    ...(operation === null ? {} : { operation }),
    ...(dataset === null ? {} : { dataset: shorten(dataset) }),
    ...(key.length === 0 ? {} : { 'key texts': key.map((text) => shorten(text)) }),
    ...(columns.length === 0 ? {} : { columns: shorten(columnsToJson(columns), LINE_SHOWN_MAX) }),
    ...(stop === null
      ? {}
      : { 'does not decode': `${stop.what}; in the part that begins at byte ${stop.at}` }),
    ...(isDecoded(message) ? {} : headWords(record)),
  }
}

function headWords({ value }: LogRecord): Readonly<Record<string, unknown>> {
  if (value === null || value.length === 0) return {}
  const head = value.subarray(0, HEAD_SHOWN_BYTES)
  const shown = head.toString('latin1').replace(/[^\x20-\x7e]/g, '.')
  return { 'first bytes': hexOf(head), 'as text': shown }
}

const SHOWN_MAX = 200

function shorten(text: string, max: number = SHOWN_MAX): string {
  return text.length <= max ? text : `${text.slice(0, max)}…`.toWellFormed()
}

function hexOf(bytes: Uint8Array): string {
  return shorten(Buffer.from(bytes).toString('hex'))
}
