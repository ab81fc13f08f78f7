/** A far side that costs more than it pays: what it does not read, and signatures that do not fit. */
import { describe, expect, test } from 'vitest'
import { forgeKey } from '../../support/forge.ts'
import * as wire from '../../support/script/codec.ts'
import { messageId, type ScriptedPeer } from '../../support/script/peer.ts'
import { World } from '../../support/script/world.ts'

const { command, tag } = wire

test('[LINK-8.1-1] claims that need no credit end the link, long before they fill the memory', async () => {
  const world = new World({ limits: { claimsExcess: 5, claimsBurst: 3 } })
  const stranger = world.dialIn('gateway')
  stranger.sayHello()
  const shape = { command: command.prove, fields: [] }
  for (let n = 0; n < 8; n++) stranger.ask(wire.control, shape)
  await world.run()
  expect(stranger.release).toBeUndefined()
  stranger.ask(wire.control, shape)
  await world.run()
  expect(stranger.release?.reason).toBe('flood')
})

test('[LINK-8.1-2] a far side that reads now and then holds no more than one that reads nothing', async () => {
  const world = new World({ limits: { mostOutBytes: 20_000, idleMs: 1e9 } })
  const bob = await world.attached()
  const peer = await world.provenPeer()
  const flow = world.pairs.get(peer)?.toInitiating
  if (flow === undefined) throw new Error('a peer has a pair')
  flow.bufferBytes = 0
  for (let n = 0; n < 400 && world.gateway.sessions.size === 2; n++) {
    // Something moves each time.
    flow.isHeld = n % 10 !== 0
    flow.bytesPerMs = 1
    for (let i = 0; i < 10; i++) peer.ask(wire.im, { command: 0x7e, fields: [] })
    await world.run(20)
  }
  const causes = [...(world.meter.counters.get('links_closed_total')?.values() ?? [])]
  expect(causes.map(({ labels }) => labels['cause'])).toEqual(['slow-reader'])
  expect(bob.isClosed).toBe(false)
})

test('[LINK-8.1-1] signatures that do not fit end the link: each of them costs as much as fifty messages', async () => {
  const world = new World({ limits: { mistakesBurst: 3 } })
  const peer = await world.provenPeer()
  const forged = { key: forgeKey('somebody else'), header: { kid: peer.key.kid } }
  const ids = [1, 2, 3].map((n) => peer.show(n, 'alice@a.example', forged))
  await world.run()
  expect(ids.map((id) => peer.status(id))).toEqual(ids.map(() => 'credential-signature'))
  expect(peer.release).toBeUndefined()
  peer.show(4, 'alice@a.example', forged)
  await world.run()
  expect(peer.release?.reason).toBe('flood')
})

test('a credential that is refused for another reason ends no link', async () => {
  const world = new World({ limits: { mistakesBurst: 3 } })
  const peer = await world.provenPeer()
  for (let n = 1; n < 9; n++) peer.show(n, 'bob@b.example')
  await world.run()
  expect(peer.release).toBeUndefined()
})

