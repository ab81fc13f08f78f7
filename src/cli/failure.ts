/** How a command that failed says so: one sentence for a person, one object for a program. */
import { GatewayError } from '../errors.ts'
import { printable } from '../lib/printable.ts'
import { whyUnwritable } from '../lib/why-unreadable.ts'
import { exitCodes, exitOf } from './exit-codes.ts'
import type { Host } from './host.ts'
import { painter } from './paint.ts'

/** Tells what went wrong; the number to exit with. */
export function tellFailure(host: Host, failure: unknown): number {
  const { err, out, words } = host
  const error = expected(failure)
  const code = error instanceof GatewayError ? error.code : 'internal'
  const message = printable(sentenceOf(error))
  if (words.includes('--json')) out(`${JSON.stringify({ error: { code, message } })}\n`)
  err(`${painter(host, 'err')('red', 'gatehouse:')} ${message}\n`)
  if (isVerbose(host) && error instanceof Error) err(`${traceOf(error)}\n`)
  return exitCodes[code === 'internal' ? code : exitOf(code)].number
}

/** What the system refuses is no fault of this program: what is read has its own words by now, so it was to be written. */
function expected(error: unknown): unknown {
  const why = error instanceof GatewayError ? undefined : whyUnwritable(error)
  return why === undefined ? error : new GatewayError('file-unwritable', why, { cause: error })
}

const isVerbose = ({ words, env }: Host): boolean =>
  words.includes('--verbose') || Boolean(env['DEBUG'])

function sentenceOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  return error instanceof GatewayError
    ? text
    : `a fault of this program: ${text} (--verbose shows where)`
}

function traceOf(error: Error): string {
  const { stack = '', cause } = error
  return cause instanceof Error ? `${stack}\ncaused by ${traceOf(cause)}` : stack
}
