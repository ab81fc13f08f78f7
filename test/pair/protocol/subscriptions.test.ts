/** Sections 6.10 to 6.12 of `docs/protocol.md`: SUBSCRIBE, RENEW, UNSUBSCRIBE. */
import { describe, expect, test } from 'vitest'
import * as wire from '../../support/script/codec.ts'
import { messageId, type ScriptedPeer } from '../../support/script/peer.ts'
import { World, type WorldWish } from '../../support/script/world.ts'

const { command, tag } = wire

const id16 = (name: string): Buffer => messageId(`subscription ${name}`)

/** A peer that has shown alice as number 1 and anna as number 2, and bob at home. */
async function meet(wish: WorldWish = {}): Promise<readonly [World, ScriptedPeer, ScriptedPeer]> {
  const world = new World(wish)
  const bob = await world.attached()
  const peer = await world.provenPeer()
  peer.show(1, 'alice@a.example')
  peer.show(2, 'anna@a.example')
  await world.run()
  return [world, peer, bob]
}

type Wish = {
  readonly name?: string
  readonly reference?: number
  readonly to?: string
  readonly lease?: number
}

/** Reference 0: of a client. */
function subscribe(peer: ScriptedPeer, wish: Wish = {}): number {
  const { name = 'one', reference = 1, to = 'bob@b.example', lease } = wish
  return peer.ask(wire.pres, {
    command: command.subscribe,
    hops: reference === 0 ? 0 : 1,
    reference,
    fields: [
      [tag.to, to],
      [tag.subscription, id16(name)],
      ...(lease === undefined ? [] : ([[tag.lease, lease]] as const)),
    ],
  })
}

const unsubscribe = (
  peer: ScriptedPeer,
  name = 'one',
  reference = 1,
  to = 'bob@b.example',
): number =>
  peer.ask(wire.pres, {
    command: command.unsubscribe,
    hops: 1,
    reference,
    fields: [
      [tag.to, to],
      [tag.subscription, id16(name)],
    ],
  })

const renew = (
  peer: ScriptedPeer,
  names: readonly string[],
  more: Partial<Record<'domain' | 'audience', string>> = {},
): number =>
  peer.ask(wire.pres, {
    command: command.renew,
    fields: [
      [tag.domain, more.domain ?? 'a.example'],
      [tag.audience, more.audience ?? 'b.example'],
      [tag.subscriptions, Buffer.concat(names.map(id16))],
      [tag.lease, 1000],
    ],
  })

let published = 0
const publish = (client: ScriptedPeer): number =>
  client.ask(wire.pres, {
    command: command.publish,
    fields: [[tag.entityTag, messageId(`etag ${published++}`)]],
    body: Buffer.from(`{"tuples":{"t${published}":{"note":"${published}"}}}`),
  })

const leaseOf = (peer: ScriptedPeer, id: number): number | undefined =>
  peer.answer(id)?.fields.get(tag.lease)?.readUInt32BE(0)

const leasesOf = (peer: ScriptedPeer, id: number): readonly number[] => {
  const list = peer.answer(id)?.fields.get(tag.leases) ?? Buffer.alloc(0)
  return Array.from({ length: list.length / 4 }, (_, i) => list.readUInt32BE(i * 4))
}

