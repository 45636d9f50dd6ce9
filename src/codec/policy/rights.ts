// Who may write what under a policy, and by which rule: the one judgement for nodes, doors and `policy check`.

import type { Mutation, Operation } from '../../crdt/mutation.ts'
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

/** What one signer may write; one object for all signers to whom the same rules apply. */
export interface Right {
  /**
   * The columns that rows of the dataset may name under the operation (UPSERT, UPDATE or DELETE of
   * crdt/packed/message.ts). Null: not even a row without columns.
   */
  permits(operation: number, dataset: string): 'all' | ReadonlySet<string> | null
}

/** A policy made ready to be asked often: what an answer costs does not grow with the policy. */
export interface Rights {
  rightOf(signer: Signer): Right
  /** The same in words. */
  permit(signer: Signer, act: Act): Permission
}

/** In the order of the operations' numbers. */
const OPERATIONS: readonly Operation[] = ['upsert', 'update', 'delete']
/** Numbers of rules and names of columns that are kept together for all answers given: a few MiB. */
const WEIGHT_MAX = 300_000
/** Numbers of rules that are told to people: a policy may have thousands that apply. */
const NUMBERS_TOLD = 8

const rightsByStanding = new WeakMap<GuardedStanding, Rights>()

/** The rights under a standing, compiled once for as long as somebody holds the standing. */
export function rightsOf(standing: GuardedStanding): Rights {
  const known = rightsByStanding.get(standing)
  if (known !== undefined) return known
  const rights = createRights(standing)
  rightsByStanding.set(standing, rights)
  return rights
}

/**
 * Admins may write everything, and everybody where unsigned mutations are allowed. Else the rules that name the signer,
 * the dataset and the operation are put together: there has to be one, and each column has to be in one of them.
 */
export function permit(standing: GuardedStanding, signer: Signer, act: Act): Permission {
  return rightsOf(standing).permit(signer, act)
}

/**
 * Compiles a standing: once through its policy, as much memory as the policy takes. Whether a close stands there, and
 * whether the signature is right, is judged before.
 */
export function createRights({ version, admins, rules, unsigned }: GuardedStanding): Rights {
  const policy = version === 0 ? 'the genesis, before any policy' : `policy version ${version}`
  const isAdmin = new Set(admins)
  const grantsOf = createGrants(rules)
  return {
    rightOf(signer) {
      if (unsigned || (signer !== null && isAdmin.has(signer))) return EVERYTHING
      return signer === null ? NOTHING : grantsOf(signer)
    },
    permit(signer, { operation, dataset, columns }) {
      if (unsigned) return { type: 'allowed', by: `${policy}: mutations need no signature` }
      if (signer === null) {
        const who = version === 0 ? 'only admins may write, and they sign' : 'mutations have to be signed'
        return { type: 'refused', reason: 'unsigned', detail: `${policy}: ${who}` }
      }
      if (isAdmin.has(signer)) return { type: 'allowed', by: `${policy}: ${signer} is an admin` }
      const grant = grantsOf(signer).grant(OPERATIONS.indexOf(operation), dataset)
      const act = () => `${signer} ${operation} rows of ${dataset}`
      if (grant.columns === null) return refuse(`${policy}: no rule lets ${act()}`)
      if (grant.columns !== 'all') {
        for (const column of columns) {
          if (grant.columns.has(column)) continue
          const lets = grant.numbers.length === 1 ? 'lets' : 'let'
          return refuse(
            `${policy}: ${ruleWords(grant.numbers)} ${lets} ${act()}, but not column ${quoteShort(column)}`,
          )
        }
      }
      return { type: 'allowed', by: `${policy}: ${ruleWords(grant.numbers)}` }
    },
  }
}

const EVERYTHING: Right = { permits: () => 'all' }
const NOTHING: Right = { permits: () => null }

function refuse(detail: string): Permission {
  return { type: 'refused', reason: 'not-allowed', detail }
}

/** Rules are counted from 1, as they stand in the file. */
function ruleWords(numbers: readonly number[]): string {
  if (numbers.length === 1) return `rule ${numbers[0]}`
  const told = numbers.slice(0, NUMBERS_TOLD).join(', ')
  return numbers.length <= NUMBERS_TOLD
    ? `rules ${told}`
    : `rules ${told} and ${numbers.length - NUMBERS_TOLD} more`
}

