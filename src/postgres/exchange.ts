// Several statements in one round trip: sent together, answered one after the other, all behind the first error left undone.

import type { Duplex } from 'node:stream'
import type { Connection, PoolClient, Submittable } from 'pg'
import { createOut, type Out, putHalf, putWord, reserve } from './out.ts'
import { forgetNames, isNameLost, keepNames, type Naming, nameStatements } from './prepared.ts'

/** Texts are parameters in text format, buffers in binary. Answers come as text. */
export interface Statement {
  readonly text: string
  readonly values: readonly (string | Buffer)[]
  /** Gets how many rows were written or found, and the rows, before the next statement's answer. */
  readonly onAnswer?: (count: number, rows: readonly (readonly (string | null)[])[]) => void
  /** Its answer is sent as soon as it is there, and not with that of the last. */
  readonly isAnsweredAtOnce?: boolean
}

/** What the driver's client asks of whatever it runs. */
interface ExchangeQuery extends Submittable {
  handleDataRow(message: { readonly fields: readonly (string | null)[] }): void
  handleCommandComplete(message: { readonly text: string }): void
  handleError(error: unknown): void
  handleReadyForQuery(): void
}

/**
 * Runs statements in the client's open transaction. Rejects with the first error, of which nothing behind it was run:
 * only the last of them is followed by the message that ends an error's effect.
 * https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-PIPELINING
 */
export function exchange(client: PoolClient, statements: readonly Statement[]): Promise<void> {
  if (statements.length === 0) return Promise.resolve()
  return new Promise((resolve, reject) => {
    const texts = statements.map(({ text }) => text)
    const namings = nameStatements(client, texts)
    let answered = 0
    let rows: (readonly (string | null)[])[] = []
    const query: ExchangeQuery = {
      submit: (connection) => send(connection, statements, namings),
      handleDataRow: ({ fields }) => void rows.push(fields),
      handleCommandComplete({ text }) {
        const { onAnswer } = statements[answered++]!
        onAnswer?.(Number(/\d+$/.exec(text)?.[0] ?? 0), rows)
        rows = []
      },
      handleError(error) {
        if (isNameLost(error)) forgetNames(client)
        reject(error)
      },
      handleReadyForQuery() {
        if (answered === statements.length) keepNames(client, texts, namings)
        resolve()
      },
    }
    client.query(query)
  })
}

/** Runs statements as they come, some at a time, while the next are being made. */
export interface Bundle {
  /** Resolves when the next one may be made. Rejects with an error of any before. */
  add(statement: Statement): Promise<void>
  /** Sends what is left. Resolves when all are answered; rejects with the first error. */
  settle(): Promise<void>
}

/** Parameters of which are worth a round trip of their own. */
const BUNDLE_BYTES = 128 * 1024

export function createBundle(client: PoolClient): Bundle {
  let statements: Statement[] = []
  let bytes = 0
  let inFlight: Promise<void> = Promise.resolve()
  const send = async (): Promise<void> => {
    await inFlight
    inFlight = exchange(client, statements)
    // Whoever adds the next or settles gets it.
    inFlight.catch(() => {})
    statements = []
    bytes = 0
  }
  return {
    async add(statement) {
      statements.push(statement)
      for (const value of statement.values) bytes += value.length
      if (bytes >= BUNDLE_BYTES) await send()
    },
    async settle() {
      await send()
      await inFlight
    },
  }
}

const PARSE = 0x50
const BIND = 0x42
const EXECUTE = 0x45
const FLUSH = 0x48
const SYNC = 0x53
/** Above this a value is written as it is, rather than copied. */
const COPIED_BYTES_MAX = 4_096

function send({ stream }: Connection, statements: readonly Statement[], namings: readonly Naming[]): void {
  stream.cork()
  const out = createOut(8_192)
  for (const [i, { text, values, isAnsweredAtOnce }] of statements.entries()) {
    const { name, isNew } = namings[i]!
    if (isNew) {
      message(out, PARSE, () => {
        putText(out, name)
        putText(out, text)
        putShort(out, 0)
      })
    }
    bind(stream, out, name, values)
    message(out, EXECUTE, () => {
      putText(out, '')
      putLength(out, 0)
    })
    if (isAnsweredAtOnce === true) message(out, FLUSH, () => {})
  }
  message(out, SYNC, () => {})
  flush(stream, out)
  stream.uncork()
}

function bind(stream: Duplex, out: Out, name: string, values: Statement['values']): void {
  const sizes = values.map((value) => (typeof value === 'string' ? Buffer.byteLength(value) : value.length))
  reserve(out, 1)
  out.bytes[out.at++] = BIND
  const fixed = 4 + 1 + name.length + 1 + 2 + 2 * values.length + 2 + 4 * values.length + 2
  putLength(
    out,
    sizes.reduce((sum, size) => sum + size, fixed),
  )
  // No name for the portal.
  putText(out, '')
  putText(out, name)
  putShort(out, values.length)
  for (const value of values) putShort(out, typeof value === 'string' ? 0 : 1)
  putShort(out, values.length)
  values.forEach((value, i) => {
    putLength(out, sizes[i]!)
    if (typeof value !== 'string' && value.length > COPIED_BYTES_MAX) {
      flush(stream, out)
      stream.write(value)
      return
    }
    reserve(out, sizes[i]!)
    if (typeof value === 'string') out.bytes.write(value, out.at, 'utf8')
    else value.copy(out.bytes, out.at)
    out.at += sizes[i]!
  })
  putShort(out, 0)
}

/** Writes what has been gathered; what comes next goes into memory of its own, since this is not read yet. */
function flush(stream: Duplex, out: Out): void {
  if (out.at > 0) stream.write(out.bytes.subarray(0, out.at))
  out.bytes = out.bytes.subarray(out.at)
  out.at = 0
}

function message(out: Out, code: number, fill: () => void): void {
  reserve(out, 1)
  out.bytes[out.at++] = code
  const from = out.at
  putLength(out, 0)
  fill()
  putWord(out.bytes, from, out.at - from)
}

function putLength(out: Out, length: number): void {
  reserve(out, 4)
  putWord(out.bytes, out.at, length)
  out.at += 4
}

function putShort(out: Out, number: number): void {
  reserve(out, 2)
  putHalf(out.bytes, out.at, number)
  out.at += 2
}

/** A text that ends with a zero. */
function putText(out: Out, text: string): void {
  const size = Buffer.byteLength(text)
  reserve(out, size + 1)
  out.bytes.write(text, out.at, 'utf8')
  out.bytes[out.at + size] = 0
  out.at += size + 1
}
