/**
 * A gateway whose users are known to an HTTP service instead of its configuration.
 *
 *     npx node examples/http-directory.ts gatehouse.yaml http://127.0.0.1:8080/users
 *
 * `GET /users?domain=a.example&user=alice` is answered with 200 and `{"keys": ["…"]}` for a user, the public keys by
 * which it attaches, and with 404 for nobody. Anything else means that nothing is known: then requests are answered
 * `busy`, for users that exist and for others. The gateway remembers an answer for `limits.ownerMs`, and waits for one
 * for `limits.directoryMs`.
 */
import { readFile, stat } from 'node:fs/promises'
import { checkFiles } from '../src/config/files.ts'
import { parseConfig } from '../src/config/load.ts'
import { systemClock as clock } from '../src/lib/clock.ts'
import { silentLog as log } from '../src/lib/log.ts'
import { Meter } from '../src/lib/meter.ts'
import { systemRandom as random } from '../src/lib/random.ts'
import type { Directory } from '../src/operation/directory.ts'
import { systemExchange, systemServers } from '../src/resolve/system-exchange.ts'
import { startGateway } from '../src/run.ts'
import { stopped, words } from './attach.ts'

const [file, service] = words
if (file === undefined || service === undefined) {
  throw new Error('expected a configuration and a URL')
}

const httpDirectory = (url: string, withinMs: number): Directory => ({
  find: async ({ user, domain }) => {
    const asked = new URL(url)
    asked.searchParams.set('domain', domain)
    asked.searchParams.set('user', user)
    const answer = await fetch(asked, { signal: AbortSignal.timeout(withinMs), redirect: 'error' })
    if (answer.status === 404) return undefined
    if (answer.status !== 200) throw new Error(`the directory answered ${answer.status}`)
    const { keys } = (await answer.json()) as { readonly keys?: unknown }
    const isList = Array.isArray(keys) && keys.every((key) => typeof key === 'string')
    if (!isList) throw new Error('the directory answered no list of keys')
    return { keys }
  },
})

const loaded = parseConfig(await readFile(file, 'utf8'), file)
if ('mistakes' in loaded) throw new Error(JSON.stringify(loaded.mistakes))
const { config } = loaded
const { files, mistakes } = await checkFiles(loaded, { readFile, stat, wall: clock.wall })
if (files === undefined) throw new Error(JSON.stringify(mistakes))
const { limits, domains } = config
const directory = httpDirectory(service, limits.directoryMs)
const meter = new Meter()
const running = await startGateway({
  ...{ config, files, clock, random, meter, log, systemServers },
  directories: new Map(domains.map(({ name }) => [name, directory])),
  software: 'gatehouse-example',
  exchange: systemExchange,
})
console.log(`${domains.map(({ name }) => name).join(', ')}: peers at ${running.ports.peers}`)
await stopped()
await running.drain()