/** What the rules that apply to a signer, an operation and a dataset come to. */
interface Grant {
  readonly numbers: readonly number[]
  readonly columns: ReturnType<Right['permits']>
}

interface GrantedRight extends Right {
  grant(operation: number, dataset: string): Grant
}

/** A rule whose lists can be asked. */
interface Rule {
  readonly number: number
  readonly operations: readonly boolean[]
  readonly datasets: ReadonlySet<string> | '*'
  readonly columns: ReadonlySet<string> | '*'
}

/** The dataset that stands for all that no rule names: no dataset has this name. */
const ELSEWHERE = ''

function createGrants(policyRules: readonly PolicyRule[]): (signer: string) => GrantedRight {
  const { rules, rulesBySigner, forAll } = index(policyRules)
  const named = new Set(rules.flatMap(({ datasets }) => (datasets === '*' ? [] : [...datasets])))
  /** Only of signers that a rule names, so the policy bounds them: anybody can sign with a key of his own. */
  const rightBySigner = new Map<string, GrantedRight>()
  const rightByNumbers = new Map<string, GrantedRight>()
  /** Grants by dataset, those of a right in a map of its own; all are forgotten at once. */
  const kept: Map<string, Grant[]>[] = []
  let weight = 0

  const weigh = ({ numbers, columns }: Grant): void => {
    weight += 1 + numbers.length
    if (numbers.length > 1 && columns !== null && columns !== 'all') weight += columns.size
    if (weight <= WEIGHT_MAX) return
    for (const grants of kept) grants.clear()
    weight = 0
  }
  const createRight = (own: readonly Rule[]): GrantedRight => {
    const grants = new Map<string, Grant[]>()
    kept.push(grants)
    const grant = (operation: number, dataset: string): Grant => {
      const place = named.has(dataset) ? dataset : ELSEWHERE
      const known = grants.get(place)?.[operation]
      if (known !== undefined) return known
      const made = unite(own, forAll, operation, place)
      weigh(made)
      const ofDataset = grants.get(place) ?? []
      ofDataset[operation] = made
      grants.set(place, ofDataset)
      return made
    }
    return { grant, permits: (operation, dataset) => grant(operation, dataset).columns }
  }
  const everybody = createRight([])

  return (signer) => {
    const known = rightBySigner.get(signer)
    if (known !== undefined) return known
    const own = rulesBySigner.get(signer)
    if (own === undefined) return everybody
    const numbers = own.map(({ number }) => number).join()
    const right = rightByNumbers.get(numbers) ?? createRight(own)
    rightByNumbers.set(numbers, right)
    rightBySigner.set(signer, right)
    return right
  }
}

function index(policyRules: readonly PolicyRule[]) {
  const rulesBySigner = new Map<string, Rule[]>()
  const forAll: Rule[] = []
  const rules = policyRules.map(({ columns, datasets, operations, signers }, i): Rule => {
    const rule = {
      number: i + 1,
      operations: OPERATIONS.map((operation) => operations.includes(operation)),
      datasets: datasets === '*' ? datasets : new Set(datasets),
      columns: columns === '*' ? columns : new Set(columns),
    }
    if (signers === '*') forAll.push(rule)
    else for (const signer of new Set(signers)) addTo(rulesBySigner, signer, rule)
    return rule
  })
  return { rules, rulesBySigner, forAll }
}

function addTo(rulesBySigner: Map<string, Rule[]>, signer: string, rule: Rule): void {
  const rules = rulesBySigner.get(signer)
  if (rules === undefined) rulesBySigner.set(signer, [rule])
  else rules.push(rule)
}

function unite(own: readonly Rule[], forAll: readonly Rule[], operation: number, dataset: string): Grant {
  const isAbout = ({ operations, datasets }: Rule): boolean =>
    operations[operation] === true && (datasets === '*' || datasets.has(dataset))
  const applying = [...own.filter(isAbout), ...forAll.filter(isAbout)]
  const numbers = applying.map(({ number }) => number).sort((a, b) => a - b)
  if (applying.length === 0) return { numbers, columns: null }
  if (applying.some(({ columns }) => columns === '*')) return { numbers, columns: 'all' }
  const lists = applying.map(({ columns }) => columns as ReadonlySet<string>)
  return { numbers, columns: lists.length === 1 ? lists[0]! : new Set(lists.flatMap((list) => [...list])) }
}
