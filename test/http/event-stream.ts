// A client of a stream of events, after the HTML standard's rules as far as they matter here.

import http from 'node:http'
import { waitFor } from '../support/wait.ts'

export interface ServerEvent {
  readonly type: string
  // biome-ignore lint/suspicious/noExplicitAny: events are looked at as they come
  readonly data: any
  /** The id that it came with; null where it brought none. */
  readonly id: string | null
}

export interface EventClient {
  readonly status: number
  readonly events: readonly ServerEvent[]
  /** What a client reconnects with. */
  lastId(): string | null
  comments(): number
  /** Resolves with the events once there are so many. */
  until(count: number): Promise<readonly ServerEvent[]>
  hasEnded(): boolean
  close(): void
}

/** Throws with the answer when it is no stream. */
export async function openEvents(
  url: string,
  query = '',
  headers: Readonly<Record<string, string>> = {},
): Promise<EventClient> {
  const request = http.get(`${url}/v1/changes${query}`, { headers, agent: false })
  const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
    request.once('response', resolve).once('error', reject)
  })
  const events: ServerEvent[] = []
  const state = { lastId: null as string | null, comments: 0, hasEnded: false }
  let held = ''
  let fields = { type: 'message', data: '', id: null as string | null }
  const take = (line: string): void => {
    if (line === '') {
      if (fields.id !== null) state.lastId = fields.id
      if (fields.data !== '') events.push({ ...fields, data: JSON.parse(fields.data) })
      fields = { type: 'message', data: '', id: null }
    } else if (line.startsWith(':')) state.comments++
    else if (line.startsWith('event: ')) fields.type = line.slice(7)
    else if (line.startsWith('data: ')) fields.data += line.slice(6)
    else if (line.startsWith('id: ')) fields.id = line.slice(4)
    else if (!line.startsWith('retry: ')) throw new Error(`a line of no known kind: ${line}`)
  }
  response.setEncoding('utf8')
  response.on('data', (text: string) => {
    const lines = (held + text).split('\n')
    held = lines.pop()!
    for (const line of lines) take(line)
  })
  const end = (): void => {
    state.hasEnded = true
  }
  response.on('close', end).on('error', end)
  request.on('error', end)
  if (response.statusCode !== 200) {
    let text = ''
    response.removeAllListeners('data')
    for await (const part of response) text += part
    throw Object.assign(new Error(`${response.statusCode}: ${text}`), { status: response.statusCode })
  }
  return {
    status: response.statusCode,
    events,
    lastId: () => state.lastId,
    comments: () => state.comments,
    hasEnded: () => state.hasEnded,
    until: (count) =>
      waitFor(`${count} events (${events.length} now)`, () => events.length >= count && events, {
        everyMs: 5,
      }),
    close: () => request.destroy(),
  }
}
