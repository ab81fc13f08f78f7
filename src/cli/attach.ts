/**
 * How client commands reach the gateway of their own domain, and as whom.
 *
 * In:    the options of a command; the configuration, if one is at hand.
 * Out:   an attached client; and how it is let go of, without waiting for a gateway that is silent.
 * Fails: `usage`, `config-invalid`, `file-unreadable`, `bad-address`; what attaching fails with.
 */
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { type Address, makeAddress, parseAddress } from '../address/address.ts'
import { parseDomain } from '../address/domain.ts'
import { type Client, connectClient, type PlaceOptions } from '../client/client.ts'
import type { Config, DomainConfig } from '../config/schema.ts'
import { generateKeyPair, type KeyPair, readPrivateKey } from '../credential/ed25519.ts'
import { signCredential } from '../credential/sign.ts'
import { GatewayError } from '../errors.ts'
import type { Clock } from '../lib/clock.ts'
import { formatEndpoint } from '../lib/ip.ts'
import { type Limits, limitsWith } from '../limits.ts'
import { scopes } from '../wire/registry.ts'
import {
  configOption,
  findConfigText,
  parsedConfig,
  readConfigText,
  readText,
  trustedBy,
} from './config-file.ts'
import { type Endpoint, endpointOf, nearAddress } from './endpoint-option.ts'
import type { Host } from './host.ts'
import { wholeOf } from './number-option.ts'
import { withProgress } from './progress.ts'

export type AttachOptions = {
  readonly user?: string
  readonly config?: string
  readonly gateway?: string
  readonly domain?: string
  readonly key?: string
  readonly credential?: string
  readonly ca?: string
  readonly plain?: boolean
}

export const addAttachOptions = (command: Command): Command =>
  command
    .option('-u, --user <name>', 'who speaks: alice, or alice@a.example')
    .option(...configOption)
    .option(
      '--gateway <host:port>',
      'where the gateway takes clients, instead of what the configuration says',
    )
    .option('--domain <domain>', 'the domain of the user, where neither user nor configuration say')
    .option('-k, --key <file>', 'private key of the user (PEM); else one is made and vouched for')
    .option('--credential <file>', 'credential of the domain that names this key')
    .option('--ca <file>', 'authority that vouches for the gateway (PEM)')
    .option('--plain', 'no TLS, for a gateway on this machine')

type More = Pick<PlaceOptions, 'onMessage' | 'onState' | 'attachMs'>

export async function attach(host: Host, options: AttachOptions, more: More = {}): Promise<Client> {
  const { user, place } = await whoAndWhere(host, options)
  const where = formatEndpoint(place.host, place.port)
  try {
    const attaching = connectClient({ ...place, ...more })
    return await withProgress(host, `attaching to ${where}`, attaching)
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error
    const { code, message, retryAfterMs } = error
    // Where it is stands in the sentence already.
    const why = `${message.replace(`${where}: `, '')}${hintOf(error)}`
    throw new GatewayError(code, `cannot attach as ${user.text} at ${where}: ${why}`, {
      cause: error,
      retryAfterMs,
    })
  }
}

/** What is most likely, and what is to be done about it. */
function hintOf({ code, message }: GatewayError): string {
  // With a certificate of a private authority nothing but its name is missing.
  if (message.includes('authority is unknown')) {
    return ' (--ca, or resolve.trustedCertificates, names one that is yours)'
  }
  // [LINK-5.2-7] The role does not fit the door.
  if (code === 'protocol-state') {
    return ' (it may be the port for other gateways: clients have one of their own, listen.clients)'
  }
  if (message.includes('does not speak TLS')) return ' (is it the right port? --plain does without)'
  return isNobody(code) ? ': is the gateway running?' : ''
}

const isNobody = (code: GatewayError['code']): boolean =>
  code === 'link-refused' || code === 'remote-timeout'

/** Waits until `client` is gone, but no longer than this. */
export async function leave(client: Client, clock: Clock, mostMs = closeMs): Promise<void> {
  const late = Promise.withResolvers<void>()
  const cancel = clock.after(Math.min(mostMs, closeMs), () => late.resolve() as undefined)
  await Promise.race([client.close(), late.promise])
  cancel()
}

const closeMs = 2000

export const addWaitOption = (command: Command): Command =>
  command.option('--wait <seconds>', 'how long to wait for the gateway and for the answer', '30')

export const waitMsOf = (wait: string | undefined): number =>
  (wholeOf(wait, '--wait', 1, 86_400) ?? 30) * 1000

/** How much of the time is left that counts from here, for all that a command does with its gateway. */
export function leftOf({ clock }: Host, ms: number): () => number {
  const until = clock.now() + ms
  return () => Math.max(0, until - clock.now())
}

type WhoAndWhere = { readonly user: Address; readonly place: PlaceOptions }

