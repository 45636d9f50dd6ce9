// CSV: what RFC 4180 allows, what the definition makes of cells, and which line a fault is in.

import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { EMPTY_CATALOGUE } from '../../src/codec/catalogue.ts'
import { plainToJson } from '../../src/codec/json.ts'
import { createCsvRowSource } from '../../src/writer/csv-source.ts'
import { planDefinitions } from '../../src/writer/definitions.ts'
import { readBytes } from '../../src/writer/lines.ts'
import type { Entry } from '../../src/writer/source.ts'
import { announceSeed, seeded } from '../support/seed.ts'
import { bytesOf } from './support.ts'

const seed = announceSeed('test/writer/csv-source.test.ts')

const THINGS = (() => {
  const logical = (type: string, logicalType: string) => ['null', { type, logicalType }]
  const json = plainToJson({
    type: 'record',
    name: 'things',
    key: ['id', 'part'],
    fields: [
      { name: 'id', type: 'string' },
      { name: 'part', type: 'long' },
      { name: 'title', type: ['null', 'string'] },
      { name: 'note', type: ['null', 'string'] },
      { name: 'plays', type: ['null', 'long'] },
      { name: 'isLive', type: ['null', 'boolean'] },
      { name: 'score', type: ['null', 'double'] },
      { name: 'price', type: logical('string', 'decimal') },
      { name: 'tags', type: logical('string', 'json') },
      { name: 'cover', type: ['null', 'bytes'] },
      { name: 'at', type: logical('string', 'timestamp-micros') },
    ],
  })
  const plan = planDefinitions(EMPTY_CATALOGUE, [{ source: 'things.avsc', json }])
  if (plan.type === 'refused') throw new Error(plan.problems[0]!.what)
  return plan.catalogue.datasets.get('things')!
})()

async function read(csv: string | Buffer, size?: number): Promise<readonly Entry[]> {
  const entries: Entry[] = []
  for await (const some of createCsvRowSource(() => bytesOf(csv, size), THINGS, 5n)()) entries.push(...some)
  return entries
}

async function columnsOf(csv: string | Buffer, size?: number) {
  return (await read(csv, size)).map((entry) => {
    if (entry.type === 'bad') throw new Error(entry.fault)
    return [entry.line, entry.change.key, Object.fromEntries(entry.change.columns)]
  })
}

describe('rows of CSV', () => {
  it('with quotes, commas and newlines in cells, CRLF, a byte order mark and letters beyond ASCII', async () => {
    const csv =
      '\ufeff"id",part,title,note\r\nä,1,"say ""hi"", 𝄞","two\r\nlines"\r\n\r\nb,2,plain,"x\ny\n"\nc,3,a b , d'
    for (const size of [1, 2, 3, 7, 1_000]) {
      expect(await columnsOf(csv, size)).toEqual([
        [2, ['ä', '1'], { title: 'say "hi", 𝄞', note: 'two\r\nlines' }],
        [5, ['b', '2'], { title: 'plain', note: 'x\ny\n' }],
        [8, ['c', '3'], { title: 'a b ', note: ' d' }],
      ])
    }
  })

  it('an empty cell is null, an empty one in quotes is the empty text, a column that is not there is absent', async () => {
    expect(await columnsOf('id,part,title,note\na,1,,""\n"",2,"",\n')).toEqual([
      [2, ['a', '1'], { title: null, note: '' }],
      [3, ['', '2'], { title: '', note: null }],
    ])
    expect(await columnsOf('part,id\n1,a\n')).toEqual([[2, ['a', '1'], {}]])
  })

  it('cells are typed by the definition, exactly', async () => {
    const header = 'id,part,plays,isLive,score,price,tags,cover,at\n'
    const row =
      'a,-1,9223372036854775807,t,1e-05,12345678901234567890.10,"{""b"":[1, 2.50],""a"":null}",\\xDEADbeef,2021-10-13 19:24:00.5+02\n'
    const [[, key, columns]] = (await columnsOf(header + row)) as [[number, string[], object]]
    expect([key, columns]).toEqual([
      ['a', '-1'],
      {
        plays: 9223372036854775807n,
        isLive: true,
        score: 1e-5,
        price: '12345678901234567890.1',
        tags: '{"a":null,"b":[1,2.5]}',
        cover: new Uint8Array([0xde, 0xad, 0xbe, 0xef]),
        at: '2021-10-13T17:24:00.500000Z',
      },
    ])
    expect(await columnsOf('id,part,isLive,cover\na,1,FALSE,3q2+7w==\n')).toEqual([
      [2, ['a', '1'], { isLive: false, cover: new Uint8Array([0xde, 0xad, 0xbe, 0xef]) }],
    ])
  })

  it('keep every text, however it is cut into pieces', async () => {
    const text = fc.string({ unit: 'binary', maxLength: 8 }).map((each) => each.replaceAll('\0', '\n'))
    const quote = (cell: string) => `"${cell.replaceAll('"', '""')}"`
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          text.filter((each) => each.isWellFormed()),
          { minLength: 1, maxLength: 5 },
        ),
        fc.integer({ min: 1, max: 9 }),
        async (cells, size) => {
          const csv = `id,part,title\n${cells.map((cell, i) => `a,${i},${quote(cell)}`).join('\n')}`
          const read = await columnsOf(csv, size)
          expect(read.map(([, , columns]) => (columns as { title: string }).title)).toEqual(cells)
        },
      ),
      seeded(seed, 200),
    )
  })

  it('from gzip', async () => {
    const open = () => readBytes('-', bytesOf(gzipSync('id,part\na,1\n')))
    const entries: Entry[] = []
    for await (const some of createCsvRowSource(open, THINGS, null)()) entries.push(...some)
    expect(entries).toMatchObject([{ type: 'change', line: 2, change: { timeNs: null, key: ['a', '1'] } }])
  })
})

