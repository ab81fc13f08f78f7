/** `gatehouse reload`: the running gateway reads its files again, and this command tells how that went. */
import type { Command } from 'commander'
import type { ConfigView } from '../admin/view.ts'
import { GatewayError, statuses } from '../errors.ts'
import { askAdmin, words } from './ask-gateway.ts'
import { configOption, parsedConfig, readConfigText } from './config-file.ts'
import { exitCodes } from './exit-codes.ts'
import type { Host } from './host.ts'
import type { End } from './program.ts'

type Options = { readonly config?: string; readonly json?: boolean }
type Result = Awaited<ReturnType<ConfigView['reload']>>
type Taken = Exclude<Result, { readonly error: unknown }>

/** Longer than a gateway takes at most, by this much. */
const graceMs = 3000

export function addReload(program: Command, host: Host, end: End): undefined {
  program
    .command('reload')
    .description('let the running gateway read its configuration and files again; 0: it took them')
    .option(...configOption)
    .option('--json', 'print what is taken and what waits for a restart as JSON')
    .action(async (options: Options) => {
      const taken = await reload(host, options)
      host.out(options.json === true ? `${JSON.stringify(taken)}\n` : textOf(taken))
      end(exitCodes.ok.number)
    })
}

async function reload(host: Host, { config: named }: Options): Promise<Taken> {
  const { config } = parsedConfig(await readConfigText(host, named))
  const ms = config.limits.reloadMs + graceMs
  const reply = await askAdmin(host.clock, config, { method: 'POST', path: '/reload', ms })
  if ('why' in reply) throw new GatewayError('remote-unreachable', reply.why)
  const { status, body, where } = reply
  const result = status === 200 || status === 422 ? read(body) : undefined
  if (result === undefined) {
    throw new GatewayError('refused', `The gateway at ${where} does not reload (${words(reply)})`)
  }
  if ('error' in result) throw new GatewayError(result.error.code, result.error.message)
  return result
}

function read(body: string): Result | undefined {
  try {
    const value = JSON.parse(body) as Result
    const isWhole =
      'error' in value
        ? value.error.code in statuses && typeof value.error.message === 'string'
        : [value.certificates, value.changed, value.restart].every(Array.isArray)
    return isWhole ? value : undefined
  } catch {
    return undefined
  }
}

function textOf({ certificates, changed, restart }: Taken): string {
  const parts = [
    ['Other certificates', certificates],
    ['In force', changed],
    ['Waits for a restart', restart],
  ] as const
  const lines = parts.flatMap(([what, names]) =>
    names.length === 0 ? [] : [`${what}: ${names.join(', ')}\n`],
  )
  return lines.length === 0 ? 'Read again: nothing has changed.\n' : lines.join('')
}
