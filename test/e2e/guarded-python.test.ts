// A guarded log that two implementations write, in Python and here, while its policies change: a node that follows, a new one and the fold in Python agree.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import type { PolicyRule } from '../../src/codec/control.ts'
import type { SignerKey } from '../../src/codec/signing/signer-key.ts'
import type { NewRecord } from '../../src/log/log.ts'
import { cli } from '../support/cli.ts'
import { runPython } from '../support/python.ts'
import { signatureOf, testKey, testKeyText, withSignature } from '../support/signers.ts'
import {
  appendRaw,
  catchUp,
  cellsOf,
  countsOf,
  createLogOfKind,
  createTestNode,
  foldInPython,
  isKafka,
  LOG_KINDS,
  type TestLog,
  type TestNode,
} from './support.ts'

const TIMEOUT_MS = 600_000
const PARTITIONS = 3

const dir = mkdtempSync(join(tmpdir(), 'spindexer-guarded-'))
afterAll(() => rmSync(dir, { recursive: true }))

const logIdOf = async (log: TestLog): Promise<string> =>
  JSON.parse(await cli(['log', 'check'], { env: log.env })).logId

interface PythonVerdict {
  readonly partition: number
  readonly offset: number
  readonly verdict: string
  readonly reason: string
}

/** The state by Python, and by `partition/offset` the reason of what it set aside, or the verdict. */
async function foldWithVerdicts(log: TestLog) {
  const file = join(dir, `${log.kind}-verdicts.jsonl`)
  const cells = await foldInPython(log, file)
  const verdicts = readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line): PythonVerdict => JSON.parse(line))
  const places = verdicts.map(
    ({ partition, offset, verdict, reason }) => [`${partition}/${offset}`, reason || verdict] as const,
  )
  return { cells, verdicts: new Map(places) }
}

/** By `partition/offset`, why a node has set it aside. */
async function setAsideOf(node: TestNode): Promise<ReadonlyMap<string, string>> {
  const rows = await node.query(
    `select partition, "offset", reason from spindexer.quarantined
     union all select partition, "offset", reason from spindexer.parked`,
  )
  return new Map(rows.map(({ partition, offset, reason }) => [`${partition}/${offset}`, reason!]))
}

const onlySetAside = (verdicts: ReadonlyMap<string, string>) =>
  new Map([...verdicts].filter(([, verdict]) => verdict !== 'merge' && verdict !== 'control'))

const sorted = (verdicts: ReadonlyMap<string, string>) =>
  [...verdicts].map(([place, verdict]) => `${place} ${verdict}`).sort()

describe.each(LOG_KINDS)('in %s', (kind) => {
  it(
    'what Python and our writer sign while policies change is the same to a node that follows, to a new one, and to Python',
    async () => {
      const world = await openMixed(kind)
      const following = await createTestNode(world.log, 'guarded-follow')
      for (const phase of PHASES) {
        await phase(world)
        await catchUp(following)
      }
      const node = await createTestNode(world.log, 'guarded-replay')
      await catchUp(node)
      const python = await foldWithVerdicts(world.log)
      const cells = await cellsOf(node)
      expect(await cellsOf(following)).toBe(cells)
      expect(python.cells).toBe(cells)
      expect(await countsOf(following)).toEqual(await countsOf(node))
      expect(sorted(await setAsideOf(node))).toEqual(sorted(onlySetAside(python.verdicts)))

      const counts: Record<string, number> = {}
      for (const verdict of python.verdicts.values()) counts[verdict] = (counts[verdict] ?? 0) + 1
      // The genesis of each partition and of the definitions, two definitions, four policies in each.
      expect(counts).toEqual({ ...world.expected, control: 4 + 2 + 4 * 4 })
      const signers = new Set([...cells.matchAll(/"signer":"?([^,"]+)/g)].map(([, signer]) => signer!))
      const { ada, writer, wallet, stranger } = KEYS
      const known = [ada, writer, wallet, stranger].map(({ signer }) => signer)
      expect(signers).toEqual(new Set(['null', ...known]))
      await Promise.all([following.drop(), node.drop()])
    },
    TIMEOUT_MS,
  )
})

const KEYS = {
  ada: testKey('ada'),
  ben: testKey('ben', 'eip191'),
  writer: testKey('writer'),
  wallet: testKey('wallet', 'eip191'),
  stranger: testKey('stranger'),
}
type KeyName = keyof typeof KEYS
const WALLETS: readonly KeyName[] = ['ben', 'wallet']
const keyText = (name: KeyName) => testKeyText(name, WALLETS.includes(name) ? 'eip191' : 'ed25519')

interface Mixed {
  readonly log: TestLog
  /** Messages by verdict: a phase adds what has to become of its own. */
  readonly expected: Record<string, number>
  /** Messages by Python: `together` signed at a time, by nobody where there is no key. */
  python(verdict: string, count: number, column: Column, key?: KeyName, together?: number): Promise<void>
  /** By our own command, which sends nothing that the policy does not allow. */
  publish(count: number, column: Column, key?: KeyName): Promise<void>
  policy(admin: KeyName, content: PolicyContent): Promise<void>
  /** Messages by Python whose signatures stand at other messages. */
  forge(count: number, key: KeyName): Promise<void>
}
type Column = 'title' | 'plays'

interface PolicyContent {
  readonly admins: readonly SignerKey[]
  readonly rules: readonly PolicyRule[]
  readonly unsigned: boolean
}

