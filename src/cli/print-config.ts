/** `gatehouse print-config`: the settings in force, every default included, secrets hidden. */
import type { Command } from 'commander'
import { parse } from 'yaml'
import { printConfig, printJsonSchema } from '../config/print.ts'
import { configOption, parsedConfig, readConfigText } from './config-file.ts'
import { exitCodes } from './exit-codes.ts'
import type { Host } from './host.ts'
import type { End } from './program.ts'

type Options = { readonly config?: string; readonly json?: boolean; readonly schema?: boolean }

export function addPrintConfig(program: Command, host: Host, end: End): undefined {
  program
    .command('print-config')
    .description('print all settings with their defaults, secrets hidden')
    .argument('[file]', 'the same as --config')
    .option(...configOption)
    .option('--schema', 'print the JSON schema of the file instead, for editors')
    .option('--json', 'print JSON instead of YAML')
    .action(async (file: string | undefined, options: Options) => {
      host.out(await printed(host, file ?? options.config, options))
      return end(exitCodes.ok.number)
    })
}

async function printed(host: Host, named: string | undefined, options: Options): Promise<string> {
  if (options.schema === true) return printJsonSchema()
  const { config } = parsedConfig(await readConfigText(host, named))
  const yaml = printConfig(config)
  return options.json === true ? `${JSON.stringify(parse(yaml))}\n` : yaml
}
