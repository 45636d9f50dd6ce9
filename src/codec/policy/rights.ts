// Whether a policy lets a signer write a mutation, and by which rule: the one judgement for nodes, doors and `policy check`.

import type { Mutation } from '../../crdt/mutation.ts'
import type { PolicyRule } from '../control.ts'
import type { Signer } from '../signing/signer-key.ts'
import { quoteShort } from '../words.ts'
import type { GuardedStanding } from './standing.ts'

export type Permission =
  /** `by` is for people: `rule 3`, `an admin`, … */
  | { readonly type: 'allowed'; readonly by: string }
  | { readonly type: 'refused'; readonly reason: 'unsigned' | 'not-allowed'; readonly detail: string }

/** What of a mutation a policy looks at. */
export type Act = Pick<Mutation, 'operation' | 'dataset'> & { readonly columns: Iterable<string> }

/**
 * Admins may write everything, and everybody where unsigned mutations are allowed. Else the rules that name the signer,
 * the dataset and the operation are put together: there has to be one, and each column has to be in one of them.
 */
export function permit(standing: GuardedStanding, signer: Signer, act: Act): Permission {
  const { version, admins, rules, unsigned } = standing
  const policy = version === 0 ? 'the genesis, before any policy' : `policy version ${version}`
  if (unsigned) return { type: 'allowed', by: `${policy}: mutations need no signature` }
  if (signer === null) {
    const who = version === 0 ? 'only admins may write, and they sign' : 'mutations have to be signed'
    return { type: 'refused', reason: 'unsigned', detail: `${policy}: ${who}` }
  }
  if (admins.includes(signer)) return { type: 'allowed', by: `${policy}: ${signer} is an admin` }
  const applying = rules.flatMap((rule, i) => (isAbout(rule, signer, act) ? [{ rule, number: i + 1 }] : []))
  if (applying.length === 0) {
    const detail = `${policy}: no rule lets ${signer} ${act.operation} rows of ${act.dataset}`
    return { type: 'refused', reason: 'not-allowed', detail }
  }
  const numbers = applying.map(({ number }) => number)
  for (const column of act.columns) {
    if (applying.some(({ rule }) => rule.columns === '*' || rule.columns.includes(column))) continue
    const detail = `${policy}: ${ruleWords(numbers)} ${numbers.length === 1 ? 'lets' : 'let'} ${signer} ${act.operation} rows of ${act.dataset}, but not column ${quoteShort(column)}`
    return { type: 'refused', reason: 'not-allowed', detail }
  }
  return { type: 'allowed', by: `${policy}: ${ruleWords(numbers)}` }
}

function isAbout({ signers, datasets, operations }: PolicyRule, signer: string, act: Act): boolean {
  return (
    (signers === '*' || signers.includes(signer)) &&
    (datasets === '*' || datasets.includes(act.dataset)) &&
    operations.includes(act.operation)
  )
}

/** Rules are counted from 1, as they stand in the file. */
function ruleWords(numbers: readonly number[]): string {
  return numbers.length === 1 ? `rule ${numbers[0]}` : `rules ${numbers.join(', ')}`
}