const writes = (key: KeyName, columns: PolicyRule['columns']): PolicyRule => ({
  signers: [KEYS[key].signer],
  operations: ['upsert'],
  datasets: ['tracks'],
  columns,
})
const admins = [KEYS.ada.signer, KEYS.ben.signer]

/** One after the other; a node that follows reads between them. */
const PHASES: readonly ((world: Mixed) => Promise<void>)[] = [
  async ({ python, publish }) => {
    await python('merge', 20, 'title', 'ada', 7)
    await python('not-allowed', 5, 'title', 'writer', 2)
    await publish(10, 'plays', 'ada')
  },
  async ({ policy, python, publish, forge }) => {
    await policy('ben', {
      admins,
      rules: [writes('writer', ['title', 'plays']), writes('wallet', '*')],
      unsigned: false,
    })
    await python('merge', 40, 'plays', 'writer', 16)
    await python('merge', 10, 'title', 'writer', 1)
    await python('merge', 3, 'title', 'wallet', 1)
    await forge(8, 'writer')
    await forge(4, 'wallet')
    await publish(25, 'title', 'wallet')
  },
  async ({ policy, python, publish }) => {
    await policy('ada', { admins, rules: [writes('writer', ['title'])], unsigned: false })
    await python('not-allowed', 9, 'plays', 'writer', 4)
    await publish(6, 'title', 'writer')
  },
  async ({ policy, python, publish }) => {
    await policy('ada', { admins: [KEYS.ben.signer], rules: [], unsigned: true })
    await python('merge', 12, 'plays')
    await python('merge', 5, 'plays', 'stranger', 5)
    await publish(7, 'title')
  },
  async ({ policy, python }) => {
    await policy('ben', { admins, rules: [writes('wallet', ['plays'])], unsigned: false })
    await python('unsigned', 2, 'title')
    await python('merge', 6, 'plays', 'wallet', 6)
  },
]

async function openMixed(kind: TestLog['kind']): Promise<Mixed> {
  const log = await createLogOfKind(kind, 'guarded-mixed', {
    partitions: PARTITIONS,
    admins,
    datasets: 'examples/catalogue',
    key: keyText('ada'),
  })
  const logId = await logIdOf(log)
  const keyFile = (name: KeyName) => {
    const path = join(dir, `${kind}-${name}.pem`)
    writeFileSync(path, keyText(name), { mode: 0o600 })
    return path
  }
  const expected: Record<string, number> = {}
  const expectMore = (verdict: string, count: number) => {
    expected[verdict] = (expected[verdict] ?? 0) + count
  }
  let number = 0
  const rows = (count: number) => Array.from({ length: count }, () => number++)
  /** Some rows are written again and again, by several hands. */
  const idOf = (row: number) => `t${row % 60}`

  const pythonLines = (count: number, column: Column) =>
    rows(count)
      .map((row) => ({
        dataset: 'tracks',
        operation: 'upsert',
        key: [idOf(row)],
        columns: { [column]: column === 'plays' ? { long: String(row) } : { string: `title ${row}` } },
      }))
      .map((line) => JSON.stringify(line))
      .join('\n')
  const makeRecords = async (lines: string, key: KeyName, together: number): Promise<NewRecord[]> => {
    const args = ['--log-id', logId, '--key', keyFile(key), '--together', String(together)]
    const { code, stdout, stderr } = await runPython('make_records.py', args, { input: lines })
    expect(code, stderr).toBe(0)
    return stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
      .map(({ value, signature }, i) =>
        withSignature(
          { partition: i % PARTITIONS, key: null, value: Buffer.from(value, 'base64') },
          Buffer.from(signature, 'base64'),
        ),
      )
  }

  return {
    log,
    expected,
    async python(verdict, count, column, key, together = 1) {
      expectMore(verdict, count)
      const lines = pythonLines(count, column)
      if (isKafka(log)) {
        const args = ['--brokers', log.brokers.join(','), '--topic', log.topic]
        const signed = key === undefined ? [] : ['--key', keyFile(key), '--together', String(together)]
        const { code, stderr } = await runPython('write_topic.py', [...args, ...signed], { input: lines })
        expect(code, stderr).toBe(0)
      } else {
        const records = await makeRecords(lines, key ?? 'stranger', together)
        await appendRaw(
          log,
          key === undefined ? records.map((record) => ({ ...record, headers: [] })) : records,
        )
      }
    },
    async publish(count, column, key) {
      expectMore('merge', count)
      const input = rows(count)
        .map((row) => ({ id: idOf(row), [column]: column === 'plays' ? row : `title ${row}` }))
        .map((data) => JSON.stringify({ dataset: 'tracks', operation: 'upsert', data }))
        .join('\n')
      const signing: TestLog['env'] = key === undefined ? {} : { SPINDEXER_KEY: keyText(key) }
      await cli(['publish', '-'], { env: { ...log.env, ...signing }, input })
    },
    async policy(admin, content) {
      const path = join(dir, `${kind}-policy.json`)
      writeFileSync(path, JSON.stringify(content))
      await cli(['policy', 'apply', path], { env: { ...log.env, SPINDEXER_KEY: keyText(admin) } })
    },
    async forge(count, key) {
      expectMore('bad-signature', count)
      const records = await makeRecords(pythonLines(count, 'title'), key, count)
      const moved = records.map((record, i) =>
        withSignature(record, signatureOf(records[(i + 1) % records.length]!)),
      )
      await appendRaw(log, moved)
    },
  }
}
