// Answers where there is no route: 404, or 405 with the methods that there are.

import type { FastifyInstance } from 'fastify'
import { sendProblem } from './answer.ts'
import { problem } from './problem.ts'

/** To be added before the routes. */
export function addMissing(app: FastifyInstance): void {
  const methodsByPattern = new Map<string, Set<string>>()
  app.addHook('onRoute', ({ url, method }) => {
    const methods = methodsByPattern.get(url) ?? new Set()
    for (const each of [method].flat()) methods.add(each)
    methodsByPattern.set(url, methods)
  })
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?')[0]!
    const allowed = [...methodsByPattern].find(([pattern]) => patternOf(pattern).test(path))?.[1]
    if (allowed === undefined) {
      return sendProblem(
        request,
        reply,
        problem('not-found', 'there is nothing at this address; GET /openapi.json lists what there is'),
      )
    }
    const allow = [...allowed].sort().join(', ')
    return sendProblem(
      request,
      reply,
      problem('method-not-allowed', `${request.method} is not possible here; ${allow} is`, {
        headers: { allow },
      }),
    )
  })
}

/** `/v1/datasets/:dataset` as what it matches. */
function patternOf(url: string): RegExp {
  const parts = url.split('/').map((part) => (part.startsWith(':') ? '[^/]*' : RegExp.escape(part)))
  return new RegExp(`^${parts.join('/')}$`)
}
