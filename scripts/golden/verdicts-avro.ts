// Cases about a mutation's own bytes: strict Avro, and the limits that hold whatever the definitions say.

import { hex } from './forms.ts'
import {
  block,
  branch,
  double,
  END,
  long,
  longPadded,
  type RawMutation,
  rawMutation,
  sizedBlock,
  text,
} from './raw-avro.ts'
import { type Case, merged, quarantined } from './verdicts-world.ts'

const join = (...parts: readonly Buffer[]) => Buffer.concat(parts)
const column = (name: string | Buffer, value: Buffer) => join(text(name), value)
const title = column('title', branch.string('a'))
const plays = column('plays', branch.long(1))
const some = (value: Buffer) => ({ columns: block([column('title', value)]) })
const seq = (value: Buffer) => ({ seq: join(Buffer.from([2]), value) })
const bad = (name: string, parts: RawMutation) => quarantined(name, 'bad-avro', parts)

export function avroCases(): readonly Case[] {
  return [
    ...numberCases(),
    ...keyCases(),
    ...nameCases(),
    ...blockCases(),
    ...textCases(),
    ...valueCases(),
    ...wholeCases(),
  ]
}

function numberCases(): readonly Case[] {
  const played = (value: Buffer) => ({ columns: block([column('plays', join(Buffer.from([4]), value))]) })
  return [
    merged('seq 0', seq(long(0))),
    merged('seq 2^53 - 1', seq(long((1n << 53n) - 1n))),
    quarantined('seq 2^53', 'bad-seq', seq(long(1n << 53n))),
    quarantined('seq -1', 'bad-seq', seq(long(-1))),
    quarantined('seq, the least long', 'bad-seq', seq(long(-(1n << 63n)))),
    bad('seq in two bytes that fits one', seq(longPadded(1, 1))),
    bad('seq 0 in two bytes', seq(longPadded(0, 1))),
    bad('seq, branch 2', { seq: hex('04 02') }),
    bad('seq, branch 2 with nothing behind it', { seq: hex('04') }),
    bad('seq, branch -1', { seq: hex('01') }),
    bad('seq, branch 0 in two bytes', { seq: hex('80 00') }),
    merged('the greatest long', played(long((1n << 63n) - 1n))),
    merged('the least long', played(long(-(1n << 63n)))),
    bad('a number of 10 bytes beyond 64 bits', played(hex('ff ff ff ff ff ff ff ff ff 02'))),
    bad('a number of 10 bytes that fits 9', played(hex('ff ff ff ff ff ff ff ff ff 00'))),
    bad('a number of 11 bytes', played(hex('80 80 80 80 80 80 80 80 80 80 01'))),
    bad('a number of 11 bytes, padded', played(longPadded(5, 10))),
    bad('a length in two bytes that fits one', { dataset: join(longPadded(6, 1), Buffer.from('tracks')) }),
    bad('a count in two bytes that fits one', { key: join(longPadded(1, 1), text('t1'), END) }),
    bad('an end in two bytes', { columns: hex('80 00') }),
    bad('operation 3', { operation: long(3) }),
    bad('operation -1', { operation: long(-1) }),
    bad('operation 0 in two bytes', { operation: longPadded(0, 1) }),
    bad('operation beyond 32 bits', { operation: long(1n << 32n) }),
    merged('update', { operation: long(1), columns: block([title]) }),
    merged('delete', { operation: long(2) }),
  ]
}

function keyCases(): readonly Case[] {
  const key = (...texts: readonly (string | Buffer)[]) => ({ key: block(texts.map(text)) })
  const wide = (...texts: readonly string[]) => ({ ...key(...texts), dataset: text('wide') })
  const wrong = (name: string, parts: RawMutation) => quarantined(name, 'bad-key', parts)
  const fifteen = Array.from({ length: 15 }, () => 'x')
  return [
    merged('an empty key text', key('')),
    merged('a key of 1,024 bytes', key('x'.repeat(1024))),
    wrong('a key of 1,025 bytes', key('x'.repeat(1025))),
    merged('a key of 1,024 bytes that are not ASCII', key('é'.repeat(512))),
    wrong('a key of 1,025 bytes that are 513 characters', key(`${'é'.repeat(512)}x`)),
    merged('16 key texts', wide(...fifteen, 'x')),
    merged('16 key texts of 1,024 bytes together', wide(...fifteen, 'x'.repeat(1009))),
    wrong('16 key texts of 1,025 bytes together', wide(...fifteen, 'x'.repeat(1010))),
    wrong('17 key texts', wide(...fifteen, 'x', 'x')),
    wrong('17 key texts in two blocks', {
      key: join(long(16), ...Array.from({ length: 16 }, () => text('x')), block([text('x')])),
    }),
    wrong('no key text', { key: END }),
    wrong('NUL in a key text', key('a\0b')),
    wrong('NUL in a long key text', key(`${'x'.repeat(100)}\0`)),
    wrong('more key texts announced than any message holds', {
      key: join(long((1n << 63n) - 1n), text('a')),
    }),
    bad('a key text that is not UTF-8', key(hex('ff'))),
  ]
}

