/** Section 8 of `docs/protocol.md`: floods, RELEASE, PING, idle links, age. */
import { describe, expect, test } from 'vitest'
import type { Status } from '../../../src/errors.ts'
import * as wire from '../../support/script/codec.ts'
import { messageId, type ScriptedPeer } from '../../support/script/peer.ts'
import { World } from '../../support/script/world.ts'

const { type, command, tag } = wire

const release = (reason: number, last: number, retryMs = 0): Buffer =>
  wire.frame(type.release, 0, 0, Buffer.concat([Buffer.of(1, reason), wire.u32(retryMs, last)]))

const say = (bob: ScriptedPeer, n: number, to = 'zoe@z.example'): number =>
  bob.message({
    reference: 0,
    sequence: 0,
    id: messageId(`release ${n}`),
    to,
    body: `${n}`,
  })

describe('floods', () => {
  /** Sends `count` of something that costs nothing. */
  const floods: Readonly<Record<string, (peer: ScriptedPeer, count: number) => undefined>> = {
    CANCEL: (peer, count) => {
      for (let i = 0; i < count; i++) peer.write(type.cancel, 0, 1 + 2 * i)
    },
    'CANCEL of what was refused': (peer, count) => {
      for (let i = 0; i < count; i++) {
        const tooLong = [[tag.bodyLength, 65_537]] as const
        peer.write(
          type.cancel,
          0,
          peer.ask(wire.im | wire.more, { command: 0x7f, fields: tooLong }),
        )
      }
    },
    PING: (peer, count) => {
      for (let i = 0; i < count; i++) peer.write(type.ping, 0, 0, wire.u32(0, i))
    },
    'unknown frames': (peer, count) => {
      for (let i = 0; i < count; i++) peer.write(0x40, 0, 0)
    },
    'empty CHUNKs': (peer, count) => {
      const id = peer.ask(wire.im | wire.more, {
        command: 0x7f,
        fields: [[tag.bodyLength, 60_000]],
      })
      for (let i = 0; i < count; i++) peer.write(type.chunk, wire.more, id)
    },
    'tiny CHUNKs': (peer, count) => {
      const id = peer.ask(wire.im | wire.more, {
        command: 0x7f,
        fields: [[tag.bodyLength, 65_536]],
      })
      for (let i = 0; i < count; i++) peer.write(type.chunk, wire.more, id, Buffer.alloc(200))
    },
  }

  test.for([
    ['CANCEL', 200, undefined],
    ['CANCEL', 201, 'flood'],
    ['CANCEL of what was refused', 300, undefined],
    ['PING', 10, undefined],
    ['PING', 11, 'flood'],
    ['unknown frames', 100, undefined],
    ['unknown frames', 101, 'flood'],
    ['empty CHUNKs', 1, undefined],
    ['empty CHUNKs', 2, 'flood'],
    ['tiny CHUNKs', 256, undefined],
    ['tiny CHUNKs', 257, 'flood'],
  ] as const)('[LINK-8.1-1] %s, %i at once: %s', async ([kind, count, expected]) => {
    const world = new World()
    const peer = await world.provenPeer()
    floods[kind]?.(peer, count)
    await world.run()
    expect(peer.release?.reason).toBe(expected)
  })

  test('[LINK-8.1-1] what is slow enough is no flood', async () => {
    const world = new World()
    const peer = await world.provenPeer()
    for (let i = 0; i < 60; i++) {
      peer.write(type.ping, 0, 0, wire.u32(0, i))
      peer.write(type.cancel, 0, 1)
      await world.run(1000)
    }
    expect(peer.release).toBeUndefined()
  })

  test('[LINK-8.1-2] a far side that does not read is let go', async () => {
    const world = new World({ limits: { socketBytes: 5000 } })
    const peer = await world.provenPeer()
    const flow = world.pairs.get(peer)?.toInitiating
    if (flow !== undefined) flow.isHeld = true
    for (let i = 0; i < 40; i++) {
      peer.ask(wire.control, { command: command.keys, fields: [[tag.domain, 'b.example']] })
    }
    await world.run(9000)
    expect(world.gateway.sessions.size).toBe(1)
    await world.run(8000)
    expect(world.gateway.sessions.size).toBe(0)
  })
})