describe('[LINK-8.1-2] answers that a domain does not read', () => {
  const note = 'x'.repeat(8000)

  /** bob with a long presence, and links of two domains, of which nothing leaves. */
  async function meet() {
    const pinned = ['a.example', 'z.example']
    const world = new World({ pinned, limits: { heldBytes: 2_000_000, senderBurst: 10_000 } })
    const bob = await world.attached()
    bob.ask(wire.pres, {
      command: command.publish,
      fields: [[tag.entityTag, messageId('etag')]],
      body: Buffer.from(JSON.stringify({ tuples: { t: { note } } })),
    })
    const open = async (domain: string): Promise<ScriptedPeer> => {
      const peer = await world.provenPeer(domain)
      peer.show(1, `user@${domain}`)
      await world.run()
      setHeld(peer, true)
      return peer
    }
    const setHeld = (peer: ScriptedPeer, isHeld: boolean): undefined => {
      const flow = world.pairs.get(peer)?.toInitiating
      if (flow !== undefined) flow.isHeld = isHeld
    }
    /** Asks for so many answers, of more than 8000 bytes each. */
    const fetch = async (peer: ScriptedPeer, count: number): Promise<readonly number[]> => {
      const fields = [[tag.to, 'bob@b.example']] as const
      const shape = { command: command.fetch, hops: 1, reference: 1, fields }
      const ids = Array.from({ length: count }, () => peer.ask(wire.pres, shape))
      await world.run()
      return ids
    }
    const { shares, sessions } = world.gateway
    const used = (domain?: string): number =>
      shares.used(domain === undefined ? shares.tree.all : shares.domain(domain, ''), 'bytes')
    const linksOf = (domain: string): number =>
      [...sessions.all].filter((session) => session.speaksFor(domain)).length
    const causes = (): readonly unknown[] =>
      [...(world.meter.counters.get('links_closed_total')?.values() ?? [])].map(
        ({ labels, value }) => `${value.n} ${labels['cause']}`,
      )
    return { world, bob, open, setHeld, fetch, used, linksOf, causes }
  }

  test('cost it links once bytes are scarce, those with most first, and cost nobody else any', async () => {
    const { world, open, setHeld, fetch, used, linksOf, causes } = await meet()
    const other = await open('z.example')
    const wanted = await fetch(other, 12)
    const most = await open('a.example')
    const rest = [await open('a.example'), await open('a.example'), await open('a.example')]
    await fetch(most, 60)
    for (const peer of rest) await fetch(peer, 30)
    expect([linksOf('a.example'), used('z.example') > 12 * 8000]).toEqual([4, true])
    expect(used('a.example')).toBeGreaterThan(150 * 8000)
    // Now they are scarce.
    for (const peer of rest) await fetch(peer, 10)
    expect([linksOf('a.example'), linksOf('z.example'), causes()]).toEqual([
      3,
      1,
      ['1 slow-reader'],
    ])
    setHeld(most, false)
    await world.run(10)
    expect(most.release?.reason).toBe('slow-reader')
    // Each answer more costs another one, until its share is enough.
    for (let n = 0; n < 10; n++) for (const peer of rest) await fetch(peer, 10)
    expect(linksOf('a.example')).toBeLessThan(3)
    expect(linksOf('z.example')).toBe(1)
    expect(used()).toBeLessThan(2_000_000)
    setHeld(other, false)
    await world.run(100)
    expect(wanted.map((id) => other.status(id))).toEqual(wanted.map(() => 'ok'))
  })

  test('are paid until they are out, or the link with them', async () => {
    const { world, open, setHeld, fetch, used } = await meet()
    const peers = [
      await open('a.example'),
      await open('a.example'),
      await open('z.example'),
    ] as const
    for (const peer of peers) await fetch(peer, 20)
    expect([used('a.example') > 40 * 8000, used('z.example') > 20 * 8000]).toEqual([true, true])
    setHeld(peers[2], false)
    await world.run(100)
    expect(used('z.example')).toBe(0)
    // The link is over, and what was written waits for the socket to be closed.
    peers[0].write(wire.type.credit, 0, 0, Buffer.alloc(1))
    await world.run(10)
    expect(peers[0].isClosed).toBe(false)
    expect(used('a.example')).toBeGreaterThan(40 * 8000)
    await world.run(6000)
    expect(used('a.example')).toBeLessThan(21 * 8100)
    world.pairs.get(peers[1])?.cut('both')
    await world.run(10)
    expect(used()).toBe(0)
  })

  test('are paid until the socket is closed where the gateway ends', async () => {
    const { world, bob, open, fetch, used } = await meet()
    const [peer, other] = [await open('a.example'), await open('z.example')]
    await fetch(peer, 20)
    other.ask(wire.im | wire.more, {
      ...{ command: command.message, hops: 1, reference: 1 },
      fields: [[tag.bodyLength, 60_000]],
      body: Buffer.alloc(10),
    })
    const body = 'x'.repeat(10_000)
    for (let n = 0; n < 20; n++) {
      const [to, id] = [`z${n}@z.example`, messageId(`out ${n}`)]
      bob.message({ reference: 0, sequence: 0, body, to, id })
    }
    await world.run()
    const { tree } = world.gateway.shares
    expect([
      used('z.example') > 60_000,
      used() - world.gateway.shares.used(tree.known, 'bytes') > 50_000,
    ]).toEqual([true, true])
    world.gateway.close()
    await world.run(10)
    expect([used('a.example') > 20 * 8000, used('z.example')]).toEqual([true, 0])
    await world.run(6000)
    expect(used()).toBe(0)
  })

  test('are thrown away when they cost the link, which says why at once', async () => {
    const { world, open, setHeld, fetch, used } = await meet()
    const peer = await open('a.example')
    await fetch(peer, 120)
    expect(used('a.example')).toBeGreaterThan(120 * 8000)
    await fetch(peer, 120)
    expect(used('a.example')).toBeLessThan(400_000)
    setHeld(peer, false)
    await world.run(100)
    expect(peer.release?.reason).toBe('slow-reader')
    expect(peer.answers.length).toBeLessThan(60)
    expect(used()).toBe(0)
  })

  test('of a user of ours cost that user the session', async () => {
    const { world, bob, setHeld, causes } = await meet()
    const carol = await world.attached('carol@b.example')
    setHeld(carol, true)
    const shape = { command: command.fetch, fields: [[tag.to, 'bob@b.example']] as const }
    for (let n = 0; n < 250; n++) carol.ask(wire.pres, shape)
    await world.run()
    expect([causes(), bob.isClosed]).toEqual([['1 slow-reader'], false])
  })
})
