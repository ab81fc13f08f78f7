/** Section 7 of `docs/protocol.md`: credit and classes. */
import { describe, expect, test } from 'vitest'
import * as wire from '../../support/script/codec.ts'
import { messageId, type ScriptedPeer } from '../../support/script/peer.ts'
import { World } from '../../support/script/world.ts'

const { type, command, tag } = wire

const credit = (of: number, requests: number, bytes: number): Buffer =>
  wire.frame(type.credit, 0, 0, Buffer.concat([Buffer.of(of), wire.u32(requests, bytes)]))

/** A request that is answered at once, of `bytes` of payload. */
const padded = (peer: ScriptedPeer, flags: number, bytes: number): number =>
  peer.ask(flags, { command: 0x7f, body: Buffer.alloc(bytes - 8) })

const send = (bob: ScriptedPeer, n: number, body = `${n}`): number =>
  bob.message({
    reference: 0,
    sequence: 0,
    id: messageId(`flow ${n}`),
    to: `zoe${n}@z.example`,
    body,
  })

const fetch = (bob: ScriptedPeer, n: number): number =>
  bob.ask(wire.pres, { command: command.fetch, fields: [[tag.to, `zoe${n}@z.example`]] })

/** Bytes of REQUEST payloads and CHUNKs of requests that came, by class; PROVE takes no credit. */
function used(far: ScriptedPeer): readonly (readonly [number, number])[] {
  const sums = [0, 1, 2].map(() => [0, 0] as [number, number])
  const classes = new Map<number, number>()
  for (const frame of far.frames) {
    if (frame.type === type.request && frame.payload[0] !== command.prove) {
      const of = (frame.flags >> 4) & 3
      classes.set(frame.id, of)
      const sum = sums[of] as [number, number]
      sum[0]++
      sum[1] += frame.payload.length
    } else if (frame.type === type.chunk && (frame.flags & wire.ofAnswer) === 0) {
      ;(sums[classes.get(frame.id) ?? 0] as [number, number])[1] += frame.payload.length
    }
  }
  return sums
}