function nameCases(): readonly Case[] {
  const dataset = (name: string | Buffer) => ({ dataset: text(name) })
  const named = (name: string | Buffer) => ({ columns: block([column(name, branch.null)]) })
  const wrong = (name: string, parts: RawMutation) => quarantined(name, 'bad-name', parts)
  const unknown = { verdict: 'parked' as const }
  return [
    merged('a dataset’s name of 55 bytes', dataset('d'.repeat(55)), {
      ...unknown,
      reason: 'unknown-dataset',
    }),
    wrong('a dataset’s name of 56 bytes', dataset('d'.repeat(56))),
    wrong('an empty dataset’s name', dataset('')),
    wrong('a dataset’s name with _ before it', dataset('_tracks')),
    wrong('a dataset’s name with a digit before it', dataset('1tracks')),
    wrong('a dataset’s name with a point', dataset('a.tracks')),
    wrong('a dataset’s name with a dash', dataset('my-tracks')),
    wrong('a dataset’s name that is not ASCII', dataset('tränks')),
    wrong('a dataset’s name with a newline behind it', dataset('tracks\n')),
    wrong('a dataset’s name with NUL', dataset('tracks\0')),
    bad('a dataset’s name that is not UTF-8', dataset(hex('74ff'))),
    bad('a dataset’s name that is too long and not UTF-8', dataset(Buffer.alloc(60, 0xff))),
    merged('a column’s name of 55 bytes', named('c'.repeat(55)), { ...unknown, reason: 'unknown-column' }),
    wrong('a column’s name of 56 bytes', named('c'.repeat(56))),
    wrong('an empty column’s name', named('')),
    wrong('a column’s name with _ before it', named('_title')),
    wrong('a column’s name that is not ASCII', named('é')),
    bad('a column’s name that is not UTF-8', named(hex('c3'))),
  ]
}

function blockCases(): readonly Case[] {
  const names = (count: number) => Array.from({ length: count }, (_, i) => column(`c${i}`, branch.null))
  const parkedBy = { verdict: 'parked' as const, reason: 'unknown-column' as const }
  return [
    merged('columns in two blocks', { columns: join(long(1), title, block([plays])) }),
    merged('columns in a sized block', { columns: join(sizedBlock([title, plays]), END) }),
    merged('columns in two sized blocks', { columns: join(sizedBlock([title]), sizedBlock([plays]), END) }),
    merged('columns in a plain and a sized block', {
      columns: join(long(1), title, sizedBlock([plays]), END),
    }),
    merged('the key in a sized block', { key: join(sizedBlock([text('t1')]), END) }),
    merged('the key of two in two blocks', {
      dataset: text('pairs'),
      key: join(long(1), text('2024-02-29'), block([text('7')])),
    }),
    bad('a sized block, its size too small', { columns: join(sizedBlock([title], title.length - 1), END) }),
    bad('a sized block, its size too great', { columns: join(sizedBlock([title], title.length + 1), END) }),
    bad('a sized block, its size 0', { columns: join(sizedBlock([title], 0), END) }),
    bad('a sized block, its size negative', { columns: join(sizedBlock([title], -title.length), END) }),
    bad('a sized block, its size beyond the message', { columns: join(sizedBlock([title], 100_000), END) }),
    bad('a sized block, its size the greatest long', {
      columns: join(long(-1), long((1n << 63n) - 1n), title, END),
    }),
    bad('a sized block, its size in two bytes that fits one', {
      columns: join(long(-1), longPadded(title.length, 1), title, END),
    }),
    bad('a sized block of the key, its size wrong', { key: join(sizedBlock([text('t1')], 2), END) }),
    bad('no end of the columns', { columns: join(long(1), title) }),
    bad('a name twice', { columns: block([title, title]) }),
    bad('a name twice with another value', { columns: block([title, column('title', branch.null)]) }),
    bad('a name twice across blocks', { columns: join(long(1), title, block([title])) }),
    bad('a name twice across sized blocks', { columns: join(sizedBlock([title]), sizedBlock([title]), END) }),
    merged('200 columns', { columns: block(names(200)) }, parkedBy),
    quarantined('201 columns', 'too-many-columns', { columns: block(names(201)) }),
    quarantined('201 columns in two blocks', 'too-many-columns', {
      columns: join(long(200), ...names(200), block([title])),
    }),
    quarantined('more columns announced than any message holds', 'too-many-columns', {
      columns: join(long((1n << 62n) - 1n), title),
    }),
  ]
}

