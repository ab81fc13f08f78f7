/**
 * From a domain to a channel: resolution, the race of addresses, and TLS with the domain as the name to prove.
 *
 * In:    a domain and a service; the resolver; whom to trust.
 * Out:   a channel, and whether DNS still leads to where it leads.
 * Fails: the code of the search or of the dial, counted.
 */
import type { Service } from './address/address.ts'
import type { Domain } from './address/domain.ts'
import type { Config } from './config/schema.ts'
import { GatewayError, type Status } from './errors.ts'
import type { Clock } from './lib/clock.ts'
import { type Histogram, type Meter, observe } from './lib/meter.ts'
import type { Channel } from './link/channel.ts'
import { dialPlain, dialTls } from './link/dial-socket.ts'
import type { Trust } from './link/tls.ts'
import type { Connected, IsNamed } from './peer/dialler.ts'
import { dialTargets } from './resolve/dial.ts'
import type { Resolver } from './resolve/resolver.ts'
import type { Account } from './shares/account.ts'

type Needs = { readonly config: Config; readonly clock: Clock; readonly meter: Meter }

type Wanted = {
  readonly domain: Domain
  readonly service: Service
  readonly signal: AbortSignal
  readonly payer: Account
}

/** Resolution, then the race of addresses, then TLS with the domain as the name to prove. */
async function attempt(
  { config, clock, meter }: Needs,
  resolver: Resolver,
  trust: Trust,
  { domain, service, signal, payer }: Wanted,
): Promise<Connected> {
  const { limits } = config
  const started = clock.now()
  const isPlain = config.peers.get(domain)?.plain ?? false
  const phase = (name: string) => meter.histogram('connect_phase_seconds', { phase: name })
  const { targets } = await resolver.resolve(domain, service, signal, payer)
  observeSince(phase('dns'), clock, started)
  const dialStarted = clock.now()
  const { value, target, ip } = await dialTargets<Channel>({
    targets,
    connect: (ip, port, _target, aborted) =>
      isPlain
        ? dialPlain({ ip, port, limits, clock, signal: aborted })
        : dialTls({ ip, port, domain, service, trust, limits, clock, signal: aborted }),
    close: (channel) => channel.destroy(),
    clock,
    limits,
    meter,
    signal,
  })
  observeSince(phase(isPlain ? 'tcp' : 'tls'), clock, dialStarted)
  const { host, port, needsKnownKey } = target
  const isNamed: IsNamed = async (ageMs, ended, account) => {
    const naming = await resolver.naming(domain, service, { host, port, ip }, ended, account)
    // Some name their addresses in turns.
    return naming === 'named' || (naming === 'address-gone' && ageMs < limits.dnsMoveMs)
  }
  return { channel: value, host, port, needsKnownKey, isNamed }
}

export async function connect(
  needs: Needs,
  resolver: Resolver,
  trust: Trust,
  wanted: Wanted,
): Promise<Connected> {
  const count = (result: Status): undefined => {
    needs.meter.counter('connect_attempts_total', { result }).n++
  }
  try {
    const connected = await attempt(needs, resolver, trust, wanted)
    count('ok')
    return connected
  } catch (error) {
    count(error instanceof GatewayError ? error.code : 'internal')
    throw error
  }
}

const observeSince = (histogram: Histogram, clock: Clock, since: number): undefined =>
  observe(histogram, (clock.now() - since) / 1000)