describe('RELEASE', () => {
  test('[LINK-8.2-1] lets go: nothing new, and what is under way is answered', async () => {
    const world = new World()
    const bob = await world.attached()
    const peer = await world.provenPeer()
    peer.show(1, 'alice@a.example')
    const sent = peer.message({})
    await world.run()
    peer.raw(release(7, 0xffff))
    await world.run()
    expect(peer.isClosed).toBe(false)
    bob.message({ reference: 0, sequence: 0, to: 'alice@a.example' })
    await world.run()
    expect(peer.requestsOf(command.message)).toEqual([])
    bob.respond(bob.requestsOf(command.message)[0]?.id ?? 0, 'ok')
    await world.run()
    expect(peer.status(sent)).toBe('delivered')
    expect(peer.isClosed).toBe(true)
    expect(peer.release).toBeUndefined()
  })

  test('[LINK-8.2-1] an unanswered request is waited for 30 s', async () => {
    const world = new World({ limits: { requestMs: 100_000 } })
    const bob = await world.attached()
    const sent = say(bob, 1)
    const far = await world.accepted()
    far.raw(release(9, 0xffff))
    await world.run(29_000)
    expect(far.isClosed).toBe(false)
    await world.run(3000)
    expect(far.isClosed).toBe(true)
    expect(bob.status(sent)).toBe('unknown-outcome')
  })

  test('[LINK-8.2-1] [LINK-7.1-4] what bodies under way take comes back until they are here', async () => {
    const world = new World({ limits: { windowBytes: 65_536 } })
    const peer = await world.provenPeer()
    peer.show(1, 'alice@a.example')
    const fields = [
      [tag.bodyLength, 65_536],
      [tag.lane, wire.u32(1, 1)],
      [tag.to, 'bob@b.example'],
      [tag.id, messageId('long')],
    ] as const
    const shape = { command: command.message, hops: 1, reference: 1, fields }
    const id = peer.ask(wire.im | wire.more, { ...shape, body: Buffer.alloc(16_000) })
    await world.run()
    void world.gateway.drain()
    peer.write(type.chunk, wire.more, id, Buffer.alloc(16_384))
    peer.write(type.chunk, wire.more, id, Buffer.alloc(16_384))
    await world.run()
    expect(peer.release?.reason).toBe('shutdown')
    expect(peer.granted[1]?.[1]).toBeGreaterThan(32_768)
    peer.write(type.chunk, wire.more, id, Buffer.alloc(16_384))
    peer.write(type.chunk, 0, id, Buffer.alloc(384))
    await world.run()
    expect(peer.status(id)).toBe('inbox-closed')
  })

  test('[LINK-8.2-1] of a gateway that stops goes to everybody', async () => {
    const world = new World()
    const bob = await world.attached()
    const peer = await world.provenPeer()
    const drained = world.gateway.drain()
    await world.run(100)
    await drained
    expect([bob.release?.reason, peer.release?.reason]).toEqual(['shutdown', 'shutdown'])
    expect([bob.isClosed, peer.isClosed]).toEqual([true, true])
    expect([bob.release?.retryMs, peer.release?.retryMs]).toEqual([2000, 2000])
  })

  test('[LINK-8.2-6] a message waits for a gateway that is back soon', async () => {
    const world = new World()
    const bob = await world.attached()
    const answerAll = (peer: ScriptedPeer): undefined => {
      for (const { id } of peer.requestsOf(command.message)) peer.respond(id, 'delivered')
    }
    const first = say(bob, 1)
    const before = await world.accepted()
    answerAll(before)
    before.raw(release(9, 0xffff, 2000))
    await world.run(500)
    const second = say(bob, 2)
    await world.run(1000)
    expect([bob.status(first), bob.status(second)]).toEqual(['delivered', 'no answer'])
    await world.run(1000)
    const after = await world.accepted()
    answerAll(after)
    await world.run(100)
    expect(bob.status(second)).toBe('delivered')
  })

  test.for([
    ['of 60 s', 60_000, [1, 1, 2]],
    ['of nothing', 0, [2, 3, 3]],
    ['beyond what is kept to', 86_400_000, [1, 1, 2]],
  ] as const)('[LINK-8.2-6] a retry time %s', async ([, retryMs, dials]) => {
    const world = new World({ limits: { restMaxMs: 60_000 } })
    const bob = await world.attached()
    const sent = say(bob, 1)
    const far = await world.accepted()
    const [first] = far.requestsOf(command.message)
    far.respond(first?.id ?? 0, 'delivered')
    await world.run()
    far.raw(release(9, 0xffff, retryMs))
    await world.run()
    const seen: number[] = []
    for (const ms of [0, 59_000, 14_000]) {
      await world.run(ms)
      say(bob, 10 + seen.length)
      await world.run(1)
      seen.push(world.dialled.length)
    }
    expect(bob.status(sent)).toBe('delivered')
    expect(seen).toEqual(dials)
  })

  test('[LINK-8.2-6] a far side that is back before says so by a proof', async () => {
    const world = new World({ pinned: ['z.example'] })
    const bob = await world.attached()
    say(bob, 1)
    const far = await world.accepted()
    far.raw(release(9, 0xffff, 60_000))
    far.respond(far.requestsOf(command.message)[0]?.id ?? 0, 'delivered')
    await world.run()
    const peer = await world.provenPeer('z.example')
    const late = say(bob, 2)
    await world.run()
    peer.respond(peer.requestsOf(command.message)[0]?.id ?? 0, 'delivered')
    await world.run()
    expect([bob.status(late), world.dialled.length]).toEqual(['delivered', 1])
  })

  test('[LINK-8.2-2] what was not taken takes another link, and the rest is not lied about', async () => {
    const world = new World()
    const bob = await world.attached()
    const ids = [1, 2, 3].map((n) => say(bob, n))
    const far = await world.accepted()
    const [first] = far.requestsOf(command.message)
    // The first one was taken; the others were on their way.
    far.raw(release(7, first?.id ?? 0))
    for (const { id } of far.requestsOf(command.credential)) far.respond(id, 'ok')
    far.respond(first?.id ?? 0, 'delivered')
    const next = await world.accepted()
    expect(far.isClosed).toBe(true)
    expect(next.requestsOf(command.message).map(({ body }) => body.toString())).toEqual(['2', '3'])
    for (const { id } of next.requestsOf(command.message)) next.respond(id, 'delivered')
    await world.run()
    expect(ids.map((id) => bob.status(id))).toEqual(Array(3).fill('delivered'))
  })

  test('[LINK-8.2-2] of both sides at once loses nothing either', async () => {
    const world = new World()
    const bob = await world.attached()
    const sent = say(bob, 1)
    const far = await world.accepted()
    const [session] = [...world.gateway.sessions.all].filter(({ role }) => role === 'gateway')
    session?.link.release('age-release')
    far.raw(release(7, far.requestsOf(command.prove)[0]?.id ?? 0))
    const next = await world.accepted()
    expect(far.release?.reason).toBe('age-release')
    for (const { id } of next.requestsOf(command.message)) next.respond(id, 'delivered')
    await world.run()
    expect(bob.status(sent)).toBe('delivered')
  })

  test('[LINK-8.2-2] tells the last request that was taken', async () => {
    const world = new World()
    const peer = await world.provenPeer()
    const id = peer.show(1, 'alice@a.example')
    await world.run()
    peer.write(0x40, wire.critical, 0)
    await world.run()
    expect(peer.release).toEqual({ reason: 'bad-frame', retryMs: 0, last: id })
  })

  test('[LINK-8.2-3] after its own a side passes over every request', async () => {
    const world = new World()
    const bob = await world.attached()
    const peer = await world.provenPeer()
    peer.show(1, 'alice@a.example')
    const open = peer.message({})
    await world.run()
    const [session] = [...world.gateway.sessions.all].filter(({ role }) => role === 'gateway')
    session?.link.release('age-release')
    await world.run()
    const last = peer.release?.last
    const late = peer.ask(wire.control, {
      command: command.keys,
      fields: [[tag.domain, 'b.example']],
    })
    await world.run()
    expect([peer.status(late), late > (last ?? 0)]).toEqual(['no answer', true])
    bob.respond(bob.requestsOf(command.message)[0]?.id ?? 0, 'ok')
    await world.run()
    expect(peer.status(open)).toBe('delivered')
    expect(peer.isClosed).toBe(true)
  })

  test.for([
    ['9 bytes', Buffer.alloc(9), true],
    ['10 bytes', Buffer.alloc(10), false],
    ['11 bytes', Buffer.alloc(11), false],
  ] as const)('[LINK-8.2-4] of %s', async ([, payload, isBad]) => {
    const world = new World()
    const peer = await world.provenPeer()
    peer.write(type.release, 0, 0, payload)
    await world.run()
    expect(peer.release?.reason).toBe(isBad ? 'bad-frame' : undefined)
    expect(peer.isClosed).toBe(true)
  })

  test('[LINK-8.2-4] comes before the end, and nothing is waited for', async () => {
    const world = new World()
    const bob = await world.attached()
    const peer = await world.provenPeer()
    peer.show(1, 'alice@a.example')
    peer.message({})
    await world.run()
    peer.write(type.hello, 0, 0)
    await world.run()
    expect(peer.release?.reason).toBe('protocol-state')
    expect(peer.isClosed).toBe(true)
    expect(bob.requestsOf(command.message).length).toBe(1)
  })

  test('[LINK-8.2-5] without it what was written is unknown, and what was not goes elsewhere', async () => {
    const world = new World()
    const bob = await world.attached()
    const ids = Array.from({ length: 15 }, (_, n) => say(bob, n))
    ids.push(say(bob, 15, 'yan@z.example'))
    const far = await world.accepted()
    const written = far.requestsOf(command.message).length
    expect(written).toBe(15)
    far.channel.destroy()
    const next = await world.accepted()
    for (const { id } of next.requestsOf(command.message)) next.respond(id, 'delivered')
    await world.run()
    const statuses: Status[] = ids.map((id) => bob.status(id) as Status)
    expect(statuses).toEqual([...Array(15).fill('unknown-outcome'), 'delivered'])
  })

  test('[LINK-6.7-15] what was not written does not overtake what has an unknown outcome', async () => {
    const world = new World()
    const bob = await world.attached()
    const ids = Array.from({ length: 16 }, (_, n) => say(bob, n))
    const far = await world.accepted()
    expect(far.requestsOf(command.message).length).toBe(15)
    far.channel.destroy()
    await world.run()
    const statuses = ids.map((id) => bob.status(id) as Status)
    expect(statuses).toEqual([...Array(15).fill('unknown-outcome'), 'order'])
    const again = [14, 15].map((n) => say(bob, n))
    const next = await world.accepted()
    const sent = next.requestsOf(command.message)
    for (const { id } of sent) next.respond(id, 'delivered')
    await world.run()
    expect(again.map((id) => bob.status(id))).toEqual(['delivered', 'delivered'])
  })
})

