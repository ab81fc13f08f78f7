/** `gatehouse bench`: the bench of the source tree, with all its flags. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { stat } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { Command } from 'commander'
import { GatewayError } from '../errors.ts'
import type { Host } from './host.ts'
import type { End } from './program.ts'

export function addBench(program: Command, host: Host, end: End): undefined {
  program
    .command('bench')
    .description('measure this machine against a bare relay (in a checkout; flags: bench --help)')
    .helpOption(false)
    .allowUnknownOption()
    .argument('[flags...]', 'flags of the bench')
    .action(async (flags: readonly string[]) => end(await bench(host, flags)))
}

async function bench({ again: [node] }: Host, flags: readonly string[]): Promise<number> {
  const file = fileURLToPath(new URL('../../test/bench/bench.ts', import.meta.url))
  await stat(file).catch((cause: unknown) => {
    const expected = `expected the bench at ${file}, found none: it is part of the source tree`
    throw new GatewayError('usage', `${expected}, not of the package`, { cause })
  })
  const child = spawn(node, [file, ...flags], { stdio: 'inherit' })
  const [code] = (await once(child, 'exit')) as [number | null]
  return code ?? 1
}
