/** A directory that takes its time or fails: what waits for it, in which order it goes on, and who else is held up. */
import { describe, expect, test } from 'vitest'
import { HeldDirectory } from '../support/held-directory.ts'
import * as wire from '../support/script/codec.ts'
import { messageId, type ScriptedPeer } from '../support/script/peer.ts'
import { World, type WorldWish } from '../support/script/world.ts'

const { command, tag } = wire

/** `of(domain)`: its directory, which says everything at once until it is held. */
function setUp(wish: WorldWish = {}) {
  const directories = new Map<string, HeldDirectory>()
  const world = new World({
    ...wish,
    directory: (listed, domain) => {
      const directory = new HeldDirectory(listed)
      directories.set(domain, directory)
      return directory
    },
  })
  const of = (domain = 'b.example') => directories.get(domain) as HeldDirectory
  return { world, of }
}

async function withAlice(wish: WorldWish = {}) {
  const site = setUp(wish)
  const peer = await site.world.provenPeer()
  peer.show(1, 'alice@a.example')
  await site.world.run()
  return { ...site, peer }
}

const about = (peer: ScriptedPeer, name: number, to: string, more: wire.FieldList = []): number =>
  peer.ask(wire.pres, { command: name, hops: 1, reference: 1, fields: [[tag.to, to], ...more] })

const subscription = (to: string) => [tag.subscription, messageId(`of ${to}`)] as const
const subscribe = (peer: ScriptedPeer, to: string): number =>
  about(peer, command.subscribe, to, [subscription(to)])
const unsubscribe = (peer: ScriptedPeer, to: string): number =>
  about(peer, command.unsubscribe, to, [subscription(to)])
const fetch = (peer: ScriptedPeer, to: string): number => about(peer, command.fetch, to)

const renew = (peer: ScriptedPeer, to: string): number =>
  peer.ask(wire.pres, {
    command: command.renew,
    hops: 1,
    fields: [
      [tag.domain, 'a.example'],
      [tag.audience, 'b.example'],
      [tag.subscriptions, messageId(`of ${to}`)],
    ],
  })

const publish = (client: ScriptedPeer): number =>
  client.ask(wire.pres, {
    command: command.publish,
    fields: [[tag.entityTag, messageId('etag')]],
    body: Buffer.from('{"tuples":{"t":{"note":"here"}}}'),
  })

describe('messages', () => {
  test('of one lane wait for the facts in their order, and nothing overtakes them', async () => {
    const { world, of, peer } = await withAlice()
    const bob = await world.attached()
    // What was learnt when he attached is too old.
    await world.run(world.limits.ownerMs + 1)
    of().isHeld = true
    const ids = [1, 2, 3].map((sequence) => peer.message({ sequence, body: `${sequence}` }))
    await world.run(100)
    expect(bob.requestsOf(command.message)).toEqual([])
    expect(of().held).toEqual(['bob@b.example'])
    of().tell()
    await world.run()
    const shown = bob.requestsOf(command.message)
    expect(shown.map(({ body }) => body.toString())).toEqual(['1', '2', '3'])
    for (const { id } of shown) bob.respond(id, 'ok')
    await world.run()
    expect(ids.map((id) => peer.status(id))).toEqual(['delivered', 'delivered', 'delivered'])
  })

  test.for(['bob@b.example', 'nobody@b.example'])(
    'to %s end the same where the directory cannot say: for a time, and as late',
    async (to) => {
      const { world, of, peer } = await withAlice()
      of().isHeld = true
      const failed = peer.message({ sequence: 1, to })
      await world.run(10)
      of().fail()
      await world.run()
      const late = peer.message({ epoch: 2, sequence: 1, to })
      await world.run(world.limits.directoryMs - 1)
      expect(peer.status(late)).toBe('no answer')
      await world.run(1)
      expect([failed, late].map((id) => peer.status(id))).toEqual(['busy', 'busy'])
    },
  )

  test('keep their lane while they wait, however short of lanes the gateway is', async () => {
    const { world, of, peer } = await withAlice({ limits: { lanes: 2 } })
    const bob = await world.attached()
    peer.show(2, 'mallory@a.example')
    of().isHeld = true
    const first = peer.message({ sequence: 1 })
    await world.run(2000)
    const other = peer.message({ reference: 2, sequence: 1, to: 'carol@b.example' })
    await world.run()
    expect(peer.status(other)).toBe('busy')
    of().isHeld = false
    of().tell()
    await world.run()
    const second = peer.message({ sequence: 2 })
    await world.run()
    for (const { id } of bob.requestsOf(command.message)) bob.respond(id, 'ok')
    await world.run()
    expect([first, second].map((id) => peer.status(id))).toEqual(['delivered', 'delivered'])
  })

  test('for which there is no room end for a time, and what follows them is too early', async () => {
    const { world, of, peer } = await withAlice({ limits: { heldBytes: 100 } })
    of().isHeld = true
    const ids = [1, 2, 3].map((sequence) => peer.message({ sequence, body: 'x'.repeat(20) }))
    await world.run()
    expect(ids.map((id) => peer.status(id))).toEqual(['no answer', 'busy', 'busy'])
    of().tell()
    await world.run()
    const next = peer.message({ sequence: 4 })
    await world.run()
    expect(peer.status(next)).toBe('order')
  })
})

