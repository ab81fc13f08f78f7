/** Sections 3.2 and 3.3 of `docs/protocol.md`: frames and ids. */
import { describe, expect, test } from 'vitest'
import { limitsWith } from '../../../src/limits.ts'
import { ownCounters } from '../../../src/link/counters.ts'
import { Outbox } from '../../../src/link/outbox.ts'
import { bare, contentOf } from '../../../src/link/outgoing.ts'
import { memoryChannelPair, plainFacts } from '../../support/memory-channel.ts'
import * as wire from '../../support/script/codec.ts'
import { World } from '../../support/script/world.ts'

const { type, command, tag } = wire

describe('frames', () => {
  test('[LINK-3.2-1] a header is length, type, flags and id', async () => {
    const world = new World()
    const peer = world.dialIn()
    peer.sayHello()
    peer.raw(Buffer.from('0000080700000000000000000000000007', 'hex'))
    await world.run()
    const [, ping] = peer.frames
    expect(ping).toEqual({ type: type.ping, flags: wire.ack, id: 0, payload: wire.u32(0, 7) })
  })

  test.for([1, 2, 7, 10])('[LINK-3.2-2] frames come in pieces of %i bytes', async (bytes) => {
    const world = new World()
    const bob = await world.attached()
    const peer = world.dialIn()
    const flow = world.pairs.get(peer)?.toReceiving
    if (flow !== undefined) flow.pieceBytes = () => bytes
    peer.sayHello()
    peer.prove()
    const shown = peer.show(1, 'alice@a.example')
    const sent = peer.message({ body: 'in pieces' })
    await world.run()
    const [got] = bob.requestsOf(command.message)
    bob.respond(got?.id ?? 0, 'ok')
    await world.run()
    expect(got?.body.toString()).toBe('in pieces')
    expect([peer.status(shown), peer.status(sent)]).toEqual(['ok', 'delivered'])
  })

  test('[LINK-3.2-3] no payload is longer than 16 384 bytes', async () => {
    const world = new World()
    const bob = await world.attached()
    await longMessageFrom(bob, 60_000)
    const far = await world.accepted()
    const lengths = far.frames.map(({ payload }) => payload.length)
    expect(Math.max(...lengths)).toBe(16_384)
    const body = far.frames.filter(({ type: of }) => of === type.chunk)
    expect(body.length).toBe(3)
  })

  test('[LINK-3.2-4] a payload of 16 384 bytes is taken, one more is refused on the header', async () => {
    const world = new World()
    const peer = await world.provenPeer()
    peer.write(0x40, 0, 0, Buffer.alloc(16_384))
    await world.run()
    expect(peer.release).toBeUndefined()
    peer.raw(Buffer.of(0x00, 0x40, 0x01, 0x40, 0, 0, 0, 0, 0))
    await world.run()
    expect(peer.release?.reason).toBe('bad-frame')
    expect(peer.isClosed).toBe(true)
    const whole = await world.provenPeer()
    whole.write(0x40, 0, 0, Buffer.alloc(16_385))
    await world.run()
    expect(whole.release?.reason).toBe('bad-frame')
  })

  test('[LINK-3.2-5] unknown frames are passed over, and what follows is not', async () => {
    const world = new World()
    const peer = world.dialIn()
    peer.sayHello()
    for (const of of [0x00, 0x09, 0xff]) peer.write(of, 0x7f, 5, Buffer.from('whatever'))
    peer.prove()
    await world.run()
    expect(peer.status(1)).toBe('ok')
  })

  test('[LINK-3.2-6] what has no meaning is 0 in what the gateway sends', async () => {
    const world = new World()
    const bob = await world.attached()
    await longMessageFrom(bob, 20_000)
    const far = await world.accepted()
    far.write(type.ping, 0, 0, wire.u32(0, 1))
    far.write(type.release, 0, 0, Buffer.concat([Buffer.of(1, 7), wire.u32(0, 99)]))
    await world.run(31_000)
    const allowed: Readonly<Record<number, number>> = {
      [type.request]: 0x31,
      [type.response]: 0x01,
      [type.chunk]: 0x03,
      [type.cancel]: 0x02,
      [type.ping]: 0x04,
    }
    const kinds = new Set<number>()
    for (const frame of [...far.frames, ...bob.frames]) {
      kinds.add(frame.type)
      expect(frame.flags & ~(allowed[frame.type] ?? 0), `type ${frame.type}`).toBe(0)
      const hasId = [type.request, type.response, type.chunk, type.cancel] as readonly number[]
      if (!hasId.includes(frame.type)) expect(frame.id).toBe(0)
    }
    expect(kinds.size).toBeGreaterThan(5)
  })
})

