/** A federation of two gateways without a link, a credential or a number of a lane: by an adapter and in memory. */
import { describe, expect, test } from 'vitest'
import type { Address } from '../../src/address/address.ts'
import type { Domain } from '../../src/address/domain.ts'
import { createGateway, type Gateway } from '../../src/gateway.ts'
import { listDirectory } from '../../src/home/directory.ts'
import { silentLog } from '../../src/lib/log.ts'
import { Meter } from '../../src/lib/meter.ts'
import { type Limits, limitsWith } from '../../src/limits.ts'
import type { Role } from '../../src/link/hello.ts'
import type { Adapter } from '../../src/operation/ports.ts'
import type { Publish, Subscribe } from '../../src/operation/presence.ts'
import { Loopback } from '../support/loopback-adapter.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { memoryChannelPair, tlsLikeFacts } from '../support/memory-channel.ts'
import { MemorySession } from '../support/memory-session.ts'
import { alice, anna, bob, carol, idOf } from '../support/operations.ts'
import { command, pres, tag } from '../support/script/codec.ts'
import { pinned, scriptHosted } from '../support/script/hosted.ts'
import { ScriptedPeer } from '../support/script/peer.ts'
import { userKey } from '../support/script/world.ts'
import { seededRandom } from '../support/seeded-random.ts'

const users = new Map(
  [alice, anna, bob, carol].map(({ user, text }) => [user, [userKey(text).x]] as const),
)

const second = 1000
const minute = 60 * second

/** Two gateways that nothing joins but the way. */
class Federation {
  readonly clock = new ManualClock()
  readonly way = new Loopback(this.clock, alice.domain, bob.domain)
  readonly a: Gateway
  readonly b: Gateway
  readonly meter = new Meter()

  constructor(limits: { readonly a?: Partial<Limits>; readonly b?: Partial<Limits> } = {}) {
    this.a = this.#gateway(alice.domain, this.way.a, limits.a)
    this.b = this.#gateway(bob.domain, this.way.b, limits.b)
  }

  async attached(user: Address): Promise<MemorySession> {
    const { core } = user.domain === alice.domain ? this.way.a : this.way.b
    const session = new MemorySession(core, this.clock, user)
    const attached = session.attach()
    await this.run(0)
    expect(await attached).toBe('ok')
    return session
  }

  /** A link into the gateway of a.example. */
  dialIn(role: Role, domain: string): ScriptedPeer {
    const { clock } = this
    const certificate = { covers: () => true, fingerprint: 'a.example' }
    const channels = memoryChannelPair({ clock, ...tlsLikeFacts(certificate, domain) })
    this.a.accept(channels.receiving, role)
    return new ScriptedPeer({
      ...{ channel: channels.initiating, side: 'initiating', domain },
      seconds: () => Math.floor(clock.wall() / 1000),
      settle: () => clock.advance(0),
    })
  }

  async run(ms: number): Promise<void> {
    await this.clock.advance(ms)
  }

  #gateway(domain: string, adapter: Adapter, changed: Partial<Limits> = {}): Gateway {
    const { clock } = this
    const limits = limitsWith(changed)
    return createGateway({
      domains: [{ ...scriptHosted(domain, { clock, limits }), directory: listDirectory(users) }],
      adapters: [adapter],
      software: 'under test',
      rules: { default: 'allow', allow: [], deny: [] },
      pinned: new Map([['c.example', pinned('c.example')]]),
      ...{ discontinuity: 'accept', required: () => [] },
      connect: () => Promise.reject(new Error('there is nothing to dial')),
      foundBy: async () => undefined,
      provenChannel: () => undefined,
      ...{ clock, random: seededRandom(domain.charCodeAt(0)), limits },
      ...{ meter: this.meter, log: silentLog },
    })
  }
}