function textCases(): readonly Case[] {
  const string = (name: string, bytes: string) => bad(`not UTF-8: ${name}`, some(branch.string(hex(bytes))))
  const long80 = '61'.repeat(80)
  return [
    merged('an empty string', some(branch.string(''))),
    merged('U+10FFFF', some(branch.string('\u{10ffff}'))),
    merged('noncharacters', some(branch.string('\uffff\ufdd0'))),
    merged('a byte order mark', some(branch.string('\ufeffa'))),
    merged('not normalized', some(branch.string('e\u0301'))),
    merged('a long string', some(branch.string(`${'x'.repeat(200)}é`))),
    string('a byte that is none', 'ff'),
    string('a continuation alone', '80'),
    string('cut off after one of two', 'c3'),
    string('cut off after two of three', 'e282'),
    string('cut off after three of four', 'f09f98'),
    string('cut off within', 'c361'),
    string('over-long NUL', 'c080'),
    string('over-long slash in two', 'c0af'),
    string('over-long slash in three', 'e080af'),
    string('over-long slash in four', 'f08080af'),
    string('over-long U+07FF', 'e09fbf'),
    string('over-long U+FFFF', 'f08fbfbf'),
    string('a high surrogate', 'eda080'),
    string('a low surrogate', 'edbfbf'),
    string('a pair of surrogates', 'eda080edb080'),
    string('beyond U+10FFFF', 'f4908080'),
    string('five bytes', 'f888808080'),
    string('six bytes', 'fc8480808080'),
    string('at the end of a long string', `${long80}80`),
    string('at the start of a long string', `c3${long80}`),
    quarantined('NUL', 'nul', some(branch.string('\0'))),
    quarantined('NUL within', 'nul', some(branch.string('a\0b'))),
    quarantined('NUL at the end of a long string', 'nul', some(branch.string(`${'x'.repeat(100)}\0`))),
    quarantined('NUL in a string that is not ASCII', 'nul', some(branch.string('é\0'))),
    bad('a string longer than the message', {
      columns: join(long(1), text('title'), hex('08'), long(100), hex('61')),
    }),
    bad('a string of negative length', {
      columns: join(long(1), text('title'), hex('08'), long(-1), hex('61'), END),
    }),
    bad('a string of the greatest length', {
      columns: join(long(1), text('title'), hex('08'), long((1n << 63n) - 1n)),
    }),
  ]
}

function valueCases(): readonly Case[] {
  const of = (name: string, value: Buffer) => ({ columns: block([column(name, value)]) })
  const rating = (value: Buffer) => of('rating', join(hex('06'), value))
  const wrong = (name: string, value: Buffer) => quarantined(name, 'bad-double', rating(value))
  return [
    merged('null', some(branch.null)),
    merged('false', of('flag', branch.boolean(0))),
    merged('true', of('flag', branch.boolean(1))),
    bad('a boolean 2', of('flag', branch.boolean(2))),
    bad('a boolean 255', of('flag', branch.boolean(255))),
    bad('branch 6', some(hex('0c 00'))),
    bad('branch -1', some(hex('01'))),
    bad('branch 0 in two bytes', some(hex('80 00'))),
    bad('branch 64', some(hex('80 01'))),
    merged('double 0', rating(double(0))),
    merged('the least double above 0', rating(double(5e-324))),
    merged('the greatest double', rating(double(1.7976931348623157e308))),
    wrong('double -0', double(-0)),
    wrong('infinity', double(Infinity)),
    wrong('minus infinity', double(-Infinity)),
    wrong('NaN', double(NaN)),
    wrong('a NaN with other bits', hex('010000000000f0ff')),
    bad('a double cut off', { columns: join(long(1), text('rating'), hex('06 00000000')) }),
    merged('empty bytes', of('cover', branch.bytes(hex('')))),
    merged('bytes of every kind', of('cover', branch.bytes(hex('00ff80c0')))),
    bad('bytes longer than the message', {
      columns: join(long(1), text('cover'), hex('0a'), long(9), hex('00')),
    }),
    quarantined('a double that is wrong in a dataset that is unknown', 'bad-double', {
      ...rating(double(NaN)),
      dataset: text('other'),
    }),
  ]
}

function wholeCases(): readonly Case[] {
  const whole = rawMutation(some(branch.string('a')))
  const cuts = [0, 8, 16, 17, 18, 24, 26, 28, whole.length - 3, whole.length - 1]
  return [
    bad('a byte behind the message', { rest: hex('00') }),
    bad('the message twice', { rest: rawMutation() }),
    ...cuts.map((length) =>
      bad(`cut off after ${length} bytes`, {
        ...Object.fromEntries(
          ['seq', 'operation', 'dataset', 'key', 'columns'].map((part) => [part, hex('')]),
        ),
        stamp: whole.subarray(0, length),
      }),
    ),
    quarantined('an update without columns', 'update-without-columns', { operation: long(1) }),
    quarantined('a delete with columns', 'delete-with-columns', {
      operation: long(2),
      columns: block([title]),
    }),
    quarantined('a delete with a null', 'delete-with-columns', {
      operation: long(2),
      columns: block([column('title', branch.null)]),
    }),
  ]
}
