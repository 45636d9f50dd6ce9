// What the author of a policy may not expect of it: sentences for people about a policy that can be applied.

import type { Catalogue, Dataset } from '../catalogue.ts'
import type { PolicyRule } from '../control.ts'
import { listNames, nearNames } from '../near-names.ts'
import type { SignerKey } from '../signing/signer-key.ts'
import { refuseSignerKey } from '../signing/sound-key.ts'
import type { PolicyContent } from './file.ts'

/** A policy whose every admin is a slip of the pen would shut everybody out for ever; null: somebody can sign. */
export function refuseAdmins({ admins }: PolicyContent): string | null {
  const faults = admins.map((key) => refuseSignerKey(key))
  return faults.includes(null) ? null : `nobody can sign as an admin: ${admins[0]} ${faults[0]}`
}

/** `signer`: who applies it; null where that is not asked. */
export function policyWarnings(
  policy: PolicyContent,
  catalogue: Catalogue,
  signer: SignerKey | null,
): readonly string[] {
  const { admins, rules, unsigned } = policy
  const warnings = admins.flatMap((key) => {
    const fault = refuseSignerKey(key)
    return fault === null ? [] : [`admins: ${key} ${fault}; nobody can ever sign as this admin`]
  })
  if (signer !== null && !admins.includes(signer)) {
    warnings.push(
      `admins: ${signer}, who signs this, is not among them: the next policy has to be somebody else's`,
    )
  }
  if (unsigned) {
    warnings.push(
      'unsigned is true: whoever can reach the log may write anything in it; the rules decide nothing',
    )
  }
  for (const [i, rule] of rules.entries()) {
    warnings.push(...ruleWarnings(rule, policy, catalogue).map((warning) => `rule ${i + 1}: ${warning}`))
  }
  return warnings
}

function ruleWarnings(rule: PolicyRule, { admins }: PolicyContent, catalogue: Catalogue): readonly string[] {
  const idle = idleReason(rule, catalogue)
  if (idle !== null) return [`it can do nothing: ${idle}`, ...namesWarnings(rule, catalogue)]
  const warnings = (rule.signers === '*' ? [] : rule.signers).flatMap((key) => {
    const fault = refuseSignerKey(key)
    if (fault !== null) return [`${key} ${fault}; nobody can ever sign so`]
    return admins.includes(key) ? [`${key} is an admin, who may write everything anyway`] : []
  })
  return [...warnings, ...namesWarnings(rule, catalogue)]
}

/** Why a rule lets nobody write anything, as it stands; null where it does. */
function idleReason(
  { signers, operations, datasets, columns }: PolicyRule,
  catalogue: Catalogue,
): string | null {
  const empty = Object.entries({ signers, operations, datasets }).find(([, list]) => list.length === 0)
  if (empty !== undefined) return `it names no ${empty[0]}`
  if (columns === '*' || operations.some((operation) => operation !== 'update')) return null
  if (columns.length === 0) return 'an update sets columns, and it names none'
  const known = datasetsOf(datasets, catalogue)
  const isAll = known.every((dataset) => columns.every((name) => isKey(dataset, name)))
  return known.length > 0 && isAll ? 'an update sets columns, and it names only columns of keys' : null
}

function namesWarnings({ datasets, columns }: PolicyRule, catalogue: Catalogue): readonly string[] {
  const warnings: string[] = []
  for (const name of datasets === '*' ? [] : datasets) {
    if (catalogue.datasets.has(name)) continue
    warnings.push(`no dataset ${name} is defined${hintOf(name, catalogue.datasets.keys())}`)
  }
  const known = datasetsOf(datasets, catalogue)
  // Of datasets that are not defined yet nobody knows the columns.
  if (datasets !== '*' && known.length < datasets.length) return warnings
  for (const name of columns === '*' ? [] : columns) {
    if (known.some((dataset) => dataset.columns.has(name))) continue
    const keyed = known.find((dataset) => isKey(dataset, name))
    const names = new Set(known.flatMap((dataset) => [...dataset.columns.keys()]))
    const where = datasets === '*' ? 'any dataset' : listNames(datasets)
    warnings.push(
      keyed === undefined
        ? `no column ${name} of ${where} is defined${hintOf(name, names)}`
        : `${name} is a column of ${keyed.name}'s key; whoever may write a row names its key, and no rule has to`,
    )
  }
  return warnings
}

function datasetsOf(names: PolicyRule['datasets'], { datasets }: Catalogue): readonly Dataset[] {
  if (names === '*') return [...datasets.values()]
  return names.flatMap((name) => datasets.get(name) ?? [])
}

function isKey({ key }: Dataset, name: string): boolean {
  return key.some((column) => column.name === name)
}

function hintOf(name: string, names: Iterable<string>): string {
  const near = nearNames(name, names)
  return near.length === 0 ? '' : ` (did you mean ${listNames(near)}?)`
}
