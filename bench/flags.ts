// The command line of the benchmark.

import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { CASE_LETTERS } from './cases/all.ts'
import { resultsDir } from './paths.ts'
import type { Flags } from './section.ts'

/** Throws for what it does not know, naming what it would take. */
export function readFlags(args: readonly string[]): Flags {
  const { values } = parseArgs({
    args: [...args],
    options: {
      messages: { type: 'string', default: '1000000' },
      rows: { type: 'string', default: '100000' },
      cases: { type: 'string', default: CASE_LETTERS.join(',') },
      runs: { type: 'string', default: '3' },
      'warm-up': { type: 'string', default: '1' },
      'long-messages': { type: 'string', default: '10000000' },
      'writer-messages': { type: 'string', default: '1000000' },
      'latency-seconds': { type: 'string', default: '20' },
      'door-mutations': { type: 'string', default: '200000' },
      'signed-messages': { type: 'string', default: '1000000' },
      peer: { type: 'string', default: 'debezium' },
      data: { type: 'string' },
      json: { type: 'string', default: join(resultsDir, 'latest.json') },
      dataset: { type: 'string', default: 'nfts_collectors' },
    },
  })
  if (values.peer !== 'debezium' && values.peer !== 'none') {
    throw new Error(`--peer ${values.peer}: it is debezium or none`)
  }
  return {
    messages: toCount('messages', values.messages, 1),
    rows: toCount('rows', values.rows, 1),
    cases: toCases(values.cases),
    runs: toCount('runs', values.runs, 1),
    warmUp: toCount('warm-up', values['warm-up'], 0),
    longMessages: toCount('long-messages', values['long-messages'], 0),
    writerMessages: toCount('writer-messages', values['writer-messages'], 0),
    latencySeconds: toCount('latency-seconds', values['latency-seconds'], 0),
    doorMutations: toCount('door-mutations', values['door-mutations'], 0),
    signedMessages: toCount('signed-messages', values['signed-messages'], 0),
    peer: values.peer,
    json: resolve(values.json),
    data: values.data === undefined ? null : resolve(values.data),
    dataset: values.dataset,
  }
}

function toCount(name: string, text: string, least: number): number {
  const count = Number(text)
  if (/^\d{1,9}$/.test(text) && count >= least) return count
  throw new Error(`--${name} ${text}: it is a whole number from ${least} on, below a thousand million`)
}

function toCases(text: string): ReadonlySet<string> {
  const letters = text.split(',')
  const strange = letters.find((letter) => !CASE_LETTERS.some((known) => known === letter))
  if (strange === undefined) return new Set(letters)
  throw new Error(`--cases ${text}: there is no case ${strange}; there are ${CASE_LETTERS.join(',')}`)
}