/** One tuple, whose name tells the publications apart: each takes the place of `before`. */
const publish = (user: Address, name: string, before?: string): Publish => ({
  ...{ kind: 'publish', hops: 1, publisher: user, presentity: user },
  ifMatch: before === undefined ? undefined : idOf(before),
  entityTag: idOf(name),
  leaseSeconds: 3600,
  document: Buffer.from(JSON.stringify({ tuples: { [name]: { basic: 'open' } } })),
})

const subscribe = (watcher: Address, presentity: Address): Subscribe => ({
  ...{ kind: 'subscribe', id: idOf(`${presentity.user}`), watcher, presentity },
  ...{ leaseSeconds: 3600, hops: 1 },
})

const last = (session: MemorySession): string => session.notices.at(-1) ?? 'nothing'

const shows = (name: string) => `${alice.text} {"tuples":{"${name}":{"basic":"open"}}}`

describe('two domains that an adapter in memory joins', () => {
  test('send messages both ways, each shown once, in its order', async () => {
    const federation = new Federation()
    const [from, to] = [await federation.attached(alice), await federation.attached(bob)]
    const there = ['m1', 'm2', 'm3'].map((body) => from.send(bob, body))
    await federation.run(second)
    const back = ['r1', 'r2'].map((body) => to.send(alice, body))
    await federation.run(second)
    expect([...there, ...back]).toEqual(Array(5).fill(['delivered']))
    expect(to.messages).toEqual(['m1', 'm2', 'm3'].map((body) => `${alice.text} ${body}`))
    expect(from.messages).toEqual(['r1', 'r2'].map((body) => `${bob.text} ${body}`))
  })

  test('tell the sender the truth about a message that nobody took', async () => {
    const federation = new Federation()
    const [from, to] = [await federation.attached(alice), await federation.attached(bob)]
    to.reply = () => 'refused'
    const told = [
      from.send(bob, 'to bob'),
      from.send(carol, 'to somebody who is not there'),
      from.send(anna, 'to somebody at home who is not there'),
      from.send({ ...bob, user: 'zoe', text: 'zoe@b.example' }, 'to nobody'),
      from.send({ ...bob, domain: 'c.example' as Domain, text: 'bob@c.example' }, 'elsewhere'),
    ]
    await federation.run(second)
    expect(told).toEqual([
      ['refused'],
      ['inbox-closed'],
      ['inbox-closed'],
      ['refused'],
      ['remote-not-found'],
    ])
  })

  test('need no link, no credential and no number of a lane for it', async () => {
    const federation = new Federation()
    const [from, to] = [await federation.attached(alice), await federation.attached(bob)]
    from.send(bob, 'm1')
    to.ask(subscribe(bob, alice))
    await federation.run(minute)
    expect(to.messages).toHaveLength(1)
    expect(to.notices).toHaveLength(1)
    const { a, b, meter } = federation
    expect([a.sessions.size, b.sessions.size]).toEqual([0, 0])
    for (const name of ['frames_total', 'credential_references_total', 'proofs_total']) {
      expect([name, meter.total(name)]).toEqual([name, 0])
    }
  })

  test('show a watcher what is published, from the subscription to its end', async () => {
    const federation = new Federation()
    const [of, watcher] = [await federation.attached(alice), await federation.attached(bob)]
    of.ask(publish(alice, 'desk'))
    const answers = watcher.ask(subscribe(bob, alice))
    await federation.run(second)
    expect(answers.map(({ status }) => status)).toEqual(['ok'])
    expect(watcher.notices).toEqual([shows('desk')])
    await federation.run(5 * second)
    of.ask(publish(alice, 'train', 'desk'))
    await federation.run(second)
    expect(watcher.notices).toEqual([shows('desk'), shows('train')])
    watcher.ask({ ...subscribe(bob, alice), kind: 'unsubscribe' })
    await federation.run(5 * second)
    of.ask(publish(alice, 'home', 'train'))
    await federation.run(minute)
    expect(watcher.notices).toHaveLength(2)
    expect(federation.a.sessions.size).toBe(0)
  })

  test('fetch presence, and refuse what the far side refuses', async () => {
    const federation = new Federation()
    const [of, watcher] = [await federation.attached(alice), await federation.attached(bob)]
    of.ask(publish(alice, 'desk'))
    const fetch = { kind: 'fetch', watcher: bob, presentity: alice, hops: 1 } as const
    const rest = { unknownField: 0, fields: Buffer.alloc(0) }
    const found = watcher.ask({ ...fetch, ...rest })
    const tooFar = watcher.ask({ ...fetch, ...rest, hops: 4 })
    await federation.run(second)
    expect(found[0]?.answer?.presence?.document.toString()).toContain('desk')
    expect(tooFar.map(({ status }) => status)).toEqual(['hop-limit'])
  })
})

