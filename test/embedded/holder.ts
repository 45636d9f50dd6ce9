// A process that opens an embedded Postgres as told by its argument, says what came of it, and closes it with its stdin.

import { openEmbedded } from '../../src/embedded/open.ts'

const { directory, command, isNode } = JSON.parse(process.argv[2]!)
const stop = new AbortController()
const say = (text: string): void => void process.stderr.write(`${text}\n`)
const opened = await openEmbedded({ directory, command, isNode, say, signal: stop.signal })
process.stdout.write(`${JSON.stringify(opened)}\n`)
if (opened.type === 'opened') {
  process.stdin.resume()
  process.stdin.once('end', async () => {
    await opened.close()
    process.exit()
  })
}
