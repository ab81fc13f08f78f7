/** `gatehouse send`: one message, and what became of it. */
import type { Command } from 'commander'
import { formatUri, parseUri } from '../address/uri.ts'
import type { SendResult } from '../client/client.ts'
import { GatewayError } from '../errors.ts'
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
import { exitCodes, exitOf } from './exit-codes.ts'
import type { Host } from './host.ts'
import { outcomeText } from './outcome-text.ts'
import { painter } from './paint.ts'
import type { End } from './program.ts'
import { withProgress } from './progress.ts'

type Options = AttachOptions & {
  readonly type?: string
  readonly id?: string
  readonly wait?: string
  readonly json?: boolean
}

export function addSend(program: Command, host: Host, end: End): undefined {
  addWaitOption(addAttachOptions(program.command('send')))
    .description('send an instant message and tell what became of it')
    .argument('<to>', 'user@domain or im:user@domain')
    .argument('[body]', 'the text; else standard input is read to its end')
    .option('--type <media-type>', 'type of the body (else text/plain;charset=utf-8)')
    .option('--id <hex>', 'id of a message that is repeated: 32 hexadecimal digits')
    .option('--json', 'print one JSON object')
    .action(async (to: string, body: string | undefined, options: Options) =>
      end(await send(host, to, body, options)),
    )
}

async function send(
  host: Host,
  to: string,
  text: string | undefined,
  options: Options,
): Promise<number> {
  const { address } = parseUri(to, 'im')
  const waitMs = waitMsOf(options.wait)
  const { id = host.random.bytes(16).toString('hex'), type: contentType } = options
  const { messageBytes } = await limitsFor(host, options)
  const body = text ?? (await readBody(host, messageBytes))
  const left = leftOf(host, waitMs)
  const client = await attach(host, options, { attachMs: left() })
  const started = host.clock.now()
  const sending = client.send({ to: address, body, contentType, id, lifeMs: left() })
  const stopped = Promise.withResolvers<undefined>()
  const forget = host.onStop(() => stopped.resolve(undefined) as undefined)
  const progress = withProgress(host, `sending to ${address.text}`, sending)
  const result = await Promise.race([progress, stopped.promise])
  forget()
  if (result === undefined) {
    host.err(`gatehouse: stopped before the answer came: repeat it with --id ${id} to be sure\n`)
    return exitCodes.interrupted.number
  }
  const tookMs = Math.round(host.clock.now() - started)
  await leave(client, host.clock, left())
  host.out(options.json === true ? jsonOf(result, address.text, tookMs) : report(host, result))
  if (options.json !== true && host.terminal.out) {
    host.err(`${formatUri('im', address)} in ${tookMs} ms, id ${result.id}\n`)
  }
  return exitCodes[exitOf(result.status)].number
}

/** A terminal is told that it is its turn. */
function readBody(host: Host, most: number): Promise<Buffer> {
  if (host.terminal.in) host.err('Write the message; Ctrl-D sends it.\n')
  return host.readInput(most).catch((cause: unknown) => {
    if (!(cause instanceof GatewayError && cause.code === 'too-large')) throw cause
    throw new GatewayError(cause.code, `${cause.message} (limits.messageBytes)`, { cause })
  })
}

const report = (host: Host, result: SendResult): string =>
  `${outcomeText(result, painter(host, 'out'), result.id)}\n`

const jsonOf = ({ id, ...outcome }: SendResult, to: string, tookMs: number): string =>
  `${JSON.stringify({ to, id, ...outcome, tookMs })}\n`
