// docker-compose.yml, the native services and the hosted workflow agree on versions, settings and commands.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type ImageName, images } from '../../scripts/services/images.ts'
import { brokerProperties } from '../../scripts/services/kafka.ts'
import { postgresPackages, postgresVersions } from '../../scripts/services/versions.ts'
import { ROOT } from '../support/cli.ts'

const read = (path: string) => readFileSync(join(ROOT, path), 'utf8')
const compose = read('docker-compose.yml')
const workflow = read('.github/workflows/ci.yml')

describe('docker-compose.yml', () => {
  test('runs the images that tests run', () => {
    const named: readonly ImageName[] = ['kafka', 'postgres18', 'registry']
    const found = [...compose.matchAll(/^ {4}image: (.*)$/gm)].map(([, image]) => image)
    expect(found).toEqual(named.map((name) => `\${${images[name].variable}:-${images[name].official}}`))
  })

  test('publishes on this machine only, and at no port that is fixed', () => {
    const ports = [...compose.matchAll(/^ {4}ports: (.*)$/gm)].map(([, list]) => list)
    expect(ports).toHaveLength(3)
    for (const list of ports)
      expect(list).toMatch(/^\['127\.0\.0\.1:\$\{SPINDEXER_\w+_PORT:\?[^}]+\}:[^,]+'\]$/)
  })

  test('sets Kafka up as the native one is', () => {
    const inCompose = new Map(
      [...compose.matchAll(/^ {6}KAFKA_(\w+): '?(.*?)'?$/gm)].map(([, name, value]) => [
        name!.toLowerCase().replaceAll('_', '.'),
        value,
      ]),
    )
    const elsewhere = ['controller.quorum.voters', 'listeners', 'advertised.listeners', 'log.dirs']
    const native = brokerProperties([1, 2], '/data')
      .trim()
      .split('\n')
      .map((line) => line.split('=') as [string, string])
    expect(native.length).toBeGreaterThan(15)
    for (const [name, value] of native) {
      if (elsewhere.includes(name)) expect(inCompose.has(name), name).toBe(true)
      else expect([name, inCompose.get(name)]).toEqual([name, value])
    }
  })
})

test.each([15, 18] as const)('Postgres %i is the same in its image and in its package', (version) => {
  const { version: packaged } = JSON.parse(read(`node_modules/${postgresPackages[version]}/package.json`))
  expect(packaged.split('-')[0]).toBe(`${postgresVersions[version]}.0`)
})

describe('the hosted workflow', () => {
  test('uses actions of a known major version', () => {
    const actions = [...workflow.matchAll(/uses: (.*)$/gm)].map(([, action]) => action)
    expect(actions.length).toBeGreaterThan(0)
    expect(actions.filter((action) => !/^actions\/[\w-]+@v\d+$/.test(action!))).toEqual([])
  })

  test('runs commands that are there', () => {
    const commands = [...workflow.matchAll(/run: (.*)$/gm)].map(([, command]) => command)
    expect(commands).toEqual(['.ci/run', 'npm ci', 'make test-containers'])
    expect(read('Makefile')).toMatch(/^test-containers:/m)
    expect(workflow).toContain(
      `node-version: ${/\d+/.exec(JSON.parse(read('package.json')).engines.node)![0]}\n`,
    )
  })
})
