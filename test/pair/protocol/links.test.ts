/** Section 9 of `docs/protocol.md`: finding a domain, two links at once, back-off. */
import { describe, expect, test } from 'vitest'
import { parseDomain } from '../../../src/address/domain.ts'
import { GatewayError } from '../../../src/errors.ts'
import { silentLog } from '../../../src/lib/log.ts'
import { Meter } from '../../../src/lib/meter.ts'
import { limitsWith } from '../../../src/limits.ts'
import { createResolver } from '../../../src/resolve/resolver.ts'
import type { Fallback } from '../../../src/resolve/target.ts'
import { DnsTable, type Trouble } from '../../support/dns-table.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import * as wire from '../../support/script/codec.ts'
import { messageId, type ScriptedPeer } from '../../support/script/peer.ts'
import { World } from '../../support/script/world.ts'
import { seededRandom } from '../../support/seeded-random.ts'

const { command, tag } = wire

/** What a gateway would dial for a service at b.example, one after the other; or the code of the failure. */
async function targets(
  lines: readonly string[],
  wish: Wish = {},
): Promise<readonly string[] | string> {
  const { service = 'im', fallback = 'proven', trouble } = wish
  const clock = new ManualClock()
  const dns = new DnsTable(clock, ...lines)
  if (trouble !== undefined) dns.fail('SRV', trouble)
  const resolver = createResolver({
    exchange: dns.exchange,
    servers: [{ ip: '192.0.2.53', port: 53 }],
    clock,
    random: seededRandom(3),
    limits: limitsWith(),
    meter: new Meter(),
    staticRoutes: new Map(),
    allowRanges: [],
    fallback,
    defaultPort: 5279,
    isProven: () => false,
  })
  try {
    const { signal } = new AbortController()
    const resolution = await resolver.resolve(parseDomain('b.example'), service, signal)
    const found: string[] = []
    for await (const { host, port, needsKnownKey } of resolution.targets) {
      found.push(`${host}:${port}${needsKnownKey ? ' known key' : ''}`)
    }
    return found
  } catch (error) {
    if (error instanceof GatewayError) return error.code
    throw error
  }
}

type Wish = {
  readonly service?: 'im' | 'pres'
  readonly fallback?: Fallback
  readonly trouble?: Trouble
}

