// Preloaded into the command line by a test (NODE_OPTIONS): the machine's clock is wrong by TEST_CLOCK_MS milliseconds, or by what the file TEST_CLOCK_FILE says at that moment.

import { readFileSync } from 'node:fs'

const SystemDate = Date
const file = process.env.TEST_CLOCK_FILE
const fixedMs = Number(process.env.TEST_CLOCK_MS ?? 0)

/** Only the time of day is wrong: `performance` and timers go by a clock that nobody sets. */
function now(): number {
  return SystemDate.now() + (file === undefined ? fixedMs : Number(readFileSync(file, 'utf8')))
}

globalThis.Date = new Proxy(SystemDate, {
  get: (target, name) => (name === 'now' ? now : Reflect.get(target, name)),
  apply: () => new SystemDate(now()).toString(),
  construct: (target, parts, newTarget) =>
    Reflect.construct(target, parts.length === 0 ? [now()] : parts, newTarget),
})
