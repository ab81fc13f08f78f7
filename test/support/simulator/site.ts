/**
 * One site: a host with a gateway for one or more domains, whose process starts, dies and starts again.
 *
 * In:    its domains, where it is, and the world around it.
 * Out:   a whole gateway as `run.ts` builds one, with memory in the place of sockets and DNS servers.
 */
import type { Service } from '../../../src/address/address.ts'
import type { Domain } from '../../../src/address/domain.ts'
import type { SetKey } from '../../../src/credential/key-set.ts'
import { createGateway, type Gateway, type HostedDomain } from '../../../src/gateway.ts'
import { sleep } from '../../../src/lib/clock.ts'
import { Meter } from '../../../src/lib/meter.ts'
import type { Random } from '../../../src/lib/random.ts'
import { type Limits, limitTable } from '../../../src/limits.ts'
import type { Channel } from '../../../src/link/channel.ts'
import type { Connected } from '../../../src/peer/dialler.ts'
import type { ProofKind } from '../../../src/peer/pair.ts'
import type { DomainRuleSet } from '../../../src/policy/domain-rules.ts'
import { dialTargets } from '../../../src/resolve/dial.ts'
import { createResolver, type Resolver } from '../../../src/resolve/resolver.ts'
import type { Fallback } from '../../../src/resolve/target.ts'
import type { DnsTable } from '../dns-table.ts'
import { certificateFor, clientPort, type Network, peerPort } from './network.ts'
import type { Operator } from './operator.ts'
import type { Scheduler, SimClock } from './scheduler.ts'
import type { Trace } from './trace.ts'

export type SitePlan = {
  readonly name: string
  readonly ip: string
  readonly operators: readonly [Operator, ...Operator[]]
  readonly limits: Limits
  readonly rules: DomainRuleSet
  readonly pinned: ReadonlyMap<string, readonly SetKey[]>
  readonly required: (domain: string) => readonly ProofKind[]
  readonly fallback: Fallback
}

export type SiteNeeds = {
  readonly scheduler: Scheduler
  readonly network: Network
  readonly dns: DnsTable
  readonly random: Random
  readonly trace: Trace
}

/** One run of the program. */
export type Run = {
  readonly gateway: Gateway
  readonly resolver: Resolver
  readonly clock: SimClock
  readonly meter: Meter
}

export class Site {
  readonly name: string
  readonly ip: string
  readonly operators: readonly [Operator, ...Operator[]]
  readonly plan: SitePlan
  /** Every number of every process so far, for the search for secrets. */
  readonly meters: Meter[] = []
  /** The process that runs; `undefined`: down. */
  run: Run | undefined
  /** How often it was started. */
  starts = 0
  skewMs = 0
  /** Timers of processes that had ended in order. */
  readonly leftovers: number[] = []
  #isDraining = false
  readonly #needs: SiteNeeds

  constructor(plan: SitePlan, needs: SiteNeeds) {
    this.plan = plan
    this.name = plan.name
    this.ip = plan.ip
    this.operators = plan.operators
    this.#needs = needs
  }

  get domains(): readonly Domain[] {
    return this.operators.map(({ domain }) => domain)
  }

  start(): Run {
    const { scheduler, network, random, trace } = this.#needs
    const clock = scheduler.clock()
    clock.skewMs = this.skewMs
    const meter = new Meter()
    this.meters.push(meter)
    this.starts++
    trace.add(this.name, `process ${this.starts} starts`)
    const { limits, rules, pinned, required } = this.plan
    const resolver = this.#resolver(clock, meter)
    const gateway = createGateway({
      domains: this.operators.map((operator) => operator.hosted(clock, random)) as unknown as [
        HostedDomain,
        ...HostedDomain[],
      ],
      software: 'simulated',
      rules,
      pinned,
      discontinuity: 'accept',
      connect: (remote, service, signal) =>
        this.#connect(clock, meter, resolver, { domain: remote, service, signal }),
      foundBy: (domain, signal) => resolver.foundBy(domain, signal),
      required,
      provenChannel: () => undefined,
      clock,
      random,
      limits,
      meter,
      log: trace.log(this.name),
    })
    const run = { gateway, resolver, clock, meter }
    this.run = run
    for (const [port, role] of [[peerPort, 'gateway'] as const, [clientPort, 'client'] as const]) {
      network.listen(this.ip, port, {
        owner: this.name,
        clock,
        certificate: (name) =>
          this.domains.some((domain) => domain === name) ? certificateFor(name) : undefined,
        accept: (channel) => gateway.accept(channel, role),
      })
    }
    return run
  }

  /** The process ends without a word. With `tell` the system of the host closes its connections. */
  kill(tell: boolean): undefined {
    const { network, trace } = this.#needs
    trace.add(this.name, `process ${this.starts} is killed${tell ? '' : ', and its host is gone'}`)
    this.#end()
    network.drop(this.name, tell)
  }

  /** As SIGTERM does it. */
  async drain(): Promise<undefined> {
    const { network, trace, scheduler } = this.#needs
    const { run } = this
    if (run === undefined || this.#isDraining) return
    this.#isDraining = true
    trace.add(this.name, `process ${this.starts} drains`)
    network.shut(this.name)
    await run.gateway.drain()
    if (this.run !== run) return
    trace.add(this.name, `process ${this.starts} has drained`)
    // What is planned for this instant is no timer.
    await sleep(scheduler.clock(), 1)
    if (this.run !== run) return
    const isPaused = run.clock.pausedUntil > run.clock.now()
    if (run.clock.pending > 0 && !isPaused) this.leftovers.push(run.clock.pending)
    // The system still sends what was written.
    this.#end()
    const wires = network.wiresOf(this.name)
    scheduler.clock().after(limitTable.lingerMs.value + 1, () => network.sweep(wires, this.name))
  }

  /** Runs from now on, whatever it was doing. */
  ensure(): undefined {
    if (this.#isDraining) this.kill(true)
    if (this.run === undefined) this.start()
  }

  #end(): undefined {
    this.run?.clock.kill()
    this.run = undefined
    this.#isDraining = false
  }

  skew(ms: number): undefined {
    this.skewMs = ms
    if (this.run !== undefined) this.run.clock.skewMs = ms
  }

  #resolver(clock: SimClock, meter: Meter): Resolver {
    const { dns, random } = this.#needs
    const { limits, fallback } = this.plan
    return createResolver({
      exchange: dns.exchange,
      servers: [{ ip: '10.255.0.53', port: 53 }],
      clock,
      random,
      limits,
      meter,
      staticRoutes: new Map(),
      allowRanges: ['10.0.0.0/8'],
      fallback,
      defaultPort: peerPort,
      isProven: (domain) => this.run?.gateway.isProven(domain) ?? false,
    })
  }

  async #connect(
    clock: SimClock,
    meter: Meter,
    resolver: Resolver,
    { domain, service, signal }: { domain: Domain; service: Service; signal: AbortSignal },
  ): Promise<Connected> {
    const { network } = this.#needs
    const { targets } = await resolver.resolve(domain, service, signal)
    const { value, target } = await dialTargets<Channel>({
      targets,
      connect: (ip, port, _target, aborted) =>
        network.dial({
          from: this.name,
          fromIp: this.ip,
          ip,
          port,
          domain,
          service,
          clock,
          signal: aborted,
        }),
      close: (channel) => channel.destroy(),
      clock,
      limits: this.plan.limits,
      meter,
      signal,
    })
    const { host, port, needsKnownKey } = target
    return { channel: value, host, port, needsKnownKey }
  }
}