describe('SUBSCRIBE', () => {
  test.for([
    [undefined, 3600],
    [0, 300],
    [299, 300],
    [300, 300],
    [86_400, 86_400],
    [86_401, 86_400],
  ] as const)('[LINK-6.10-1] with the wish %s is granted %i s', async ([lease, granted]) => {
    const [world, peer] = await meet()
    const id = subscribe(peer, lease === undefined ? {} : { lease })
    await world.run()
    expect([peer.status(id), leaseOf(peer, id)]).toEqual(['ok', granted])
  })

  test.for<readonly [string, wire.FieldList, string]>([
    ['no id', [[tag.to, 'bob@b.example']], 'bad-request'],
    [
      'an id of 8 bytes',
      [
        [tag.to, 'bob@b.example'],
        [tag.subscription, Buffer.alloc(8)],
      ],
      'bad-request',
    ],
    [
      'a lease of 8 bytes',
      [
        [tag.to, 'bob@b.example'],
        [tag.subscription, Buffer.alloc(16)],
        [tag.lease, Buffer.alloc(8)],
      ],
      'bad-request',
    ],
    ['no address', [[tag.subscription, Buffer.alloc(16)]], 'bad-address'],
  ])('[LINK-6.10-1] with %s is refused', async ([, list, expected]) => {
    const [world, peer] = await meet()
    const id = peer.ask(wire.pres, { command: command.subscribe, reference: 1, fields: list })
    await world.run()
    expect(peer.status(id)).toBe(expected)
  })

  test('[LINK-6.10-1] again renews', async () => {
    const [world, peer, bob] = await meet({ limits: { pingMs: 10_000_000, idleMs: 1e12 } })
    subscribe(peer, { lease: 300 })
    await world.run(200_000)
    subscribe(peer, { lease: 300 })
    await world.run(200_000)
    const before = peer.requestsOf(command.notify).length
    publish(bob)
    await world.run(10_000)
    expect(peer.requestsOf(command.notify).length).toBe(before + 1)
  })

  test('[LINK-6.10-2] with an id that stands for something else is a conflict', async () => {
    const [world, peer] = await meet()
    const ids = [
      subscribe(peer),
      subscribe(peer),
      subscribe(peer, { to: 'carol@b.example' }),
      subscribe(peer, { reference: 2 }),
    ]
    await world.run()
    expect(ids.map((id) => peer.status(id))).toEqual(['ok', 'ok', 'conflict', 'conflict'])
  })

  test('[LINK-6.10-2] ids of another domain have nothing to do with it', async () => {
    const [world, peer] = await meet({ pinned: ['a.example', 'd.example'] })
    const other = await world.provenPeer('d.example')
    other.show(1, 'dora@d.example')
    const ids = [subscribe(peer), subscribe(other, { to: 'carol@b.example' })]
    const foreign = unsubscribe(other)
    await world.run()
    expect([peer.status(ids[0] ?? 0), other.status(ids[1] ?? 0)]).toEqual(['ok', 'ok'])
    expect(other.status(foreign)).toBe('ok')
    const still = renew(peer, ['one'])
    await world.run()
    expect(leasesOf(peer, still)).toEqual([1000])
  })

  test('[LINK-6.10-3] is followed by the document, after the answer', async () => {
    const [world, peer] = await meet()
    const id = subscribe(peer)
    await world.run()
    const [notify] = peer.requestsOf(command.notify)
    expect(notify?.body.toString()).toBe('{"tuples":{"default":{"basic":"closed"}}}')
    expect(notify?.fields.get(tag.subscription)).toEqual(id16('one'))
    const order = peer.frames.map(({ type, id: of }) => `${type} ${of}`)
    expect(order.indexOf(`${wire.type.response} ${id}`)).toBeLessThan(
      order.indexOf(`${wire.type.request} ${notify?.id}`),
    )
  })

  test('[LINK-6.10-3] does not draw documents faster than every 30 s', async () => {
    const [world, peer] = await meet()
    for (let i = 0; i < 10; i++) {
      subscribe(peer, { name: `${i}` })
      unsubscribe(peer, `${i}`)
      await world.run(1000)
    }
    expect(peer.requestsOf(command.notify).length).toBeLessThanOrEqual(1)
  })

  test('[LINK-6.10-5] ends without a word, 60 s after its lease', async () => {
    const [world, peer, bob] = await meet({ limits: { pingMs: 30_000, idleMs: 1e12 } })
    subscribe(peer, { lease: 300 })
    const wait = async (ms: number): Promise<void> => {
      for (let i = 0; i < ms; i += 10_000) {
        peer.write(wire.type.ping, 0, 0, wire.u32(0, i))
        bob.write(wire.type.ping, 0, 0, wire.u32(0, i))
        await world.run(10_000)
      }
    }
    await wait(350_000)
    publish(bob)
    await wait(5000)
    expect(peer.requestsOf(command.notify).length).toBe(2)
    await wait(20_000)
    publish(bob)
    await wait(20_000)
    expect(peer.requestsOf(command.notify).length).toBe(2)
  })
})

