/** `gatehouse check-config`: every mistake in the configuration and in the files that it names. */
import type { Command } from 'commander'
import { parseConfig } from '../config/load.ts'
import { formatMistakes, inOrder, type Mistake } from '../config/mistakes.ts'
import {
  type ConfigText,
  checkedFiles,
  configOption,
  countOf,
  readConfigText,
} from './config-file.ts'
import { exitCodes } from './exit-codes.ts'
import type { Host } from './host.ts'
import { painter } from './paint.ts'
import type { End } from './program.ts'

type Options = { readonly config?: string; readonly json?: boolean }

export function addCheckConfig(program: Command, host: Host, end: End): undefined {
  program
    .command('check-config')
    .description('name every mistake in the configuration and in the files that it names')
    .argument('[file]', 'the same as --config')
    .option(...configOption)
    .option('--json', 'print one JSON object')
    .action(async (file: string | undefined, options: Options) =>
      end(await checkConfig(host, file ?? options.config, options.json === true)),
    )
}

async function checkConfig(host: Host, named: string | undefined, json: boolean): Promise<number> {
  const text = await readConfigText(host, named)
  const { domains, mistakes, warnings } = await findings(host, text)
  const isRight = mistakes.length === 0
  if (json) {
    host.out(`${JSON.stringify({ ok: isRight, file: text.file, domains, mistakes, warnings })}\n`)
  } else {
    const paint = painter(host, 'out')
    if (!isRight) host.out(`${formatMistakes(mistakes)}\n`)
    for (const one of warnings) host.out(`${paint('yellow', 'warning')} ${formatMistakes([one])}\n`)
    const verdict = isRight ? paint('green', 'right') : paint('red', 'wrong')
    const counts = [countOf(mistakes.length, 'mistake'), countOf(warnings.length, 'warning')]
    host.out(`${text.file} is ${verdict}: ${counts.join(', ')}\n`)
  }
  return isRight ? exitCodes.ok.number : exitCodes.config.number
}

type Findings = {
  readonly domains: readonly string[]
  readonly mistakes: readonly Mistake[]
  readonly warnings: readonly Mistake[]
}

async function findings(host: Host, { file, text }: ConfigText): Promise<Findings> {
  const loaded = parseConfig(text, file)
  if ('mistakes' in loaded) {
    const { rest, mistakes } = loaded
    if (rest === undefined) return { domains: [], mistakes, warnings: [] }
    const { mistakes: further, warnings } = await checkedFiles(rest, host)
    return { domains: [], mistakes: inOrder([...mistakes, ...further]), warnings }
  }
  const { mistakes, warnings } = await checkedFiles(loaded, host)
  return { domains: loaded.config.domains.map(({ name }) => name), mistakes, warnings }
}
