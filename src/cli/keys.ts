/** `gatehouse keys`: makes Ed25519 keys, and shows what others may know of them. */
import { resolve } from 'node:path'
import type { Command } from 'commander'
import type { Config, DomainConfig } from '../config/schema.ts'
import { generateKeyPair, type KeyPair, writePrivateKey } from '../credential/ed25519.ts'
import { keySetOf } from '../credential/publish-keys.ts'
import { createSigner } from '../credential/sign.ts'
import { readKeyFile } from './attach.ts'
import { configOption, parsedConfig, readConfigText } from './config-file.ts'
import { exitCodes } from './exit-codes.ts'
import type { Host } from './host.ts'
import { painter } from './paint.ts'
import type { End } from './program.ts'
import { columns } from './table.ts'
import { alreadyThere, writeNew } from './write-new.ts'

type Options = { readonly config?: string; readonly json?: boolean }

export function addKeys(program: Command, host: Host, end: End): undefined {
  const keys = program.command('keys').description('make Ed25519 keys, and show their public side')
  keys
    .command('generate')
    .description('make a key: for a user, or the next one of a domain')
    .argument('[file]', 'where to write it, mode 0600; else it is printed')
    .option('--json', 'print one JSON object')
    .action(async (file: string | undefined, options: Options) =>
      end(await generate(host, file, options)),
    )
  keys
    .command('show')
    .description('public key, key id and key set of the domains of a configuration, or of one file')
    .argument('[file]', 'private key (PEM)')
    .option(...configOption)
    .option('--json', 'print one JSON object')
    .action(async (file: string | undefined, options: Options) => {
      host.out(await shown(host, file, options))
      return end(exitCodes.ok.number)
    })
}

async function generate(host: Host, named: string | undefined, { json }: Options): Promise<number> {
  const pair = generateKeyPair(host.random)
  const text = writePrivateKey(pair)
  const file = named === undefined ? undefined : resolve(host.folder, named)
  if (file !== undefined) {
    if ((await alreadyThere([file])).length > 0) {
      host.err(`gatehouse: expected no file at ${file} yet, found one: keys are not overwritten\n`)
      return exitCodes.output.number
    }
    await writeNew([{ file, text, isPrivate: true }])
  }
  const facts = { ...publicFacts(pair), file: file ?? null }
  if (json === true) {
    host.out(`${JSON.stringify(file === undefined ? { ...facts, pem: text } : facts)}\n`)
  } else host.out(file === undefined ? text : rowsOf(facts))
  return exitCodes.ok.number
}

const publicFacts = ({ publicKey: { x, thumbprint } }: KeyPair) => ({
  publicKey: x,
  kid: thumbprint,
})

const rowsOf = (facts: Readonly<Record<string, string | null>>): string =>
  columns(Object.entries(facts).map(([name, value]) => [name, value ?? '-']))

async function shown(host: Host, file: string | undefined, options: Options): Promise<string> {
  if (file !== undefined) {
    const facts = publicFacts(await readKeyFile(resolve(host.folder, file)))
    return options.json === true ? `${JSON.stringify(facts)}\n` : rowsOf(facts)
  }
  const { config } = parsedConfig(await readConfigText(host, options.config))
  const domains = await Promise.all(
    config.domains.map((domain) => shownDomain(host, config, domain)),
  )
  if (options.json === true) return `${JSON.stringify({ domains })}\n`
  const paint = painter(host, 'out')
  return domains
    .map(({ domain, keys, keySet }) => {
      const rows = keys.map(({ use, publicKey, kid }) => [use, publicKey, kid])
      const head = ['USE', 'PUBLIC KEY', 'KEY ID']
      const set = `key set, as KEYS answers it:\n${JSON.stringify(keySet)}\n`
      return `${paint('bold', domain)}\n${columns([head, ...rows])}\n${set}`
    })
    .join('\n')
}

async function shownDomain(host: Host, { limits }: Config, settings: DomainConfig) {
  const { clock, random } = host
  const { name: domain, key, userKey, otherKeys, revokedKeys: revoked } = settings
  const link = await readKeyFile(key)
  const user = userKey === null ? link : await readKeyFile(userKey)
  const others = await Promise.all(otherKeys.map(readKeyFile))
  const signer = createSigner({ domain, linkKey: link, userKey: user, clock, random, limits })
  // What `run` publishes, as of now.
  const set = keySetOf({ link, user, others }, revoked, Math.floor(clock.wall() / 1000))
  return {
    domain,
    keys: set.keys.map(({ use, pair }) => ({ use, ...publicFacts(pair) })),
    revoked,
    keySet: JSON.parse(signer.signKeySet(set).toString()) as unknown,
  }
}
