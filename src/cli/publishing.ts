// What `publish` and `import` share: check the source whole where it can be read twice, send it, say what became of it.

import { statSync } from 'node:fs'
import type { Catalogue } from '../codec/catalogue.ts'
import type { LogGenesis } from '../log/check.ts'
import { type CheckResult, checkSource } from '../writer/check.ts'
import { readBytes } from '../writer/lines.ts'
import type { OnlyChanged } from '../writer/only-changed.ts'
import { orderTies } from '../writer/order.ts'
import { createRefuseAct, type RefuseAct } from '../writer/permission.ts'
import { type SendResult, sendSource } from '../writer/send.ts'
import type { Session } from '../writer/session.ts'
import type { LineProblem, Source } from '../writer/source.ts'
import { createTieCheck } from '../writer/ties.ts'
import { compareWords, requireComparable, withOnlyChanged } from './comparing.ts'
import type { Context } from './context.ts'
import { explainError, Failure, usageFailure } from './errors.ts'
import { type PolicyWatch, requireWriter, watchPolicy } from './guarded.ts'
import { readAllDefinitions, withCheckedLog, withDatabase } from './log-access.ts'
import { countOf, formatCount, startProgress } from './progress.ts'
import { nowNs, openSession, registryAuthorities, type SessionSource } from './session.ts'
import { readSigningKey } from './signing.ts'

export interface PublishOptions {
  readonly skipInvalid?: boolean
  readonly dryRun?: boolean
  /** What decides between lines of one timestamp: nothing unless set (they are refused where they disagree). */
  readonly ties?: 'order'
  /** The one dataset of the source, of which only those rows are sent that the node of DATABASE_URL has otherwise. */
  readonly onlyChangedIn?: string
}

/** Rows of a stream whose timestamps are remembered, to find lines that contradict each other. */
const STREAM_TIES_ROWS = 50_000

/** Publishes a file, or stdin for `-`, as the source that `createSource` makes of its bytes. */
export async function publishFrom(
  context: Context,
  path: string,
  options: PublishOptions,
  createSource: (open: () => AsyncIterable<Buffer>, catalogue: Catalogue) => Source,
): Promise<void> {
  const isStream = path === '-'
  if (!isStream) requireFile(path)
  else if (options.ties === 'order') {
    throw usageFailure(
      '--ties=order needs a file: a stream cannot be looked through for timestamps that repeat before it is sent',
      'write it into a file and publish that',
    )
  }
  if (options.onlyChangedIn !== undefined) requireComparable(context, isStream)
  requireRegistryUrl(context)
  const key = readSigningKey(context)
  await withCheckedLog(context, async (checked) => {
    const { catalogue, standing } = await readAllDefinitions(context, checked)
    const signer = requireWriter(context, checked, standing, key)
    const isGuarded = standing.type === 'guarded'
    const lines = createSource(() => readBytes(path, context.io.stdin), catalogue)
    const source = options.ties === 'order' ? await orderTies(lines, context.io.signal) : lines
    const latestNs = () => nowNs() + checked.genesis.maxClockAheadMs * 1_000_000n
    const { onlyChangedIn } = options
    const refuseAct = createRefuseAct(standing, signer?.signer ?? null)
    const checkAll = (from: Source, refuse?: RefuseAct) =>
      checkWhole(context, from, { path, isStream, latestNs: latestNs(), options, refuseAct: refuse })
    // What is left of rows that are compared may be allowed where the whole rows are not.
    const isComparing = onlyChangedIn !== undefined
    const check =
      isStream && options.dryRun !== true ? null : await checkAll(source, isComparing ? undefined : refuseAct)
    const finish = async (left: Source, compared: OnlyChanged | null): Promise<void> => {
      if (compared !== null && isGuarded) await checkAll(left, refuseAct)
      if (options.dryRun === true) return sayDryRun(context, check!.valid, compared)
      const session = await openSession(context, {
        ...checked,
        signer,
        isClockUsed: check === null || check.unstamped > 0,
        readNewest: newestOf(context, checked.genesis),
      })
      const total = compared === null ? (check?.valid ?? null) : null
      const policy = watchPolicy(context, checked, standing, signer)
      await send(context, {
        source: left,
        session,
        path,
        total,
        latestNs,
        policy,
        options,
        compared,
      }).finally(policy.close)
    }
    if (!isComparing) return finish(source, null)
    await withOnlyChanged(context, checked, { dataset: onlyChangedIn, source }, (compared) =>
      finish(compared.source, compared),
    )
  })
}

