// Sequences about what rules allow: signers, datasets, operations, columns, and mutations that nobody has signed.

import {
  by,
  DELETE,
  FIRST,
  forged,
  mutation,
  policy,
  row,
  rule,
  SECOND,
  type Sequence,
  type Step,
  UPDATE,
  UPSERT,
  unsigned,
  WALLET,
} from './policies-world.ts'
import { long, stampOf, text } from './raw-avro.ts'
import { APPEND_MS, DEFINITION_TEXTS, MAX_CLOCK_AHEAD_MS } from './verdicts-world.ts'

export function rightSequences(): readonly Sequence[] {
  return [
    columns(),
    operations(),
    datasetsAndSigners(),
    united(),
    emptyLists(),
    changes(),
    unsignedOnes(),
    strictKeys(),
    dataPartition(),
  ]
}

const tracks = (columns: readonly string[], operation = UPSERT) => row('tracks', operation, columns)
const mine = { signers: [SECOND] }

function columns(): Sequence {
  const rules = [rule({ ...mine, datasets: ['tracks'], columns: ['title', 'plays'] })]
  return {
    name: 'columns',
    admins: [FIRST],
    steps: [
      by('first', 'control', 'version 1', policy(1, { rules })),
      by('second', 'merge', 'one of two', tracks(['title'])),
      by('second', 'merge', 'both', tracks(['plays', 'title'])),
      by('second', 'merge', 'none: the row alone', tracks([])),
      by('second', 'not-allowed', 'another', tracks(['cover'])),
      by('second', 'not-allowed', 'another beside one of the two', tracks(['cover', 'title'])),
      by('first', 'merge', 'an admin needs no rule', tracks(['cover', 'title'])),
      by(
        'second',
        'not-allowed',
        'a column that is not defined',
        mutation({
          columns: Buffer.concat([long(1), text('other'), Buffer.from([0]), Buffer.from([0])]),
        }),
      ),
      by(
        'first',
        'control',
        'version 2 names it',
        policy(2, { rules: [rule({ ...mine, columns: ['other'] })] }),
      ),
      by(
        'second',
        'unknown-column',
        'a column that is not defined, with the right',
        mutation({
          columns: Buffer.concat([long(1), text('other'), Buffer.from([0]), Buffer.from([0])]),
        }),
      ),
      by('second', 'not-allowed', 'what version 1 allowed', tracks(['title'])),
    ],
  }
}

function operations(): Sequence {
  const steps = (allowed: readonly number[]): readonly Step[] =>
    (
      [
        ['an upsert', UPSERT, tracks([])],
        ['an update', UPDATE, tracks(['title'], UPDATE)],
        ['a delete', DELETE, tracks([], DELETE)],
      ] as const
    ).map(([name, operation, value]) =>
      by('second', allowed.includes(operation) ? 'merge' : 'not-allowed', `${name} under it`, value),
    )
  const only = (version: number, operations: readonly ('upsert' | 'update' | 'delete')[]) =>
    by(
      'first',
      'control',
      `version ${version}: ${operations.join(', ')}`,
      policy(version, { rules: [rule({ ...mine, operations })] }),
    )
  return {
    name: 'operations: none of them brings another',
    admins: [FIRST],
    steps: [
      only(1, ['upsert']),
      ...steps([UPSERT]),
      only(2, ['update']),
      ...steps([UPDATE]),
      only(3, ['delete']),
      ...steps([DELETE]),
      only(4, ['delete', 'update', 'upsert', 'update']),
      ...steps([UPSERT, UPDATE, DELETE]),
    ],
  }
}

function datasetsAndSigners(): Sequence {
  return {
    name: 'datasets and signers',
    admins: [FIRST],
    steps: [
      by(
        'first',
        'control',
        'version 1',
        policy(1, {
          rules: [
            rule({ signers: [SECOND, WALLET], datasets: ['plain', 'undefined'] }),
            rule({ signers: [WALLET], datasets: ['tracks'] }),
          ],
        }),
      ),
      by('second', 'merge', 'a dataset with the right', row('plain', UPSERT)),
      by('second', 'not-allowed', 'a dataset without the right', tracks(['title'])),
      by('second', 'unknown-dataset', 'one with the right, not defined', row('undefined', UPSERT)),
      by('wallet', 'merge', 'a wallet, by the first rule', row('plain', UPSERT)),
      by('wallet', 'merge', 'a wallet, by the second rule', tracks(['title'])),
      by('otherWallet', 'not-allowed', 'a wallet that no rule names', row('plain', UPSERT)),
      by('first', 'control', 'version 2: everybody', policy(2, { rules: [rule({ datasets: ['plain'] })] })),
      by('otherWallet', 'merge', 'everybody is everybody who signs', row('plain', UPSERT)),
      unsigned('unsigned', 'but not nobody', row('plain', UPSERT)),
      by('second', 'not-allowed', 'another dataset', tracks(['title'])),
    ],
  }
}

function united(): Sequence {
  const rules = [
    rule({ ...mine, datasets: ['tracks'], columns: ['title'] }),
    rule({ datasets: '*', columns: ['plays'] }),
    rule({ ...mine, datasets: ['tracks'], operations: ['update'], columns: ['flag'] }),
    rule({ ...mine, datasets: ['plain'], columns: '*' }),
    rule({ signers: [WALLET], columns: ['cover'] }),
  ]
  return {
    name: 'rules unite: one for the row, and one for each column',
    admins: [FIRST],
    steps: [
      by('first', 'control', 'version 1', policy(1, { rules })),
      by('second', 'merge', 'a column of each of two rules', tracks(['plays', 'title'])),
      by('second', 'not-allowed', 'a column of a rule for another operation', tracks(['flag', 'title'])),
      by('second', 'merge', 'the same column under that operation', tracks(['flag'], UPDATE)),
      by('second', 'not-allowed', 'a column of a rule for another signer', tracks(['cover', 'title'])),
      by('wallet', 'merge', 'that signer, with everybody’s column', tracks(['cover', 'plays'])),
      by('wallet', 'not-allowed', 'that signer, with another’s column', tracks(['cover', 'title'])),
      by('second', 'not-allowed', 'a delete, which no rule names', tracks([], DELETE)),
    ],
  }
}

