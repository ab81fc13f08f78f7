/** `gatehouse send`: one message, and what became of it. */
import type { Command } from 'commander'
import { formatUri, parseUri } from '../address/uri.ts'
import type { SendResult } from '../client/client.ts'
import { type AttachOptions, addAttachOptions, attach, limitsFor } from './attach.ts'
import { exitCodes, exitOf } from './exit-codes.ts'
import type { Host } from './host.ts'
import { wholeOf } from './number-option.ts'
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
  addAttachOptions(program.command('send'))
    .description('send an instant message and tell what became of it')
    .argument('<to>', 'user@domain or im:user@domain')
    .argument('[body]', 'the text; else standard input is read to its end')
    .option('--type <media-type>', 'type of the body (else text/plain;charset=utf-8)')
    .option('--id <hex>', 'id of a message that is repeated: 32 hexadecimal digits')
    .option('--wait <seconds>', 'how long to wait for the answer', '30')
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
  const lifeMs = (wholeOf(options.wait, '--wait', 1, 86_400) ?? 30) * 1000
  const { messageBytes } = await limitsFor(host, options)
  const body = text ?? (await readBody(host, messageBytes))
  const client = await attach(host, options)
  const started = host.clock.now()
  const { id, type: contentType } = options
  const sending = client.send({ to: address, body, contentType, id, lifeMs })
  const result = await withProgress(host, `sending to ${address.text}`, sending)
  const tookMs = Math.round(host.clock.now() - started)
  await client.close()
  host.out(options.json === true ? jsonOf(result, address.text, tookMs) : report(host, result))
  if (options.json !== true && host.terminal.out) {
    host.err(`${formatUri('im', address)} in ${tookMs} ms, id ${result.id}\n`)
  }
  return exitCodes[exitOf(result.status)].number
}

/** A terminal is told that it is its turn. */
function readBody(host: Host, most: number): Promise<Buffer> {
  if (host.terminal.in) host.err('Write the message; Ctrl-D sends it.\n')
  return host.readInput(most)
}

const report = (host: Host, result: SendResult): string =>
  `${outcomeText(result, painter(host, 'out'))}\n`

const jsonOf = ({ id, ...outcome }: SendResult, to: string, tookMs: number): string =>
  `${JSON.stringify({ to, id, ...outcome, tookMs })}\n`
