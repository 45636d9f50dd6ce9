// One service in a container of Testcontainers: published on 127.0.0.1, stopped, killed and brought back with its data.

import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  type ContainerRuntimeClient,
  GenericContainer,
  getContainerRuntimeClient,
  type StartedTestContainer,
  type WaitStrategy,
} from 'testcontainers'
import { choosePort } from '../../../src/embedded/ports.ts'
import type { Disk, TestService } from '../services.ts'

/** Containers and volumes of one run of the tests carry it, and are removed by it. */
export const RUN_LABEL = 'spindexer.test-run'
/** Lives in another container's network. */
const GUEST_LABEL = 'spindexer.test-guest'

export interface ContainerSpec {
  readonly name: string
  readonly image: string
  /** Names the volume: the same `dir` in the same run has the same data. */
  readonly dir: string
  readonly portCount: number
  /** The container's port for each of this machine; the same ones without this. */
  readonly containerPorts?: (ports: readonly number[]) => readonly number[]
  /** Where a volume is; without, what it writes lives as long as the container. */
  readonly dataPath?: string
  readonly environment: Readonly<Record<string, string>>
  readonly command?: readonly string[]
  /** Its image's own without this. */
  readonly user?: string
  /** Files to be there before it starts, by path. */
  readonly files?: (ports: readonly number[]) => Readonly<Record<string, string>>
  /** Lives in this container's network, whose ports are published already: none are published here. */
  readonly networkOf?: string
  readonly stopTimeoutMs: number
  answers(ports: readonly number[]): Promise<boolean>
}

export interface ContainerService extends TestService {
  readonly id: string
  /** Runs a command in it as `user` (its image's own by default); throws unless that ends with 0. */
  exec(command: readonly string[], user?: string): Promise<string>
  /** Of its volume. */
  readonly disk: Disk
  /** Sends a signal and waits until the container has ended. */
  end(signal: string): Promise<void>
}

const startTimeoutMs = 170_000
const portTaken = /already allocated|already in use|port is not available/i

export async function startContainer(run: string, spec: ContainerSpec, ports?: readonly number[]) {
  const client = await getContainerRuntimeClient()
  for (let attempt = 0; attempt < 5; attempt++) {
    const chosen: number[] = attempt === 0 && ports ? [...ports] : []
    while (chosen.length < spec.portCount) chosen.push(await choosePort())
    try {
      return serve(client, run, await create(run, spec, chosen), spec, chosen)
    } catch (error) {
      if (!portTaken.test(String(error))) throw error
    }
  }
  throw new Error(`${spec.name}: five times somebody else took a port that was chosen for it`)
}

/** Testcontainers publishes on every address of the machine; tests are for this machine only. */
class LoopbackContainer extends GenericContainer {
  protected override async beforeContainerCreated(): Promise<void> {
    for (const bindings of Object.values(this.hostConfig.PortBindings ?? {}) as { HostIp?: string }[][]) {
      for (const binding of bindings) binding.HostIp = '127.0.0.1'
    }
  }
}

/** Whether a service is up is asked in its own protocol, from outside. */
const noWait: WaitStrategy = {
  waitUntilReady: async () => {},
  withStartupTimeout: () => noWait,
  isStartupTimeoutSet: () => true,
  getStartupTimeout: () => startTimeoutMs,
}

/** The volume of a directory. */
function volumeOf(run: string, dir: string): string {
  return `spindexer-test-${run}-${createHash('sha256').update(dir).digest('hex').slice(0, 16)}`
}

/** What a volume of a container keeps, for one that has ended. */
function volumeDisk(run: string, { image, dir }: ContainerSpec): Disk {
  const act = (command: string) =>
    inVolumes(run, image, [volumeOf(run, dir), volumeOf(run, `${dir} copy`)], command)
  return {
    wipe: () => act('find /one -mindepth 1 -delete'),
    backUp: () => act('find /two -mindepth 1 -delete && cp -a /one/. /two/'),
    restoreBackup: () => act('find /one -mindepth 1 -delete && cp -a /two/. /one/'),
  }
}

/** Runs a shell's command as root in a container of its own, with the volumes at /one and /two. */
async function inVolumes(
  run: string,
  image: string,
  [one, two]: readonly string[],
  command: string,
): Promise<void> {
  const { dockerode } = (await getContainerRuntimeClient()).container
  const container = await dockerode.createContainer({
    Image: image,
    User: 'root',
    Entrypoint: ['sh', '-c'],
    Cmd: [command],
    Labels: { [RUN_LABEL]: run },
    HostConfig: { Binds: [`${one}:/one`, `${two}:/two`] },
  })
  await container.start()
  const { StatusCode } = await container.wait()
  if (StatusCode !== 0) throw new Error(`${command} ended with ${StatusCode}`)
}

