/** What one peer domain does costs the others nothing: records and lanes are shared by domain. */
import { describe, expect, test } from 'vitest'
import { networkOf } from '../../../src/link/network-prefix.ts'
import { forgeKey } from '../../support/forge.ts'
import * as wire from '../../support/script/codec.ts'
import { messageId, type ScriptedPeer } from '../../support/script/peer.ts'
import { World, type WorldWish } from '../../support/script/world.ts'

const { command, tag } = wire

/** bob, a peer that says that it holds no answer ever, and one that behaves. */
async function meet(
  limits: NonNullable<WorldWish['limits']>,
  pinned: readonly string[] = ['a.example', 'z.example'],
) {
  const world = new World({ pinned, limits })
  const bob = await world.attached()
  const flooder = await world.provenPeer('a.example')
  flooder.show(1, 'alice@a.example')
  const other = await world.provenPeer('z.example')
  other.show(1, 'zoe@z.example')
  await world.run()
  /** Lets bob confirm what came since `from`. */
  const confirm = async (from: number) => {
    await world.run()
    for (const { id } of bob.requestsOf(command.message).slice(from)) bob.respond(id, 'ok')
    await world.run(1000)
  }
  const say = async (peer: ScriptedPeer, sequence: number, to = 'bob@b.example') => {
    const from = bob.requestsOf(command.message).length
    const epoch = to === 'bob@b.example' ? 1 : 2
    const sent = peer.message({ sequence, to, epoch, id: messageId(`${to} ${sequence}`) })
    await confirm(from)
    return peer.status(sent)
  }
  return { world, bob, flooder, other, say }
}

const lanesOf = ({ meter }: World): number | undefined =>
  meter.gauges.get('lanes')?.values().next().value?.value()

/** For how long it was refused, in ms. */
const waitOf = (peer: ScriptedPeer, id: number): number | undefined =>
  peer.answer(id)?.fields.get(tag.retryAfter)?.readUInt32BE(0)

describe('duplicate records', () => {
  test('of a domain that settles none make room for another domain, and for itself', async () => {
    const { flooder, other, say } = await meet({ duplicates: 4 })
    for (const n of [1, 2, 3, 4, 5, 6]) expect(await say(flooder, n)).toBe('delivered')
    for (const n of [1, 2]) expect(await say(other, n)).toBe('delivered')
  })

  test('of a domain that holds few of them stay', async () => {
    const { bob, flooder, other, say } = await meet({ duplicates: 4 })
    await say(other, 1)
    for (const n of [1, 2, 3, 4, 5, 6]) await say(flooder, n)
    expect(bob.requestsOf(command.message).length).toBe(7)
    expect(await say(other, 1)).toBe('delivered')
    expect(bob.requestsOf(command.message).length).toBe(7)
  })
})

describe('lanes', () => {
  const users = Array.from({ length: 8 }, (_, n) => `nobody${n}@b.example`)

  test('of a domain that settles none make room for another domain, and for itself', async () => {
    const { world, flooder, other, say } = await meet({ lanes: 8 })
    for (const user of users) expect(await say(flooder, 1, user)).not.toBe('busy')
    expect(await say(other, 1)).toBe('delivered')
    expect(lanesOf(world)).toBeGreaterThan(4)
    expect(lanesOf(world)).toBeLessThan(8)
  })

  test('of refused messages are not remembered', async () => {
    const { world, flooder } = await meet({ peerBurst: 3, peerPerSecond: 1 }, [])
    for (const to of users) flooder.message({ to, id: messageId(to) })
    await world.run()
    expect(lanesOf(world)).toBe(2)
  })
})

