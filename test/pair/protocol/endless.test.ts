/** What never ends, and what has no effect: half bodies, pieces that nobody wants, frames that change nothing. */
import { describe, expect, test } from 'vitest'
import * as wire from '../../support/script/codec.ts'
import { messageId, type ScriptedPeer } from '../../support/script/peer.ts'
import { World } from '../../support/script/world.ts'

const { type, command, tag } = wire

const second = 1000

/** The first piece of a message of `bytes`; the rest is for the test to send. */
const begin = (peer: ScriptedPeer, bytes: number, first: number, sequence = 1): number =>
  peer.ask(wire.im | wire.more, {
    ...{ command: command.message, hops: 1, reference: 1 },
    fields: [
      [tag.bodyLength, bytes],
      [tag.lane, wire.u32(1, sequence)],
      [tag.to, 'bob@b.example'],
      [tag.id, messageId(`body ${sequence}`)],
    ],
    body: Buffer.alloc(first, 'x'),
  })

const proven = async (): Promise<readonly [World, ScriptedPeer]> => {
  const world = new World()
  const peer = await world.provenPeer()
  peer.show(1, 'alice@a.example')
  await world.run()
  return [world, peer]
}

describe('[LINK-4.4-8] a body that takes too long', () => {
  test('slower than 1 KiB/s once it is 5 s old', async () => {
    const [world, peer] = await proven()
    const [slow, good] = [begin(peer, 60_000, 4000), begin(peer, 60_000, 4000, 2)]
    for (let n = 0; n < 5; n++) {
      peer.write(type.chunk, wire.more, good, Buffer.alloc(1100))
      await world.run(second)
    }
    expect(peer.status(slow)).toBe('no answer')
    peer.write(type.chunk, wire.more, good, Buffer.alloc(3000))
    await world.run(second)
    expect([peer.status(slow), peer.status(good)]).toEqual(['busy', 'no answer'])
    expect(world.meter.total('limit_hits_total', { limit: 'bodyMs' })).toBe(1)
    // The rest was on its way; then it is quiet.
    peer.write(type.chunk, wire.more, slow, Buffer.alloc(1000))
    peer.write(type.cancel, 0, slow)
    await world.run()
    expect(peer.release).toBeUndefined()
  })

  test('on a link that is let go, too', async () => {
    const [world, peer] = await proven()
    const id = begin(peer, 60_000, 4000)
    peer.write(type.release, 0, 0, Buffer.concat([wire.u32(0x0107_0000), Buffer.alloc(6)]))
    await world.run(7 * second)
    expect(peer.status(id)).toBe('busy')
  })

  test('ends after 30 s, however fast it is', async () => {
    const [world, peer] = await proven()
    const id = begin(peer, 60_000, 4000)
    for (let n = 0; n < 30; n++) {
      peer.write(type.chunk, wire.more, id, Buffer.alloc(1100))
      await world.run(second)
    }
    expect(peer.status(id)).toBe('no answer')
    await world.run(second)
    expect(peer.status(id)).toBe('busy')
  })

  test('and what is passed over has an end, too', async () => {
    const [world, peer] = await proven()
    const id = begin(peer, 60_000, 100)
    await world.run(7 * second)
    expect(peer.status(id)).toBe('busy')
    peer.write(type.chunk, wire.more, id, Buffer.alloc(1000))
    await world.run(25 * second)
    peer.write(type.chunk, wire.more, id, Buffer.alloc(1000))
    await world.run(second)
    expect(peer.release).toBeUndefined()
    await world.run(6 * second)
    peer.write(type.chunk, wire.more, id, Buffer.alloc(1000))
    await world.run()
    expect(peer.release?.reason).toBe('protocol-state')
  })

  test('of an answer is passed over, and who asked is told in time', async () => {
    const world = new World({ pinned: ['z.example'] })
    const bob = await world.attached()
    const id = bob.ask(wire.pres, { command: command.fetch, fields: [[tag.to, 'zoe@z.example']] })
    const far = await world.accepted()
    const [asked] = far.requestsOf(command.fetch)
    const head = wire.responsePayload(0, [[tag.bodyLength, 8000]], Buffer.alloc(100))
    far.write(type.response, wire.more, asked?.id ?? 0, head)
    await world.run(31 * second)
    expect(bob.status(id)).toBe('remote-timeout')
    for (let n = 0; n < 3; n++) {
      far.write(type.chunk, wire.more | wire.ofAnswer, asked?.id ?? 0, Buffer.alloc(1000))
    }
    await world.run()
    expect(far.release).toBeUndefined()
  })
})

