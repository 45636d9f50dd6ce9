// Requests for every operation of the door, good and bad ones, on the rows of memory-node.ts.

import { RECORDS } from '../../src/http/records/schema.ts'

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

function post(template: string, path: string, body: string, type = 'application/json'): TestRequest {
  const init = { method: 'POST', body, headers: { 'content-type': type } }
  return { method: 'post', template, path, init, isExample: false }
}

const LINES_TYPE = 'application/x-ndjson'
const MUTATION = '{"dataset":"tracks","operation":"upsert","data":{"id":"t1","title":"Blue","plays":7}}'
/** As OpenAPI shows it. */
const RECORD = JSON.stringify(RECORDS.body.content['application/json']!.example)
const ROW = '/v1/datasets/{dataset}/rows/{key}'
const PAGE = '/v1/datasets/{dataset}/rows'

export const REQUESTS: readonly TestRequest[] = [
  get('/healthz', '/healthz', true),
  get('/readyz', '/readyz', true),
  get('/openapi.json'),
  get('/metrics'),
  get('/v1/status'),
  get('/v1/status', '/v1/status?full=1'),
  get('/v1/policy'),
  get('/v1/policy', '/v1/policy?x'),
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
  get('/v1/changes'),
  get('/v1/changes', '/v1/changes?from=start&dataset=tracks'),
  get('/v1/changes', '/v1/changes?after=x'),
  get('/v1/changes', '/v1/changes?after=AAAAAAAAAAAAAAAAAAAAAA.0.0.0'),
  post('/v1/mutations', '/v1/mutations', MUTATION),
  post('/v1/mutations', '/v1/mutations', `[${MUTATION},${MUTATION}]`),
  post('/v1/mutations', '/v1/mutations?wait=applied&timeout=1', MUTATION),
  post('/v1/mutations', '/v1/mutations?wait=x', MUTATION),
  post('/v1/mutations', '/v1/mutations', '[{}]'),
  post('/v1/mutations', '/v1/mutations', '{'),
  post('/v1/mutations', '/v1/mutations', MUTATION, 'text/plain'),
  post('/v1/mutations', '/v1/mutations?skip-invalid=true', `{}\n${MUTATION}\n`, LINES_TYPE),
  post('/v1/mutations', '/v1/mutations', `${MUTATION}\n{}\n`, LINES_TYPE),
  post('/v1/records', '/v1/records', RECORD),
  post('/v1/records', '/v1/records', `[${RECORD},${RECORD}]`),
  post('/v1/records', '/v1/records?wait=applied&timeout=1', RECORD),
  post('/v1/records', '/v1/records?wait=x', RECORD),
  post('/v1/records', '/v1/records', '[{},{"value":"AAAA"}]'),
  post('/v1/records', '/v1/records', '{'),
  post('/v1/records', '/v1/records', RECORD, 'text/plain'),
  post('/v1/records', '/v1/records?skip-invalid=true', `{}\n${RECORD}\n`, LINES_TYPE),
  post('/v1/records', '/v1/records', `${RECORD}\n{}\n`, LINES_TYPE),
]
