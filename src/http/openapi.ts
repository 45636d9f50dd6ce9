// The description of the door that it serves itself: OpenAPI 3.1, made from the routes' own schemas.

import type { FastifyDynamicSwaggerOptions } from '@fastify/swagger'
import type { FastifyInstance } from 'fastify'
import type { Tokens } from './auth.ts'
import { problemResponses } from './problem.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The body that the route takes, as OpenAPI writes it. */
    readonly requestBody?: {
      readonly description?: string
      readonly required: true
      readonly content: Readonly<Record<string, { readonly schema: object; readonly example?: unknown }>>
    }
  }
}

/** What any route may answer. */
const COMMON_PROBLEMS = {
  400: 'The request cannot be understood, or a parameter is not valid',
  401: 'A token is needed, and none that is known was sent',
  403: 'The token does not allow this',
  408: 'The request came too slowly',
  421: 'The request is meant for another host',
  429: 'Too many requests in a second; Retry-After says how long to wait',
  500: 'A fault of the node',
  503: 'Too busy, or about to stop',
} as const

export function openapiOptions(version: string, _tokens: Tokens): FastifyDynamicSwaggerOptions {
  return {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'spindexer',
        version,
        description:
          'One node of a replicated set of datasets. Errors are problem details (RFC 9457). 64-bit integers are JSON numbers with all their digits: read them with a parser that keeps these. Decimals are strings.',
        license: { name: 'MIT', identifier: 'MIT' },
      },
      components: {
        securitySchemes: {
          token: { type: 'http', scheme: 'bearer', description: 'Where the node asks for one' },
        },
      },
      security: [{}, { token: [] }],
    },
    refResolver: {
      buildLocalReference: (json, _base, _fragment, i) =>
        typeof json.$id === 'string' ? json.$id : `def-${i}`,
    },
    transform: ({ schema, url, route }) => {
      const { isOpen = false, requestBody } = route.config ?? {}
      const common = isOpen ? { 421: COMMON_PROBLEMS[421], 500: COMMON_PROBLEMS[500] } : COMMON_PROBLEMS
      return {
        url,
        schema: {
          ...schema,
          ...(isOpen ? { security: [] } : {}),
          ...(requestBody === undefined ? {} : { body: requestBody }),
          response: { ...problemResponses(common), ...(schema?.response as object) },
        },
      }
    },
  }
}

/** GET /openapi.json. */
export function addOpenapiRoute(app: FastifyInstance): void {
  app.get(
    '/openapi.json',
    {
      schema: {
        operationId: 'getOpenapi',
        summary: 'This description',
        tags: ['node'],
        response: {
          200: {
            description: 'OpenAPI 3.1',
            content: { 'application/json': { schema: { type: 'object' } } },
          },
        },
      },
    },
    async (_request, reply) => reply.type('application/json').send(app.swagger()),
  )
}
