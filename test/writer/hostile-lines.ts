// Lines that no writer may send, each with what its refusal has to say: what is wrong, where, and what would be right.

import { DEFINITION_TEXTS } from '../../scripts/golden/verdicts-world.ts'

export interface BadLine {
  readonly name: string
  readonly line: string | Buffer
  readonly words: RegExp
}

/** The definitions that the lines are held against, as records of a log. */
export const LINE_DEFINITIONS: readonly string[] = DEFINITION_TEXTS

/** A line of `tracks` with this data beside the key. */
export const lineOf = (data: string, rest = ''): string =>
  `{${rest}"dataset":"tracks","operation":"upsert","data":{"id":"t1"${data === '' ? '' : `,${data}`}}}`

const arrays = (depth: number) => '['.repeat(depth) + ']'.repeat(depth)
const ZONE = /time with a zone, as 2021-10-13T19:24:00\.5Z/
const INTEGER = /an integer of 64 bits, written in digits alone/
const DECIMAL = /a decimal such as -12\.50 or 1e3/

const bad = (name: string, line: string | Buffer, words: RegExp): BadLine => ({ name, line, words })
const time = (name: string, json: string, words: RegExp) =>
  bad(`timestamp: ${name}`, lineOf('', `"timestamp":${json},`), words)
const value = (column: string, json: string, words: RegExp) =>
  bad(
    `${column} ${json.slice(0, 40)}`,
    lineOf(`"${column}":${json}`),
    new RegExp(`^data\\.${column}: .*${words.source}`),
  )
const notJson = (name: string, line: string, words: RegExp) =>
  bad(name, line, new RegExp(`^not valid JSON: .*${words.source}.*\\(character \\d+\\)$`))

