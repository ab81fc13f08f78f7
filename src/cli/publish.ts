/** `gatehouse publish`: says how the user is, for a time. */
import type { Command } from 'commander'
import { documentFault, type PresenceDocument } from '../client/presence.ts'
import type { PublishResult } from '../client/publication.ts'
import { GatewayError, isSuccess } from '../errors.ts'
import { type Limits, limitsWith } from '../limits.ts'
import {
  type AttachOptions,
  addAttachOptions,
  addWaitOption,
  attach,
  leave,
  leftOf,
  limitsFor,
  waitMsOf,
} from './attach.ts'
import { mostInputBytes } from './bounded-file.ts'
import { exitCodes, exitOf } from './exit-codes.ts'
import type { Host } from './host.ts'
import { wholeOf } from './number-option.ts'
import { outcomeText } from './outcome-text.ts'
import { painter } from './paint.ts'
import type { End } from './program.ts'
import { withProgress } from './progress.ts'

type Options = AttachOptions & {
  readonly note?: string
  readonly contact?: string
  readonly tuple?: string
  readonly lease?: string
  readonly replaces?: string
  readonly stay?: boolean
  readonly wait?: string
  readonly json?: boolean
}

/**
 * A lease that is kept alive is as short as any gateway has to grant: a process that is killed takes nothing back, and
 * nobody should believe it for an hour.
 */
const { leaseMinSeconds: shortestSeconds } = limitsWith()

export function addPublish(program: Command, host: Host, end: End): undefined {
  addWaitOption(addAttachOptions(program.command('publish')))
    .description('publish presence for a time; each call is a publication of its own')
    .argument(
      '<status>',
      'open, closed, - for a document on standard input: {"tuples": …}, or none with --replaces',
    )
    .option('-n, --note <text>', 'a note, such as "at my desk"')
    .option('--contact <uri>', 'where to reach the user, such as im:alice@a.example')
    .option('--tuple <id>', 'id of the tuple (else a new one)')
    .option('--lease <seconds>', 'how long it holds (the gateway may say less)')
    .option('--replaces <tag>', 'replace, or take back, the publication with this entity-tag')
    .option('--stay', 'keep it alive until Ctrl-C, then take it back; it holds for 300 s at a time')
    .option('--json', 'print one JSON object')
    .action(async (status: string, options: Options) => end(await publish(host, status, options)))
}

async function publish(host: Host, status: string, options: Options): Promise<number> {
  const { replaces } = options
  if (status === 'none' && replaces === undefined) {
    throw new GatewayError('usage', 'expected --replaces <tag> with none: what is to be taken back')
  }
  const isStaying = options.stay === true
  const lease =
    wholeOf(options.lease, '--lease', 1, 2_000_000) ?? (isStaying ? shortestSeconds : undefined)
  const waitMs = waitMsOf(options.wait)
  const document = await documentOf(host, status, options)
  checkDocument(document, await limitsFor(host, options))
  const left = leftOf(host, waitMs)
  const client = await attach(host, options, { attachMs: left() })
  const publishing = client.publish(document, { lease, replaces, lifeMs: left() })
  const result = await withProgress(host, 'publishing', publishing)
  const isTaken = isStaying && isSuccess(result.status)
  // Before it is told: whoever reads it may send a signal at once.
  const stopped = isTaken
    ? new Promise<undefined>((resolve) => host.onStop(() => resolve(undefined) as undefined))
    : undefined
  host.out(options.json === true ? `${JSON.stringify(result)}\n` : report(host, result))
  if (stopped !== undefined) {
    await stopped
    await client.publish(null, { lifeMs: waitMs })
  }
  await leave(client, host.clock)
  return exitCodes[exitOf(result.status)].number
}

/** A tuple of another publication cannot be replaced by this one, so each gets an id of its own. */
async function documentOf(
  host: Host,
  status: string,
  { note, contact, tuple }: Options,
): Promise<PresenceDocument | null> {
  if (status === 'none') return null
  if (status === '-') return readDocument((await host.readInput(mostInputBytes)).toString())
  if (status !== 'open' && status !== 'closed') {
    throw new GatewayError('usage', `expected open, closed, none or -, found "${status}"`)
  }
  const id = tuple ?? `cli-${host.random.bytes(4).toString('hex')}`
  const told = {
    ...(note === undefined ? {} : { note }),
    ...(contact === undefined ? {} : { contact }),
  }
  return { tuples: { [id]: { basic: status, ...told } } }
}

function readDocument(text: string): PresenceDocument {
  const expected = 'expected {"tuples": …} on standard input'
  try {
    const value = JSON.parse(text) as PresenceDocument | null
    if (value !== null) return value
  } catch (cause) {
    throw new GatewayError('bad-request', `${expected}, found no JSON`, { cause })
  }
  throw new GatewayError('bad-request', `${expected}, found null`)
}

/** Before anybody is asked. */
function checkDocument(document: PresenceDocument | null, limits: Limits): undefined {
  const fault = document === null ? undefined : documentFault(document, limits)
  if (fault !== undefined) throw new GatewayError(fault.status, fault.detail)
}

function report(host: Host, result: PublishResult): string {
  const told = outcomeText(result, painter(host, 'out'))
  if (!isSuccess(result.status) || result.entityTag === undefined) return `${told}\n`
  return `${told}, for ${result.leaseSeconds} s, entity-tag ${result.entityTag}\n`
}
