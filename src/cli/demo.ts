/** `gatehouse demo`: the federation of two domains on this machine, shown and explained. */
import type { Command } from 'commander'
import { runDemo } from '../demo/demo.ts'
import type { Host } from './host.ts'
import type { End } from './program.ts'

type Options = { readonly once?: boolean; readonly json?: boolean; readonly keep?: string }

export function addDemo(program: Command, host: Host, end: End): undefined {
  program
    .command('demo')
    .description('start two domains on this machine and show how they federate')
    .option('--once', 'end after the scenario instead of staying up')
    .option('--keep <folder>', 'keep keys and configurations in this empty folder')
    .option('--json', 'print one JSON object as the last line; the transcript goes to stderr')
    .action(async ({ once, json, keep }: Options) =>
      end(await runDemo(host, { once: once === true, json: json === true, keep })),
    )
}
