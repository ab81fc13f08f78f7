/** `gatehouse dns flush`: the running gateway asks DNS anew and tries again to reach who could not be reached. */
import type { Command } from 'commander'
import { readDomain } from '../address/domain.ts'
import { GatewayError } from '../errors.ts'
import { flushGateway } from './ask-gateway.ts'
import { configOption, parsedConfig, readConfigText } from './config-file.ts'
import { exitCodes } from './exit-codes.ts'
import type { Host } from './host.ts'
import type { End } from './program.ts'

type Options = { readonly config?: string; readonly json?: boolean }

export function addDns(program: Command, host: Host, end: End): undefined {
  program
    .command('dns')
    .description('what the running gateway knows from DNS')
    .command('flush')
    .description(
      'try now: ask DNS anew, and end the waits before the next dial and the next fetch of keys',
    )
    .argument('[domain]', 'of one domain; else of all')
    .option(...configOption)
    .option('--json', 'print one JSON object')
    .action(async (domain: string | undefined, options: Options) =>
      end(await flush(host, domain, options)),
    )
}

async function flush(
  host: Host,
  text: string | undefined,
  { config: named, json }: Options,
): Promise<number> {
  const domain = text === undefined ? undefined : readDomain(text)
  if (text !== undefined && domain === undefined) {
    throw new GatewayError('bad-address', `expected a domain such as b.example, found "${text}"`)
  }
  const { config } = parsedConfig(await readConfigText(host, named))
  const flushed = await flushGateway(host.clock, config, domain)
  if ('why' in flushed) throw new GatewayError('link-refused', flushed.why)
  const { answers, waits } = flushed
  host.out(
    json === true
      ? `${JSON.stringify({ domain: domain ?? null, answers, waits })}\n`
      : `asked anew: ${answers} answers of DNS; tried again: ${waits} that waited\n`,
  )
  return exitCodes.ok.number
}
