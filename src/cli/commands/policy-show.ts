// `policy show`: the policy in force, and the partitions that differ.

import type { Command } from 'commander'
import type { PolicyRule } from '../../codec/control.ts'
import { isSameContent } from '../../codec/policy/file.ts'
import type { GuardedStanding } from '../../codec/policy/standing.ts'
import type { PartitionStanding } from '../../writer/policy/standings.ts'
import { partitionsWords, versionWords } from '../../writer/policy/words.ts'
import { type Context, createContext, type Io } from '../context.ts'
import { withCheckedLog } from '../log-access.ts'
import type { Row } from '../output.ts'
import { readLogStandings } from '../policies.ts'

export function addPolicyShowCommand(parent: Command, io: Io): void {
  parent
    .command('show')
    .summary('show who may write')
    .description(
      'Shows the policy that is in force, as the log has it: the definitions have it last, and writers go by them. Says which partitions are at another one, and why that may be.',
    )
    .addHelpText('after', HELP)
    .action(async (_options: unknown, command: Command) => run(createContext(io, command)))
}

async function run(context: Context): Promise<void> {
  const { out } = context
  await withCheckedLog(context, async (checked) => {
    const { genesis, description } = checked
    const { logId } = genesis
    if (genesis.admins.length === 0) {
      out.say(
        `${description.name} is open: whoever can append to it may write, and no policy decides anything.`,
      )
      return out.record({ logId, guarded: false })
    }
    const partitions = await readLogStandings(context, checked)
    const { standing } = partitions.at(-1)!
    if (out.json) await out.record({ logId, guarded: true, ...toRecord(partitions, standing) })
    else await print(context, standing)
    for (const text of differences(partitions, standing)) out.say(text)
  })
}

function toRecord(partitions: readonly PartitionStanding[], standing: GuardedStanding): Row {
  const { admins, rules, unsigned } = standing
  return {
    version: standing.version,
    closed: standing.isClosed,
    // In the form of a file for `policy apply`.
    policy: {
      admins,
      rules: rules.map(({ signers, operations, datasets, columns }) => ({
        signers,
        operations,
        datasets,
        columns,
      })),
      unsigned,
    },
    partitions: partitions.map((held) => ({
      partition: held.partition,
      version: held.standing.version,
      closed: held.standing.isClosed,
      same: isSame(held.standing, standing),
    })),
  }
}

function isSame(a: GuardedStanding, b: GuardedStanding): boolean {
  return a.version === b.version && a.isClosed === b.isClosed && isSameContent(a, b)
}

async function print({ out }: Context, { version, admins, rules, unsigned, isClosed }: GuardedStanding) {
  out.say(version === 0 ? 'No policy yet: only the admins of the genesis may write.' : `Version ${version}.`)
  if (isClosed) out.say('The log is closed: it was copied, and nothing that comes now counts.')
  if (unsigned) out.say('Mutations need no signature: whoever can append to the log may write everything.')
  else if (version > 0) out.say('Mutations have to be signed.')
  await out.table(
    admins.map((admin) => ({ admin, may: 'write everything, define datasets, change the policy' })),
  )
  if (rules.length === 0) return
  await out.write('\n')
  await out.table(rules.flatMap((rule, i) => toRows(rule, i + 1)))
}

/** A row a signer; what the rule says stands in the first one. */
function toRows({ signers, operations, datasets, columns }: PolicyRule, rule: number): readonly Row[] {
  const list = (names: readonly string[] | '*', none: string) =>
    names === '*' ? 'all' : names.length === 0 ? none : names.join(', ')
  const says = {
    may: operations.length === 0 ? 'nothing' : operations.join(', '),
    datasets: list(datasets, 'none'),
    columns: list(columns, 'none but the key'),
  }
  const nothing = { may: '', datasets: '', columns: '' }
  const who = signers === '*' ? ['whoever signs'] : signers.length === 0 ? ['nobody'] : signers
  return who.map((signer, i) => ({ rule: i === 0 ? rule : null, signer, ...(i === 0 ? says : nothing) }))
}

/** Which partitions are not where the definitions are, and what that means. */
function differences(partitions: readonly PartitionStanding[], standing: GuardedStanding): readonly string[] {
  const words: string[] = []
  const tell = (is: (held: GuardedStanding) => boolean, text: (where: string) => string) => {
    const found = partitions.filter((held) => is(held.standing)).map(({ partition }) => partition)
    if (found.length > 0) words.push(text(partitionsWords(found)))
  }
  const shown = versionWords(standing.version)
  const others = [...new Set(partitions.map((held) => held.standing.version))].sort((a, b) => a - b)
  for (const version of others.filter((each) => each !== standing.version)) {
    const remedy = 'a `policy apply` has not been completed; apply the same file again, or the next one'
    tell(
      (held) => held.version === version,
      (where) => `warning: at ${versionWords(version)}, not ${shown}: ${where}; ${remedy}`,
    )
  }
  tell(
    (held) => held.version === standing.version && !isSameContent(held, standing),
    (where) =>
      `warning: ${shown} says something else in ${where}: two were applied at once; apply the next version`,
  )
  if (!standing.isClosed) {
    tell(
      (held) => held.isClosed,
      (where) => `warning: closed: ${where}; a \`log copy --close\` has not been completed, run it again`,
    )
  }
  return words
}

const HELP = `
Piped or with --json it is one object; its member "policy" is what \`policy apply\` takes:
  $ spindexer policy show | jq .policy > policy.json

Example:
  $ spindexer policy show`