describe('the way between them', () => {
  test('is lost: the last value is shown for 45 s, then unknown; it returns: the value again', async () => {
    const federation = new Federation()
    const { way } = federation
    const [of, watcher] = [await federation.attached(alice), await federation.attached(bob)]
    of.ask(publish(alice, 'desk'))
    watcher.ask(subscribe(bob, alice))
    await federation.run(minute)
    way.lose()
    await federation.run(44 * second)
    expect(watcher.notices).toEqual([shows('desk')])
    await federation.run(2 * second)
    expect(watcher.notices).toEqual([shows('desk'), `${alice.text} unknown`])
    of.ask(publish(alice, 'train', 'desk'))
    await federation.run(minute)
    expect(watcher.notices).toHaveLength(2)
    way.restore()
    await federation.run(minute)
    expect(watcher.notices).toEqual([shows('desk'), `${alice.text} unknown`, shows('train')])
  })

  test('is lost under a message: its outcome is unknown, and a repetition is shown once', async () => {
    const federation = new Federation()
    const { way } = federation
    const [from, to] = [await federation.attached(alice), await federation.attached(bob)]
    to.reply = () => undefined
    const told = from.send(bob, 'm1')
    await federation.run(second)
    expect(to.messages).toHaveLength(1)
    way.lose()
    const late = from.send(bob, 'm2')
    await federation.run(second)
    expect([told, late]).toEqual([['unknown-outcome'], ['remote-unreachable']])
    to.confirm('m1', 'delivered')
    way.restore()
    const again = ['m1', 'm2'].map((body) => from.send(bob, body))
    await federation.run(second)
    to.confirm('m2', 'delivered')
    await federation.run(second)
    expect(again).toEqual([['delivered'], ['delivered']])
    expect(to.messages).toEqual([`${alice.text} m1`, `${alice.text} m2`])
    expect(told).toHaveLength(1)
  })

  test('is stalled under messages: after one that failed for a time none is taken before it', async () => {
    const federation = new Federation()
    const { way } = federation
    const [from, to] = [await federation.attached(alice), await federation.attached(bob)]
    to.reply = () => undefined
    const first = from.send(bob, 'm1')
    await federation.run(second)
    way.stall()
    const behind = ['m2', 'm3'].map((body) => from.send(bob, body))
    to.confirm('m1', 'inbox-full')
    await federation.run(second)
    way.resume()
    expect([first, ...behind]).toEqual([['inbox-full'], ['order'], ['order']])
    to.reply = () => 'delivered'
    for (const body of ['m1', 'm2', 'm3']) from.send(bob, body)
    await federation.run(second)
    expect(to.messages).toEqual(['m1', 'm1', 'm2', 'm3'].map((body) => `${alice.text} ${body}`))
  })

  test('brings the refusal of a notification back long after: the value then goes out again', async () => {
    const federation = new Federation({ b: { peerNotifyPerSecond: 0.05, peerNotifyBurst: 1 } })
    const { way } = federation
    way.refusalMs = 30 * second
    const [of, watcher] = [await federation.attached(alice), await federation.attached(bob)]
    of.ask(publish(alice, 'desk'))
    watcher.ask(subscribe(bob, alice))
    await federation.run(5 * second)
    of.ask(publish(alice, 'train', 'desk'))
    await federation.run(29 * second)
    // It was refused, and nobody knows yet.
    expect(watcher.notices).toEqual([shows('desk')])
    await federation.run(30 * second)
    expect(watcher.notices).toEqual([shows('desk'), shows('train')])
  })

  test('leads to a domain that has forgotten its subscriptions: they are asked for anew', async () => {
    const federation = new Federation()
    const { way } = federation
    const [of, watcher] = [await federation.attached(alice), await federation.attached(bob)]
    watcher.ask(subscribe(bob, alice))
    await federation.run(minute)
    way.lose()
    way.restore(true)
    of.ask(publish(alice, 'desk'))
    await federation.run(minute)
    expect(last(watcher)).toBe(shows('desk'))
  })
})

