/** First contact, while hundreds of networks want nothing but the places and the time that it takes. */
import { expect, test } from 'vitest'
import { networkOf } from '../../../src/link/network-prefix.ts'
import { QuestionLine } from '../../../src/resolve/in-turn.ts'
import { createResolver } from '../../../src/resolve/resolver.ts'
import { DnsTable } from '../../support/dns-table.ts'
import { dose } from '../../support/dose.ts'
import { forgeKey } from '../../support/forge.ts'
import * as wire from '../../support/script/codec.ts'
import type { ScriptedPeer } from '../../support/script/peer.ts'
import { World } from '../../support/script/world.ts'
import { seededRandom } from '../../support/seeded-random.ts'

const networks = Array.from({ length: 500 }, (_, n) => `203.${n >> 8}.${n & 255}.1:40000`)
const newcomer = 'new.example'

/** DNS as the gateway asks it: of some names it says nothing, of others that they are there. */
function withDns(world: World): DnsTable {
  const { clock, limits, meter } = world
  const dns = new DnsTable(
    clock,
    `_im._mitp.${newcomer} 60 SRV 10 0 5270 gw.${newcomer}`,
    `gw.${newcomer} 60 A 198.51.100.1`,
  )
  dns.latencyMs = 20
  const resolver = createResolver({
    ...{ exchange: dns.exchange, servers: [{ ip: '192.0.2.53', port: 53 }], clock, limits, meter },
    ...{ random: seededRandom(1), staticRoutes: new Map(), allowRanges: [], fallback: 'proven' },
    ...{ defaultPort: 5279, isProven: () => false },
    line: new QuestionLine(world.gateway.shares, limits, meter),
  })
  world.foundBy = (domain, payer, signal) => resolver.foundBy(domain, signal, payer)
  return dns
}

/** Each network claims one more invented name: of some of them DNS says nothing, and most are dialled and say nothing. */
class Crowd {
  readonly #world: World
  readonly #dns: DnsTable
  readonly #networks = networks.slice(0, dose(500, 200))
  readonly #links: (ScriptedPeer | undefined)[] = []
  #names = 0

  constructor(world: World, dns: DnsTable) {
    this.#world = world
    this.#dns = dns
  }

  claim(): undefined {
    for (const [n, remote] of this.#networks.entries()) {
      const name = `x${++this.#names}.example`
      if (n % 10 === 0) {
        for (const asked of [name, `_im._mitp.${name}`]) this.#dns.fail(asked, 'silent')
      } else this.#dns.add(`${name} 60 A 198.51.100.2`)
      this.#linkFrom(n, remote).prove({ claims: { iss: name } })
    }
  }

  /** A link is given up without a proof: then there is another. */
  #linkFrom(n: number, remote: string): ScriptedPeer {
    const known = this.#links[n]
    if (known?.release === undefined && known?.isClosed === false) return known
    const link = this.#world.dialIn('gateway', 'x.example', false, remote)
    link.sayHello()
    this.#links[n] = link
    return link
  }
}

/** Claims itself again and again as it is refused, and tells its keys once it is asked; how long until it is proven, in ms. */
class Newcomer {
  ms: number | undefined
  readonly #world: World
  readonly #since: number
  readonly #link: ScriptedPeer
  #claim = 0
  #isAsked = false

  constructor(world: World) {
    this.#world = world
    this.#since = world.clock.now()
    this.#link = world.dialIn('gateway', newcomer, false, '198.51.100.1:40000')
    this.#link.sayHello()
  }

  async turn(): Promise<undefined> {
    if (this.ms !== undefined) return
    const status = this.#link.status(this.#claim)
    if (status === 'ok') this.ms = this.#world.clock.now() - this.#since
    else if (this.#claim === 0 || status !== 'no answer') {
      const key = forgeKey(`script: ${newcomer}`)
      this.#claim = this.#link.prove({ key, claims: { iss: newcomer } })
    }
    const dialled = this.#world.dialled.find(({ domain }) => domain === newcomer)
    if (dialled === undefined || this.#isAsked) return
    this.#isAsked = true
    dialled.sayHello()
    await this.#world.tellKeysOn(dialled, newcomer)
  }
}

test('hundreds of networks of hostile strangers keep a newcomer out for 10 s at most, and a known peer notices nothing', async () => {
  const world = new World({
    pinned: ['a.example'],
    limits: { senderBurst: 1000, laneBurst: 1000, proofMs: 60_000 },
  })
  const dns = withDns(world)
  const bob = await world.attached()
  bob.grant(1, 1000, 1_000_000)
  const peer = await world.provenPeer()
  peer.show(1, 'alice@a.example')
  await world.run()
  let said = 0
  const say = async (): Promise<undefined> => {
    const sent = peer.message({ sequence: ++said })
    await world.run(1)
    const [shown] = bob.requestsOf(wire.command.message).slice(said - 1)
    bob.respond(shown?.id ?? 0, 'ok')
    await world.run(1)
    expect(peer.status(sent)).toBe('delivered')
  }
  const crowd = new Crowd(world, dns)
  // All places are taken before the newcomer comes.
  crowd.claim()
  await world.run(2000)
  const one = new Newcomer(world)
  for (let n = 0; n < 60 && one.ms === undefined; n++) {
    if (n % 10 === 0) crowd.claim()
    await one.turn()
    await say()
    await world.run(200)
  }
  const hits = dose(200, 80)
  expect(world.meter.total('limit_hits_total', { limit: 'strangerDials' })).toBeGreaterThan(hits)
  expect(world.meter.total('limit_hits_total', { limit: 'dnsSockets' })).toBeGreaterThan(hits)
  expect(one.ms).toBeLessThan(10_000)
})

test('whose claims take all the time that strangers have do not make those of a newcomer too many', async () => {
  const world = new World({ pinned: ['a.example'] })
  const { shares } = world.gateway
  const crowd = networks.map((remote) => shares.tree.network(networkOf(remote)))
  await world.lag(crowd.map((account) => [account, 0.28] as const))
  expect(crowd.every((account) => shares.isOver(account, 'time'))).toBe(true)
  const claim = async (remote: string, domain: string): Promise<string> => {
    const link = world.dialIn('gateway', domain, false, remote)
    link.sayHello()
    const id = link.prove({ key: forgeKey(`script: ${domain}`), claims: { iss: domain } })
    await world.run()
    return link.status(id)
  }
  expect(await claim(networks[7] as string, 'x.example')).toBe('rate-limited')
  expect(await claim('198.51.100.1:40000', newcomer)).toBe('no answer')
  expect(world.dialled.map(({ domain }) => domain)).toEqual([newcomer])
  expect(await claim('192.0.2.1:40000', 'a.example')).toBe('ok')
})