function emptyLists(): Sequence {
  const version = (number: number, name: string, members: Parameters<typeof rule>[0]) =>
    by('first', 'control', `version ${number}: ${name}`, policy(number, { rules: [rule(members)] }))
  return {
    name: 'empty lists',
    admins: [FIRST],
    steps: [
      version(1, 'no columns', { columns: [] }),
      by('second', 'merge', 'a row alone', tracks([])),
      by('second', 'not-allowed', 'a row with a column', tracks(['title'])),
      version(2, 'no datasets', { datasets: [] }),
      by('second', 'not-allowed', 'no dataset', tracks([])),
      version(3, 'no operations', { operations: [] }),
      by('second', 'not-allowed', 'no operation', tracks([])),
      version(4, 'no signers', { signers: [] }),
      by('second', 'not-allowed', 'no signer', tracks([])),
      by('first', 'merge', 'an admin', tracks(['title'])),
      version(5, 'columns twice', { columns: ['title', 'title'], signers: [SECOND, SECOND] }),
      by('second', 'merge', 'once is enough', tracks(['title'])),
    ],
  }
}

function changes(): Sequence {
  const narrow = [rule({ ...mine, columns: ['title'] })]
  const wide = [rule({ ...mine, operations: ['upsert', 'update', 'delete'] })]
  return {
    name: 'tightened and loosened in the middle',
    admins: [FIRST],
    steps: [
      by('second', 'not-allowed', 'too early', tracks(['title'])),
      by('first', 'control', 'version 1, wide', policy(1, { rules: wide })),
      by('second', 'merge', 'what it allows', tracks([], DELETE)),
      by('first', 'control', 'version 2, narrow', policy(2, { rules: narrow })),
      by('second', 'not-allowed', 'what it does not allow any more', tracks([], DELETE)),
      by('second', 'merge', 'what it still allows', tracks(['title'])),
      by('first', 'control', 'version 3, wide again', policy(3, { rules: wide })),
      by('second', 'merge', 'what it allows again', tracks([], DELETE)),
      by('first', 'control', 'version 4, nothing', policy(4, {})),
      by('second', 'not-allowed', 'nothing', tracks(['title'])),
    ],
  }
}

function unsignedOnes(): Sequence {
  const late = stampOf((APPEND_MS + BigInt(MAX_CLOCK_AHEAD_MS)) * 1_000_000n + 1n)
  return {
    name: 'mutations without a signature',
    admins: [FIRST],
    steps: [
      unsigned('unsigned', 'before any policy', tracks(['title'])),
      unsigned('clock-ahead', 'one whose clock is ahead', mutation({ stamp: late })),
      by('first', 'control', 'version 1 asks for none', policy(1, { unsigned: true })),
      unsigned('merge', 'nobody’s', tracks(['title'])),
      unsigned('merge', 'nobody’s, a delete', tracks([], DELETE)),
      unsigned('unknown-dataset', 'nobody’s, of a dataset that is not defined', row('other', UPSERT)),
      by('second', 'merge', 'a stranger’s, who signs all the same', tracks(['title'])),
      forged(by('second', 'bad-signature', 'a forged one', tracks(['title']))),
      unsigned('not-admin', 'version 2 by nobody', policy(2, { unsigned: true })),
      by('second', 'not-admin', 'version 2 by a stranger', policy(2, { unsigned: true })),
      by('first', 'control', 'version 2 asks for one', policy(2, { rules: [rule(mine)] })),
      unsigned('unsigned', 'nobody’s', tracks(['title'])),
      by('second', 'merge', 'whom a rule names', tracks(['title'])),
      by('wallet', 'not-allowed', 'a stranger’s', tracks(['title'])),
    ],
  }
}

/** A key of small order signs for everybody, so naming it may not give a right to anybody. */
function strictKeys(): Sequence {
  const key = `ed25519:01${'00'.repeat(31)}`
  const neutral = Buffer.concat([Buffer.of(1), ...Array(2).fill(Buffer.from(key.slice(8), 'hex'))])
  const header = Buffer.concat([neutral, Buffer.alloc(32), Buffer.from('0000000100000000', 'hex')])
  const step = (name: string, value: Buffer): Step => ({
    ...unsigned('bad-signature', name, value),
    headers: [{ name: 'spindexer-signature', value: header }],
  })
  return {
    name: 'a key of small order among admins and signers',
    admins: [FIRST, key],
    steps: [
      step('its message', tracks(['title'])),
      step('its policy', policy(1, {})),
      by('first', 'control', 'version 1', policy(1, { rules: [rule({ signers: [key] })] })),
      step('its message under a rule', tracks(['title'])),
    ],
  }
}

function dataPartition(): Sequence {
  const definition = Buffer.from(DEFINITION_TEXTS[1]!)
  return {
    name: 'what has no place in a data partition, whoever signs it',
    admins: [FIRST],
    steps: [
      by('first', 'dataset-in-data', 'a definition by an admin', definition),
      unsigned('dataset-in-data', 'a definition by nobody', definition),
      by('first', 'bad-control', 'a control record of no kind', Buffer.from('{"kind":"other"}')),
      by('first', 'unknown-framing', 'a value that is none', Buffer.from('ff', 'hex')),
    ],
  }
}
