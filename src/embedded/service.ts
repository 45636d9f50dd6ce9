// What all services have in common: choose ports, start, wait for an answer, stop, kill, come back.
import { existsSync, mkdirSync, readFileSync, statSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { childrenOf, type Identity, isAlive } from './identity.ts'
import { choosePort, isPortFree } from './ports.ts'
import { type Command, end, type Life, launch, signal, waitForExit } from './process.ts'
import type { Watched } from './watchdog.ts'

/** How to ask a service to end, and how long that may take before SIGKILL. */
export interface OrderlyStop {
  readonly signal: NodeJS.Signals
  readonly timeoutMs: number
}

/** One way to run a service; `ports[0]` is the one that clients use. */
export interface ServiceSpec {
  readonly name: string
  readonly dir: string
  readonly logFile: string
  readonly portCount: number
  readonly orderly: OrderlyStop
  /** What ends it when its owner is gone. */
  readonly orphan: Pick<Watched, 'signal' | 'patienceMs'>
  /** Makes what the service needs on disk (again, when the ports changed) and says how to run it. */
  prepare(ports: readonly number[]): Promise<Command>
  /** True only for an answer in the service's own protocol from this very service, not from a neighbour. */
  answers(ports: readonly number[]): Promise<boolean>
}

/** Options of every startX. */
export interface StartOptions {
  /** Where data and logs are. The same directory brings the same data back. */
  readonly dir: string
  /** The ports to try first (as `handle.ports` said before); others are chosen where one is taken. */
  readonly ports?: readonly number[]
  /**
   * Lives on after this process, and this is told of it at once, long before it answers. Without it the
   * service ends with this process, however that ends.
   */
  readonly detached?: (process: Identity, ports: readonly number[]) => void
  /** Delete `dir`, then an empty directory around it, if this process disappears without a stop(). */
  readonly removeDirWhenOrphaned?: boolean
  /** Told of each end of the service's process, wanted or not, while this process lives. */
  readonly onExit?: () => void
}

export interface Service {
  readonly name: string
  readonly port: number
  readonly ports: readonly number[]
  readonly pid: number
  readonly process: Identity
  readonly logFile: string
  /** Orderly, bounded; insists with SIGKILL. Does nothing when it is not running. */
  stop(): Promise<void>
  /** Sends a signal. SIGKILL takes the children too and returns when all of them are gone. */
  kill(name: NodeJS.Signals): Promise<void>
  /** Stops it if it runs and starts it again on the same ports with the same data. */
  restart(): Promise<void>
}

const startTimeoutMs = 90_000
const portTaken = /address already in use|BindException|seems to be in use by another process/i

export async function startService(spec: ServiceSpec, options: StartOptions): Promise<Service> {
  mkdirSync(spec.dir, { recursive: true })
  const started = await startOnFreePorts(spec, options)
  const { ports } = started
  let { identity } = started
  const stop = () => end(identity, spec.orderly.signal, spec.orderly.timeoutMs)
  return {
    name: spec.name,
    port: ports[0]!,
    ports,
    logFile: spec.logFile,
    get pid() {
      return identity.pid
    },
    get process() {
      return identity
    },
    stop,
    kill: (name) => sendSignal(identity, name),
    async restart() {
      await stop()
      await waitForPorts(spec.name, ports)
      const outcome = await startOnce(spec, options, ports)
      if (outcome === 'port taken')
        throw new Error(`${spec.name}: somebody took its port ${ports.join(', ')}`)
      identity = outcome
    },
  }
}

/** Between choosing a port and binding it anyone may take it: a few attempts, each with other ports. */
async function startOnFreePorts(spec: ServiceSpec, options: StartOptions) {
  for (let attempt = 0; attempt < 5; attempt++) {
    const ports: number[] = []
    while (ports.length < spec.portCount) {
      const wanted = attempt === 0 ? options.ports?.[ports.length] : undefined
      const port = wanted !== undefined && (await isPortFree(wanted)) ? wanted : await choosePort()
      if (!ports.includes(port)) ports.push(port)
    }
    const outcome = await startOnce(spec, options, ports)
    if (outcome !== 'port taken') return { identity: outcome, ports }
  }
  throw new Error(`${spec.name}: five times somebody else took the port that was chosen for it`)
}

async function startOnce(
  spec: ServiceSpec,
  options: StartOptions,
  ports: readonly number[],
): Promise<Identity | 'port taken'> {
  const command = await spec.prepare(ports)
  const logStart = existsSync(spec.logFile) ? statSync(spec.logFile).size : 0
  const logSince = () => readFileSync(spec.logFile).subarray(logStart).toString('utf8')
  const life: Life = options.detached
    ? 'detached'
    : { ...spec.orphan, ...(options.removeDirWhenOrphaned && { removeDir: spec.dir }) }
  const identity = await launch(command, life, options.onExit)
  options.detached?.(identity, ports)
  const until = Date.now() + startTimeoutMs
  while (isAlive(identity)) {
    if ((await spec.answers(ports)) && isAlive(identity)) return identity
    if (Date.now() > until) {
      await end(identity, 'SIGKILL', 10_000)
      throw new Error(`${spec.name} did not answer within ${startTimeoutMs / 1000} s\n${tail(logSince())}`)
    }
    await sleep(50)
  }
  if (portTaken.test(logSince())) return 'port taken'
  throw new Error(
    `${spec.name} ended while starting. The end of its log, ${spec.logFile}:\n${tail(logSince())}`,
  )
}

async function sendSignal(identity: Identity, name: NodeJS.Signals): Promise<void> {
  const children = name === 'SIGKILL' ? childrenOf(identity.pid) : []
  signal(identity, name)
  if (name !== 'SIGKILL') return
  for (const child of children) signal(child, name)
  for (const one of [identity, ...children]) {
    if (!(await waitForExit(one, 10_000))) throw new Error(`process ${one.pid} does not end`)
  }
}

async function waitForPorts(name: string, ports: readonly number[]): Promise<void> {
  const until = Date.now() + 10_000
  for (const port of ports) {
    while (!(await isPortFree(port))) {
      if (Date.now() > until) throw new Error(`${name}: somebody else listens on its port ${port}`)
      await sleep(50)
    }
  }
}

function tail(text: string): string {
  return text.trimEnd().split('\n').slice(-25).join('\n')
}