describe('resolution', () => {
  const hosts = [
    'b.example 60 A 198.51.100.1',
    'one.example 60 A 198.51.100.2',
    'two.example 60 A 198.51.100.3',
  ]
  const one = '_im._mitp.b.example 60 SRV 10 0 5002 one.example'

  test('[LINK-9.1-1] asks for each service by its own name, and takes priorities in order', async () => {
    const lines = [
      ...hosts,
      '_im._mitp.b.example 60 SRV 20 0 5001 two.example',
      one,
      '_pres._pitp.b.example 60 SRV 10 0 5003 two.example',
    ]
    expect(await targets(lines, { fallback: 'strict' })).toEqual([
      'one.example:5002',
      'two.example:5001',
    ])
    expect(await targets(lines, { fallback: 'strict', service: 'pres' })).toEqual([
      'two.example:5003',
    ])
  })

  test('[LINK-9.1-2] without SRV records the addresses of the domain are used', async () => {
    expect(await targets(hosts)).toEqual(['b.example:5279'])
  })

  test('[LINK-9.1-3] where SRV cannot be looked up nothing else is tried', async () => {
    expect(await targets([...hosts, one], { trouble: 'servfail' })).toBe('dns-failed')
  })

  test('[LINK-9.1-4] a lone "." declines', async () => {
    expect(await targets([...hosts, '_im._mitp.b.example 60 SRV 0 0 0 .'])).toBe('remote-declines')
  })

  test.for([
    ['proven', ['one.example:5002', 'b.example:5279 known key']],
    ['draft', ['one.example:5002', 'b.example:5279']],
    ['strict', ['one.example:5002']],
  ] as const)(
    '[LINK-9.1-5] in the mode %s, after the targets of SRV',
    async ([fallback, expected]) => {
      expect(await targets([...hosts, one], { fallback })).toEqual(expected)
    },
  )

  test('[LINK-9.1-5] a host that was found by fallback has to show a known key', async () => {
    const world = new World({ pinned: ['z.example'] })
    world.needsKnownKey = true
    const bob = await world.attached()
    const sent = bob.message({ reference: 0, sequence: 0, to: 'zoe@z.example' })
    const far = await world.accepted()
    expect(far.requestsOf(command.message)).toEqual([])
    far.prove()
    await world.run()
    far.respond(far.requestsOf(command.message)[0]?.id ?? 0, 'delivered')
    await world.run()
    expect(bob.status(sent)).toBe('delivered')
  })

  test('[LINK-9.1-5] is not asked for keys: those that it showed would make it known', async () => {
    const world = new World({ pinned: [] })
    world.needsKnownKey = true
    const peer = world.dialIn('gateway', 'a.example')
    peer.sayHello()
    const claim = peer.prove()
    const far = await world.tellKeys()
    await world.run(5000)
    expect(far.requestsOf(command.keys)).toEqual([])
    expect(peer.status(claim)).toBe('credential-unverifiable')
  })

  test('[LINK-9.1-5] is not asked for keys on a link that waits for its proof either', async () => {
    const world = new World({ pinned: [] })
    const bob = await world.attached()
    world.needsKnownKey = true
    bob.message({ reference: 0, sequence: 0, to: 'zoe@a.example' })
    const far = await world.accepted()
    const peer = world.dialIn('gateway', 'a.example')
    peer.sayHello()
    peer.prove()
    await world.run()
    expect(far.requestsOf(command.keys)).toEqual([])
  })

  test('[LINK-9.1-5] its certificate is not enough', async () => {
    const world = new World({ pinned: [] })
    world.needsKnownKey = true
    const bob = await world.attached()
    const sent = bob.message({ reference: 0, sequence: 0, to: 'zoe@z.example' })
    const far = await world.accepted()
    const claim = far.prove()
    await world.run()
    expect(far.status(claim)).toBe('credential-key')
    expect(far.requestsOf(command.message)).toEqual([])
    await world.run(20_000)
    expect(bob.status(sent)).toBe('remote-untrusted')
    expect(far.requestsOf(command.keys)).toEqual([])
  })

  test.for([
    ['a private address', '10.0.0.1', 5001],
    ['loopback', '127.0.0.1', 5001],
    ['a port of other services', '198.51.100.2', 25],
  ] as const)('[LINK-9.1-6] %s is not dialled', async ([, ip, port]) => {
    const lines = [`one.example 60 A ${ip}`, `_im._mitp.b.example 60 SRV 10 0 ${port} one.example`]
    expect(await targets(lines, { fallback: 'strict' })).toBe('address-blocked')
  })
})

