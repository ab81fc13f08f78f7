/** `gatehouse fetch`: the presence of somebody, once. */
import type { Command } from 'commander'
import { parseUri } from '../address/uri.ts'
import {
  type AttachOptions,
  addAttachOptions,
  addWaitOption,
  attach,
  leave,
  leftOf,
  waitMsOf,
} from './attach.ts'
import { exitCodes, exitOf } from './exit-codes.ts'
import type { Host } from './host.ts'
import { outcomeText } from './outcome-text.ts'
import { painter } from './paint.ts'
import { noticeText } from './presence-text.ts'
import type { End } from './program.ts'
import { withProgress } from './progress.ts'

type Options = AttachOptions & { readonly wait?: string; readonly json?: boolean }

export function addFetch(program: Command, host: Host, end: End): undefined {
  addWaitOption(addAttachOptions(program.command('fetch')))
    .description('ask once for the presence of somebody')
    .argument('<presentity>', 'user@domain or pres:user@domain')
    .option('--json', 'print one JSON object')
    .action(async (presentity: string, options: Options) =>
      end(await fetchPresence(host, presentity, options)),
    )
}

async function fetchPresence(host: Host, text: string, options: Options): Promise<number> {
  const { address } = parseUri(text, 'pres')
  const left = leftOf(host, waitMsOf(options.wait))
  const client = await attach(host, options, { attachMs: left() })
  const asking = client.fetch(address, { lifeMs: left() })
  const result = await withProgress(host, `asking for ${address.text}`, asking)
  await leave(client, host.clock, left())
  const { document, version, ...outcome } = result
  const paint = painter(host, 'out')
  if (options.json === true) {
    const tuples = document?.tuples ?? null
    const presentity = address.text
    host.out(`${JSON.stringify({ presentity, ...outcome, version: version ?? null, tuples })}\n`)
  } else if (document === undefined) host.out(`${outcomeText(outcome, paint)}\n`)
  else {
    // In the words of `watch`.
    const notice = {
      presentity: address,
      state: 'active',
      version,
      document,
      reason: undefined,
    } as const
    host.out(`${noticeText(notice, paint)}\n`)
  }
  return exitCodes[exitOf(result.status)].number
}