describe('faults in CSV', () => {
  it('of a row are told with its line, and the rows behind it are read', async () => {
    const csv = [
      'id,part,title,plays,isLive,score,tags,cover',
      'a,1,"two\r\nlines",x,,,,',
      'a,1,t',
      'a,1,t,1,,,,,',
      'a,1,t,,yes,,,',
      'a,1,t,,,NaN,,',
      'a,1,t,,,,{,',
      'a,1,t,,,,,\\x0',
      'a,1,t,1.5,,,,',
      'a,,t,1,,,,',
      'a,1,t,"",,,,',
      'a,1,t,1,,,,',
    ].join('\r\n')
    const entries = await read(csv)
    expect(entries.map((each) => [each.line, each.type === 'bad' ? each.fault : null])).toEqual([
      [2, expect.stringMatching(/^plays: .*integer/)],
      [4, 'the row has 3 cells, the header 8'],
      [5, 'the row has 9 cells, the header 8'],
      [6, expect.stringMatching(/^isLive: .*true or false/)],
      [7, expect.stringMatching(/^score: .*number/)],
      [8, expect.stringMatching(/^tags: .*JSON/)],
      [9, expect.stringMatching(/^cover: .*hex/)],
      [10, expect.stringMatching(/^plays: .*integer/)],
      [11, expect.stringMatching(/^part: .*null/)],
      [12, expect.stringMatching(/^plays: .*integer/)],
      [13, null],
    ])
  })

  it('of the header refuse the file', async () => {
    await expect(read('id,part,titel\n')).rejects.toThrow(/line 1.*no column "titel".*did you mean title\?/)
    await expect(read('\n\nid,part,zzzzzz\n')).rejects.toThrow(/line 3.*"zzzzzz" \(it has id, part, title/)
    await expect(read('id,part,title,title\n')).rejects.toThrow(/title twice/)
    await expect(read('id,title\n')).rejects.toThrow(/lacks part, which belongs to the key/)
    await expect(read('id,part,\n')).rejects.toThrow(/no column ""/)
    await expect(read('')).rejects.toThrow(/empty/)
  })

  it('that leave no row to be told from the next refuse the file', async () => {
    const start = 'id,part,title\r\na,1,"x\r\ny"\r\n\r\n'
    await expect(read(`${start}b,1,"open\n\n`)).rejects.toThrow(/from line 5 on: .*does not end/)
    await expect(read(`${start}b,1,"x"y\n`)).rejects.toThrow(
      /from line 5 on: .*write a quote in a cell twice/,
    )
    await expect(read(`${start}b,1,x"y\n`)).rejects.toThrow(/from line 5 on: .*does not begin with one/)
    const latin1 = Buffer.concat([Buffer.from(`${start}b,1,`), Buffer.from([0xe4, 0x0a])])
    for (const size of [1, 5, 1_000]) await expect(read(latin1, size)).rejects.toThrow(/line 5 .*not UTF-8/)
  })
})