describe('subscriptions', () => {
  const watch = async (
    world: World,
    peer: ScriptedPeer,
    { name, user = 1, to = 'bob@b.example' }: { name: string; user?: number; to?: string },
  ) => {
    const asked = peer.ask(wire.pres, {
      command: command.subscribe,
      hops: user === 0 ? 0 : 1,
      reference: user,
      fields: [
        [tag.to, to],
        [tag.subscription, messageId(name)],
      ],
    })
    await world.run(10)
    const wait = waitOf(peer, asked)
    return wait === undefined ? peer.status(asked) : `${peer.status(asked)} ${wait}`
  }
  /** Subscriptions of which the peer was told that they had to make room. */
  const shedOf = (peer: ScriptedPeer) =>
    peer
      .requestsOf(command.notify)
      .filter(({ fields }) => fields.get(tag.state)?.[0] === 3 && fields.get(tag.event)?.[0] === 4)
      .map(({ fields }) => fields.get(tag.subscription))

  test('[LINK-6.10-2] [LINK-6.13-7] that one domain fills are busy to it for a time, and the oldest makes room for others', async () => {
    const { world, bob, flooder, other } = await meet({ subscriptions: 12 })
    const statuses = new Set<string>()
    for (let n = 0; n < 20; n++) statuses.add(await watch(world, flooder, { name: `flood ${n}` }))
    expect(statuses).toEqual(new Set(['ok', 'busy 10000']))
    expect(shedOf(flooder)).toEqual([])
    // Another domain, a user of ours who watches one of ours, and one who watches elsewhere.
    for (const name of ['x', 'y']) expect(await watch(world, other, { name })).toBe('ok')
    expect(await watch(world, bob, { name: 'home', user: 0 })).toBe('ok')
    const elsewhere = watch(world, bob, { name: 'away', user: 0, to: 'zoe@z.example' })
    expect(await elsewhere).not.toContain('busy')
    await world.run(3000)
    const shed = shedOf(flooder)
    expect(shed.length).toBeGreaterThan(1)
    expect(shed).toEqual(shed.map((_, n) => messageId(`flood ${n}`)))
    // It comes again, and is busy.
    expect(await watch(world, flooder, { name: 'flood 0' })).toBe('busy 10000')
  })
})

describe('notifications', () => {
  test('to many watchers of one domain are paid by that domain, and told to others at once', async () => {
    const { world, bob, flooder, other, say } = await meet({ senderBurst: 1000 })
    const subscribe = (peer: ScriptedPeer, name: string): number =>
      peer.ask(wire.pres, {
        command: command.subscribe,
        hops: 1,
        reference: 1,
        fields: [
          [tag.to, 'bob@b.example'],
          [tag.subscription, messageId(name)],
        ],
      })
    for (let n = 0; n < 100; n++) {
      subscribe(flooder, `flood ${n}`)
      await world.run(10)
    }
    subscribe(other, 'other')
    flooder.grant(2, 1000, 1_000_000)
    await world.run(5000)
    const { shares } = world.gateway
    const timeOf = (domain: string): number => shares.used(shares.domain(domain, ''), 'time')
    await world.run(20_000)
    const before = timeOf('a.example')
    bob.ask(wire.pres, {
      command: command.publish,
      fields: [[tag.entityTag, messageId('etag')]],
      body: Buffer.from('{"tuples":{"t":{"note":"here"}}}'),
    })
    await world.run()
    expect(timeOf('a.example') - before).toBeGreaterThan(100 * 0.01)
    expect(timeOf('z.example')).toBeLessThan(0.1)
    expect(other.requestsOf(command.notify).at(-1)?.body.toString()).toContain('here')
    expect(await say(other, 1)).toBe('delivered')
  })
})

describe('numbers of credentials', () => {
  test('[LINK-6.3-12] that one domain holds on all its links leave room for another, and come back', async () => {
    const { world, flooder, other } = await meet({ credentials: 20 })
    const second = await world.provenPeer('a.example')
    const shown: [ScriptedPeer, number][] = []
    for (let n = 2; n < 14; n++) {
      for (const peer of [flooder, second]) shown.push([peer, peer.show(n, `user${n}@a.example`)])
    }
    await world.run()
    const refused = shown.filter(([peer, id]) => peer.status(id) === 'busy')
    expect(refused.length).toBeGreaterThan(4)
    // For a time, and so is what names a number of these.
    expect(refused.map(([peer, id]) => waitOf(peer, id))).not.toContain(undefined)
    const named = second.message({ reference: 13 })
    await world.run()
    expect([second.status(named), waitOf(second, named)]).toEqual(['busy', 10_000])
    const good = other.show(2, 'zara@z.example')
    await world.run()
    expect(other.status(good)).toBe('ok')
    // What is given up is free again.
    const { shares } = world.gateway
    const before = shares.used(shares.tree.all, 'credentials')
    flooder.ask(wire.control, {
      command: command.forget,
      fields: [[wire.tag.references, wire.u32(2, 3)]],
    })
    await world.run()
    expect(shares.used(shares.tree.all, 'credentials')).toBe(before - 2)
    for (const peer of [flooder, second, other]) world.pairs.get(peer)?.cut('both')
    await world.run(1000)
    expect(shares.used(shares.tree.all, 'credentials')).toBe(0)
  })
})

