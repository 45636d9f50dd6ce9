// Sequences about who changes policies: versions, admins, closes, and what of all this counts in an open log.

import {
  by,
  closeOf,
  FIRST,
  forged,
  genesisOf,
  OTHER_WALLET,
  policy,
  row,
  rule,
  SECOND,
  type Sequence,
  type Step,
  together,
  UPDATE,
  UPSERT,
  unsigned,
  WALLET,
} from './policies-world.ts'
import { OTHER_LOG_ID } from './verdicts-world.ts'

const EVERYBODY = [rule({})]
const message = row('tracks', UPSERT, ['title'])

export function versionSequences(): readonly Sequence[] {
  return [
    beforeAny(),
    versions(),
    replacedAdmins(),
    noAdmins(),
    notCounted(),
    inBatches(),
    close(),
    closeByNewAdmins(),
    laterGeneration(),
    open(),
  ]
}

function beforeAny(): Sequence {
  return {
    name: 'before the first policy, admins alone may write',
    admins: [FIRST, WALLET],
    steps: [
      by('first', 'merge', 'an admin', message),
      by('wallet', 'merge', 'the other admin', message),
      by('second', 'not-allowed', 'a stranger', message),
      by('otherWallet', 'not-allowed', 'another stranger', message),
      unsigned('unsigned', 'nobody', message),
      forged(by('first', 'bad-signature', 'an admin, forged', message)),
      by('first', 'bad-signature', 'an admin, for another log', message, OTHER_LOG_ID),
      by('first', 'unknown-dataset', 'an admin, of a dataset that is not defined', row('other', UPSERT)),
      by('second', 'not-allowed', 'a stranger, of a dataset that is not defined', row('other', UPSERT)),
      by('first', 'update-without-columns', 'an admin, an update of nothing', row('tracks', UPDATE)),
      unsigned('control', 'the genesis once more, by nobody', genesisOf([FIRST, WALLET], 1, 0)),
      by('second', 'control', 'a genesis of the log with other admins', genesisOf([SECOND], 1, 0)),
      by('second', 'not-allowed', 'the admin that it names', message),
      unsigned('foreign-genesis', 'the genesis of another log', genesisOf([FIRST], 1, 0, OTHER_LOG_ID)),
    ],
  }
}

function versions(): Sequence {
  return {
    name: 'versions go up one by one',
    admins: [FIRST],
    steps: [
      by('second', 'not-admin', 'version 1 by a stranger', policy(1, { admins: [SECOND] })),
      unsigned('not-admin', 'version 1 by nobody', policy(1, { rules: EVERYBODY })),
      forged(by('first', 'bad-signature', 'version 1, forged', policy(1, { rules: EVERYBODY }))),
      by('second', 'not-allowed', 'nothing has changed', message),
      by('first', 'wrong-version', 'version 2 before version 1', policy(2, { rules: EVERYBODY })),
      by('first', 'control', 'version 1', policy(1, { rules: EVERYBODY })),
      by('second', 'merge', 'what version 1 allows', message),
      by('first', 'wrong-version', 'version 1 once more', policy(1, { rules: EVERYBODY })),
      by('first', 'wrong-version', 'another version 1', policy(1, {})),
      by('first', 'wrong-version', 'version 3 before version 2', policy(3, {})),
      by('second', 'merge', 'version 1 still holds', message),
      by('first', 'control', 'version 2, which allows nothing', policy(2, {})),
      by('second', 'not-allowed', 'what version 1 allowed', message),
      by('first', 'wrong-version', 'the old version 1 behind version 2', policy(1, { rules: EVERYBODY })),
      by('first', 'wrong-version', 'the greatest version', policy(9_007_199_254_740_991, {})),
      by('second', 'not-allowed', 'version 2 still holds', message),
      by('first', 'control', 'version 3, as version 1', policy(3, { rules: EVERYBODY })),
      by('second', 'merge', 'what version 3 allows', message),
    ],
  }
}

function replacedAdmins(): Sequence {
  const first = by('first', 'control', 'version 1 names other admins', policy(1, { admins: [WALLET] }))
  return {
    name: 'admins are replaced, and come back',
    admins: [FIRST, SECOND],
    steps: [
      first,
      by('first', 'not-allowed', 'a replaced admin writes', message),
      by('first', 'not-admin', 'a replaced admin makes the next version', policy(2, {})),
      by('second', 'not-admin', 'the other one too', policy(2, { admins: [SECOND] })),
      { ...first, name: 'the record of version 1 once more', expected: 'not-admin' },
      by('wallet', 'merge', 'the new admin writes', message),
      by('wallet', 'control', 'version 2 brings one back', policy(2, { admins: [FIRST, OTHER_WALLET] })),
      { ...first, name: 'the record of version 1 by an admin of today', expected: 'wrong-version' },
      by('wallet', 'not-allowed', 'who has gone cannot write', message),
      by('first', 'merge', 'who has come back can', message),
      by('otherWallet', 'control', 'version 3 by the newest', policy(3, { admins: [OTHER_WALLET] })),
    ],
  }
}

function noAdmins(): Sequence {
  return {
    name: 'a policy without admins is the last one',
    admins: [FIRST],
    steps: [
      by('first', 'control', 'version 1', policy(1, { admins: [], rules: [rule({ signers: [WALLET] })] })),
      by('first', 'not-allowed', 'who was an admin', message),
      by('wallet', 'merge', 'whom a rule names', message),
      by('first', 'not-admin', 'version 2', policy(2, {})),
      by('first', 'not-admin', 'a close', closeOf(1)),
      unsigned('unsigned', 'nobody', message),
    ],
  }
}

