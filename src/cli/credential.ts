/** `gatehouse credential`: issues credentials with the key of the domain, and explains tokens. */
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { parseDomain } from '../address/domain.ts'
import type { DomainConfig } from '../config/schema.ts'
import { importPublicKey } from '../credential/ed25519.ts'
import { signCredential } from '../credential/sign.ts'
import { GatewayError } from '../errors.ts'
import { type Scope, scopes } from '../wire/registry.ts'
import { readKeyFile, userOf } from './attach.ts'
import { mostInputBytes } from './bounded-file.ts'
import {
  configOption,
  findConfigText,
  parsedConfig,
  readConfigText,
  readText,
} from './config-file.ts'
import { exitCodes } from './exit-codes.ts'
import type { Host } from './host.ts'
import { wholeOf } from './number-option.ts'
import type { End } from './program.ts'
import { inspectToken, issuerOf } from './token-report.ts'
import { inspectionText } from './token-text.ts'

type IssueOptions = {
  readonly config?: string
  readonly for?: string
  readonly scope?: readonly string[]
  readonly seconds?: string
  readonly publicKey?: string
  readonly key?: string
  readonly json?: boolean
}

type InspectOptions = { readonly keys?: string; readonly config?: string; readonly json?: boolean }

export function addCredential(program: Command, host: Host, end: End): undefined {
  const credential = program
    .command('credential')
    .description('issue credentials of users, and explain tokens')
  credential
    .command('issue')
    .description('vouch for a user with the key of the domain; prints the token')
    .argument('<user>', 'alice, or alice@a.example')
    .option(...configOption)
    .option('--for <domain>', 'domain that it is meant for (else the own one, to attach)')
    .option('--scope <name...>', `what it allows: ${scopes.join(', ')} (else all)`)
    .option('--seconds <number>', 'how long it holds (else limits.credentialSeconds)')
    .option(
      '--public-key <key>',
      'public key of the user, whom it names: 43 characters of base64url',
    )
    .option('-k, --key <file>', 'the same, from the private key of the user (PEM)')
    .option('--json', 'print one JSON object')
    .action(async (user: string, options: IssueOptions) => end(await issue(host, user, options)))
  credential
    .command('inspect')
    .description('explain a token, and verify it where keys are given')
    .argument('[token]', 'the token; else standard input is read')
    .option('--keys <file>', 'key set or public key, also as keys show prints them')
    .option(
      '-c, --config <file>',
      'verify with its keys (else with one at hand of the domain that signed)',
    )
    .option('--json', 'print one JSON object')
    .action(async (token: string | undefined, options: InspectOptions) =>
      end(await inspect(host, token, options)),
    )
}

async function issue(host: Host, user: string, options: IssueOptions): Promise<number> {
  const { clock, random } = host
  const { config } = parsedConfig(await readConfigText(host, options.config))
  const sub = userOf({ user }, config)
  const ours = config.domains.find(({ name }) => name === sub.domain)
  if (ours === undefined) {
    const known = config.domains.map(({ name }) => name).join(', ')
    throw new GatewayError('credential-subject', `expected a user of ${known}, found ${sub.text}`)
  }
  const { limits } = config
  const userKey = await readKeyFile(ours.userKey ?? ours.key)
  const needs = { domain: ours.name, userKey, clock, random, limits }
  const aud = options.for === undefined ? ours.name : parseDomain(options.for)
  const seconds = wholeOf(options.seconds, '--seconds', 1, limits.credentialMaxSeconds)
  const scope = scopesOf(options.scope)
  const jkt = await thumbprintOf(host, options)
  const token = signCredential(needs, { sub, aud, scope, seconds, jkt })
  const facts = { token, sub: sub.text, aud, scope, jkt: jkt ?? null }
  host.out(options.json === true ? `${JSON.stringify(facts)}\n` : `${token}\n`)
  return exitCodes.ok.number
}

function scopesOf(names: readonly string[] | undefined): readonly Scope[] {
  const wrong = names?.find((name) => !scopes.some((scope) => scope === name))
  if (wrong === undefined) return scopes.filter((scope) => names?.includes(scope) ?? true)
  const expected = `one of ${scopes.join(', ')} behind --scope`
  throw new GatewayError('usage', `expected ${expected}, found "${wrong}"`)
}

/** Whose key the credential names: without one it is worth nothing outside a proven link. */
async function thumbprintOf(
  { folder }: Host,
  { publicKey, key }: IssueOptions,
): Promise<string | undefined> {
  if (key !== undefined) return (await readKeyFile(resolve(folder, key))).publicKey.thumbprint
  if (publicKey === undefined) return undefined
  const read = importPublicKey(publicKey)
  if (read !== undefined) return read.thumbprint
  throw new GatewayError(
    'usage',
    'expected an Ed25519 public key behind --public-key: 43 characters of base64url',
  )
}

async function inspect(
  host: Host,
  named: string | undefined,
  options: InspectOptions,
): Promise<number> {
  const text = named ?? (await host.readInput(mostInputBytes)).toString()
  const token = text.trim()
  const inspection = inspectToken(token, await keySources(host, options, token), host.clock)
  host.out(
    options.json === true ? `${JSON.stringify(inspection)}\n` : inspectionText(host, inspection),
  )
  return inspection.ok ? exitCodes.ok.number : exitCodes.data.number
}

/** Texts of key sets and public keys. */
async function keySources(
  host: Host,
  options: InspectOptions,
  token: string,
): Promise<readonly string[]> {
  const sources: string[] = []
  if (options.keys !== undefined) {
    sources.push((await readText(resolve(host.folder, options.keys))).text.trim())
  }
  if (options.config !== undefined) {
    const { config } = parsedConfig(await readConfigText(host, options.config))
    sources.push(...(await ownKeys(config.domains)))
  } else if (options.keys === undefined) sources.push(...(await keysAtHand(host, token)))
  return sources
}

/** Of a configuration that lies here and is the issuer's: nobody named it, so it is no mistake if it cannot be read. */
async function keysAtHand(host: Host, token: string): Promise<readonly string[]> {
  const issuer = issuerOf(token)
  try {
    const found = await findConfigText(host, undefined)
    const domains = found === undefined ? [] : parsedConfig(found).config.domains
    return await ownKeys(domains.filter(({ name }) => name === issuer))
  } catch (error) {
    if (error instanceof GatewayError) return []
    throw error
  }
}

async function ownKeys(domains: readonly DomainConfig[]): Promise<readonly string[]> {
  const keys: string[] = []
  for (const { key, userKey, otherKeys } of domains) {
    for (const file of [key, ...(userKey === null ? [] : [userKey]), ...otherKeys]) {
      keys.push((await readKeyFile(file)).publicKey.x)
    }
  }
  return keys
}