export const BAD_LINES: readonly BadLine[] = [
  notJson('a line cut off', '{', /a name in double quotes should be here/),
  notJson('words', 'hello', /no JSON value/),
  notJson('NUL alone', '\0', /no JSON value/),
  notJson('something behind it', `${lineOf('')} more`, /something follows/),
  notJson('two in one line', lineOf('') + lineOf(''), /something follows/),
  notJson('a member twice', lineOf('"title":"a","title":"b"'), /"title" stands twice/),
  notJson('a leading zero', lineOf('"plays":01'), /comma or the end/),
  notJson('a plus', lineOf('"plays":+1'), /no JSON value/),
  notJson('NaN', lineOf('"rating":NaN'), /no JSON value/),
  notJson('a control character as it is', lineOf('"title":"\u0001"'), /control character must be escaped/),
  notJson('NUL in a text', lineOf('"title":"a\\u0000b"'), /NUL.*leave it out/),
  notJson('NUL in json', lineOf('"extra":{"a":"\\u0000"}'), /NUL.*leave it out/),
  notJson('a lone surrogate', lineOf('"title":"\\ud800"'), /lone surrogate/),
  notJson('json 65 deep', lineOf(`"extra":${arrays(65)}`), /at most 64 levels/),
  notJson('json 100,000 deep', lineOf(`"extra":${arrays(100_000)}`), /at most 64 levels/),
  bad(
    'not UTF-8',
    Buffer.concat([Buffer.from('{"dataset":"'), Buffer.from([0xff]), Buffer.from('"}')]),
    /not UTF-8: convert/,
  ),
  bad('an array', '[]', /should be an object, not an array/),
  bad(
    'an unknown member',
    lineOf('', '"stamp":"0",'),
    /"stamp" is no member.*timestamp, dataset, operation, data/,
  ),
  bad('a sequence number', lineOf('', '"seq":1,'), /"seq" is no member/),
  bad('no dataset', '{"operation":"upsert","data":{"id":"t1"}}', /^dataset: it should be the name/),
  bad('a dataset and a table', lineOf('', '"table":"tracks",'), /give one of them/),
  bad(
    'a dataset that is not defined',
    '{"dataset":"trakcs","operation":"upsert","data":{"id":"t1"}}',
    /did you mean tracks.*datasets apply/,
  ),
  bad(
    'a dataset called ctid',
    '{"dataset":"ctid","operation":"upsert","data":{"id":"t1"}}',
    /"ctid" is not defined; define it with/,
  ),
  bad(
    'a dataset with SQL in it',
    '{"dataset":"\\"quoted;drop table\\"","operation":"upsert","data":{"id":"t1"}}',
    /can be no dataset's name \(a letter, then letters, digits and _, at most 55 characters\)$/,
  ),
  bad(
    'an unknown operation',
    '{"dataset":"tracks","operation":"insert","data":{"id":"t1"}}',
    /"upsert", "update" or "delete"/,
  ),
  bad(
    'data that is none',
    '{"dataset":"tracks","operation":"upsert","data":[]}',
    /^data: it should be an object/,
  ),
  bad('an update of nothing', '{"dataset":"tracks","operation":"update","data":{"id":"t1"}}', /use "upsert"/),
  bad(
    'a delete of columns',
    '{"dataset":"tracks","operation":"delete","data":{"id":"t1","plays":1}}',
    /use "update" with null/,
  ),
  bad(
    'an unknown column',
    lineOf('"titel":"a"'),
    /^data\.titel: tracks has no such column \(did you mean title.*datasets apply/,
  ),
  bad('a column with SQL in it', lineOf('"x\\"; drop table":1'), /this can be no column's name/),
  bad('a column with _ before it', lineOf('"_x":1'), /this can be no column's name/),
  bad(
    'no key',
    '{"dataset":"tracks","operation":"upsert","data":{}}',
    /^data\.id: it is missing, and belongs to the key/,
  ),
  bad(
    'a key of null',
    '{"dataset":"tracks","operation":"upsert","data":{"id":null}}',
    /^data\.id: a key column cannot be null/,
  ),
  bad(
    'half a key',
    '{"dataset":"pairs","operation":"upsert","data":{"day":"2024-02-29"}}',
    /^data\.number: it is missing/,
  ),
  bad(
    'a key that is too long',
    `{"dataset":"tracks","operation":"upsert","data":{"id":"${'x'.repeat(1025)}"}}`,
    /1025 bytes.*use a shorter key/,
  ),
  bad(
    'a key beyond 64 bits',
    '{"dataset":"pairs","operation":"upsert","data":{"day":"2024-02-29","number":9223372036854775808}}',
    INTEGER,
  ),
  bad(
    'a key of no day',
    '{"dataset":"pairs","operation":"upsert","data":{"day":"2023-02-29","number":1}}',
    /^data\.day: it is no day YYYY-MM-DD/,
  ),
  bad(
    'too much text',
    lineOf(`"title":"${'x'.repeat(900_000)}"`),
    /at most 900000 can be replicated: spread its columns/,
  ),
  bad('too many bytes', lineOf(`"cover":"${'QUFB'.repeat(300_000)}"`), /at most 900000 can be replicated/),
  time('a number', '1700000000000000000', /should be a string.*leave it out/),
  time('milliseconds', '"1700000000000"', /digits are nanoseconds since 1970, not seconds or milliseconds/),
  time('all zero', '"0"', /before 2000-01-01/),
  time('long ago', '"1999-12-31T23:59:59Z"', /before 2000-01-01, where no change is expected/),
  time('no zone', '"2024-01-01T00:00:00"', ZONE),
  time('a day', '"2024-01-01"', ZONE),
  time('far ahead', '"2100-01-01T00:00:00Z"', /further ahead.*correct it, or leave it out/),
  time('beyond a stamp', '"2262-04-12T00:00:00Z"', /later than a stamp can hold/),
  value('flag', '1', /true or false, not a number/),
  value('flag', '"true"', /true or false, not a string/),
  value('plays', '1.5', INTEGER),
  value('plays', '1e3', INTEGER),
  value('plays', '9223372036854775808', INTEGER),
  value('plays', '"-9223372036854775809"', INTEGER),
  value('plays', '"1); drop table x"', INTEGER),
  value('rating', '1e400', /too great for a double/),
  value('rating', '"NaN"', /a number, not a string/),
  value('title', '7', /a string, not a number/),
  value('level', '"MID"', /none of the symbols \(LOW, HIGH\)/),
  value('cover', '"YQ"', /base64 with padding/),
  value('mbid', '"0123abcd456789ef0123456789abcdef"', /no uuid: 36 characters/),
  value('price', '"1,5"', DECIMAL),
  value('price', '"NaN"', DECIMAL),
  value('price', `"${'9'.repeat(1001)}"`, DECIMAL),
  value('price', '1e999999999', DECIMAL),
  value('released', '"29.02.2024"', /no day YYYY-MM-DD/),
  value('released', '19000', /a day YYYY-MM-DD, not a number/),
  value('seen', '"2024-02-29T12:34:56"', ZONE),
  value('seen', '"2024-02-29T24:00:00Z"', /hours 00 to 23/),
  value('seen', '1700000000000', /a time with a zone as .*, not a number/),
  value('seen', '"now"', ZONE),
  value('extra', '9'.repeat(1001), /more than 1,000 digits/),
]

export interface BadCsv {
  readonly text: string
  readonly words: RegExp
}

/** CSV files of `tracks`, each wrong in its header or in its one row. */
export const BAD_CSVS: readonly BadCsv[] = [
  { text: '', words: /is empty; its first line should name the columns/ },
  { text: 'id,plys\nt1,1\n', words: /line 1.*no column "plys" \(did you mean plays\?\); correct it/ },
  { text: 'id,"x""; drop table"\nt1,1\n', words: /line 1.*no column.*correct it, or take the column out/ },
  { text: 'id;plays\nt1;1\n', words: /line 1.*divide them by commas/ },
  { text: 'plays\n1\n', words: /line 1.*lacks id.*add that column/ },
  { text: 'id,plays,plays\nt1,1,1\n', words: /line 1.*names plays twice; take one/ },
  { text: 'id,plays\n"t1,1\n', words: /from line 2 on.*close the quote/ },
  { text: 'id,plays\nt"1,1\n', words: /from line 2 on.*write the quote twice/ },
  { text: 'id,plays\nt1,1,2\n', words: /line 2: the row has 3 cells, the header 2/ },
  { text: 'id,plays\n,1\n', words: /line 2: id: a key column cannot be null/ },
  { text: 'id,plays\nt1,many\n', words: /line 2: plays: .*digits alone/ },
  { text: 'id,flag\nt1,yes\n', words: /line 2: flag: .*true or false/ },
  { text: 'id,cover\nt1,\\xzz\n', words: /line 2: cover: .*pairs of hex digits/ },
  { text: 'id,rating\nt1,NaN\n', words: /line 2: rating: .*as 1\.5/ },
  { text: 'id,title\nt1,a\0b\n', words: /line 2: title: .*NUL.*leave it out/ },
  { text: 'id,extra\nt1,{\n', words: /line 2: extra: it should be JSON/ },
]