describe('bytes of bodies in pieces', () => {
  let bodies = 0
  const begin = (peer: ScriptedPeer, reference = 1): number =>
    peer.ask(wire.im | wire.more, {
      command: command.message,
      hops: 1,
      reference,
      fields: [
        [wire.tag.bodyLength, 60_000],
        [wire.tag.lane, wire.u32(1, 1)],
        [wire.tag.to, 'nobody@b.example'],
        [wire.tag.id, messageId(`${peer.domain} ${++bodies}`)],
      ],
      body: Buffer.alloc(4000),
    })

  test('that one domain holds are busy to it for a time, and another is served', async () => {
    const { world, flooder, other } = await meet({ heldBytes: 1_200_000 })
    const links = [flooder, await world.provenPeer('a.example')]
    links[1]?.show(1, 'alice@a.example')
    await world.run()
    const ids = links.flatMap((peer) =>
      Array.from({ length: 14 }, () => [peer, begin(peer)] as const),
    )
    await world.run()
    const refused = ids.filter(([peer, id]) => peer.status(id) === 'busy')
    expect(refused.length).toBeGreaterThan(4)
    expect(refused.length).toBeLessThan(28)
    const good = begin(other)
    await world.run()
    expect(other.status(good)).toBe('no answer')
    expect(links.map(({ release }) => release)).toEqual([undefined, undefined])
    // They end in time, and so do links.
    await world.run(32_000)
    const { shares } = world.gateway
    expect(shares.used(shares.tree.all, 'bytes')).toBe(0)
    const [last] = links
    if (last !== undefined) begin(last)
    await world.run()
    expect(shares.used(shares.tree.all, 'bytes')).toBeGreaterThan(0)
    for (const peer of links) world.pairs.get(peer)?.cut('both')
    await world.run(1000)
    expect(shares.used(shares.tree.all, 'bytes')).toBe(0)
  })
})

describe('bytes that one domain holds', () => {
  const half = (peer: ScriptedPeer, name: string): number =>
    peer.ask(wire.im | wire.more, {
      command: command.message,
      hops: 1,
      reference: 1,
      fields: [
        [tag.bodyLength, 60_000],
        [tag.lane, wire.u32(1, 1)],
        [tag.to, 'nobody@b.example'],
        [tag.id, messageId(name)],
      ],
      body: Buffer.alloc(4000),
    })
  const finish = (peer: ScriptedPeer, id: number): undefined => {
    for (let left = 56_000; left > 0; left -= 14_000) {
      peer.write(wire.type.chunk, left > 14_000 ? wire.more : 0, id, Buffer.alloc(14_000))
    }
  }

  test('[LINK-4.4-8] make room for a stranger: the oldest half body is not wanted any more', async () => {
    const { world, flooder, other } = await meet({ heldBytes: 1_200_000 }, ['a.example'])
    const bodies = Array.from({ length: 14 }, (_, n) => half(flooder, `half ${n}`))
    await world.run()
    const good = half(other, 'good')
    await world.run()
    expect(bodies.map((id) => flooder.status(id))).toEqual(['busy', ...Array(13).fill('no answer')])
    finish(other, good)
    // What comes of the one that made room is passed over.
    finish(flooder, bodies[0] as number)
    await world.run()
    expect([other.status(good), flooder.release]).toEqual(['refused', undefined])
  })

  test('of our user’s messages, too, which wait for a peer that gives no credit, come back', async () => {
    const { world, bob } = await meet({ senderBurst: 1000 })
    const { shares } = world.gateway
    const carol = await world.attached('carol@b.example')
    const body = 'x'.repeat(10_000)
    const ask = (from: ScriptedPeer, n: number): number =>
      from.message({
        ...{ reference: 0, sequence: 0, body },
        ...{ to: `z${n}@z.example`, id: messageId(`out ${n}`) },
      })
    const asked = Array.from({ length: 30 }, (_, n) => ask(bob, n))
    ask(carol, 31)
    await world.run()
    const of = (user: string): number => shares.used(shares.tree.user(user), 'bytes')
    expect(of('bob@b.example')).toBeGreaterThan(15 * 10_000)
    expect(of('carol@b.example')).toBeGreaterThan(10_000)
    expect(shares.used(shares.tree.known, 'bytes')).toBe(0)
    await world.run(31_000)
    expect(asked.map((id) => bob.status(id))).not.toContain('no answer')
    expect(shares.used(shares.tree.all, 'bytes')).toBe(0)
  })
})

