// Sequences of the definitions of a guarded log, which have policies and closes of their own.

import { DEFINITIONS } from '../../src/codec/record.ts'
import {
  by,
  closeOf,
  FIRST,
  forged,
  policy,
  row,
  rule,
  SECOND,
  type Sequence,
  UPSERT,
  unsigned,
  WALLET,
} from './policies-world.ts'
import { DEFINITION_TEXTS } from './verdicts-world.ts'

const [tracks, plain, pairs, typed] = DEFINITION_TEXTS.map((text) => Buffer.from(text))
const otherKey = Buffer.from(
  DEFINITION_TEXTS[1]!.replace('"key":["id"]', '"key":["other"]').replace('"name":"id"', '"name":"other"'),
)
const noSchema = Buffer.from('{"kind":"dataset","schema":{}}')

export function definitionSequences(): readonly Sequence[] {
  return [
    {
      name: 'definitions are the admins’',
      admins: [FIRST],
      partition: DEFINITIONS,
      steps: [
        unsigned('not-admin', 'a definition by nobody', tracks!),
        by('second', 'not-admin', 'a definition by a stranger', tracks!),
        forged(by('first', 'bad-signature', 'a definition, forged', tracks!)),
        by('first', 'taken', 'a definition by an admin', plain!),
        by('first', 'taken', 'it once more', plain!),
        by('second', 'not-admin', 'it once more by a stranger', plain!),
        by('first', 'key-changed', 'one that contradicts it', otherKey),
        by('first', 'bad-definition', 'one that is none', noSchema),
        unsigned('not-admin', 'one that is none by nobody', noSchema),
        by('first', 'mutation-in-definitions', 'a mutation by an admin', row('plain', UPSERT)),
        unsigned('mutation-in-definitions', 'a mutation by nobody', row('plain', UPSERT)),
      ],
    },
    {
      name: 'policies among the definitions',
      admins: [FIRST],
      partition: DEFINITIONS,
      steps: [
        by(
          'first',
          'control',
          'version 1',
          policy(1, { admins: [WALLET], rules: [rule({})], unsigned: true }),
        ),
        unsigned('not-admin', 'no rule lets anybody define', tracks!),
        by('second', 'not-admin', 'not who signs either', tracks!),
        by('first', 'not-admin', 'nor a replaced admin', tracks!),
        by('wallet', 'taken', 'the new admin', tracks!),
        by('wallet', 'wrong-version', 'version 1 once more', policy(1, {})),
        by('first', 'not-admin', 'version 2 by a replaced admin', policy(2, {})),
        by('wallet', 'control', 'version 2', policy(2, { admins: [SECOND] })),
        by('second', 'taken', 'the newest admin', pairs!),
        by('wallet', 'not-admin', 'the one before', typed!),
      ],
    },
    {
      name: 'a close among the definitions',
      admins: [FIRST],
      partition: DEFINITIONS,
      generation: 2,
      steps: [
        by('first', 'taken', 'a definition', plain!),
        by('second', 'not-admin', 'a close by a stranger', closeOf(2)),
        by('first', 'wrong-generation', 'a close of generation 1', closeOf(1)),
        by('first', 'taken', 'a definition behind none', tracks!),
        by('first', 'control', 'a close', closeOf(2)),
        by('first', 'closed', 'a definition behind it', pairs!),
        by('first', 'closed', 'a policy behind it', policy(1, {})),
      ],
    },
    {
      name: 'the definitions of an open log',
      admins: [],
      partition: DEFINITIONS,
      steps: [
        unsigned('taken', 'a definition by nobody', plain!),
        { ...forged(by('first', 'taken', 'a definition, forged', tracks!)), signer: null },
        unsigned('control', 'a policy', policy(4, {})),
        unsigned('control', 'a close', closeOf(1)),
        unsigned('taken', 'a definition behind it', pairs!),
      ],
    },
  ]
}