async function whoAndWhere(host: Host, options: AttachOptions): Promise<WhoAndWhere> {
  const { clock, random } = host
  const config = await configOf(host, options)
  const user = userOf(options, config)
  const ours = config?.domains.find(({ name }) => name === user.domain)
  const key = await keyOf(host, options.key, ours !== undefined)
  const { host: name, port } = endpointFor(options, config)
  const listener = listenerAt(options, config, port)
  const place = {
    user,
    key,
    credential: await credentialOf(host, options, { user, key, ours, limits: limitsOf(config) }),
    host: name,
    port,
    tls: options.plain === true ? false : (listener?.tls ?? true),
    ca: await authorities(host, options.ca, config),
    limits: limitsOf(config),
    clock,
    random,
  }
  return { user, place }
}

/** What is known of them before the gateway is asked. */
export const limitsFor = async (host: Host, options: AttachOptions): Promise<Limits> =>
  limitsOf(await configOf(host, options))

/**
 * A gateway that was named needs no configuration; one of the user's own domain that is at hand says what was not named:
 * key, domain, authorities. One of other domains only happens to lie here.
 */
async function configOf(host: Host, options: AttachOptions): Promise<Config | undefined> {
  const { config: named, gateway, key, user, domain } = options
  if (gateway === undefined || named !== undefined) {
    return parsedConfig(await readConfigText(host, named)).config
  }
  const whose = user?.includes('@') ? userOf({ user }, undefined).domain : domain
  try {
    const found = await findConfigText(host, undefined)
    const config = found === undefined ? undefined : parsedConfig(found).config
    const isOurs = whose === undefined || config?.domains.some(({ name }) => name === whose)
    return isOurs ? config : undefined
  } catch (error) {
    // Nothing is missing that it could say.
    if (key !== undefined && whose !== undefined) return undefined
    throw error
  }
}

const limitsOf = (config: Config | undefined): Limits => config?.limits ?? limitsWith()

export function userOf(
  { user, domain }: Pick<AttachOptions, 'user' | 'domain'>,
  config: Config | undefined,
): Address {
  if (user === undefined) throw new GatewayError('usage', 'expected --user, who speaks, found none')
  if (user.includes('@')) return parseAddress(user)
  if (domain !== undefined) return makeAddress(user, parseDomain(domain))
  const [first, ...others] = config?.domains ?? []
  if (first !== undefined && others.length === 0) return makeAddress(user, first.name)
  const found = first === undefined ? 'no configuration' : 'a configuration with several domains'
  throw new GatewayError('usage', `expected --user ${user}@<domain> or --domain, found ${found}`)
}

/** Ephemeral where the domain's own key can vouch for it. */
async function keyOf(
  { folder, random }: Host,
  file: string | undefined,
  isVouchedFor: boolean,
): Promise<KeyPair> {
  if (file !== undefined) return readKeyFile(resolve(folder, file))
  if (isVouchedFor) return generateKeyPair(random)
  throw new GatewayError(
    'usage',
    'expected --key, the private key of the user, as no configuration of the domain is at hand',
  )
}

export async function readKeyFile(file: string): Promise<KeyPair> {
  const { text } = await readText(file)
  const pair = readPrivateKey(text)
  if (pair !== undefined) return pair
  throw new GatewayError('file-unreadable', `expected an Ed25519 private key in PEM in ${file}`)
}

type Subject = {
  readonly user: Address
  readonly key: KeyPair
  readonly ours: DomainConfig | undefined
  readonly limits: Limits
}

/** A file, or the domain's own word: minted anew at each attempt to attach. */
async function credentialOf(
  host: Host,
  { credential }: AttachOptions,
  { user, key, ours, limits }: Subject,
): Promise<PlaceOptions['credential']> {
  if (credential !== undefined) {
    return (await readText(resolve(host.folder, credential))).text.trim()
  }
  if (ours === undefined) return undefined
  const { clock, random } = host
  const userKey = await readKeyFile(ours.userKey ?? ours.key)
  const needs = { domain: ours.name, userKey, clock, random, limits }
  const jkt = key.publicKey.thumbprint
  return async () =>
    signCredential(needs, { sub: user, aud: ours.name, scope: scopes, seconds: undefined, jkt })
}

function endpointFor({ gateway }: AttachOptions, config: Config | undefined): Endpoint {
  if (gateway !== undefined) return endpointOf(gateway, '--gateway', 5280)
  const [listener] = config?.listen.clients ?? []
  if (listener !== undefined && listener.port !== 0) {
    return { host: nearAddress(listener.address), port: listener.port }
  }
  const found = listener === undefined ? 'none' : 'port 0, which the system chooses'
  throw new GatewayError(
    'config-invalid',
    `expected a port in listen.clients, found ${found}: --gateway says where the gateway is`,
  )
}

/** The door of the configuration that this is, if it is one. */
const listenerAt = ({ gateway }: AttachOptions, config: Config | undefined, port: number) =>
  gateway === undefined
    ? config?.listen.clients[0]
    : config?.listen.clients.find((listener) => listener.port === port)

async function authorities(
  { folder }: Host,
  file: string | undefined,
  config: Config | undefined,
): Promise<readonly string[]> {
  const named = file === undefined ? [] : [(await readText(resolve(folder, file))).text]
  return [...named, ...(await trustedBy(config))]
}