describe('a gateway with another way to other domains', () => {
  test('drains: what is under way is answered, and then nothing is taken', async () => {
    const federation = new Federation()
    const { a, b } = federation
    const [from, to] = [await federation.attached(alice), await federation.attached(bob)]
    to.reply = () => undefined
    const told = from.send(bob, 'm1')
    await federation.run(second)
    let isDrained = false
    void b.drain().then(() => {
      isDrained = true
    })
    await federation.run(second)
    const late = from.send(bob, 'm2')
    to.confirm('m1', 'delivered')
    await federation.run(second)
    expect([isDrained, told, late]).toEqual([true, ['delivered'], ['remote-unreachable']])
    expect(to.messages).toHaveLength(1)
    a.close()
    b.close()
  })

  test('notify: tells each watcher by the way that it subscribed by', async () => {
    const federation = new Federation()
    const [of, watcher] = [await federation.attached(alice), await federation.attached(bob)]
    const far = federation.dialIn('gateway', 'c.example')
    far.sayHello()
    far.prove({ claims: { aud: 'a.example' } })
    await federation.run(second)
    far.show(1, 'carol@c.example', { claims: { aud: 'a.example' } })
    watcher.ask(subscribe(bob, alice))
    const asked = far.ask(pres, {
      ...{ command: command.subscribe, hops: 1, reference: 1 },
      fields: [
        [tag.to, alice.text],
        [tag.subscription, Buffer.from(idOf('native'))],
      ],
    })
    await federation.run(5 * second)
    of.ask(publish(alice, 'desk'))
    await federation.run(second)
    expect(far.status(asked)).toBe('ok')
    expect(far.requestsOf(command.notify).map(({ body }) => `${alice.text} ${body}`)).toEqual(
      watcher.notices,
    )
    expect(last(watcher)).toBe(shows('desk'))
  })

  test('still has its own door for clients, whose messages go that way', async () => {
    const federation = new Federation()
    const { a, way } = federation
    const to = await federation.attached(bob)
    const client = federation.dialIn('client', 'a.example')
    client.sayHello({ role: 'client' })
    const key = userKey(alice.text)
    const proof = client.prove({ key, claims: { iss: alice.text, aud: 'a.example' } }, [
      [tag.publicKey, Buffer.from(key.x, 'base64url')],
    ])
    await federation.run(second)
    expect(client.status(proof)).toBe('ok')
    const sent = client.message({ reference: 0, hops: 0, sequence: 0, to: bob.text, body: 'm1' })
    await federation.run(second)
    expect(client.status(sent)).toBe('delivered')
    expect(to.messages).toEqual([`${alice.text} m1`])
    expect(way.a.faults).toBe(0)
    let isDrained = false
    void a.drain().then(() => {
      isDrained = true
    })
    await federation.run(second)
    expect([isDrained, client.release?.reason, a.sessions.size]).toEqual([true, 'shutdown', 0])
  })
})
