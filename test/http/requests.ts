// Requests for every operation of the door, good and bad ones, on the rows of memory-node.ts.

export interface TestRequest {
  readonly method: 'get' | 'post'
  /** The path as OpenAPI has it. */
  readonly template: string
  readonly path: string
  readonly init?: RequestInit
  /** True where the answer is the example that OpenAPI shows. */
  readonly isExample: boolean
}

function get(template: string, path: string = template, isExample = false): TestRequest {
  return { method: 'get', template, path, isExample }
}

const ROW = '/v1/datasets/{dataset}/rows/{key}'
const PAGE = '/v1/datasets/{dataset}/rows'

export const REQUESTS: readonly TestRequest[] = [
  get('/healthz', '/healthz', true),
  get('/readyz', '/readyz', true),
  get('/openapi.json'),
  get('/metrics'),
  get('/v1/status'),
  get('/v1/status', '/v1/status?full=1'),
  get('/v1/datasets'),
  get('/v1/datasets', '/v1/datasets?x'),
  get(ROW, '/v1/datasets/tracks/rows/t1'),
  get(ROW, '/v1/datasets/tracks/rows/t1?include=stamps', true),
  get(ROW, '/v1/datasets/tracks/rows/t1?include=x'),
  get(ROW, '/v1/datasets/tracks/rows/gone'),
  get(ROW, '/v1/datasets/tracks/rows/gone?include=stamps'),
  get(ROW, '/v1/datasets/tracks/rows/hidden'),
  get(ROW, '/v1/datasets/tracks/rows/early'),
  get(ROW, '/v1/datasets/nothing/rows/x'),
  get(ROW, '/v1/datasets/pairs/rows/x'),
  get(PAGE, '/v1/datasets/numbers/rows?limit=2&after=0', true),
  get(PAGE, '/v1/datasets/numbers/rows'),
  get(PAGE, '/v1/datasets/pairs/rows?limit=3'),
  get(PAGE, '/v1/datasets/tracks/rows?limit=0'),
  get(PAGE, '/v1/datasets/nothing/rows'),
]