describe('RENEW', () => {
  test('[LINK-6.11-1] rests on the proof of the pair', async () => {
    const [world, peer] = await meet({ pinned: ['a.example', 'd.example'] })
    subscribe(peer)
    const other = await world.provenPeer('d.example')
    const ids = [
      renew(other, ['one']),
      renew(other, ['one'], { domain: 'd.example' }),
      renew(other, ['one'], { domain: 'd.example', audience: 'c.example' }),
      other.ask(wire.pres, {
        command: command.renew,
        fields: [[tag.subscriptions, id16('one')]],
      }),
    ]
    const own = renew(peer, ['one'])
    await world.run()
    expect(ids.map((id) => other.status(id))).toEqual([
      'domain-not-proven',
      'ok',
      'domain-not-proven',
      'bad-request',
    ])
    expect(leasesOf(other, ids[1] ?? 0)).toEqual([0])
    expect(leasesOf(peer, own)).toEqual([1000])
  })

  test('[LINK-6.11-2] renews nothing of a presentity of another domain than it names', async () => {
    const [world, peer] = await meet({ domains: ['b.example', 'c.example'] })
    peer.prove({ claims: { aud: 'c.example' } })
    subscribe(peer)
    const ids = [renew(peer, ['one'], { audience: 'c.example' }), renew(peer, ['one'])]
    await world.run()
    expect(ids.map((id) => leasesOf(peer, id))).toEqual([[0], [1000]])
  })

  test('[LINK-6.5-5] is counted, once for all of its ids', async () => {
    const [world, peer] = await meet({ pinned: [], limits: { peerPerSecond: 0.001, peerBurst: 4 } })
    subscribe(peer)
    const ids = [renew(peer, ['one', 'two', 'three']), renew(peer, ['one'])]
    await world.run()
    expect(ids.map((id) => peer.status(id))).toEqual(['ok', 'rate-limited'])
    const wait = peer.answer(ids[1] ?? 0)?.fields.get(tag.retryAfter)
    expect(wait?.readUInt32BE(0)).toBeGreaterThan(0)
  })

  test('[LINK-6.5-5] of a client is counted', async () => {
    const world = new World({ limits: { senderPerSecond: 0.001, senderBurst: 1 } })
    const bob = await world.attached()
    const ids = [1, 2].map(() =>
      bob.ask(wire.pres, { command: command.renew, fields: [[tag.subscriptions, id16('one')]] }),
    )
    await world.run()
    expect(ids.map((id) => bob.status(id))).toEqual(['ok', 'rate-limited'])
  })

  test('[LINK-6.11-1] of a client is about its own', async () => {
    const world = new World()
    const [bob, carol] = [await world.attached(), await world.attached('carol@b.example')]
    carol.ask(wire.pres, {
      command: command.subscribe,
      fields: [
        [tag.to, 'bob@b.example'],
        [tag.subscription, id16('of carol')],
      ],
    })
    const ask = (client: ScriptedPeer): number =>
      client.ask(wire.pres, {
        command: command.renew,
        fields: [[tag.subscriptions, id16('of carol')]],
      })
    const ids = [ask(carol), ask(bob)]
    await world.run()
    expect(leasesOf(carol, ids[0] ?? 0)).toEqual([3600])
    expect(bob.status(ids[1] ?? 0)).toBe('ok')
  })

  test('[LINK-6.11-2] is answered for each id, in their order', async () => {
    const [world, peer] = await meet()
    for (const name of ['a', 'b', 'c']) subscribe(peer, { name })
    const id = renew(peer, ['c', 'x', 'a', 'y', 'b'])
    await world.run()
    const nothing = renew(peer, [])
    await world.run()
    expect(leasesOf(peer, id)).toEqual([1000, 0, 1000, 0, 1000])
    expect([peer.status(nothing), leasesOf(peer, nothing)]).toEqual(['ok', []])
  })

  test('[LINK-6.11-2] 0 makes the gateway subscribe again', async () => {
    const world = new World({ limits: { pingMs: 1e9, idleMs: 1e12, requestMs: 30_000 } })
    const bob = await world.attached()
    bob.ask(wire.pres, {
      command: command.subscribe,
      fields: [
        [tag.to, 'zoe@z.example'],
        [tag.subscription, id16('of bob')],
        [tag.lease, 3600],
      ],
    })
    const far = await world.accepted()
    const [asked] = far.requestsOf(command.subscribe)
    far.respond(asked?.id ?? 0, 'ok', [[tag.lease, 400]])
    while (far.requestsOf(command.renew).length === 0) await world.run(1000)
    const [renewal] = far.requestsOf(command.renew)
    expect(renewal?.reference).toBe(0)
    expect([tag.domain, tag.audience].map((one) => renewal?.fields.get(one)?.toString())).toEqual([
      'b.example',
      'z.example',
    ])
    expect(renewal?.fields.get(tag.subscriptions)).toEqual(asked?.fields.get(tag.subscription))
    far.respond(renewal?.id ?? 0, 'ok', [[tag.leases, wire.u32(0)]])
    await world.run(2000)
    expect(far.requestsOf(command.subscribe).length).toBe(2)
  })
})

