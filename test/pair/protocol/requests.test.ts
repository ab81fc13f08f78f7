/** Sections 4.2 to 4.4 of `docs/protocol.md`: requests, answers, bodies. */
import { describe, expect, test } from 'vitest'
import * as wire from '../../support/script/codec.ts'
import type { ScriptedPeer } from '../../support/script/peer.ts'
import { keySetOf, World } from '../../support/script/world.ts'

const { type, command, tag } = wire

describe('REQUEST', () => {
  test('[LINK-4.2-1] is command, hops, reference, fields, body', async () => {
    const world = new World()
    const bob = await world.attached()
    bob.message({ reference: 0, hops: 0, sequence: 0, to: 'zoe@z.example', body: 'Hello' })
    const far = await world.accepted()
    const frame = far.frames.find(
      ({ payload, type: of }) => of === type.request && payload[0] === 0x10,
    )
    const payload = frame?.payload ?? Buffer.alloc(0)
    const bodyAt = 8 + payload.readUInt16BE(6)
    expect(payload[1]).toBe(1)
    expect(payload.readUInt32BE(2)).toBe(1)
    expect(payload.subarray(bodyAt).toString()).toBe('Hello')
  })

  test('[LINK-4.2-2] has the class of its command, CREDENTIAL that of the request that needs it', async () => {
    const world = new World()
    const bob = await world.attached()
    bob.message({ reference: 0, sequence: 0, to: 'zoe@z.example' })
    const far = await world.accepted()
    bob.ask(wire.pres, { command: command.fetch, fields: [[tag.to, 'zoe@z.example']] })
    const carol = await world.attached('carol@b.example')
    carol.ask(wire.pres, { command: command.fetch, fields: [[tag.to, 'zoe@z.example']] })
    await world.run()
    const classes = far.requests.map(({ command: of, trafficClass, reference }) => [
      of,
      trafficClass,
      reference,
    ])
    expect(classes).toEqual([
      [command.prove, 0, 0],
      [command.credential, 1, 1],
      [command.message, 1, 1],
      [command.fetch, 2, 1],
      [command.credential, 2, 2],
      [command.fetch, 2, 2],
    ])
  })

  test('[LINK-4.2-2] of another class than its command is taken', async () => {
    const world = new World()
    const peer = await world.provenPeer()
    const id = peer.ask(wire.pres, { command: command.keys, fields: [[tag.domain, 'b.example']] })
    await world.run()
    expect(peer.status(id)).toBe('ok')
  })

  test('[LINK-4.2-3] passes each gateway with one hop more', async () => {
    const world = new World()
    const bob = await world.attached()
    const peer = await world.provenPeer()
    peer.show(1, 'alice@a.example')
    peer.message({ hops: 2 })
    bob.message({ reference: 0, hops: 0, sequence: 0, to: 'zoe@z.example' })
    const far = await world.accepted()
    expect(bob.requestsOf(command.message)[0]?.hops).toBe(3)
    expect(far.requestsOf(command.message)[0]?.hops).toBe(1)
    const controls = far.requests.filter(({ trafficClass }) => trafficClass === 0)
    expect(controls.every(({ hops }) => hops === 0)).toBe(true)
  })

  test('[LINK-4.2-3] with fewer hops than it has passed is taken', async () => {
    const world = new World()
    await world.attached()
    const peer = await world.provenPeer()
    peer.show(1, 'alice@a.example')
    const id = peer.message({ hops: 0, to: 'carol@b.example' })
    await world.run()
    expect(peer.status(id)).toBe('inbox-closed')
  })

  test.for([0x00, 0x05, 0x11, 0x26, 0x29, 0x7f, 0xff])(
    '[LINK-4.2-4] of the unknown command %i is answered, and the link stays',
    async (number) => {
      const world = new World()
      const peer = await world.provenPeer()
      const id = peer.ask(wire.im, { command: number, body: Buffer.from('?') })
      const next = peer.ask(wire.control, {
        command: command.keys,
        fields: [[tag.domain, 'b.example']],
      })
      await world.run()
      expect([peer.status(id), peer.status(next)]).toEqual(['unknown-command', 'ok'])
    },
  )
})