describe('links of a pair', () => {
  const say = (bob: ScriptedPeer, n: number, to: string): number =>
    bob.message({ reference: 0, sequence: 0, id: messageId(`links ${n}`), to })

  test('[LINK-9.2-1] of two the one that the lower domain dialled stays', async () => {
    const world = new World({ pinned: ['a.example', 'z.example'] })
    const bob = await world.attached()
    // a.example is lower than b.example: the link that we dialled goes.
    say(bob, 1, 'alice@a.example')
    const toA = await world.accepted()
    const fromA = await world.provenPeer('a.example')
    await world.run(100)
    expect(toA.release?.reason).toBe('duplicate')
    expect(fromA.release).toBeUndefined()
    // z.example is higher: it has to let go of the link that it dialled.
    say(bob, 2, 'zoe@z.example')
    const toZ = await world.accepted()
    const fromZ = await world.provenPeer('z.example')
    await world.run(100)
    expect([toZ.release, fromZ.release]).toEqual([undefined, undefined])
    say(bob, 3, 'zoe@z.example')
    await world.run()
    expect(toZ.requestsOf(command.message).length).toBe(2)
  })

  test('[LINK-9.2-1] a dial that ends after the other link was proven goes, too', async () => {
    const world = new World({ pinned: ['a.example'] })
    const bob = await world.attached()
    say(bob, 1, 'alice@a.example')
    await world.run()
    const fromA = await world.provenPeer('a.example')
    const toA = await world.accepted()
    await world.run(100)
    expect([toA.release?.reason, fromA.release]).toEqual(['duplicate', undefined])
  })

  test.each([
    [['im', 'pres'], 1, 0],
    [['im'], 0, 1],
  ] as const)(
    '[LINK-9.1-7] a link carries what its HELLO offers: %j',
    async (services, here, dials) => {
      const world = new World({ pinned: ['a.example'] })
      const bob = await world.attached()
      const peer = world.dialIn('gateway', 'a.example')
      peer.sayHello({ services })
      peer.prove()
      await world.run()
      bob.ask(wire.pres, {
        command: command.fetch,
        fields: [
          [tag.answerCredit, 8192],
          [tag.to, 'alice@a.example'],
        ],
      })
      await world.run()
      expect([peer.requestsOf(command.fetch).length, world.dialled.length]).toEqual([here, dials])
    },
  )

  test('[LINK-9.1-7] HELLO leaves out what one of its domains has elsewhere', async () => {
    const domains = ['b.example', 'b2.example']
    const world = new World({ domains, services: { 'b2.example': ['im'] } })
    const peer = world.dialIn()
    const bob = await world.attached()
    say(bob, 1, 'alice@a.example')
    const far = await world.accepted()
    // What was dialled for one of them speaks of that one.
    expect([peer, far].map(({ hello }) => hello['services'])).toEqual([['im'], ['im', 'pres']])
  })

  test('[LINK-9.2-1] links for different services both stay', async () => {
    const world = new World({ pinned: ['a.example'] })
    const bob = await world.attached()
    say(bob, 1, 'alice@a.example')
    const toA = await world.accepted()
    const peer = world.dialIn('gateway', 'a.example')
    peer.sayHello({ services: ['pres'] })
    peer.prove()
    await world.run(100)
    expect([toA.release, peer.release]).toEqual([undefined, undefined])
  })

  test('[LINK-9.2-2] eight are accepted of a pair', async () => {
    const world = new World()
    const peers: ScriptedPeer[] = []
    for (let i = 0; i < 8; i++) peers.push(await world.provenPeer())
    await world.run(1000)
    expect(peers.filter(({ release }) => release !== undefined)).toEqual([])
  })

  /** Proven by a process of `domain` that was started after the others. */
  const startedAnew = async (world: World, domain: string): Promise<ScriptedPeer> => {
    const peer = world.dialIn('gateway', domain)
    peer.sayHello({ boot: 'another process' })
    peer.prove()
    await world.run()
    world.answerClaims(peer)
    await world.run()
    return peer
  }

  test.for(['a.example', 'z.example'] as const)(
    '[LINK-9.2-3] %s that was started anew takes over at once, whoever dialled before',
    async (domain) => {
      for (const isOurs of [true, false]) {
        const world = new World({ pinned: [domain] })
        const bob = await world.attached()
        const old = isOurs ? undefined : await world.provenPeer(domain)
        say(bob, 1, `alice@${domain}`)
        const dead = old ?? (await world.accepted())
        await world.run()
        dead.respond(dead.requestsOf(command.message)[0]?.id ?? 0, 'delivered')
        await world.run()
        const next = await startedAnew(world, domain)
        say(bob, 2, `alice@${domain}`)
        await world.run()
        const count = (peer: ScriptedPeer) => peer.requestsOf(command.message).length
        expect([isOurs, count(dead), count(next)]).toEqual([isOurs, 1, 1])
        expect(dead.release).toBeUndefined()
        await world.run(5000)
        expect([dead.release?.reason, next.release]).toEqual(['peer-silent', undefined])
      }
    },
  )

  test('[LINK-9.2-3] what is under way on the link of a dead process ends soon, and what waits behind it goes on', async () => {
    const world = new World()
    const bob = await world.attached()
    const dead = await world.provenPeer()
    const sent = say(bob, 1, 'alice@a.example')
    await world.run()
    const next = await startedAnew(world, 'a.example')
    await world.run(2500)
    expect(bob.status(sent)).toBe('no answer')
    await world.run(2500)
    expect(bob.status(sent)).toBe('unknown-outcome')
    expect(dead.isClosed).toBe(true)
    say(bob, 1, 'alice@a.example')
    await world.run()
    expect(next.requestsOf(command.message).length).toBe(1)
  })

  test('[LINK-9.2-3] of two hosts that both live none is let go of', async () => {
    const world = new World()
    const bob = await world.attached()
    say(bob, 1, 'alice@a.example')
    const one = await world.accepted()
    const other = await startedAnew(world, 'a.example')
    for (let n = 0; n < 20; n++) {
      await world.run(1000)
      for (const peer of [one, other]) peer.pong()
    }
    expect([one.release, other.release]).toEqual([undefined, undefined])
  })

  test('[LINK-9.2-3] is seen once HELLO comes, on a link that this side dialled', async () => {
    const world = new World({ pinned: ['z.example'] })
    const bob = await world.attached()
    say(bob, 1, 'zoe@z.example')
    await world.run()
    // Its certificate has proven it; it says HELLO when the other link is there.
    const old = await startedAnew(world, 'z.example')
    const next = await world.accepted()
    say(bob, 2, 'zoe@z.example')
    await world.run()
    expect(old.requestsOf(command.message).length).toBe(0)
    expect(next.requestsOf(command.message).length).toBe(2)
  })

  test('[LINK-9.3-1] a failed dial makes the next one wait, longer each time', async () => {
    const world = new World()
    const bob = await world.attached()
    world.dialFault = 'remote-unreachable'
    const waits: number[] = []
    for (let n = 0; n < 14; n++) {
      const id = say(bob, n, 'zoe@z.example')
      await world.run(1500)
      expect(bob.status(id)).toBe('remote-unreachable')
      const told = bob.answer(id)?.fields.get(tag.retryAfter)?.readUInt32BE(0)
      // A sender is not sent away for long, since the far side may come by itself.
      expect(told).toBeLessThanOrEqual(1000)
      const states = [...world.gateway.sessions.pool.states()]
      const wait = states.find(({ remote }) => remote === 'z.example')?.retryAfterMs ?? 0
      waits.push(wait)
      await world.run(wait + 1)
    }
    for (const [i, wait] of waits.entries()) {
      const base = Math.min(200 * 2 ** i, 60_000)
      expect(wait).toBeGreaterThanOrEqual(base * 0.8 - 1500)
      expect(wait).toBeLessThanOrEqual(base * 1.4)
    }
    expect(Math.max(...waits)).toBeGreaterThan(48_000)
  })

  test('a failed dial is a line in the log: who, why, and when the next one is', async () => {
    const lines: unknown[] = []
    const warn = (event: string, facts: object = {}): undefined => {
      lines.push({ event, ...facts })
    }
    const world = new World({ log: { ...silentLog, warn } })
    const bob = await world.attached()
    world.dialFault = 'remote-untrusted'
    say(bob, 0, 'zoe@z.example')
    await world.run(1500)
    expect(lines).toEqual([
      {
        event: 'peer.unreachable',
        ...{ local: 'b.example', remote: 'z.example', service: 'im' },
        ...{ cause: 'remote-untrusted', detail: 'no way to im:z.example', failures: 1 },
        retryInMs: expect.any(Number),
      },
    ])
  })

  test('[LINK-9.3-1] a domain that was there a moment ago is looked for often', async () => {
    const world = new World()
    let said = 0
    const longestWait = async (): Promise<number> => {
      const bob = await world.attached()
      let longest = 0
      for (let n = 0; n < 8; n++) {
        say(bob, ++said, 'alice@a.example')
        await world.run(1500)
        const states = [...world.gateway.sessions.pool.states()]
        const wait = states.find(({ remote }) => remote === 'a.example')?.retryAfterMs ?? 0
        longest = Math.max(longest, wait)
        await world.run(wait + 1)
      }
      return longest
    }
    const peer = await world.provenPeer()
    peer.channel.destroy()
    world.dialFault = 'remote-unreachable'
    expect(await longestWait()).toBeLessThanOrEqual(3000 * 1.4)
    await world.run(11 * 60_000)
    // It did not come back: no hurry any more.
    expect(await longestWait()).toBeGreaterThan(10_000)
  })

  test('[LINK-9.3-1] a proof of the domain ends the wait', async () => {
    const world = new World()
    const bob = await world.attached()
    world.dialFault = 'remote-unreachable'
    for (let n = 0; n < 8; n++) {
      say(bob, n, 'alice@a.example')
      await world.run(30_000)
    }
    const early = say(bob, 10, 'alice@a.example')
    await world.run()
    world.dialFault = undefined
    const peer = await world.provenPeer()
    const late = say(bob, 11, 'alice@a.example')
    await world.run()
    peer.respond(peer.requestsOf(command.message)[0]?.id ?? 0, 'delivered')
    await world.run()
    expect([bob.status(early), bob.status(late)]).toEqual(['remote-unreachable', 'delivered'])
  })
})