function notCounted(): Sequence {
  const valid = by('first', 'control', 'version 1', policy(1, { rules: EVERYBODY }))
  const with_ = (name: string, expected: Step['expected'], step: Partial<Step>): Step => ({
    ...valid,
    name,
    expected,
    ...step,
  })
  const [signature] = valid.headers!
  const mark = { name: 'spindexer-quarantined', value: Buffer.from('x') }
  const spaced = Buffer.from(valid.value!.toString().replace(':', ': '))
  const doubled = Buffer.from(valid.value!.toString().replace('["upsert"]', '["insert"]'))
  return {
    name: 'a policy that is quarantined for its form does not count',
    admins: [FIRST],
    steps: [
      with_('marked', 'marked', { headers: [signature!, mark] }),
      with_('signed twice', 'repeated-header', { headers: [signature!, signature!] }),
      with_('with its writer’s time', 'not-log-time', { stampedByLog: false }),
      by('first', 'bad-control', 'not canonical', spaced),
      by('first', 'bad-control', 'an operation that there is not', doubled),
      by('second', 'not-allowed', 'none of them counts', message),
      valid,
      by('second', 'merge', 'this one does', message),
    ],
  }
}

function inBatches(): Sequence {
  return {
    name: 'messages and policies that were signed together',
    admins: [FIRST],
    steps: [
      ...together('first', [
        unsigned('merge', 'a message of five', message),
        unsigned('control', 'version 1 among them', policy(1, { admins: [WALLET] })),
        unsigned('not-admin', 'version 2, by who is no admin any more', policy(2, {})),
        unsigned('not-allowed', 'a message of five, behind the policy', message),
        unsigned('not-admin', 'a close among them', closeOf(1)),
      ]),
      ...together('wallet', [
        unsigned('merge', 'a message of three', message),
        unsigned('control', 'version 2 among them', policy(2, { rules: EVERYBODY })),
        unsigned('merge', 'the last of three', message),
      ]),
    ],
  }
}

function close(): Sequence {
  return {
    name: 'behind a close',
    admins: [FIRST],
    steps: [
      by('first', 'control', 'version 1', policy(1, { rules: EVERYBODY })),
      by('second', 'not-admin', 'a close by a stranger', closeOf(1)),
      unsigned('not-admin', 'a close by nobody', closeOf(1)),
      forged(by('first', 'bad-signature', 'a close, forged', closeOf(1))),
      by('first', 'wrong-generation', 'a close of the next generation', closeOf(2)),
      by('second', 'merge', 'none of them closes', message),
      by('first', 'control', 'a close', closeOf(1)),
      by('second', 'closed', 'a message', message),
      by('first', 'closed', 'an admin’s message', message),
      unsigned('closed', 'nobody’s message', message),
      forged(by('first', 'closed', 'a forged one', message)),
      by('first', 'closed', 'version 2', policy(2, { rules: EVERYBODY })),
      by('first', 'closed', 'a close once more', closeOf(1)),
      unsigned('closed', 'the genesis once more', genesisOf([FIRST], 1, 0)),
      unsigned('no-value', 'no value', null),
    ],
  }
}

function closeByNewAdmins(): Sequence {
  return {
    name: 'the admins of the moment close, also where nobody has to sign',
    admins: [FIRST],
    steps: [
      by('first', 'control', 'version 1', policy(1, { admins: [WALLET], unsigned: true })),
      unsigned('merge', 'nobody’s message', message),
      by('first', 'not-admin', 'a close by an admin of the genesis', closeOf(1)),
      unsigned('not-admin', 'a close by nobody', closeOf(1)),
      by('wallet', 'control', 'a close', closeOf(1)),
      unsigned('closed', 'nobody’s message behind it', message),
    ],
  }
}

function laterGeneration(): Sequence {
  return {
    name: 'generation 3',
    admins: [FIRST],
    generation: 3,
    steps: [
      by('first', 'wrong-generation', 'a close of generation 1, copied along', closeOf(1)),
      by('first', 'wrong-generation', 'a close of generation 2', closeOf(2)),
      by('first', 'merge', 'a message', message),
      by('first', 'control', 'a close of generation 3', closeOf(3)),
      by('first', 'closed', 'a message behind it', message),
    ],
  }
}

function open(): Sequence {
  const nobody = { signer: null }
  return {
    name: 'an open log: nothing of this decides anything',
    admins: [],
    steps: [
      unsigned('merge', 'nobody’s message', message),
      { ...by('first', 'merge', 'a signed message', message), ...nobody },
      { ...forged(by('first', 'merge', 'a forged one', message)), ...nobody },
      by('first', 'control', 'version 7', policy(7, {})),
      unsigned('control', 'a policy by nobody', policy(1, { admins: [WALLET] })),
      unsigned('merge', 'nobody’s message behind policies', message),
      unsigned('control', 'a close by nobody', closeOf(1)),
      by('first', 'control', 'a close of another generation', closeOf(9)),
      unsigned('merge', 'nobody’s message behind closes', message),
      {
        ...unsigned('merge', 'a signature of no bytes', message),
        headers: [{ name: 'spindexer-signature', value: Buffer.alloc(0) }],
      },
    ],
  }
}