describe('RESPONSE', () => {
  test('[LINK-4.3-1] is status, fields, body', async () => {
    const world = new World()
    const peer = await world.provenPeer()
    const id = peer.ask(wire.control, {
      command: command.keys,
      fields: [[tag.domain, 'b.example']],
    })
    await world.run()
    const frame = peer.frames.find((one) => one.type === type.response && one.id === id)
    expect(frame?.payload.subarray(0, 4)).toEqual(Buffer.of(0, 0, 0, 0))
    expect(JSON.parse(frame?.payload.subarray(4).toString() ?? '')).toHaveProperty('signatures')
  })

  test('[LINK-4.3-2] comes once for each request, but not for a NOTIFY that is taken', async () => {
    const world = new World()
    const bob = await world.attached()
    const peer = await world.provenPeer()
    peer.show(1, 'alice@a.example')
    for (const sequence of [1, 2, 3]) peer.message({ sequence })
    peer.ask(wire.control, { command: 0x70 })
    peer.ask(wire.control, { command: command.forget })
    await world.run()
    const messages = bob.requestsOf(command.message)
    for (const { id } of messages.toReversed()) bob.respond(id, 'ok')
    await world.run()
    const asked = Array.from({ length: peer.nextId / 2 - 0.5 }, (_, i) => 2 * i + 1)
    expect(peer.answers.map(({ id }) => id).toSorted((a, b) => a - b)).toEqual(asked)
  })

  test.for([0x0006, 0x00ff, 0x0100, 0x0109, 0x010f, 0x04ff, 0x7777, 0xffff])(
    '[LINK-4.3-3] with the status %i, which is unknown or a reason of RELEASE, counts as internal',
    async (status) => {
      const world = new World()
      const bob = await world.attached()
      const id = bob.message({ reference: 0, sequence: 0, to: 'zoe@z.example' })
      const far = await world.accepted()
      const [got] = far.requestsOf(command.message)
      far.write(type.response, 0, got?.id ?? 0, wire.responsePayload(status, [], Buffer.alloc(0)))
      await world.run()
      expect(bob.answer(id)?.status).toBe(0x0704)
    },
  )

  test('[LINK-4.3-4] that is late, or comes twice, is ignored', async () => {
    const world = new World()
    const bob = await world.attached()
    const id = bob.message({ reference: 0, sequence: 0, to: 'zoe@z.example' })
    const far = await world.accepted()
    const [got] = far.requestsOf(command.message)
    await world.run(40_000)
    expect(bob.status(id)).toBe('unknown-outcome')
    far.respond(got?.id ?? 0, 'delivered')
    far.respond(got?.id ?? 0, 'delivered')
    await world.run()
    expect(far.release).toBeUndefined()
    expect(bob.answers.filter((answer) => answer.id === id).length).toBe(1)
  })

  test('[LINK-4.3-4] to a request that was never made ends the link', async () => {
    const world = new World()
    const bob = await world.attached()
    bob.message({ reference: 0, sequence: 0, to: 'zoe@z.example' })
    const far = await world.accepted()
    far.respond(9999, 'delivered')
    await world.run()
    expect(far.release?.reason).toBe('protocol-state')
  })
})

/** Sends a MESSAGE to bob in pieces. */
function pieces(peer: ScriptedPeer, declared: number, parts: readonly string[], flags = 0): number {
  const id = peer.ask(wire.im | wire.more | flags, {
    command: command.message,
    hops: 1,
    reference: 1,
    fields: [
      [tag.bodyLength, declared],
      [tag.lane, wire.u32(1, 1)],
      [tag.to, 'bob@b.example'],
      [tag.id, Buffer.alloc(16, 1)],
    ],
    body: Buffer.from(parts[0] ?? ''),
  })
  for (const [i, part] of parts.entries()) {
    if (i > 0) peer.write(type.chunk, i + 1 < parts.length ? wire.more : 0, id, Buffer.from(part))
  }
  return id
}

