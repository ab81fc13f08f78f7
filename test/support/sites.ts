/**
 * Domains as `gatehouse init` makes them, on ports of this machine, and their gateways as processes.
 *
 * In:    names; settings as lines of the sample file.
 * Out:   the files of each domain, where it listens, its process once it has started.
 */
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { expect } from 'vitest'
import { systemClock } from '../../src/lib/clock.ts'
import { systemRandom } from '../../src/lib/random.ts'
import { runCli, temporaryFolder } from './cli-host.ts'
import { type Process, start } from './gatehouse.ts'

async function freePort(address = '127.0.0.1'): Promise<{ server: Server; port: number }> {
  const server = createServer()
  server.listen(0, address)
  await once(server, 'listening')
  return { server, port: (server.address() as AddressInfo).port }
}

export async function ports(count: number): Promise<readonly number[]> {
  const held = await Promise.all(Array.from({ length: count }, () => freePort()))
  for (const { server } of held) server.close()
  return held.map(({ port }) => port)
}

export type Site = {
  readonly folder: string
  readonly config: string
  readonly peer: number
  readonly client: number
  readonly admin: number
}

/** The lines of the sample that a test sets: name to YAML. */
export async function set(
  config: string,
  settings: Readonly<Record<string, string>>,
): Promise<undefined> {
  let text = await readFile(config, 'utf8')
  for (const [name, value] of Object.entries(settings)) {
    const line = new RegExp(`^( *)#?${name}: .*$`, 'm')
    if (!line.test(text)) throw new Error(`no line for ${name}`)
    text = text.replace(line, (_, indent: string) => `${indent}${name}: ${value}`)
  }
  await writeFile(config, text)
}

/** A domain made by `init`, on ports of 127.0.0.1. */
export async function site(
  root: string,
  domain: string,
  words: readonly string[] = [],
): Promise<Site> {
  const folder = join(root, domain)
  // In this process: the command itself has a test of its own, and a process costs a second.
  const real = { clock: systemClock, random: systemRandom }
  expect((await runCli(['init', domain, '-d', folder, ...words], real)).code).toBe(0)
  const [peer = 0, client = 0, admin = 0] = await ports(3)
  const config = join(folder, 'gatehouse.yaml')
  await set(config, {
    peers: `[{address: 127.0.0.1, port: ${peer}}]`,
    clients: `[{address: 127.0.0.1, port: ${client}}]`,
    port: `${admin}`,
  })
  return { folder, config, peer, client, admin }
}

/** Two domains of one authority, each with a static route to the other. */
export async function twoSites(): Promise<{ a: Site; b: Site }> {
  const root = await temporaryFolder()
  const a = await site(root, 'a.example')
  const ca = join(a.folder, 'certificates/development-ca')
  const b = await site(root, 'b.example', ['--ca', `${ca}.pem`, '--ca-key', `${ca}.key.pem`])
  const towards = (domain: string, port: number) => ({
    routes: `{${domain}: ["127.0.0.1:${port}"]}`,
    allowRanges: '[127.0.0.0/8]',
  })
  await set(a.config, towards('b.example', b.peer))
  await set(b.config, towards('a.example', a.peer))
  return { a, b }
}

export async function gateway({ config }: Site, words: readonly string[] = []): Promise<Process> {
  const started = start(['run', '--config', config, ...words])
  await started.line(({ event }) => event === 'gateway.started')
  return started
}