describe('ids', () => {
  test('[LINK-3.3-1] are odd on links that the gateway dialled, even on others, and rise', async () => {
    const world = new World()
    const bob = await world.attached()
    const peer = await world.provenPeer()
    peer.show(1, 'alice@a.example')
    for (const sequence of [1, 2, 3]) peer.message({ sequence })
    bob.message({ reference: 0, sequence: 0, to: 'zoe@z.example' })
    const far = await world.accepted()
    for (const [end, rest] of [
      [far, 1],
      [peer, 0],
      [bob, 0],
    ] as const) {
      const ids = end.requests.map(({ id }) => id)
      expect(ids.length).toBeGreaterThan(0)
      expect(ids.every((id) => id % 2 === rest && id > 0)).toBe(true)
      expect(ids).toEqual(ids.toSorted((a, b) => a - b))
      expect(new Set(ids).size).toBe(ids.length)
    }
  })

  test('[LINK-3.3-1] may leave gaps, and may not fall', async () => {
    const world = new World()
    const peer = await world.provenPeer()
    const keys = wire.requestPayload({ command: command.keys, fields: [[tag.domain, 'b.example']] })
    peer.write(type.request, 0, 1001, keys)
    await world.run()
    expect(peer.status(1001)).toBe('ok')
    peer.write(type.request, 0, 999, keys)
    await world.run()
    expect(peer.release?.reason).toBe('protocol-state')
  })

  test('[LINK-3.3-2] an answer carries the id of its request, in whatever order it comes', async () => {
    const world = new World()
    const bob = await world.attached()
    const ids = [1, 2].map((n) =>
      bob.message({ reference: 0, sequence: 0, id: Buffer.alloc(16, n), to: `zoe${n}@z.example` }),
    )
    const far = await world.accepted()
    const [first, second] = far.requestsOf(command.message)
    far.respond(second?.id ?? 0, 'refused')
    far.respond(first?.id ?? 0, 'delivered')
    await world.run()
    const to = first?.fields.get(tag.to)?.toString()
    const expected = to === 'zoe1@z.example' ? ['delivered', 'refused'] : ['refused', 'delivered']
    expect(ids.map((id) => bob.status(id))).toEqual(expected)
  })

  test('[LINK-3.3-3] a link is given up before its ids end', () => {
    const world = new World()
    const { initiating } = memoryChannelPair({ clock: world.clock, ...plainFacts() })
    const reasons: string[] = []
    const counters = ownCounters()
    const last = 2 ** 32 - 2 ** 20
    const outbox = new Outbox(
      initiating,
      (last - 1) as 1,
      limitsWith(),
      world.clock,
      1000,
      counters,
      (reason) => {
        reasons.push(reason)
      },
    )
    const ask = () => outbox.ask(nothingToAsk())
    ask()
    expect(reasons).toEqual([])
    ask()
    expect(reasons).toEqual(['ids-used-up'])
  })
})

/** A request as `link/outgoing.ts` has it. */
function nothingToAsk() {
  return {
    ...bare,
    ...contentOf(Buffer.alloc(0), Buffer.alloc(0)),
    command: command.forget,
    trafficClass: 0,
    answered: () => undefined,
    failed: () => undefined,
  } as const satisfies Parameters<Outbox['ask']>[0]
}

/** A MESSAGE of bob to somebody elsewhere, in as many frames as it takes. */
async function longMessageFrom(
  bob: Awaited<ReturnType<World['attached']>>,
  bytes: number,
): Promise<void> {
  const body = Buffer.alloc(bytes, 'long ')
  const first = body.subarray(0, 16_000)
  const id = bob.ask(wire.im | wire.more, {
    command: command.message,
    fields: [
      [tag.bodyLength, bytes],
      [tag.to, 'zoe@z.example'],
      [tag.id, Buffer.alloc(16, 7)],
    ],
    body: first,
  })
  for (let at = first.length; at < bytes; at += 16_384) {
    const flags = at + 16_384 < bytes ? wire.more : 0
    bob.write(type.chunk, flags, id, body.subarray(at, at + 16_384))
  }
  await bob.settle()
}