describe('credit', () => {
  test.for([
    [
      '17 requests',
      (peer: ScriptedPeer) => Array.from({ length: 17 }, () => padded(peer, wire.im, 8)),
    ],
    [
      '65 537 bytes',
      (peer: ScriptedPeer) => [
        padded(peer, wire.im, 16_384),
        padded(peer, wire.im, 16_384),
        padded(peer, wire.im, 16_384),
        padded(peer, wire.im, 16_384),
        padded(peer, wire.im, 9),
      ],
    ],
    [
      'a CHUNK',
      (peer: ScriptedPeer) => {
        for (let i = 0; i < 3; i++) padded(peer, wire.im, 16_384)
        const id = peer.ask(wire.im | wire.more, {
          command: 0x7f,
          fields: [[tag.bodyLength, 30_000]],
          body: Buffer.alloc(10_000),
        })
        peer.write(type.chunk, wire.more, id, Buffer.alloc(10_000))
      },
    ],
  ] as const)('[LINK-7.1-1] %s without credit end the link', async ([, say]) => {
    const world = new World()
    const peer = world.dialIn()
    peer.sayHello()
    say(peer)
    await world.run()
    expect(peer.release?.reason).toBe('flow-exceeded')
  })

  test('[LINK-7.1-1] nothing but requests takes any', async () => {
    const world = new World({ limits: { windowRequests: 16, windowBytes: 65_536 } })
    const bob = await world.attached()
    const peer = await world.provenPeer()
    peer.show(1, 'alice@a.example')
    for (let i = 0; i < 200; i++) {
      peer.write(type.credit, 0, 0, Buffer.concat([Buffer.of(1), wire.u32(0, 0)]))
      peer.write(
        type.response,
        0,
        2,
        wire.responsePayload(0, [[0x70, Buffer.alloc(1000)]], Buffer.alloc(8000)),
      )
    }
    for (let i = 0; i < 10; i++) peer.write(type.ping, 0, 0, wire.u32(0, i))
    const sent = peer.message({})
    await world.run()
    expect(bob.requestsOf(command.message).length).toBe(1)
    expect(peer.release).toBeUndefined()
    expect(peer.status(sent)).toBe('no answer')
  })

  test('[LINK-7.1-1] the gateway keeps within what it was given', async () => {
    const world = new World()
    const bob = await world.attached()
    for (let n = 0; n < 16; n++) send(bob, n, 'x'.repeat(9000))
    const far = await world.accepted()
    const first = used(far)
    expect(first[1]?.[1]).toBeLessThanOrEqual(65_536)
    expect(first[1]?.[1]).toBeGreaterThan(50_000)
    far.raw(credit(1, 3, 20_000))
    await world.run()
    const second = used(far)
    expect(second[1]?.[1]).toBeLessThanOrEqual(65_536 + 20_000)
    expect(second[1]?.[1]).toBeGreaterThan((first[1]?.[1] ?? 0) + 9000)
  })

  test('[LINK-7.1-2] a link starts with 16 requests in each class', async () => {
    const world = new World({ pinned: ['a.example'] })
    const bob = await world.attached()
    send(bob, 0)
    const far = await world.accepted()
    for (let n = 1; n < 30; n++) {
      send(bob, n)
      fetch(bob, n)
    }
    await world.run()
    expect([used(far)[1]?.[0], used(far)[2]?.[0]]).toEqual([16, 16])
    const peer = world.dialIn()
    peer.sayHello()
    for (const flags of [wire.im, wire.pres]) {
      for (let i = 0; i < 16; i++) padded(peer, flags, 4096)
    }
    for (let i = 0; i < 4; i++) padded(peer, wire.control, 16_384)
    await world.run()
    expect(peer.release).toBeUndefined()
  })

  test('[LINK-7.1-3] CREDIT adds to what is left', async () => {
    const world = new World()
    const bob = await world.attached()
    send(bob, 0)
    const far = await world.accepted()
    for (let n = 1; n < 40; n++) send(bob, n)
    far.raw(credit(2, 100, 100_000), credit(1, 3, 0), credit(1, 2, 1000))
    await world.run()
    expect(used(far)[1]?.[0]).toBe(16 + 5)
    far.raw(credit(2, 0, 0x7fff0000), credit(2, 0, 0x10000))
    await world.run()
    expect(far.release?.reason).toBe('flow-exceeded')
  })

  test('[LINK-7.1-4] opens with the proof, and comes back when half of the window is used', async () => {
    const world = new World({ limits: { windowRequests: 40, windowBytes: 100_000 } })
    const peer = world.dialIn()
    peer.sayHello()
    for (let i = 0; i < 10; i++)
      peer.ask(wire.control, { command: command.keys, fields: [[tag.domain, 'b.example']] })
    await world.run()
    expect(peer.granted).toEqual([
      [0, 0],
      [0, 0],
      [0, 0],
    ])
    peer.prove()
    await world.run()
    expect(peer.granted.slice(1)).toEqual([
      [24, 34_464],
      [24, 34_464],
    ])
    const before = peer.granted[1]?.[0] ?? 0
    for (let i = 0; i < 19; i++) padded(peer, wire.im, 8)
    await world.run()
    expect(peer.granted[1]?.[0]).toBe(before)
    padded(peer, wire.im, 8)
    await world.run()
    expect(peer.granted[1]?.[0]).toBe(before + 20)
  })

  test('[LINK-7.1-4] of requests that wait for an answer does not come back before', async () => {
    const world = new World({ limits: { windowRequests: 16, windowBytes: 65_536 } })
    const bob = await world.attached()
    const peer = await world.provenPeer()
    peer.show(1, 'alice@a.example')
    for (let sequence = 1; sequence <= 12; sequence++) peer.message({ sequence })
    await world.run()
    const before = peer.granted[1]?.[0]
    for (const { id } of bob.requestsOf(command.message)) bob.respond(id, 'ok')
    await world.run()
    expect(peer.granted[1]?.[0]).toBeGreaterThan(before ?? 0)
  })

  test.for([8, 16, 100, 512])(
    '[LINK-7.1-4] never runs dry, with a window of %i requests',
    async (windowRequests) => {
      const world = new World({ limits: { windowRequests, windowBytes: 65_536 } })
      const peer = await world.provenPeer()
      let granted = 16
      for (let i = 0; i < 600; i++) {
        expect(granted - i).toBeGreaterThan(0)
        padded(peer, wire.im, 200)
        await world.run()
        granted = 16 + (peer.granted[1]?.[0] ?? 0)
      }
      expect(peer.release).toBeUndefined()
    },
  )

  test('[LINK-7.1-7] is kept back for some seconds from a domain that is over its share of our time', async () => {
    const world = new World({ limits: { windowRequests: 16, windowBytes: 65_536 } })
    const peer = await world.provenPeer()
    await world.run(1000)
    const given = () => peer.granted.map(([requests]) => requests)
    const use = async (flags: number): Promise<void> => {
      for (let i = 0; i < 8; i++) padded(peer, flags, 8)
      await world.run(50)
    }
    const [control = 0, im = 0, pres = 0] = given()
    await world.overload()
    await use(wire.im)
    await use(wire.pres)
    expect(given()).toEqual([control, im, pres])
    for (let n = 0; n < 3; n++) await world.overload()
    expect(given()).toEqual([control, im, pres])
    for (let n = 0; n < 4; n++) await world.overload()
    expect(given()).toEqual([control, im + 8, pres + 8])
    await world.run(10_000)
    await use(wire.im)
    expect(given()).toEqual([control, im + 16, pres + 8])
    expect(peer.release).toBeUndefined()
  })

  test('[LINK-7.1-5] PROVE needs none', async () => {
    const world = new World()
    const peer = world.dialIn()
    peer.sayHello()
    for (let i = 0; i < 16; i++) padded(peer, wire.control, 4096)
    const ids = Array.from({ length: 50 }, () => peer.prove())
    await world.run()
    expect(new Set(ids.map((id) => peer.status(id)))).toEqual(new Set(['ok']))
    expect(peer.release).toBeUndefined()
  })

  test('[LINK-7.1-6] CREDENTIAL takes it, and waits until there is enough for its request, too', async () => {
    const world = new World()
    const bob = await world.attached()
    const carol = await world.attached('carol@b.example')
    send(bob, 0)
    const far = await world.accepted()
    for (let n = 1; n < 14; n++) send(bob, n)
    await world.run()
    expect(used(far)[1]?.[0]).toBe(15)
    send(carol, 20)
    await world.run()
    expect(used(far)[1]?.[0]).toBe(15)
    far.raw(credit(1, 1, 0))
    await world.run()
    expect(far.requests.slice(-2).map(({ command: of }) => of)).toEqual([
      command.credential,
      command.message,
    ])
    const peer = await world.provenPeer()
    const shown = Array.from({ length: 16 }, (_, i) => peer.show(i + 1, `user${i}@a.example`))
    expect(shown.length).toBe(16)
  })
})