/** What the node of the settings has seen; null where none is configured. */
function newestOf(context: Context, genesis: LogGenesis): SessionSource['readNewest'] {
  if (context.config.get('DATABASE_URL') === null) return null
  return () => withDatabase(context, (database) => database.look(genesis))
}

async function sayDryRun({ out }: Context, valid: number, compared: OnlyChanged | null): Promise<void> {
  if (compared === null) {
    out.say(`${countOf(valid, 'message')} could be published. Nothing was sent.`)
    return
  }
  for await (const _entries of compared.source());
  out.say(`Of ${countOf(valid, 'row')}: ${compareWords(compared.counts())}. Nothing was sent.`)
  if (out.json) await out.record({ durable: 0, skipped: 0, ...compared.counts() })
}

/** Before a long file is checked for nothing. */
function requireRegistryUrl({ config }: Context): void {
  const url = config.get('SCHEMA_REGISTRY_URL')
  if (url === null) return
  if (URL.canParse(url) && /^https?:/.test(url)) return void registryAuthorities(config)
  throw usageFailure(
    'SCHEMA_REGISTRY_URL is no URL of a schema registry',
    'write http://host:port, or set it to nothing to write with single-object framing, which needs no registry',
  )
}

function requireFile(path: string): void {
  const stats = statSync(path, { throwIfNoEntry: false })
  if (stats === undefined) throw usageFailure(`there is no file ${path}`, 'check the path; - reads stdin')
  if (stats.isDirectory()) throw usageFailure(`${path} is a directory`, 'give a file')
}

interface CheckContext {
  readonly path: string
  readonly isStream: boolean
  readonly latestNs: bigint
  readonly refuseAct: RefuseAct | undefined
  readonly options: PublishOptions
}

/** Throws a failure when the file may not be sent. */
async function checkWhole(context: Context, source: Source, check: CheckContext): Promise<CheckResult> {
  const { path, isStream, latestNs, refuseAct, options } = check
  const { io, out } = context
  const progress = startProgress({ stderr: io.stderr, label: 'checking', unit: 'lines', total: null })
  const result = await checkSource(source, {
    latestNs,
    ...(refuseAct === undefined ? {} : { refuseAct }),
    ties: isStream ? createTieCheck(STREAM_TIES_ROWS) : null,
    signal: io.signal,
    onProgress: progress.update,
  }).finally(progress.end)
  if (result.ties > 0) {
    throw new Failure(
      `${path}: ${countOf(result.ties, 'line')} cannot be published beside an earlier one; nothing was sent\n${listProblems(result.tieProblems, result.ties)}`,
      options.ties === 'order'
        ? 'give one of the two another timestamp: a line that was put behind others of its timestamp has that one now'
        : 'give one of the two another timestamp, or take it out; `publish --ties=order` lets the later line win (--skip-invalid does not choose between them)',
    )
  }
  if (result.invalid === 0) return result
  const list = listProblems(result.problems, result.invalid)
  if (options.skipInvalid !== true) {
    throw new Failure(
      `${path}: ${countOf(result.invalid, 'line')} cannot be published; nothing was sent\n${list}`,
      'mend them, or leave them out with --skip-invalid',
    )
  }
  out.say(`warning: leaving out ${countOf(result.invalid, 'line')} of ${path}\n${list}`)
  return result
}

