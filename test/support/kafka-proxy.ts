// A private broker behind a proxy that knows Kafka's requests: a test decides the fate of each.

import { join } from 'node:path'
import { choosePort } from '../../src/embedded/ports.ts'
import { type Filter, startProxy, type TcpProxy } from './proxy.ts'
import { type KafkaService, startKafka } from './services.ts'

/** Numbers of Kafka's requests that change something in a log. */
export const PRODUCE = 0
export const CREATE_TOPICS = 19

/** `cut`: the request does not reach the broker. `cut answer`: it does, but the client never hears of it. */
export type Fate = 'pass' | 'cut' | 'cut answer'

export interface ProxiedKafka {
  readonly broker: KafkaService
  /** The broker's address behind the proxy, where the broker sends its clients to as well. */
  readonly brokers: readonly string[]
  readonly proxy: TcpProxy
  /** Asked for each request from now on, by its number in Kafka's protocol; null: all pass. */
  decide(fate: ((apiKey: number) => Fate) | null): void
  end(): Promise<void>
}

export async function startProxiedKafka(
  dir: string,
  settings: Readonly<Record<string, string>> = {},
): Promise<ProxiedKafka> {
  const port = await choosePort()
  const broker = await startKafka({
    dir: join(dir, 'kafka'),
    removeDirWhenOrphaned: true,
    broker: {
      ports: 1,
      properties: ([direct, controller, behind]) => ({
        ...settings,
        listeners: `PLAINTEXT://127.0.0.1:${direct},CONTROLLER://127.0.0.1:${controller},PROXIED://127.0.0.1:${behind}`,
        'advertised.listeners': `PLAINTEXT://127.0.0.1:${direct},PROXIED://127.0.0.1:${port}`,
        'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,PROXIED:PLAINTEXT',
        'inter.broker.listener.name': 'PLAINTEXT',
      }),
    },
  })
  let decision: ((apiKey: number) => Fate) | null = null
  const target = { host: '127.0.0.1', port: broker.ports[2]! }
  const createFilter = () => createKafkaFilter((apiKey) => decision?.(apiKey) ?? 'pass')
  const proxy = await startProxy(target, { port, createFilter }).catch(async (error: unknown) => {
    await broker.kill('SIGKILL')
    throw error
  })
  return {
    broker,
    brokers: [`127.0.0.1:${port}`],
    proxy,
    decide(fate) {
      decision = fate
    },
    async end() {
      await proxy.close()
      await broker.kill('SIGKILL')
    },
  }
}

function createKafkaFilter(decide: (apiKey: number) => Fate): Filter {
  const requests = createFrames()
  const answers = createFrames()
  const unanswered = new Set<number>()
  return {
    toTarget(bytes) {
      const frames = requests(bytes)
      for (const [i, frame] of frames.entries()) {
        const fate = decide(frame.readInt16BE(4))
        if (fate === 'cut answer') unanswered.add(frame.readInt32BE(8))
        if (fate === 'cut') return i === 0 ? null : Buffer.concat(frames.slice(0, i))
      }
      return Buffer.concat(frames)
    },
    toClient(bytes) {
      const frames = answers(bytes)
      return frames.some((frame) => unanswered.has(frame.readInt32BE(4))) ? null : Buffer.concat(frames)
    },
  }
}

/** Puts a stream of bytes together to whole frames, each with its length before it. */
function createFrames(): (bytes: Buffer) => Buffer[] {
  let rest = Buffer.alloc(0)
  return (bytes) => {
    rest = Buffer.concat([rest, bytes])
    const frames: Buffer[] = []
    while (rest.length >= 4 && rest.length >= 4 + rest.readInt32BE(0)) {
      const size = 4 + rest.readInt32BE(0)
      frames.push(rest.subarray(0, size))
      rest = rest.subarray(size)
    }
    return frames
  }
}