test('time that dials take is that of the user who wants them', async () => {
  const world = new World()
  const [bob, carol] = [await world.attached(), await world.attached('carol@b.example')]
  for (let n = 0; n < 20; n++) {
    bob.message({ reference: 0, sequence: 1, to: `x@x${n}.example`, id: messageId(`x ${n}`) })
  }
  carol.message({ reference: 0, sequence: 1, to: 'y@y.example', id: messageId('y') })
  await world.run(100)
  const { shares } = world.gateway
  const timeOf = (user: string): number => shares.used(shares.tree.user(user), 'time')
  expect(world.dialled.length).toBe(21)
  expect(timeOf('bob@b.example')).toBeGreaterThan(18)
  expect(timeOf('carol@b.example')).toBeLessThan(2)
})

describe('time that signatures take', () => {
  /** How each of `count` credentials that nobody has seen is answered. */
  const show = async (world: World, peer: ScriptedPeer, user: string, count = 3) => {
    const ids = Array.from({ length: count }, (_, n) =>
      peer.show(n + 1, `${user}${n}@${peer.domain}`),
    )
    await world.run()
    return ids.map((id) => peer.status(id))
  }
  /** Who wants time, too: beside them whoever is a stranger has more than twice its share. */
  const othersOf = ({ gateway: { shares } }: World) =>
    [
      [shares.domain('z.example', ''), 60],
      [shares.tree.user('bob@b.example'), 60],
    ] as const
  const claim = async (world: World, remote: string): Promise<string> => {
    const peer = world.dialIn('gateway', 'a.example', false, remote)
    peer.sayHello()
    await world.run()
    const id = peer.prove()
    await world.run()
    return peer.status(id)
  }

  test('[LINK-6.3-9] counts for a stranger with its requests, by whatever links they come', async () => {
    const world = new World({ pinned: [], limits: { peerBurst: 4, peerPerSecond: 1 } })
    const links = [await world.provenPeer(), await world.provenPeer()] as const
    const other = await world.provenPeer('z.example')
    expect(await show(world, links[0], 'alice')).toEqual(['ok', 'ok', 'ok'])
    expect(await show(world, links[1], 'anna')).toEqual(['ok', 'rate-limited', 'rate-limited'])
    expect(await show(world, other, 'zoe')).toEqual(['ok', 'ok', 'ok'])
    expect(world.meter.total('limit_hits_total', { limit: 'peerPerSecond' })).toBe(2)
    await world.run(1000)
    const later = links[1].show(9, 'amy@a.example')
    await world.run()
    expect(links[1].status(later)).toBe('ok')
  })

  test('[LINK-6.3-9] is not counted by a rate for a domain that is known', async () => {
    const world = new World({ pinned: ['a.example'], limits: { peerBurst: 4, peerPerSecond: 1 } })
    const statuses = await show(world, await world.provenPeer(), 'alice', 12)
    expect(new Set(statuses)).toEqual(new Set(['ok']))
  })

  test('[LINK-6.3-9] above twice the share of a domain is refused, and nobody else feels it', async () => {
    const world = new World({ pinned: ['z.example'] })
    const [flooder, other] = [await world.provenPeer(), await world.provenPeer('z.example')]
    const { shares } = world.gateway
    await world.lag([[shares.domain('a.example', ''), 70], ...othersOf(world)])
    expect(await show(world, flooder, 'alice')).toEqual(Array(3).fill('rate-limited'))
    expect(await show(world, other, 'zoe')).toEqual(['ok', 'ok', 'ok'])
  })

  test('[LINK-6.5-1] is refused to the user who asks for most where a domain is over its share, and to no other', async () => {
    const { world, flooder, say } = await meet({ senderBurst: 1000 })
    const others = [2, 3, 4, 5]
    for (const n of others) flooder.show(n, `user${n}@a.example`)
    await world.run()
    const lag = () => world.lag([[world.gateway.shares.domain('a.example', ''), 140]])
    const fetch = (reference: number): number =>
      flooder.ask(wire.pres, {
        command: command.fetch,
        hops: 1,
        reference,
        fields: [[tag.to, 'bob@b.example']],
      })
    await lag()
    flooder.grant(2, 1000, 1_000_000)
    for (let n = 0; n < 200; n++) fetch(1)
    for (const n of others) fetch(n)
    await lag()
    const [alice, ...answered] = [1, ...others].map(fetch)
    await world.run()
    expect(flooder.status(alice ?? 0)).toBe('rate-limited')
    expect(answered.map((id) => flooder.status(id))).toEqual(others.map(() => 'ok'))
    expect(await say(flooder, 1)).toBe('rate-limited')
  })

  test('[LINK-6.3-14] that was refused before it was read is so for who is named by it, and for a time', async () => {
    const world = new World({ pinned: [], limits: { peerBurst: 4, peerPerSecond: 1 } })
    await world.attached()
    const peer = await world.provenPeer()
    await show(world, peer, 'alice', 4)
    const ids = [peer.show(5, 'anna@a.example'), peer.message({ reference: 5 })]
    ids.push(peer.showAll([0, 7, 9], ['amy', 'ava', 'ada']), peer.message({ reference: 9 }))
    // Nobody has said who that is; and this one was held, and is given up.
    ids.push(peer.message({ reference: 8 }), peer.show(1, 'alice0@a.example'))
    peer.ask(wire.control, { command: command.forget, fields: [[tag.references, wire.u32(1)]] })
    ids.push(peer.message({ reference: 1 }))
    await world.run()
    expect(ids.slice(0, 4).map((id) => waitOf(peer, id))).not.toContain(undefined)
    expect(ids.map((id) => peer.status(id))).toEqual([
      ...Array(4).fill('rate-limited'),
      ...['credential-ref-unknown', 'rate-limited', 'credential-ref-unknown'],
    ])
    // The number is not used: it may be shown again.
    await world.run(2000)
    const again = [peer.show(5, 'anna@a.example'), peer.message({ reference: 5 })]
    await world.run()
    expect(again.map((id) => peer.status(id))).toEqual(['ok', 'no answer'])
  })

  test('[LINK-6.3-14] that was refused since too much was done for its domain is so for a time, too', async () => {
    const world = new World({ pinned: ['z.example'] })
    const peer = await world.provenPeer()
    const { shares } = world.gateway
    const account = shares.domain('a.example', '')
    await world.lag([[account, 70], ...othersOf(world)])
    const shown = peer.show(1, 'alice@a.example')
    await world.run()
    expect(peer.status(shown)).toBe('rate-limited')
    while (shares.isOver(account, 'time', 2)) await world.run(1000)
    const sent = peer.message({ reference: 1 })
    await world.run()
    expect(peer.status(sent)).toBe('rate-limited')
  })

  test('[LINK-6.1-4] is that of the network for claims, whatever domain they name that nobody knows', async () => {
    const world = new World({ pinned: [] })
    const remotes = ['192.0.2.1:1', '192.0.2.2:1', '198.51.100.1:1']
    await world.provenPeer()
    expect(await Promise.all(remotes.map((remote) => claim(world, remote)))).toEqual(
      Array(3).fill('ok'),
    )
    await world.lag([[world.gateway.shares.tree.network(networkOf('192.0.2.9:1')), 140]])
    const statuses: string[] = []
    for (const remote of remotes) statuses.push(await claim(world, remote))
    expect(statuses).toEqual(['rate-limited', 'rate-limited', 'ok'])
  })

  test.each([
    [1, 140],
    [2, 70],
  ])(
    '[LINK-6.1-4] that its network takes, %i times its share, keeps no domain out that is known, and opens no door to others',
    async (times, ms) => {
      const world = new World({ pinned: ['a.example', 'z.example'] })
      const { shares } = world.gateway
      const flooded = shares.tree.network(networkOf('192.0.2.9:1'))
      await world.lag([[flooded, ms], ...(times === 1 ? [] : othersOf(world))])
      expect([1, 2].map((slack) => shares.isOver(flooded, 'time', slack))).toEqual([
        true,
        times === 2,
      ])
      const peer = world.dialIn('gateway', 'a.example', false, '192.0.2.1:1')
      peer.sayHello()
      const first = peer.prove()
      await world.run()
      // It is read for its own domain from then on.
      const [shown, again] = [peer.show(1, 'alice@a.example'), peer.prove()]
      await world.run()
      expect([first, shown, again].map((id) => peer.status(id))).toEqual(['ok', 'ok', 'ok'])
      // One signature for each handshake, whoever is named.
      const forger = world.dialIn('gateway', 'a.example', false, '192.0.2.2:1')
      forger.sayHello()
      const key = forgeKey('somebody else')
      const forged = forger.prove({ key, header: { kid: peer.key.kid } })
      const more = Array.from({ length: 3 }, () => forger.prove())
      await world.run()
      expect([forged, ...more].map((id) => forger.status(id))).toEqual([
        'credential-signature',
        ...Array(3).fill('rate-limited'),
      ])
      const stranger = world.dialIn('gateway', 'x.example', false, '192.0.2.3:1')
      stranger.sayHello()
      const claims = [stranger.prove(), stranger.prove({ claims: { iss: 'a.example' } })]
      await world.run()
      expect(claims.map((id) => stranger.status(id))).toEqual(['rate-limited', 'rate-limited'])
      expect(world.dialled).toEqual([])
    },
  )
})