describe('classes', () => {
  test('[LINK-7.2-1] control goes first, then im, and pres after four of them', async () => {
    const world = new World({ limits: { senderBurst: 1000, socketBytes: 1000 } })
    const bob = await world.attached()
    send(bob, 0)
    const far = await world.accepted()
    far.raw(credit(1, 100, 100_000), credit(2, 100, 100_000))
    await world.run()
    // Nothing leaves: the requests collect in their classes.
    const flow = world.pairs.get(far)?.toReceiving
    if (flow !== undefined) flow.isHeld = true
    for (let n = 1; n <= 40; n++) {
      fetch(bob, n)
      send(bob, n)
    }
    await world.run()
    const before = far.requests.length
    if (flow !== undefined) flow.isHeld = false
    await world.run(1000)
    const order = far.requests.slice(before).map(({ trafficClass }) => trafficClass)
    // What was handed to the socket before it was full is in the order in which it was asked.
    const waited = order.slice(20).join('')
    expect(order.length).toBe(80)
    expect(waited).toMatch(/^1{0,4}(21111)+/)
    expect(waited).not.toContain('11111')
  })

  test('[LINK-7.2-2] a long body does not hold up other requests', async () => {
    const world = new World()
    const bob = await world.attached()
    const carol = await world.attached('carol@b.example')
    send(bob, 0)
    send(carol, 1)
    const far = await world.accepted()
    for (let n = 2; n < 14; n++) send(bob, n)
    await world.run()
    const before = far.frames.length
    const body = Buffer.alloc(60_000, 'x')
    const id = bob.ask(wire.im | wire.more, {
      command: command.message,
      fields: [
        [tag.bodyLength, body.length],
        [tag.to, 'zoe@z.example'],
        [tag.id, Buffer.alloc(16, 3)],
      ],
      body: body.subarray(0, 16_000),
    })
    for (let at = 16_000; at < body.length; at += 16_000) {
      const flags = at + 16_000 < body.length ? wire.more : 0
      bob.write(type.chunk, flags, id, body.subarray(at, at + 16_000))
    }
    await world.run()
    for (let n = 20; n < 24; n++) send(carol, n)
    await world.run()
    far.raw(credit(1, 100, 1_000_000))
    await world.run()
    const kinds = far.frames
      .slice(before)
      .map((frame) => (frame.type === type.chunk ? 'chunk' : 'request'))
    expect(kinds.filter((kind) => kind === 'chunk').length).toBe(3)
    const between = kinds.slice(kinds.indexOf('chunk'), kinds.lastIndexOf('chunk'))
    expect(between.filter((kind) => kind === 'request').length).toBe(2)
  })
})