describe('UNSUBSCRIBE', () => {
  test('[LINK-6.12-1] of what is there or not succeeds, and nothing follows', async () => {
    const [world, peer, bob] = await meet()
    subscribe(peer)
    await world.run()
    const ids = [unsubscribe(peer), unsubscribe(peer), unsubscribe(peer, 'never there')]
    await world.run()
    const before = peer.requestsOf(command.notify).length
    publish(bob)
    await world.run(10_000)
    expect(ids.map((id) => peer.status(id))).toEqual(['ok', 'ok', 'ok'])
    expect(peer.requestsOf(command.notify).length).toBe(before)
  })

  test('[LINK-6.12-2] of another watcher is refused', async () => {
    const [world, peer] = await meet()
    subscribe(peer)
    const id = unsubscribe(peer, 'one', 2)
    const still = renew(peer, ['one'])
    await world.run()
    expect(peer.status(id)).toBe('refused')
    expect(leasesOf(peer, still)).toEqual([1000])
  })

  test('[LINK-6.12-3] ends what the id names, whatever presentity of the domain it names', async () => {
    const [world, peer] = await meet()
    subscribe(peer)
    const id = unsubscribe(peer, 'one', 1, 'nobody@b.example')
    const still = renew(peer, ['one'])
    await world.run()
    expect(peer.status(id)).toBe('ok')
    expect(leasesOf(peer, still)).toEqual([0])
  })

  test('[LINK-6.5-1] over the rate names the wait', async () => {
    const [world, peer] = await meet({ limits: { watchesPerSecond: 0.001, watchesBurst: 1 } })
    const ids = [unsubscribe(peer), unsubscribe(peer)]
    await world.run()
    expect(ids.map((id) => peer.status(id))).toEqual(['ok', 'rate-limited'])
    expect(
      peer
        .answer(ids[1] ?? 0)
        ?.fields.get(tag.retryAfter)
        ?.readUInt32BE(0),
    ).toBeGreaterThan(0)
  })
})

describe('the subscriptions of a session that is gone without a word', () => {
  test.for(['bob@b.example', 'alice@a.example'])(
    'are in the way of no other session of its user, who watches %s',
    async (to) => {
      const world = new World({ limits: { subscriptionsPerWatcher: 1 } })
      const far = await world.provenPeer()
      let answered = 0
      const watch = async (client: ScriptedPeer, name: string): Promise<string> => {
        const asked = subscribe(client, { name, to, reference: 0 })
        await world.run(100)
        for (const { id } of far.requestsOf(command.subscribe).slice(answered)) {
          answered++
          far.respond(id, 'ok', [[tag.lease, 3600]])
        }
        await world.run(100)
        return client.status(asked)
      }
      const gone = await world.attached()
      expect(await watch(gone, 'one')).toBe('ok')
      const bob = await world.attached()
      expect(await watch(bob, 'two')).toBe('limit-reached')
      gone.channel.destroy()
      await world.run(10)
      expect(await watch(bob, 'two')).toBe('ok')
      expect(await watch(bob, 'three')).toBe('limit-reached')
    },
  )
})
