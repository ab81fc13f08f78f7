/**
 * Everything that a run or a scenario needs: sites, devices, a network, DNS and the time that moves them all.
 *
 * In:    a plan: which sites with which domains and users.
 * Out:   the parts, and `run`, `until` and `wait` to let time pass.
 */
import { makeAddress, type Service } from '../../../src/address/address.ts'
import { type Domain, parseDomain } from '../../../src/address/domain.ts'
import type { SetKey } from '../../../src/credential/key-set.ts'
import { type Limits, limitsWith } from '../../../src/limits.ts'
import type { ProofKind } from '../../../src/peer/pair.ts'
import type { DomainRuleSet } from '../../../src/policy/domain-rules.ts'
import type { Fallback } from '../../../src/resolve/target.ts'
import { DnsTable } from '../dns-table.ts'
import { seededRandom } from '../seeded-random.ts'
import { Device } from './device.ts'
import { Journal } from './journal.ts'
import { keyPairFor } from './keys.ts'
import { Network, peerPort } from './network.ts'
import { Operator } from './operator.ts'
import { Scheduler } from './scheduler.ts'
import { Site } from './site.ts'
import { Trace } from './trace.ts'

export type DomainPlan = {
  readonly name: string
  readonly users: readonly string[]
  readonly services?: readonly Service[]
}

export type WorldSite = {
  readonly name: string
  readonly domains: readonly [DomainPlan, ...DomainPlan[]]
  readonly limits?: Partial<Limits>
  readonly rules?: DomainRuleSet
  readonly pinned?: ReadonlyMap<string, readonly SetKey[]>
  readonly required?: (domain: string) => readonly ProofKind[]
  readonly fallback?: Fallback
}

export type WorldPlan = {
  readonly seed: number
  readonly sites: readonly WorldSite[]
  readonly limits?: Partial<Limits>
  /** TTL of DNS records. */
  readonly ttlSeconds?: number
  /** Whoever lets time pass judges what was thrown meanwhile; else it is thrown at him. */
  readonly isJudged?: boolean
}

const everybody: DomainRuleSet = { default: 'allow', allow: [], deny: [] }

export class World {
  readonly scheduler = new Scheduler()
  readonly trace = new Trace(this.scheduler)
  readonly journal = new Journal()
  readonly dns: DnsTable
  readonly network: Network
  readonly sites: readonly Site[]
  readonly devices: Device[] = []
  readonly limits: Limits
  readonly #plan: WorldPlan

  constructor(plan: WorldPlan) {
    this.#plan = plan
    this.limits = limitsWith(plan.limits)
    this.dns = new DnsTable(this.scheduler.clock())
    this.dns.latencyMs = 3
    this.network = new Network(this.scheduler, this.random('network'), this.trace)
    this.sites = plan.sites.map((site, index) => this.#site(site, index))
    for (const site of this.sites) for (const domain of site.domains) this.publish(domain)
  }

  /** Chance of its own for each part, so that what one draws does not move the others. */
  random(part: string): ReturnType<typeof seededRandom> {
    let mixed = this.#plan.seed
    for (const letter of part) mixed = Math.imul(mixed ^ letter.charCodeAt(0), 0x01000193)
    return seededRandom(mixed)
  }

  site(name: string): Site {
    const site = this.sites.find((one) => one.name === name)
    if (site === undefined) throw new Error(`no site ${name}`)
    return site
  }

  siteOf(domain: Domain): Site {
    return this.sites.find(({ domains }) => domains.includes(domain)) as Site
  }

  operator(domain: string): Operator {
    for (const { operators } of this.sites) {
      for (const operator of operators) if (operator.domain === domain) return operator
    }
    throw new Error(`nobody runs ${domain}`)
  }

  /** A device of `user` (`name@domain`). */
  device(user: string, name = user.split('@')[0] as string, hasLanes = false): Device {
    const [part = '', domain = ''] = user.split('@')
    const address = makeAddress(part, parseDomain(domain))
    const { scheduler, network, journal, trace, limits } = this
    const device = new Device(
      {
        name,
        ip: `10.1.0.${this.devices.length + 1}`,
        user: address,
        key: keyPairFor(address.text),
        site: this.siteOf(address.domain),
        limits,
        hasLanes,
      },
      { scheduler, network, random: this.random(`device ${name}`), journal, trace },
    )
    this.devices.push(device)
    return device
  }

  /** The records of `domain` as they should be. */
  publish(domain: Domain): undefined {
    const { ip } = this.siteOf(domain)
    const ttl = this.#plan.ttlSeconds ?? 60
    const host = `gw.${domain}`
    this.dns.add(
      `_im._mitp.${domain} ${ttl} SRV 0 0 ${peerPort} ${host}`,
      `_pres._pitp.${domain} ${ttl} SRV 0 0 ${peerPort} ${host}`,
      `${host} ${ttl} A ${ip}`,
    )
  }

  /** Takes the records of `domain` away. */
  unpublish(domain: Domain): undefined {
    for (const name of [`_im._mitp.${domain}`, `_pres._pitp.${domain}`, `gw.${domain}`]) {
      this.dns.remove(name)
    }
  }

  start(): undefined {
    for (const site of this.sites) site.start()
  }

  /** Lets `ms` pass. */
  async run(ms: number): Promise<undefined> {
    await this.scheduler.advance(ms)
    return this.#throwFaults()
  }

  /** Lets time pass until `condition` holds; whether it does, within `ms`. */
  async until(condition: () => boolean, ms = 60_000): Promise<boolean> {
    const holds = await this.scheduler.until(condition, ms)
    this.#throwFaults()
    return holds
  }

  /** Lets time pass until `promise` is settled. */
  async wait<T>(promise: Promise<T>, ms = 60_000): Promise<T> {
    let isSettled = false
    const done = (): undefined => {
      isSettled = true
    }
    promise.then(done, done)
    if (!(await this.until(() => isSettled, ms))) throw new Error(`nothing within ${ms} ms`)
    return promise
  }

  #throwFaults(): undefined {
    const [fault] = this.scheduler.thrown
    if (fault !== undefined && this.#plan.isJudged !== true) throw fault
  }

  #site(plan: WorldSite, index: number): Site {
    const { scheduler, network, dns, trace } = this
    const limits: Limits = { ...this.limits, ...plan.limits }
    const operators = plan.domains.map(
      ({ name, users, services = ['im', 'pres'] }) =>
        new Operator({
          ...{ domain: parseDomain(name), users, services, limits },
          clock: scheduler.clock(),
        }),
    )
    return new Site(
      {
        name: plan.name,
        ip: `10.0.0.${index + 1}`,
        operators: operators as [Operator, ...Operator[]],
        limits,
        rules: plan.rules ?? everybody,
        pinned: plan.pinned ?? new Map(),
        required: plan.required ?? (() => []),
        fallback: plan.fallback ?? 'proven',
      },
      { scheduler, network, dns, random: this.random(`site ${plan.name}`), trace },
    )
  }
}
