/** Draft §5.5.3: a gateway that is short of sockets takes links back, those that nobody misses first. */
import { describe, expect, test } from 'vitest'
import * as wire from '../support/script/codec.ts'
import { messageId, type ScriptedPeer } from '../support/script/peer.ts'
import { World } from '../support/script/world.ts'

const { command, tag, type } = wire

const second = 1000
const names = Array.from({ length: 12 }, (_, n) => `p${n}.example`)

/** Room for `links`, of which a tenth is kept free. Nothing else ends a link. */
const roomFor = (links: number): World =>
  new World({ pinned: names, limits: { links, pingMs: 1e9, idleMs: 1e12, linkAgeMs: 1e12 } })

/** The gateways of so many domains, one a second, each with a user. */
async function peersOf(world: World, count: number): Promise<readonly ScriptedPeer[]> {
  const peers: ScriptedPeer[] = []
  for (const name of names.slice(0, count)) {
    const peer = await world.provenPeer(name)
    peer.show(1, `user@${name}`)
    await world.run(second)
    peers.push(peer)
  }
  return peers
}

const watch = (peer: ScriptedPeer): number =>
  peer.ask(wire.pres, {
    command: command.subscribe,
    hops: 1,
    reference: 1,
    fields: [
      [tag.to, 'bob@b.example'],
      [tag.subscription, messageId(peer.domain)],
    ],
  })

const releasedOf = (peers: readonly ScriptedPeer[]): readonly string[] =>
  peers.filter(({ release }) => release !== undefined).map(({ domain }) => domain)

const openOf = (ends: readonly ScriptedPeer[]): number =>
  ends.filter(({ isClosed }) => !isClosed).length

describe('a gateway that is short of links', () => {
  test('lets go of those that were idle longest, and of no more than it has to', async () => {
    const world = roomFor(10)
    const peers = await peersOf(world, 9)
    await world.run(10 * second)
    expect(releasedOf(peers)).toEqual([])
    // Who asked for something a moment ago is not idle: the second one was, the first one is not.
    const again = peers[0]?.show(1, 'user@p0.example') ?? 0
    await world.run()
    expect(peers[0]?.status(again)).toBe('ok')
    const late = [await world.provenPeer('p9.example'), await world.provenPeer('p10.example')]
    await world.run(5 * second)
    expect(releasedOf([...peers, ...late])).toEqual(['p1.example', 'p2.example'])
    expect(peers[1]?.release?.reason).toBe('resource-shortage')
    expect([peers[1]?.isClosed, peers[2]?.isClosed]).toEqual([true, true])
    expect(openOf([...peers, ...late])).toBe(9)
    expect(world.meter.counter('limit_hits_total', { limit: 'links' }).n).toBeGreaterThan(0)
  })

  test('keeps what is used: subscriptions, requests under way, and its own clients', async () => {
    const world = roomFor(10)
    const bob = await world.attached()
    const peers = await peersOf(world, 6)
    const [watching, asking, ...idle] = peers as [ScriptedPeer, ScriptedPeer, ...ScriptedPeer[]]
    const subscribed = watch(watching)
    const sent = asking.message({})
    await world.run(2 * second)
    expect([watching.status(subscribed), asking.status(sent)]).toEqual(['ok', 'no answer'])
    // From here on these two are silent longer than all others but bob.
    for (const peer of idle) peer.show(1, `user@${peer.domain}`)
    const clients = [
      await world.attached('carol@b.example'),
      await world.attached('erin@b.example'),
    ]
    const late: ScriptedPeer[] = []
    for (const name of names.slice(6)) late.push(await world.provenPeer(name))
    await world.run(second)
    expect(releasedOf([...peers, ...late]).length).toBe(3)
    expect(releasedOf([bob, ...clients, watching, asking])).toEqual([])
    expect(openOf([bob, ...clients, ...peers, ...late])).toBe(12)
    bob.respond(bob.requestsOf(command.message)[0]?.id ?? 0, 'ok')
    await world.run()
    expect(asking.status(sent)).toBe('delivered')
  })

  test('lets go of nobody where all are used, however short it is, and sends newcomers away for a time', async () => {
    const world = roomFor(4)
    await world.attached()
    const peers: ScriptedPeer[] = []
    for (const name of names) {
      const peer = await world.provenPeer(name)
      peer.show(1, `user@${name}`)
      watch(peer)
      peers.push(peer)
    }
    await world.run(60 * second)
    expect(releasedOf(peers)).toEqual(names.slice(4))
    expect(openOf(peers)).toBe(4)
  })

  test('tells a newcomer for whom there is no room at once, and what it asked meanwhile', async () => {
    const world = roomFor(1)
    const [first] = await peersOf(world, 1)
    if (first !== undefined) watch(first)
    await world.run()
    const late = world.dialIn('gateway', 'p1.example')
    late.sayHello()
    const asked = [late.show(1, 'user@p1.example'), late.message({})]
    const proof = late.prove()
    await world.run()
    expect(late.status(proof)).toBe('ok')
    expect(asked.map((id) => late.status(id))).toEqual(['busy', 'busy'])
    expect([late.release?.reason, late.isClosed]).toEqual(['resource-shortage', true])
    const { shares } = world.gateway
    expect(shares.used(shares.tree.all, 'links')).toBe(1)
  })

  test('takes the same domain again when it comes back', async () => {
    const world = roomFor(2)
    const [first] = await peersOf(world, 1)
    const bob = await world.attached()
    await world.provenPeer('p1.example')
    await world.provenPeer('p2.example')
    await world.run(2 * second)
    expect(first?.release?.reason).toBe('resource-shortage')
    const back = await world.provenPeer('p0.example')
    back.show(1, 'user@p0.example')
    const sent = back.message({})
    await world.run()
    bob.respond(bob.requestsOf(command.message)[0]?.id ?? 0, 'ok')
    await world.run()
    expect(back.status(sent)).toBe('delivered')
    expect(back.frames.some((frame) => frame.type === type.release)).toBe(false)
  })

  test('its clients take no place from gateways: a busy link stays while they come', async () => {
    const world = new World({ pinned: names, limits: { links: 4, clients: 4, pingMs: 1e9 } })
    const [busy] = await peersOf(world, 1)
    const clients = [await world.attached(), await world.attached('carol@b.example')]
    for (let n = 0; n < 20; n++) {
      const link = await world.attached('erin@b.example')
      clients.push(link)
      await world.run(second)
    }
    expect(busy?.release).toBeUndefined()
    expect(openOf(clients)).toBeLessThanOrEqual(22)
    expect(world.meter.total('limit_hits_total', { limit: 'clients' })).toBeGreaterThan(0)
    const late = await world.provenPeer('p1.example')
    expect([busy?.release, late.release]).toEqual([undefined, undefined])
  })

  test('a domain that holds most of them gives way, though a subscription lives on each of its links', async () => {
    const world = roomFor(8)
    const hogs: ScriptedPeer[] = []
    for (let n = 0; n < 7; n++) {
      const peer = await world.provenPeer('p0.example')
      peer.show(1, 'user@p0.example')
      watch(peer)
      hogs.push(peer)
    }
    await world.run(second)
    const late = [await world.provenPeer('p1.example'), await world.provenPeer('p2.example')]
    await world.run(second)
    expect(releasedOf(late)).toEqual([])
    expect(releasedOf(hogs).length).toBeGreaterThan(0)
  })
})
