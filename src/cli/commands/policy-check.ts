// `policy check FILE MESSAGE`: whether a policy lets somebody write something, and by which rule.

import { Readable } from 'node:stream'
import { text as readStream } from 'node:stream/consumers'
import { type Command, Option } from 'commander'
import type { Catalogue } from '../../codec/catalogue.ts'
import { readLine, type TypedChange } from '../../codec/line.ts'
import { contentOf, type PolicyFile } from '../../codec/policy/file.ts'
import { permit } from '../../codec/policy/rights.ts'
import type { GuardedStanding, Standing } from '../../codec/policy/standing.ts'
import { explainReason } from '../../codec/reasons.ts'
import { DEFINITIONS } from '../../codec/record.ts'
import type { Signer } from '../../codec/signing/signer-key.ts'
import { parseSignerKey } from '../../codec/signing/sound-key.ts'
import { readBytes } from '../../writer/lines.ts'
import { partitionsWords } from '../../writer/policy/words.ts'
import { type Context, createContext, type Io } from '../context.ts'
import { Failure, usageFailure } from '../errors.ts'
import { type CheckedLog, readAllDefinitions, withCheckedLog } from '../log-access.ts'
import { readLogStandings, readPolicy } from '../policies.ts'
import { readSigningKey } from '../signing.ts'

interface Options {
  readonly current?: boolean
  readonly signer?: string
}

export function addPolicyCheckCommand(parent: Command, io: Io): void {
  parent
    .command('check')
    .summary('ask whether a policy allows a message')
    .description(
      'Says whether a policy lets somebody write a message, and by which rule: the policy of a file, or with --current the one in force in the log. Who writes is --signer, or whoever the key of the settings signs as, or else somebody who does not sign. Nothing is sent. Exit code 0: allowed; 1: refused.',
    )
    .usage('[options] <policy-file> <message>\n       spindexer policy check [options] --current <message>')
    .argument('<file>', 'the policy, in JSON')
    .argument('[message]', 'one change, as `publish` takes it, or - for stdin')
    .option('--current', 'ask the policy in force in the log, in place of a file')
    .addOption(new Option('--signer <key>', 'who writes: ed25519:… or eip191:…, or none'))
    .addHelpText('after', HELP)
    .action(async (first: string, second: string | undefined, options: Options, command: Command) => {
      const isCurrent = options.current === true
      if (isCurrent === (second !== undefined)) throw wrongCount(isCurrent)
      const paths = isCurrent ? { policy: null, message: first } : { policy: first, message: second! }
      await run(createContext(io, command), paths, options)
    })
}

function wrongCount(isCurrent: boolean): Failure {
  return isCurrent
    ? usageFailure('--current takes the place of the policy file', 'give the message alone')
    : usageFailure(
        'there is no message to check',
        'give a policy file and a message, or --current and a message',
      )
}

interface Paths {
  readonly policy: string | null
  readonly message: string
}

async function run(context: Context, paths: Paths, options: Options): Promise<void> {
  const file = paths.policy === null ? null : readPolicy(paths.policy)
  const signer = readSigner(context, options.signer)
  const text = await readMessage(context, paths.message)
  await withCheckedLog(context, async (checked) => {
    const { catalogue, standing } = await readAllDefinitions(context, checked)
    const change = readChange(text, paths.message, catalogue)
    const standings = file === null ? await currentStandings(context, checked) : [ofFile(file, standing)]
    const answer = judge(standings, signer, change)
    const { operation, dataset, columns } = change
    const { out } = context
    await out.record({ ...answer, signer, operation, dataset, columns: [...columns.keys()] })
    if (answer.allowed) return
    throw new Failure(`refused: ${answer.detail}`, explainReason(answer.reason)?.remedy ?? null)
  })
}

/** Null: who does not sign. */
function readSigner(context: Context, given: string | undefined): Signer {
  if (given === undefined) return readSigningKey(context)?.signer ?? null
  if (given === 'none') return null
  const parsed = parseSignerKey(given)
  if (parsed.type === 'key') return parsed.key
  throw usageFailure(`--signer ${parsed.what}`, parsed.remedy)
}

async function readMessage({ io }: Context, path: string): Promise<string> {
  try {
    return (await readStream(Readable.from(readBytes(path, io.stdin)))).replace(/^\ufeff/, '')
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const what = code === 'ENOENT' ? `there is no file ${path}` : `${path} cannot be read (${message})`
    throw usageFailure(what, 'name a file that holds one change, or - for stdin')
  }
}

function readChange(text: string, path: string, catalogue: Catalogue): TypedChange {
  const read = readLine(text, catalogue)
  if (read.type === 'change') return read.change
  const source = path === '-' ? 'stdin' : path
  throw usageFailure(
    `${source}: ${read.detail}`,
    'a message is one change as `publish` takes it; it has to be sound before a policy is asked',
  )
}

/** A policy in force; `where` is empty where it is the same everywhere. */
interface Asked {
  readonly standing: GuardedStanding
  readonly where: string
}

/** As the next version, unless the file says which one it is: that is for words alone. */
function ofFile(file: PolicyFile, now: Standing): Asked {
  const version = file.version ?? (now.type === 'open' ? 1 : now.version + 1)
  return { standing: { type: 'guarded', ...contentOf(file), version, isClosed: false }, where: '' }
}

async function currentStandings(context: Context, checked: CheckedLog): Promise<readonly Asked[]> {
  if (checked.genesis.admins.length === 0) {
    throw new Failure(
      `${checked.description.name} is open: whoever can append to it may write, and no policy decides anything`,
    )
  }
  const partitions = await readLogStandings(context, checked)
  const groups = new Map<string, { standing: GuardedStanding; partitions: number[] }>()
  for (const { partition, standing } of partitions) {
    if (partition === DEFINITIONS) continue
    const name = JSON.stringify(standing)
    const group = groups.get(name) ?? { standing, partitions: [] }
    group.partitions.push(partition)
    groups.set(name, group)
  }
  return [...groups.values()].map(({ standing, partitions: numbers }) => ({
    standing,
    where: groups.size === 1 ? '' : `${partitionsWords(numbers)}: `,
  }))
}

type Answer =
  | { readonly allowed: true; readonly by: string }
  | { readonly allowed: false; readonly reason: string; readonly detail: string }

/** Allowed is what is allowed in every partition: into which one a message goes, its key decides. */
function judge(asked: readonly Asked[], signer: Signer, change: TypedChange): Answer {
  const by: string[] = []
  for (const { standing, where } of asked) {
    if (standing.isClosed) {
      return { allowed: false, reason: 'closed', detail: `${where}the log is closed: it was copied` }
    }
    const { operation, dataset, columns } = change
    const permission = permit(standing, signer, { operation, dataset, columns: columns.keys() })
    if (permission.type === 'refused') {
      return { allowed: false, reason: permission.reason, detail: `${where}${permission.detail}` }
    }
    by.push(`${where}${permission.by}`)
  }
  return { allowed: true, by: by.join('; ') }
}

const HELP = `
The definitions of the log tell a row's key from its columns, so the log is needed for
a file's policy too; the message has to be one that \`publish\` would take.

Examples:
  $ spindexer policy check policy.json change.json --signer ed25519:90…7a
  $ echo '{"dataset":"tracks","operation":"delete","data":{"id":"t1"}}' | spindexer policy check --current -`
