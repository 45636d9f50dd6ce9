// The door describes itself in OpenAPI 3.1: validly, every route, and every answer is what the description says.

import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { Validator } from '@seriousme/openapi-schema-validator'
import { beforeAll, describe, expect, it } from 'vitest'
import { addRoutes } from '../../src/http/routes.ts'
import { fillStore, memoryStore, portsOf } from './memory-node.ts'
import { startedNews } from './news.ts'
import { REQUESTS, type TestRequest } from './requests.ts'
import { createTestDoor, openTestDoor, type TestDoor } from './support.ts'

/** JSON Schema 2020-12, as the validator of OpenAPI brings it. */
interface Ajv {
  compile(schema: object): ((value: unknown) => boolean) & { readonly errors: unknown }
}
const fromValidator = createRequire(fileURLToPath(import.meta.resolve('@seriousme/openapi-schema-validator')))
const Ajv2020: new (options: object) => Ajv = fromValidator('ajv/dist/2020').default

interface Response {
  readonly content?: Readonly<Record<string, { readonly schema: object; readonly example?: unknown }>>
}
interface Operation {
  readonly operationId: string
  readonly summary: string
  readonly parameters?: readonly { readonly name: string; readonly in: string; readonly schema: object }[]
  readonly requestBody?: Response
  readonly responses: Readonly<Record<string, Response & { readonly description: string }>>
}
interface Document {
  readonly openapi: string
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
}

let document: Document
let routes: readonly string[]

async function openWhole(tokens = { read: [] as string[], write: [] as string[] }): Promise<TestDoor> {
  const store = memoryStore()
  await fillStore(store)
  const ports = portsOf(store)
  ports.progress.note(startedNews())
  ports.applied.note({ ...startedNews(), identity: await ports.inspectLog() })
  return openTestDoor({ addRoutes: (app) => addRoutes(app, ports), tokens })
}

beforeAll(async () => {
  const found: string[] = []
  const app = await createTestDoor({
    addRoutes(app) {
      app.addHook('onRoute', ({ method, url }) => {
        for (const each of [method].flat()) if (each !== 'HEAD') found.push(`${each.toLowerCase()} ${url}`)
      })
      addRoutes(app, portsOf(memoryStore()))
    },
  })
  document = (await app.inject({ url: '/openapi.json', headers: { host: 'localhost' } })).json()
  await app.close()
  routes = found
})

function operations(): readonly (readonly [string, string, Operation])[] {
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => [method, path, operation] as const),
  )
}

/** Of an answer without an end. */
async function firstPart({ body }: globalThis.Response): Promise<string> {
  const reader = body!.getReader()
  const { value } = await reader.read()
  await reader.cancel()
  return Buffer.from(value!).toString('utf8')
}

/** The description with what it refers to in the place of references. */
async function resolved(): Promise<Document> {
  const validator = new Validator()
  const { valid, errors } = await validator.validate(structuredClone(document) as never)
  expect(errors).toBeUndefined()
  expect(valid).toBe(true)
  return validator.resolveRefs() as unknown as Document
}

describe('OpenAPI', () => {
  it('is valid 3.1, and has every route', async () => {
    expect(document.openapi).toBe('3.1.0')
    await resolved()
    const described = operations().map(
      ([method, path]) => `${method} ${path.replaceAll(/\{(\w+)\}/g, ':$1')}`,
    )
    expect(described.toSorted()).toEqual([...routes].sort())
    expect(routes.length).toBeGreaterThan(7)
  })

  it('says of every operation what it is called, what it is for and what it answers', () => {
    const ids = operations().map(([, , operation]) => operation.operationId)
    expect(new Set(ids).size).toBe(ids.length)
    for (const [method, path, { summary, responses, parameters = [] }] of operations()) {
      expect(summary, path).toMatch(/^[A-Z`]/)
      expect(Object.values(responses).every(({ description }) => description !== 'Default Response')).toBe(
        true,
      )
      for (const [status, { content = {} }] of Object.entries(responses)) {
        if (Number(status) >= 400) expect(Object.keys(content)).toEqual(['application/problem+json'])
      }
      const inPath = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1])
      expect(parameters.filter((each) => each.in === 'path').map((each) => each.name)).toEqual(inPath)
      expect(responses['500'], `${method} ${path}`).toBeDefined()
    }
  })

  it('every answer of every operation is as described, refusals too', async () => {
    const { paths } = await resolved()
    const door = await openWhole()
    const guarded = await openWhole({
      read: ['reading-token-0123456789'],
      write: ['writing-token-0123456789'],
    })
    const ajv = new Ajv2020({ strict: false, validateFormats: false })
    const seen = new Map<string, Set<number>>()
    const hold = async (base: string, request: TestRequest): Promise<void> => {
      const response = await fetch(`${base}${request.path}`, request.init)
      const operation = paths[request.template]![request.method]!
      const described = operation.responses[response.status]
      const label = `${request.method} ${request.path}: ${response.status}`
      expect(described, `${label} is not described`).toBeDefined()
      const type = response.headers.get('content-type')!.split(';')[0]!
      const media = described!.content?.[type]
      expect(media, `${label} ${type} is not described`).toBeDefined()
      const text = type === 'text/event-stream' ? await firstPart(response) : await response.text()
      const value: unknown = type.endsWith('json') ? JSON.parse(text) : text
      const validate = ajv.compile(media!.schema)
      expect(validate(value), `${label}: ${JSON.stringify(validate.errors)}\n${text}`).toBe(true)
      seen.set(operation.operationId, (seen.get(operation.operationId) ?? new Set()).add(response.status))
      if (request.isExample && response.ok) expect(value, label).toEqual(media!.example)
    }
    for (const request of REQUESTS) {
      await hold(door.url, request)
      await hold(guarded.url, request)
    }
    for (const { operationId } of operations().map(([, , operation]) => operation)) {
      expect([operationId, [...(seen.get(operationId) ?? [])].some((status) => status < 300)]).toEqual([
        operationId,
        true,
      ])
    }
    expect(door.bugs).toEqual([])
  })

  it('examples are as described, and every one is a real answer', async () => {
    const { paths } = await resolved()
    const ajv = new Ajv2020({ strict: false, validateFormats: false })
    const withExample: string[] = []
    for (const methods of Object.values(paths)) {
      for (const { operationId, responses, requestBody } of Object.values(methods)) {
        for (const { content = {} } of [...Object.values(responses), ...(requestBody ? [requestBody] : [])]) {
          for (const { schema, example } of Object.values(content)) {
            if (example === undefined) continue
            const validate = ajv.compile(schema)
            expect([validate(example), validate.errors]).toEqual([true, null])
          }
        }
        if (responses['200']?.content?.['application/json']?.example !== undefined)
          withExample.push(operationId)
      }
    }
    const idOf = ({ template, method }: TestRequest) => document.paths[template]![method]!.operationId
    const real = new Set(REQUESTS.filter(({ isExample }) => isExample).map(idOf))
    expect(withExample.filter((id) => !real.has(id))).toEqual([])
    expect(withExample).toContain('getRow')
  })
})