describe('PING, idle links, age', () => {
  test('[LINK-8.3-1] PING is answered with its bytes', async () => {
    const world = new World()
    const peer = await world.provenPeer()
    peer.write(type.ping, 0, 0, Buffer.from('8 bytes!'))
    await world.run()
    const [ping] = peer.frames.filter((frame) => frame.type === type.ping)
    expect([ping?.flags, ping?.payload.toString()]).toEqual([wire.ack, '8 bytes!'])
  })

  test('[LINK-8.3-2] silence is asked after, and ends the link after 90 s', async () => {
    const world = new World()
    const peer = await world.provenPeer()
    const pings = (): number => peer.frames.filter((frame) => frame.type === type.ping).length
    const seen: number[] = []
    for (const ms of [29_000, 3000, 26_000, 4000, 26_000]) {
      await world.run(ms)
      seen.push(pings())
    }
    expect(seen).toEqual([0, 1, 1, 2, 2])
    expect(peer.release).toBeUndefined()
    await world.run(4000)
    expect(peer.release?.reason).toBe('peer-silent')
  })

  test('[LINK-8.3-2] any byte counts', async () => {
    const world = new World()
    const peer = await world.provenPeer()
    const rest = [...wire.frame(0x40, 0, 0, Buffer.alloc(20))]
    for (const byte of rest) {
      await world.run(25_000)
      peer.raw(Buffer.of(byte))
    }
    await world.run(1000)
    expect(peer.frames.filter((frame) => frame.type === type.ping)).toEqual([])
    expect(peer.release?.reason).not.toBe('peer-silent')
  })

  async function idle(peer: ScriptedPeer, world: World, seconds: number): Promise<void> {
    for (let i = 0; i < seconds && !peer.isClosed; i += 20) {
      peer.write(type.ping, 0, 0, wire.u32(0, i))
      await world.run(20_000)
    }
  }

  test('[LINK-8.3-3] a link without requests for 10 min is released', async () => {
    const world = new World()
    const peer = await world.provenPeer()
    await idle(peer, world, 580)
    expect(peer.release).toBeUndefined()
    await idle(peer, world, 60)
    expect(peer.release?.reason).toBe('idle-release')
  })

  test('[LINK-8.3-3] not while something is under way, or subscribed', async () => {
    const world = new World()
    const peer = await world.provenPeer()
    peer.show(1, 'alice@a.example')
    peer.ask(wire.pres, {
      command: command.subscribe,
      reference: 1,
      fields: [
        [tag.to, 'bob@b.example'],
        [tag.subscription, Buffer.alloc(16)],
      ],
    })
    await idle(peer, world, 2000)
    expect(peer.release).toBeUndefined()
  })

  test('[LINK-8.3-4] a link is released at an age between once and twice the limit', async () => {
    const hour = 3_600_000
    const world = new World({ limits: { pingMs: 1e12, idleMs: 1e12 } })
    const peers = [await world.provenPeer(), await world.provenPeer(), await world.provenPeer()]
    await world.run(12 * hour - 5000)
    expect(peers.map((peer) => peer.release)).toEqual([undefined, undefined, undefined])
    await world.run(12 * hour + 10_000)
    expect(peers.map((peer) => peer.release?.reason)).toEqual(Array(3).fill('age-release'))
  })
})