describe('[LINK-8.1-1] frames without effect', () => {
  const answer = (): Buffer =>
    wire.frame(type.response, 0, 2, wire.responsePayload(0, [], Buffer.alloc(0)))
  const credit = (requests: number): Buffer =>
    wire.frame(type.credit, 0, 0, Buffer.concat([Buffer.of(1), wire.u32(requests, 0)]))
  const nothing: Readonly<Record<string, (id: number) => Buffer>> = {
    'CREDIT of nothing': () => credit(0),
    'CREDIT for nothing': () => credit(1),
    'answers to PING': () => wire.frame(type.ping, wire.ack, 0, wire.u32(0, 1)),
    'answers to nothing': answer,
    'pieces that nobody wants': (id) => wire.frame(type.chunk, wire.more, id, Buffer.alloc(300)),
  }
  const times = (count: number, frame: Buffer): Buffer =>
    Buffer.concat(Array.from({ length: count }, () => frame))

  test.for(Object.keys(nothing))('%s: many end the link', async (kind) => {
    const [world, peer] = await proven()
    const frame = nothing[kind]?.(begin(peer, 100_000, 100)) ?? answer()
    peer.raw(times(4000, frame))
    await world.run()
    expect(peer.release).toBeUndefined()
    peer.raw(times(300, frame))
    await world.run()
    expect(peer.release?.reason).toBe('flood')
  })

  test('RELEASE, again and again: ends the link before its time', async () => {
    const [world, peer] = await proven()
    await world.attached()
    peer.message({})
    const release = Buffer.concat([wire.u32(0x0107_0000), Buffer.alloc(6)])
    peer.raw(times(4000, wire.frame(type.release, 0, 0, release)))
    await world.run()
    expect(peer.isClosed).toBe(false)
    peer.raw(times(300, wire.frame(type.release, 0, 0, release)))
    await world.run()
    expect(peer.isClosed).toBe(true)
  })

  test('requests after RELEASE: many end the link before its time', async () => {
    const [world, peer] = await proven()
    const bob = await world.attached()
    peer.message({})
    await world.run()
    expect(bob.requestsOf(command.message).length).toBe(1)
    void world.gateway.drain()
    await world.run()
    expect(peer.release?.reason).toBe('shutdown')
    peer.raw(times(4300, wire.frame(type.request, wire.im, 101, Buffer.alloc(8))))
    await world.run()
    expect(peer.isClosed).toBe(true)
  })

  test('CREDIT twice for each request, and an answer to each however late, are none', async () => {
    const world = new World({
      pinned: ['z.example'],
      limits: { senderPerSecond: 1000, senderBurst: 5000, idleFramesBurst: 5 },
    })
    const bob = await world.attached()
    const ask = (n: number): number =>
      bob.ask(wire.pres, { command: command.fetch, fields: [[tag.to, `zoe${n}@z.example`]] })
    ask(0)
    const far = await world.accepted()
    far.grant(2, 1000, 1_000_000)
    for (let n = 1; n < 300; n++) ask(n)
    await world.run(31 * second)
    for (const { id } of far.requestsOf(command.fetch)) {
      far.respond(id, 'ok')
      far.grant(2, 1, 0)
      far.grant(2, 0, 50)
    }
    await world.run()
    expect(far.release).toBeUndefined()
  })
})

describe('[LINK-4.4-5] CANCEL', () => {
  test('of a body that is answered before it is out waits for no credit', async () => {
    const world = new World({ pinned: ['z.example'] })
    const bob = await world.attached()
    const carol = await world.attached('carol@b.example')
    bob.message({ reference: 0, sequence: 0, to: 'zoe@z.example' })
    const far = await world.accepted()
    const body = 'x'.repeat(16_000)
    for (let n = 1; n < 4; n++) {
      bob.message({ reference: 0, sequence: 0, to: `z${n}@z.example`, body, id: messageId(`${n}`) })
    }
    await world.run()
    const long = carol.ask(wire.im | wire.more, {
      ...{ command: command.message },
      fields: [
        [tag.bodyLength, 40_000],
        [tag.to, 'zoe@z.example'],
        [tag.id, messageId('long')],
      ],
      body: Buffer.alloc(16_000),
    })
    carol.write(type.chunk, wire.more, long, Buffer.alloc(16_000))
    carol.write(type.chunk, 0, long, Buffer.alloc(8000))
    await world.run()
    far.grant(1, 10, 16_384)
    await world.run()
    const begun = far.requestsOf(command.message).at(-1)
    expect(begun?.fields.has(tag.bodyLength)).toBe(true)
    far.respond(begun?.id ?? 0, 'too-large')
    await world.run()
    const cancels = far.frames.filter((frame) => frame.type === type.cancel)
    expect(cancels.map(({ id }) => id)).toEqual([begun?.id])
    expect(carol.status(long)).toBe('too-large')
  })
})