describe('bodies', () => {
  test('[LINK-4.4-1] come in pieces, with other frames between them', async () => {
    const world = new World()
    const bob = await world.attached()
    const peer = await world.provenPeer()
    peer.show(1, 'alice@a.example')
    const id = pieces(peer, 9, ['one'])
    const between = peer.ask(wire.control, {
      command: command.keys,
      fields: [[tag.domain, 'b.example']],
    })
    peer.write(type.chunk, wire.more, id, Buffer.from('two'))
    peer.write(type.ping, 0, 0, wire.u32(1, 1))
    await world.run()
    expect(peer.status(between)).toBe('ok')
    expect(bob.requestsOf(command.message)).toEqual([])
    peer.write(type.chunk, 0, id, Buffer.from('thr'))
    await world.run()
    expect(bob.requestsOf(command.message)[0]?.body.toString()).toBe('onetwothr')
  })

  test('[LINK-4.4-1] that the gateway sends in pieces carry bodyLength, MORE and ANSWER', async () => {
    const world = new World()
    const bob = await world.attached()
    const body = 'x'.repeat(40_000)
    bob.ask(wire.im | wire.more, {
      command: command.message,
      fields: [
        [tag.bodyLength, 40_000],
        [tag.to, 'zoe@z.example'],
        [tag.id, Buffer.alloc(16)],
      ],
      body: Buffer.from(body.slice(0, 16_000)),
    })
    bob.write(type.chunk, wire.more, bob.nextId - 2, Buffer.from(body.slice(16_000, 32_000)))
    bob.write(type.chunk, 0, bob.nextId - 2, Buffer.from(body.slice(32_000)))
    const far = await world.accepted()
    const [got] = far.requestsOf(command.message)
    expect(got?.flags).toBe(wire.im | wire.more)
    expect(got?.fields.get(tag.bodyLength)).toEqual(wire.u32(40_000))
    const chunks = far.frames.filter(({ type: of }) => of === type.chunk)
    expect(chunks.map(({ flags, id }) => [flags, id])).toEqual([
      [wire.more, got?.id],
      [0, got?.id],
    ])
    const all = Buffer.concat([
      got?.body ?? Buffer.alloc(0),
      ...chunks.map(({ payload }) => payload),
    ])
    expect(all.toString()).toBe(body)
  })

  test.for([
    ['fewer', 10, ['abc', 'def'], 'bad-frame'],
    ['more', 5, ['abc', 'def'], 'bad-frame'],
    ['all of them before the last', 6, ['abc', 'def', ''], 'bad-frame'],
    ['as many', 6, ['abc', 'def'], 'inbox-closed'],
    ['all of them in the first frame, and an empty last', 3, ['abc', ''], 'bad-frame'],
  ] as const)('[LINK-4.4-2] %s than declared', async ([, declared, parts, expected]) => {
    const world = new World()
    const peer = await world.provenPeer()
    peer.show(1, 'alice@a.example')
    const id = pieces(peer, declared, parts)
    await world.run()
    expect(peer.release?.reason ?? peer.status(id)).toBe(expected)
  })

  test.for([
    [16, undefined],
    [17, 'flow-exceeded'],
  ] as const)(
    '[LINK-4.4-3] %i long bodies of one class at the same time',
    async ([count, expected]) => {
      const world = new World()
      const peer = await world.provenPeer()
      peer.show(1, 'alice@a.example')
      for (let i = 0; i < count; i++) pieces(peer, 9, ['one'])
      await world.run()
      expect(peer.release?.reason).toBe(expected)
    },
  )

  test('[LINK-4.4-3] counts the bodies that were refused and still come', async () => {
    const world = new World()
    const peer = await world.provenPeer()
    peer.show(1, 'alice@a.example')
    for (let i = 0; i < 17; i++) pieces(peer, 100_000, ['one'])
    await world.run()
    expect(peer.release?.reason).toBe('flow-exceeded')
  })

  test('[LINK-4.4-3] counts those of each class for themselves', async () => {
    const world = new World()
    const peer = await world.provenPeer()
    const tooLong = [[tag.bodyLength, 100_000]] as const
    for (let i = 0; i < 32; i++) {
      peer.ask((i % 2 === 0 ? wire.im : wire.pres) | wire.more, { command: 0x7f, fields: tooLong })
    }
    await world.run()
    expect(peer.release).toBeUndefined()
    expect(peer.answers.filter(({ status }) => status === 0x0201).length).toBe(32)
  })

  test('[LINK-4.4-4] an answer over one frame needs a grant', async () => {
    const world = new World({ domains: ['b.example'] })
    const peer = await world.provenPeer()
    const revoked = Array.from({ length: 256 }, (_, i) => `${i}`.padStart(64, 'k'))
    const keySet = keySetOf({ domain: 'b.example', revoked, seconds: world.seconds })
    world.setKeySet('b.example', keySet)
    expect(keySet.length).toBeGreaterThan(16_384)
    const ask = (grant: wire.FieldList): number =>
      peer.ask(wire.control, {
        command: command.keys,
        fields: [...grant, [tag.domain, 'b.example']],
      })
    const bare = ask([])
    const small = ask([[tag.answerCredit, keySet.length - 1]])
    const enough = ask([[tag.answerCredit, keySet.length]])
    await world.run()
    expect([peer.status(bare), peer.status(small)]).toEqual(['too-large', 'too-large'])
    const first = peer.answer(enough)
    expect(first?.flags).toBe(wire.more)
    expect(first?.fields.get(tag.bodyLength)).toEqual(wire.u32(keySet.length))
    const rest = peer.frames.filter(({ type: of }) => of === type.chunk)
    expect(rest.every(({ flags, id }) => (flags & wire.ofAnswer) !== 0 && id === enough)).toBe(true)
    const body = Buffer.concat([
      first?.body ?? Buffer.alloc(0),
      ...rest.map(({ payload }) => payload),
    ])
    expect(body.equals(keySet)).toBe(true)
  })

  test('[LINK-4.4-4] a longer answer than granted ends the link', async () => {
    const world = new World()
    const bob = await world.attached()
    bob.message({ reference: 0, sequence: 0, to: 'zoe@z.example' })
    const far = await world.accepted()
    const [got] = far.requestsOf(command.message)
    const payload = wire.responsePayload(1, [[tag.bodyLength, 20_000]], Buffer.alloc(10_000))
    far.write(type.response, wire.more, got?.id ?? 0, payload)
    await world.run()
    expect(far.release?.reason).toBe('flow-exceeded')
  })

  test('[LINK-4.4-5] an answer before the end of the body stops it', async () => {
    const world = new World()
    const bob = await world.attached()
    const body = Buffer.alloc(65_536, 'x')
    const id = bob.ask(wire.im | wire.more, {
      command: command.message,
      fields: [
        [tag.bodyLength, body.length],
        [tag.to, 'zoe@z.example'],
        [tag.id, Buffer.alloc(16)],
      ],
      body: body.subarray(0, 16_000),
    })
    for (let at = 16_000; at < body.length; at += 16_384) {
      const piece = body.subarray(at, at + 16_384)
      bob.write(type.chunk, at + 16_384 < body.length ? wire.more : 0, id, piece)
    }
    const far = await world.accepted()
    // The start credit does not reach for all of it.
    const before = far.frames.filter(({ type: of }) => of === type.chunk).length
    const [got] = far.requestsOf(command.message)
    far.respond(got?.id ?? 0, 'too-large')
    far.write(type.credit, 0, 0, Buffer.concat([Buffer.of(1), wire.u32(10, 100_000)]))
    await world.run()
    expect(bob.status(id)).toBe('too-large')
    expect(far.frames.filter(({ type: of }) => of === type.chunk).length).toBe(before)
    expect(far.frames.filter(({ type: of }) => of === type.cancel).map(({ id: of }) => of)).toEqual(
      [got?.id],
    )
  })

  test('[LINK-4.4-6] pieces of a body that was refused are passed over, and their credit comes back', async () => {
    const world = new World({ limits: { messageBytes: 1000, windowBytes: 65_536 } })
    const peer = await world.provenPeer()
    peer.show(1, 'alice@a.example')
    const id = pieces(peer, 40_000, ['abc'])
    await world.run()
    expect(peer.status(id)).toBe('too-large')
    const before = peer.granted[1]?.[1] ?? 0
    peer.write(type.chunk, wire.more, id, Buffer.alloc(16_384))
    peer.write(type.chunk, wire.more, id, Buffer.alloc(16_384))
    peer.write(type.chunk, 0, id, Buffer.alloc(7000))
    const next = peer.message({ sequence: 1 })
    await world.run()
    expect(peer.release).toBeUndefined()
    expect(peer.status(next)).toBe('inbox-closed')
    expect((peer.granted[1]?.[1] ?? 0) - before).toBeGreaterThan(32_768)
  })

  test('[LINK-4.4-7] pieces of a long answer that nobody waits for are passed over', async () => {
    const world = new World()
    const bob = await world.attached()
    const id = bob.ask(wire.pres, { command: command.fetch, fields: [[tag.to, 'zoe@z.example']] })
    const far = await world.accepted()
    await world.run(40_000)
    expect(bob.status(id)).toBe('remote-timeout')
    const [got] = far.requestsOf(command.fetch)
    const head = wire.responsePayload(0, [[tag.bodyLength, 20_000]], Buffer.alloc(10_000))
    far.write(type.response, wire.more, got?.id ?? 0, head)
    far.write(type.chunk, wire.ofAnswer | wire.more, got?.id ?? 0, Buffer.alloc(9000))
    far.write(type.chunk, wire.ofAnswer, got?.id ?? 0, Buffer.alloc(1000))
    await world.run()
    expect(far.release).toBeUndefined()
  })

  test('[LINK-4.4-7] however many of them come too late', async () => {
    const world = new World()
    const bob = await world.attached()
    const fetch = { command: command.fetch, fields: [[tag.to, 'zoe@z.example']] } as const
    for (let i = 0; i < 15; i++) bob.ask(wire.pres, fetch)
    const far = await world.accepted()
    far.grant(2, 16, 65_536)
    await world.run(25_000)
    bob.pong()
    for (let i = 0; i < 15; i++) bob.ask(wire.pres, fetch)
    await world.run(25_000)
    for (const peer of [bob, far]) peer.pong()
    await world.run(10_000)
    const asked = far.requestsOf(command.fetch)
    const head = wire.responsePayload(0, [[tag.bodyLength, 20_000]], Buffer.alloc(100))
    for (const { id } of asked) far.write(type.response, wire.more, id, head)
    await world.run()
    expect([asked.length > 16, far.release]).toEqual([true, undefined])
  })
})