async function create(
  run: string,
  spec: ContainerSpec,
  ports: readonly number[],
): Promise<StartedTestContainer> {
  const files = Object.entries(spec.files?.(ports) ?? {})
  const container = new LoopbackContainer(spec.image)
    .withEnvironment({ ...spec.environment })
    .withLabels({ [RUN_LABEL]: run })
    .withCopyContentToContainer(files.map(([target, content]) => ({ target, content, mode: 0o644 })))
    .withWaitStrategy(noWait)
  if (spec.dataPath) container.withBindMounts([{ source: volumeOf(run, spec.dir), target: spec.dataPath }])
  if (spec.user) container.withUser(spec.user)
  if (spec.command) container.withCommand([...spec.command])
  if (spec.networkOf) {
    container.withNetworkMode(`container:${spec.networkOf}`).withLabels({ [GUEST_LABEL]: 'yes' })
  } else {
    const inside = spec.containerPorts?.(ports) ?? ports
    container.withExposedPorts(...ports.map((host, i) => ({ container: inside[i]!, host })))
  }
  return container.start()
}

async function serve(
  client: ContainerRuntimeClient,
  run: string,
  started: StartedTestContainer,
  spec: ContainerSpec,
  ports: readonly number[],
): Promise<ContainerService> {
  const container = client.container.getById(started.getId())
  const isRunning = async () => (await container.inspect()).State.Running
  const send = (signal: string) =>
    container.kill({ signal }).catch(async (error: unknown) => {
      if (await isRunning()) throw error
    })
  const end = async (signal: string) => {
    await send(signal)
    const until = Date.now() + spec.stopTimeoutMs
    while (await isRunning()) {
      if (Date.now() > until) throw new Error(`${spec.name} does not end by ${signal}`)
      await sleep(50)
    }
  }
  const stop = async () => {
    if (await isRunning()) await container.stop({ t: spec.stopTimeoutMs / 1000 })
  }
  const untilAnswer = async () => {
    const until = Date.now() + startTimeoutMs
    while (!(await spec.answers(ports))) {
      if ((await isRunning()) && Date.now() < until) {
        await sleep(250)
        continue
      }
      const log = await container.logs({ stdout: true, stderr: true, tail: 25 })
      const text = log.toString('utf8').replaceAll(/[^\n\x20-\x7e]/g, '')
      const what = Date.now() < until ? 'ended' : `did not answer within ${startTimeoutMs / 1000} s`
      throw new Error(`${spec.name} ${what}. The end of its log:\n${text}`)
    }
  }
  await untilAnswer()
  return {
    name: spec.name,
    id: started.getId(),
    port: ports[0]!,
    ports,
    stop,
    end,
    disk: volumeDisk(run, spec),
    kill: (signal) => (signal === 'SIGKILL' ? end(signal) : send(signal)),
    async restart() {
      await stop()
      await container.start()
      await untilAnswer()
    },
    async exec(command, user) {
      const { output, exitCode } = await started.exec([...command], user === undefined ? {} : { user })
      if (exitCode !== 0)
        throw new Error(`${command.join(' ')} in ${spec.name} ended with ${exitCode}:\n${output}`)
      return output
    },
  }
}

/** Removes the volumes of a project of Compose that is down. */
export async function removeProjectVolumes(project: string): Promise<void> {
  const { dockerode } = (await getContainerRuntimeClient()).container
  const { Volumes } = await dockerode.listVolumes({
    filters: { label: [`com.docker.compose.project=${project}`] },
  })
  await Promise.all(Volumes.map(({ Name }) => dockerode.getVolume(Name).remove()))
}

/** Removes all that a run has made. */
export async function removeContainers(run: string): Promise<void> {
  const { dockerode } = (await getContainerRuntimeClient()).container
  const filters = { label: [`${RUN_LABEL}=${run}`] }
  const found = await dockerode.listContainers({ all: true, filters })
  // Who lives in another's network goes before it.
  const isGuest = ({ Labels }: { Labels: Record<string, string> }) => GUEST_LABEL in Labels
  for (const group of [found.filter(isGuest), found.filter((one) => !isGuest(one))]) {
    await Promise.all(group.map(({ Id }) => dockerode.getContainer(Id).remove({ force: true, v: true })))
  }
  const { Volumes } = await dockerode.listVolumes({ filters: { name: [`spindexer-test-${run}-`] } })
  await Promise.all(Volumes.map(({ Name }) => dockerode.getVolume(Name).remove()))
}
