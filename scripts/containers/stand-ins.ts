// Images under the official names, made of Debian's packages, Maven Central and npm: for where no image registry can
// be reached. Podman runs them (see with-podman.ts); needs root, debootstrap, Java and Maven.
import { spawn, spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { postgresHome } from '../../src/embedded/binaries.ts'
import { type ImageName, imageOf } from '../services/images.ts'
import { kafkaJars, registryJarFile } from '../services/maven.ts'
import { homeOf } from '../services/postgres.ts'
import { type PostgresVersion, registryJar } from '../services/versions.ts'

const BASE = 'localhost/spindexer/stand-in-base'
const PACKAGES = [
  'openjdk-17-jre-headless',
  'python3',
  'python3-venv',
  'ca-certificates',
  'util-linux',
  'kcat',
  'postgresql-client',
]
/** Debian 12: its Python is the one that the python image's name says. */
const SUITE = 'bookworm'
const MIRROR = process.env.DEBIAN_MIRROR || 'http://deb.debian.org/debian'

interface Recipe {
  readonly name: ImageName
  /** Lines of a Containerfile after its FROM. */
  readonly lines: readonly string[]
  /** Puts what the lines copy into the directory. */
  fill(context: string): Promise<void>
}

const recipes: readonly Recipe[] = [
  {
    name: 'kafka',
    lines: [
      'RUN useradd --uid 1000 appuser && mkdir -p /opt/kafka/config /etc/kafka/docker /mnt/shared/config /var/lib/kafka/data',
      'RUN touch /etc/kafka/docker/server.properties /etc/kafka/docker/log4j2.yaml /etc/kafka/docker/tools-log4j2.yaml',
      'COPY libs /opt/kafka/libs',
      'COPY kafka.sh /etc/kafka/docker/run',
      'RUN chown -R appuser /opt/kafka/config /mnt/shared/config /var/lib/kafka',
      'VOLUME ["/var/lib/kafka/data", "/mnt/shared/config"]',
      // No EXPOSE: podman 4 lists such a port as one to be published, and Testcontainers would wait for that.
      'USER appuser',
      'CMD ["/etc/kafka/docker/run"]',
    ],
    async fill(context) {
      cpSync(await kafkaJars(), join(context, 'libs'), { recursive: true })
      cpSync(join(import.meta.dirname, 'stand-ins/kafka.sh'), join(context, 'kafka.sh'))
    },
  },
  {
    name: 'registry',
    lines: [
      'COPY registry /deployments',
      'EXPOSE 8080',
      'USER 1001',
      `CMD ["java", "-jar", "/deployments/${registryJar}"]`,
    ],
    async fill(context) {
      cpSync(dirname(await registryJarFile()), join(context, 'registry'), { recursive: true })
    },
  },
  postgresRecipe(18, '/var/lib/postgresql', '/var/lib/postgresql/18/docker'),
  postgresRecipe(15, '/var/lib/postgresql/data', '/var/lib/postgresql/data'),
  { name: 'python', lines: ['CMD ["python3"]'], fill: async () => {} },
  { name: 'kcat', lines: ['ENTRYPOINT ["kcat"]'], fill: async () => {} },
]

function postgresRecipe(version: PostgresVersion, volume: string, data: string): Recipe {
  return {
    name: `postgres${version}`,
    lines: [
      `RUN useradd --uid 999 --home-dir /var/lib/postgresql postgres && mkdir -p ${volume} && chown -R postgres /var/lib/postgresql`,
      'COPY postgres /usr/lib/postgresql',
      'COPY postgres.sh /usr/local/bin/docker-entrypoint.sh',
      `ENV PATH=/usr/lib/postgresql/bin:/usr/local/bin:/usr/bin:/bin PGDATA=${data}`,
      `VOLUME ["${volume}"]`,
      'EXPOSE 5432',
      'STOPSIGNAL SIGINT',
      'ENTRYPOINT ["docker-entrypoint.sh"]',
      'CMD ["postgres"]',
    ],
    async fill(context) {
      const home = postgresHome(homeOf(version), undefined)
      cpSync(home, join(context, 'postgres'), { recursive: true, verbatimSymlinks: true })
      cpSync(join(import.meta.dirname, 'stand-ins/postgres.sh'), join(context, 'postgres.sh'))
    },
  }
}

async function main(): Promise<void> {
  const work = mkdtempSync('/var/tmp/spindexer-stand-ins-')
  try {
    if (!hasImage(BASE)) await makeBase(work)
    for (const recipe of recipes) await build(work, recipe)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

/** A Debian of the packages above. It trusts whom this machine trusts. */
async function makeBase(work: string): Promise<void> {
  const root = join(work, 'root')
  await run('debootstrap', ['--variant=minbase', `--include=${PACKAGES.join()}`, SUITE, root, MIRROR])
  cpSync('/etc/ssl/certs/ca-certificates.crt', join(root, 'etc/ssl/certs/ca-certificates.crt'))
  const archive = join(work, 'root.tar')
  await run('tar', [
    '-C',
    root,
    '--exclude=./var/cache/apt/*',
    '--exclude=./var/lib/apt/lists/*',
    '-cf',
    archive,
    '.',
  ])
  rmSync(root, { recursive: true, force: true })
  await run('podman', ['import', archive, BASE])
  rmSync(archive)
}

async function build(work: string, { name, lines, fill }: Recipe): Promise<void> {
  const context = join(work, name)
  mkdirSync(context)
  await fill(context)
  writeFileSync(join(context, 'Containerfile'), `${[`FROM ${BASE}`, ...lines].join('\n')}\n`)
  // Names without a host are Docker Hub's.
  const official = imageOf(name)
  const tag = official.includes('/') ? `docker.io/${official}` : `docker.io/library/${official}`
  const limits = ['--ulimit', 'nofile=4096:4096', '--ulimit', 'nproc=4096:4096']
  await run('podman', ['--runtime', 'runc', 'build', ...limits, '--quiet', '--tag', tag, context])
  rmSync(context, { recursive: true })
  console.error(`made ${tag}`)
}

function hasImage(name: string): boolean {
  return spawnSync('podman', ['image', 'exists', name]).status === 0
}

function run(command: string, args: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'inherit'] })
    child.on('error', () =>
      reject(new Error(`${command} does not run: install it (Debian package ${command})`)),
    )
    child.on('close', (code) => (code === 0 ? resolve() : reject(new Error(`${command} ended with ${code}`))))
  })
}

await main()
