/**
 * How a command ends, in one table; `gatehouse --help` prints it.
 *
 * The numbers are those of `sysexits.h`, as mail programs and service managers know them, and two of our own.
 */
import { isSuccess, isTemporary, type Status } from '../errors.ts'

export type ExitCodeRow = { readonly number: number; readonly meaning: string }

const row = (number: number, meaning: string): ExitCodeRow => ({ number, meaning })

// biome-ignore format: one row a line
export const exitCodes = {
  ok: row(0, 'Done. Of send: delivered, stored or queued.'),
  usage: row(64, 'The command line is not understood.'),
  data: row(65, 'What was read is not what it should be: a token, an address, a document.'),
  input: row(66, 'A file that the command line names cannot be read.'),
  permanent: row(69, 'Refused: the same again will be refused again.'),
  internal: row(70, 'A fault of this program.'),
  port: row(71, 'A port cannot be opened.'),
  output: row(73, 'A file is there already, or cannot be written; or what was printed is lost.'),
  temporary: row(75, 'It did not work this time: try again later.'),
  config: row(78, 'The configuration has mistakes, or a file or certificate that it names cannot be used.'),
  unknown: row(79, 'Nobody knows whether the message arrived: repeat it with the --id that is told.'),
  interrupted: row(130, 'Stopped by a signal before it was done.'),
} as const satisfies Record<string, ExitCodeRow>

export type ExitName = keyof typeof exitCodes

/** What a status of `errors.ts` means for the one who started the command. */
export function exitOf(status: Status): ExitName {
  switch (status) {
    case 'usage':
      return 'usage'
    case 'bad-address':
    case 'bad-request':
      return 'data'
    case 'file-unreadable':
      return 'input'
    case 'file-unwritable':
      return 'output'
    case 'port-unavailable':
      return 'port'
    case 'config-invalid':
    case 'certificate-unusable':
      return 'config'
    case 'unknown-outcome':
      return 'unknown'
    default:
      return isSuccess(status) ? 'ok' : isTemporary(status) ? 'temporary' : 'permanent'
  }
}

/** For `--help`. */
export function exitCodesText(): string {
  const lines = Object.values(exitCodes).map(
    ({ number, meaning }) => `  ${String(number).padStart(3)}  ${meaning}`,
  )
  return `Exit codes:\n${lines.join('\n')}`
}
