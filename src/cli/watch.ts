/** `gatehouse watch`: the presence of somebody, a line for each change; or the messages that come for a user. */

import type { Command } from 'commander'
import { parseUri } from '../address/uri.ts'
import type { ReceivedMessage } from '../client/incoming.ts'
import type { PresenceNotice } from '../client/presence.ts'
import { GatewayError, type Status, statuses } from '../errors.ts'
import { printable } from '../lib/printable.ts'
import { type AttachOptions, addAttachOptions, attach, leave } from './attach.ts'
import { exitCodes, exitOf } from './exit-codes.ts'
import type { Host } from './host.ts'
import { wholeOf } from './number-option.ts'
import { type Paint, painter } from './paint.ts'
import { noticeJson, noticeText } from './presence-text.ts'
import type { End } from './program.ts'

type Options = AttachOptions & {
  readonly messages?: boolean
  readonly count?: string
  readonly for?: string
  readonly json?: boolean
}

export function addWatch(program: Command, host: Host, end: End): undefined {
  addAttachOptions(program.command('watch'))
    .description('watch the presence of somebody, a line for each change, until Ctrl-C')
    .argument('[presentity]', 'user@domain or pres:user@domain')
    .option('-m, --messages', 'take the messages that come for the user, too, a line each')
    .option('-n, --count <number>', 'end after so many lines')
    .option('--for <seconds>', 'end after this time')
    .option('--json', 'print one JSON object a line')
    .action(async (presentity: string | undefined, options: Options) =>
      end(await watch(host, presentity, options)),
    )
}

async function watch(host: Host, text: string | undefined, options: Options): Promise<number> {
  if (text === undefined && options.messages !== true) {
    throw new GatewayError('usage', 'expected somebody to watch, or --messages, found neither')
  }
  const presentity = text === undefined ? undefined : parseUri(text, 'pres').address
  const count = wholeOf(options.count, '--count', 1, 1_000_000_000)
  const seconds = wholeOf(options.for, '--for', 1, 86_400)
  const messages = options.messages === true
  const lines = new Lines(host, { most: count, json: options.json === true, messages })
  const onMessage = messages ? lines.message : undefined
  const client = await attach(host, options, { onMessage })
  host.err(`attached as ${client.user.text}; Ctrl-C ends\n`)
  if (presentity !== undefined) client.subscribe(presentity, lines.notice)
  const cancel = seconds === undefined ? nothing : host.clock.after(seconds * 1000, lines.end)
  const forget = host.onStop(lines.end)
  const code = await lines.ended
  cancel()
  forget()
  // The lease of a subscription that is not taken back in time ends it, too.
  await leave(client, host.clock)
  return code
}

const nothing = (): undefined => undefined

/** What is printed, until it is enough. */
class Lines {
  readonly ended: Promise<number>
  readonly #host: Host
  readonly #most: number | undefined
  readonly #json: boolean
  readonly #takesMessages: boolean
  readonly #paint: Paint
  readonly #finish: (code: number) => void
  #count = 0

  constructor(
    host: Host,
    { most, json, messages }: { most: number | undefined; json: boolean; messages: boolean },
  ) {
    const { promise, resolve } = Promise.withResolvers<number>()
    this.ended = promise
    this.#finish = resolve
    this.#host = host
    this.#most = most
    this.#json = json
    this.#takesMessages = messages
    this.#paint = painter(host, 'out')
  }

  readonly end = (): undefined => {
    this.#finish(exitCodes.ok.number)
  }

  readonly notice = (notice: PresenceNotice): undefined => {
    // Our own end is no news.
    if (notice.reason === 'link-stopped') return
    this.#line(noticeText(notice, this.#paint), noticeJson(notice))
    // Messages come all the same.
    if (notice.state === 'terminated' && !this.#takesMessages) this.#finish(codeOf(notice.reason))
  }

  /** Confirmed once it is printed: whoever does not read has no more messages under way than the gateway lets be. */
  readonly message = ({ from, id, contentType, body }: ReceivedMessage): unknown => {
    const text = printable(body.toString())
    const facts = { from: from.text, id, contentType, body: body.toString() }
    this.#line(`${this.#paint('bold', from.text)}: ${text.replaceAll('\n', '\n  ')}`, facts)
    return this.#host.written()
  }

  #line(text: string, facts: object): undefined {
    const { out, clock } = this.#host
    out(this.#json ? `${JSON.stringify({ at: clock.wall(), ...facts })}\n` : `${text}\n`)
    this.#count++
    if (this.#count === this.#most) this.end()
  }
}

/** A status says why it was refused; an event of RFC 3857, why it ended over there. */
function codeOf(reason: PresenceNotice['reason']): number {
  if (reason !== undefined && isStatus(reason)) return exitCodes[exitOf(reason)].number
  const isForGood = reason === 'rejected' || reason === 'noresource'
  return isForGood ? exitCodes.permanent.number : exitCodes.temporary.number
}

const isStatus = (reason: string): reason is Status => Object.hasOwn(statuses, reason)