describe('requests about presence', () => {
  test('RENEW waits for the SUBSCRIBE that it is about, and for no other', async () => {
    const { world, of, peer } = await withAlice()
    subscribe(peer, 'bob@b.example')
    await world.run()
    of().isHeld = true
    const first = subscribe(peer, 'carol@b.example')
    const ids = [renew(peer, 'carol@b.example'), renew(peer, 'bob@b.example')]
    await world.run(100)
    expect(ids.map((id) => peer.status(id))).toEqual(['no answer', 'ok'])
    of().tell('carol@b.example')
    await world.run()
    expect([first, ...ids].map((id) => peer.status(id))).toEqual(['ok', 'ok', 'ok'])
  })

  test('SUBSCRIBE does not overtake an UNSUBSCRIBE of the same subscription', async () => {
    const { world, of, peer } = await withAlice()
    const bob = await world.attached()
    subscribe(peer, 'bob@b.example')
    await world.run(world.limits.notifyMs + 1000)
    of().isHeld = true
    subscribe(peer, 'carol@b.example')
    unsubscribe(peer, 'bob@b.example')
    const again = subscribe(peer, 'bob@b.example')
    await world.run()
    of().tell()
    await world.run(world.limits.snapshotMs)
    expect(peer.status(again)).toBe('ok')
    const before = peer.requestsOf(command.notify).length
    publish(bob)
    await world.run(world.limits.notifyMs + 1000)
    expect(peer.requestsOf(command.notify).length).toBe(before + 1)
  })

  test('a domain that is barred while its SUBSCRIBE waits watches nobody', async () => {
    const { world, of, peer } = await withAlice()
    const bob = await world.attached()
    of().isHeld = true
    subscribe(peer, 'bob@b.example')
    await world.run()
    peer.channel.destroy()
    await world.run()
    world.gateway.obey({ default: 'allow', allow: [], deny: ['a.example'] })
    of().tell()
    await world.run(1000)
    publish(bob)
    await world.run(60_000)
    expect(world.dialled.length).toBe(0)
  })
})

test('a directory that says nothing holds up no other domain', async () => {
  const { world, of, peer } = await withAlice({
    domains: ['b.example', 'c.example'],
    limits: { ownersWaiting: 2 },
  })
  peer.prove({ claims: { aud: 'c.example' } })
  await world.run()
  world.answerClaims(peer)
  peer.show(2, 'alice@a.example', { claims: { aud: 'c.example' } })
  await world.run()
  of('c.example').isHeld = true
  const there = [1, 2, 3].map((n) =>
    peer.message({ reference: 2, epoch: n, to: `user${n}@c.example` }),
  )
  const here = peer.message({ to: 'bob@b.example' })
  await world.run()
  expect(there.map((id) => peer.status(id))).toEqual(['no answer', 'no answer', 'busy'])
  expect(peer.status(here)).toBe('inbox-closed')
})

describe('a client that attaches', () => {
  test('and is gone when the directory answers leaves nothing', async () => {
    const { world, of } = setUp()
    of().isHeld = true
    const client = await world.attached()
    client.channel.destroy()
    await world.run()
    of().tell()
    await world.run()
    of().tell()
    await world.run()
    const [sessions] = world.meter.gauges.get('client_sessions')?.values() ?? []
    expect(sessions?.value()).toBe(0)
  })

  test('a second time meanwhile is refused, and what it asked waits for the first', async () => {
    const { world, of } = setUp()
    of().isHeld = true
    const client = await world.attached()
    const second = world.attach(client, 'carol@b.example')
    const asked = fetch(client, 'bob@b.example')
    await world.run()
    expect([client.status(second), client.status(asked)]).toEqual(['limit-reached', 'no answer'])
    of().isHeld = false
    of().tell()
    await world.run()
    expect(client.status(asked)).toBe('ok')
  })
})