function listProblems(problems: readonly LineProblem[], count: number): string {
  const lines = problems.map(({ line, what }) => `  line ${line}: ${what}`)
  if (count > problems.length) lines.push(`  … and ${formatCount(count - problems.length)} more`)
  return lines.join('\n')
}

interface SendContext {
  readonly source: Source
  readonly session: Session
  readonly path: string
  readonly total: number | null
  readonly latestNs: () => bigint
  readonly policy: PolicyWatch
  readonly options: PublishOptions
  readonly compared: OnlyChanged | null
}

async function send(
  context: Context,
  { source, session, path, total, latestNs, policy, options, compared }: SendContext,
): Promise<void> {
  const { io, out } = context
  const isStream = path === '-'
  // A stream that nobody writes to would never notice the signal.
  if (isStream) io.signal.addEventListener('abort', () => io.stdin.destroy(), { once: true })
  const progress = startProgress({ stderr: io.stderr, label: 'publishing', unit: 'messages', total })
  const result = await sendSource(source, {
    sender: session,
    skipInvalid: options.skipInvalid === true,
    latestNs,
    refuseAct: policy.refuseAct,
    ties: isStream ? createTieCheck(STREAM_TIES_ROWS) : null,
    signal: io.signal,
    onProgress: progress.update,
  })
  const rate = progress.end()
  const durable = `${countOf(result.durable, 'message')} durable in the log`
  if (result.type !== 'failed') await requirePolicy(policy, result, durable, path)
  if (result.type === 'done') {
    const skipped = result.skipped === 0 ? '' : `; ${countOf(result.skipped, 'line')} left out`
    const rows = compared === null ? '' : `; of the rows ${compareWords(compared.counts())}`
    out.say(`${durable}, ${formatCount(rate)}/s${skipped}${rows}.`)
    if (isStream && result.skipped > 0) out.say(listProblems(result.skippedProblems, result.skipped))
    if (out.json)
      await out.record({ durable: result.durable, skipped: result.skipped, ...compared?.counts() })
    return
  }
  throw explainEnd(result, durable, path)
}

/** Throws a failure where the nodes may refuse some of what is durable, because the policy was changed meanwhile. */
async function requirePolicy(
  policy: PolicyWatch,
  { problems }: SendResult,
  durable: string,
  path: string,
): Promise<void> {
  const reason = await policy.lookAgain()
  if (reason === null) return
  const stoppedAt = problems.length === 0 ? '' : `; stopped at\n${listProblems(problems, problems.length)}`
  throw new Failure(
    `${nameOf(path)}: the policy was changed while this was sent, and no longer allows all of it: ${reason}; ${durable}, of which every node quarantines what stands behind the change in its partition${stoppedAt}`,
    '`spindexer quarantine list` of a node shows which; publish these again once the policy allows them',
  )
}

function nameOf(path: string): string {
  return path === '-' ? 'stdin' : path
}

function explainEnd(result: SendResult, durable: string, path: string): Failure {
  const source = nameOf(path)
  const list =
    result.problems.length === 0 ? '' : `\n${listProblems(result.problems, result.problems.length)}`
  if (result.type === 'failed') {
    const { text } = explainError(result.error, false)
    return new Failure(
      `${source}: gave up; ${durable}, and any number of those that were on their way: ${text.replace('spindexer: ', '')}`,
      'publish it again once this is mended; messages that bring their own timestamp are the same messages then',
    )
  }
  if (result.refused > 0) {
    return new Failure(
      `${source}: stopped, because ${countOf(result.refused, 'message')} will be quarantined by every node; ${durable}${list}`,
      "set this machine's clock (the timestamps are ahead of the log's clock), then publish them again",
    )
  }
  if (result.problems.length === 0) return new Failure(`${source}: interrupted; ${durable}`)
  const before = result.durable === 0 ? 'nothing was sent before it' : `${durable}: everything before it`
  return new Failure(
    `${source}: stopped at a line that cannot be published; ${before}${list}`,
    'mend it and go on from that line, or leave such lines out with --skip-invalid',
  )
}
