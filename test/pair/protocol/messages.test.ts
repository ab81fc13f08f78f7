/** Section 6.7 of `docs/protocol.md`: MESSAGE to users of the gateway. */
import { describe, expect, test } from 'vitest'
import * as wire from '../../support/script/codec.ts'
import { messageId, type ScriptedPeer } from '../../support/script/peer.ts'
import { World, type WorldWish } from '../../support/script/world.ts'

const { command, tag } = wire

/** A proven peer that has shown alice as number 1, and bob, who answers when he is told to. */
async function meet(wish: WorldWish = {}): Promise<readonly [World, ScriptedPeer, ScriptedPeer]> {
  const world = new World(wish)
  const bob = await world.attached()
  const peer = await world.provenPeer()
  peer.show(1, 'alice@a.example')
  await world.run()
  return [world, peer, bob]
}

const got = (client: ScriptedPeer): readonly string[] =>
  client.requestsOf(command.message).map(({ body }) => body.toString())

/** Answers every MESSAGE that was not answered before. */
function confirm(client: ScriptedPeer, from = 0): number {
  const all = client.requestsOf(command.message)
  for (const { id } of all.slice(from)) client.respond(id, 'ok')
  return all.length
}

describe('grammar', () => {
  const to = [tag.to, 'bob@b.example'] as const
  const id = [tag.id, Buffer.alloc(16)] as const
  const lane = [tag.lane, wire.u32(1, 1)] as const
  test.for<readonly [string, wire.FieldList, string]>([
    ['without id', [lane, to], 'bad-request'],
    ['with an id of 15 bytes', [lane, to, [tag.id, Buffer.alloc(15)]], 'bad-request'],
    ['with an id of 17 bytes', [lane, to, [tag.id, Buffer.alloc(17)]], 'bad-request'],
    ['with an empty type', [lane, to, id, [tag.contentType, '']], 'bad-request'],
    ['with a line end in its type', [lane, to, id, [tag.contentType, 'a/b\r\nc']], 'bad-request'],
    [
      'with a type that is no ASCII',
      [lane, to, id, [tag.contentType, Buffer.of(0x61, 0xff)]],
      'bad-request',
    ],
    ['with DEL in its type', [lane, to, id, [tag.contentType, '\x7f']], 'bad-request'],
    ['with all of ASCII in its type', [lane, to, id, [tag.contentType, ' ~']], 'no answer'],
    ['with a type of 256 bytes', [lane, to, id, [tag.contentType, 'x'.repeat(256)]], 'bad-request'],
    ['without to', [lane, id], 'bad-address'],
    ['to an address in capitals', [lane, [tag.to, 'Bob@b.example'], id], 'bad-address'],
    ['to something else', [lane, [tag.to, 'bob'], id], 'bad-address'],
    [
      'to bytes that are no UTF-8',
      [lane, [tag.to, Buffer.from('b\xff@b.example', 'latin1')], id],
      'bad-address',
    ],
    ['with a type of 255 bytes', [lane, to, id, [tag.contentType, 'x'.repeat(255)]], 'no answer'],
  ])('[LINK-6.7-1] %s', async ([, list, expected]) => {
    const [world, peer] = await meet()
    const sent = peer.ask(wire.im, { command: command.message, reference: 1, fields: list })
    await world.run()
    expect(peer.status(sent)).toBe(expected)
  })

  test('[LINK-6.7-2] with from is refused, from peers and from clients', async () => {
    const [world, peer, bob] = await meet()
    const fields: wire.FieldList = [lane, [tag.from, 'bob@b.example'], to, id]
    const ids = [peer, bob].map((end) =>
      end.ask(wire.im, { command: command.message, reference: 1, fields }),
    )
    await world.run()
    expect([peer.status(ids[0] ?? 0), bob.status(ids[1] ?? 0)]).toEqual([
      'bad-request',
      'bad-request',
    ])
  })

  test('[LINK-6.7-3] without a type stays without one', async () => {
    const [world, peer, bob] = await meet()
    peer.message({})
    await world.run()
    expect(bob.requestsOf(command.message)[0]?.fields.has(tag.contentType)).toBe(false)
  })

  test('[LINK-6.7-13] the body is not read', async () => {
    const [world, peer, bob] = await meet()
    const body = Buffer.from(Array.from({ length: 2000 }, (_, i) => (i * 7) % 256))
    peer.ask(wire.im, {
      command: command.message,
      reference: 1,
      fields: [lane, to, id, [tag.contentType, 'application/mimi-content']],
      body,
    })
    await world.run()
    expect(bob.requestsOf(command.message)[0]?.body.equals(body)).toBe(true)
  })
})

describe('lanes', () => {
  test.for([
    ['no place', 0, 0, 'bad-request'],
    ['sequence 0', 5, 0, 'bad-request'],
    ['epoch 0', 0, 1, 'bad-request'],
    ['the first place', 5, 1, 'no answer'],
  ] as const)('[LINK-6.7-4] %s from a gateway: %s', async ([what, epoch, sequence, expected]) => {
    const [world, peer] = await meet()
    const lane = what === 'no place' ? [] : ([[tag.lane, wire.u32(epoch, sequence)]] as const)
    const sent = peer.ask(wire.im, {
      command: command.message,
      reference: 1,
      fields: [...lane, [tag.to, 'bob@b.example'], [tag.id, Buffer.alloc(16)]],
    })
    await world.run()
    expect(peer.status(sent)).toBe(expected)
  })

  test('[LINK-6.7-4] a client may leave the place out', async () => {
    const [world, , bob] = await meet()
    const carol = await world.attached('carol@b.example')
    const ids = [1, 2].map((n) =>
      carol.message({ reference: 0, sequence: 0, id: Buffer.alloc(16, n), to: 'bob@b.example' }),
    )
    await world.run()
    confirm(bob)
    await world.run()
    expect(ids.map((id) => carol.status(id))).toEqual(['delivered', 'delivered'])
  })

  test('[LINK-6.7-5] only the next place is accepted', async () => {
    const [world, peer, bob] = await meet()
    const ids = [1, 3, 2, 4, 4, 3].map((sequence, i) =>
      peer.message({ epoch: 5, sequence, id: messageId(`${i}`), body: `${sequence}` }),
    )
    await world.run()
    confirm(bob)
    await world.run()
    expect(ids.map((id) => peer.status(id))).toEqual([
      'delivered',
      'order',
      'delivered',
      'order',
      'order',
      'delivered',
    ])
    expect(got(bob)).toEqual(['1', '2', '3'])
  })

  test('[LINK-6.7-5] a place that was taken is not expected again', async () => {
    const [world, peer, bob] = await meet()
    let confirmed = 0
    const say = async (sequence: number, name: string) => {
      const id = peer.message({ epoch: 5, sequence, id: messageId(name), body: name })
      await world.run()
      confirmed = confirm(bob, confirmed)
      await world.run()
      return peer.status(id)
    }
    expect([
      await say(1, 'one'),
      await say(2, 'two'),
      await say(1, 'another'),
      await say(3, 'three'),
    ]).toEqual(['delivered', 'delivered', 'order', 'delivered'])
    expect(got(bob)).toEqual(['one', 'two', 'three'])
  })

  test('[LINK-6.7-5] lanes have nothing to do with each other', async () => {
    const [world, peer, bob] = await meet()
    const carol = await world.attached('carol@b.example')
    peer.show(2, 'anna@a.example')
    const ids = [
      peer.message({ epoch: 9, sequence: 1 }),
      peer.message({ epoch: 3, sequence: 1, to: 'carol@b.example', id: messageId('to carol') }),
      peer.message({ epoch: 3, sequence: 1, reference: 2 }),
    ]
    await world.run()
    confirm(bob)
    confirm(carol)
    await world.run()
    expect(ids.map((id) => peer.status(id))).toEqual(Array(3).fill('delivered'))
  })

  test('[LINK-6.7-5] what is refused before its lane is looked at has not taken its place', async () => {
    const [world, peer] = await meet()
    const refused = peer.message({ sequence: 1, hops: 4 })
    const second = peer.message({ sequence: 2 })
    const first = peer.message({ sequence: 1 })
    await world.run()
    expect([refused, second, first].map((id) => peer.status(id))).toEqual([
      'hop-limit',
      'order',
      'no answer',
    ])
  })

  test.for([
    ['ok', 'delivered', 'no answer'],
    ['refused', 'refused', 'no answer'],
    ['unsupported-format', 'unsupported-format', 'no answer'],
    ['inbox-full', 'inbox-full', 'order'],
  ] as const)(
    '[LINK-6.7-5] what a session answers with %s takes its place only for good',
    async ([said, first, second]) => {
      const [world, peer, bob] = await meet()
      const ids = [peer.message({ sequence: 1 })]
      await world.run()
      bob.respond(bob.requestsOf(command.message)[0]?.id ?? 0, said)
      await world.run()
      ids.push(peer.message({ sequence: 2 }))
      await world.run()
      expect(ids.map((id) => peer.status(id))).toEqual([first, second])
    },
  )

  test('[LINK-6.7-6] a higher epoch begins anew, a lower one is over', async () => {
    const [world, peer, bob] = await meet()
    const places = [
      [5, 1],
      [7, 2],
      [7, 1],
      [5, 2],
      [7, 2],
      [6, 1],
    ] as const
    const ids = places.map(([epoch, sequence]) => peer.message({ epoch, sequence }))
    await world.run()
    confirm(bob)
    await world.run()
    // The second [7, 2] has the id of the first one, which left no record.
    expect(ids.map((id) => peer.status(id))).toEqual([
      'delivered',
      'order',
      'delivered',
      'order',
      'delivered',
      'order',
    ])
  })

  test('[LINK-6.7-6] a lane that is not known begins with 1', async () => {
    const [world, peer] = await meet()
    const late = peer.message({ epoch: 5, sequence: 2 })
    await world.run()
    expect(peer.status(late)).toBe('order')
  })

  test('[LINK-6.7-8] after a failure for a time the same place is awaited again', async () => {
    const [world, peer, bob] = await meet()
    const first = peer.message({ sequence: 1, body: '1' })
    await world.run()
    bob.respond(bob.requestsOf(command.message)[0]?.id ?? 0, 'busy')
    await world.run()
    const second = peer.message({ sequence: 2, body: '2' })
    const again = peer.message({ sequence: 1, body: '1' })
    const next = peer.message({ sequence: 2, body: '2' })
    await world.run()
    confirm(bob, 1)
    await world.run()
    expect([first, second, again, next].map((id) => peer.status(id))).toEqual([
      'busy',
      'order',
      'delivered',
      'delivered',
    ])
    expect(got(bob)).toEqual(['1', '1', '2'])
  })
})

describe('repetition', () => {
  test('[LINK-6.7-9] is answered as before and shown once', async () => {
    const [world, peer, bob] = await meet()
    const first = peer.message({})
    await world.run()
    const meanwhile = peer.message({})
    await world.run()
    confirm(bob)
    await world.run()
    const later = peer.message({})
    const elsewhere = peer.message({ epoch: 9, sequence: 1, id: messageId('1 1') })
    await world.run()
    expect([first, meanwhile, later, elsewhere].map((id) => peer.status(id))).toEqual(
      Array(4).fill('delivered'),
    )
    expect(got(bob)).toEqual(['Hello'])
  })

  test('[LINK-6.7-9] comes by another link, too', async () => {
    const [world, peer, bob] = await meet()
    peer.message({})
    await world.run()
    confirm(bob)
    await world.run()
    peer.channel.destroy()
    const other = await world.provenPeer()
    other.show(1, 'alice@a.example')
    const again = other.message({})
    await world.run()
    expect(other.status(again)).toBe('delivered')
    expect(got(bob)).toEqual(['Hello'])
  })

  test('[LINK-6.7-9] of a final refusal is refused again', async () => {
    const [world, peer, bob] = await meet()
    const first = peer.message({})
    await world.run()
    bob.respond(bob.requestsOf(command.message)[0]?.id ?? 0, 'forbidden')
    await world.run()
    const again = peer.message({})
    await world.run()
    expect([first, again].map((id) => peer.status(id))).toEqual(['forbidden', 'forbidden'])
    expect(got(bob).length).toBe(1)
  })

  test('[LINK-6.7-9] of what failed for a time is a new try', async () => {
    const [world, peer, bob] = await meet()
    const first = peer.message({})
    await world.run(8000)
    expect(peer.status(first)).toBe('unknown-outcome')
    const again = peer.message({})
    await world.run()
    confirm(bob)
    await world.run()
    expect(peer.status(again)).toBe('delivered')
  })

  test('[LINK-6.7-9] fields of one hop do not count', async () => {
    const [world, peer, bob] = await meet()
    peer.message({ sequence: 1 })
    await world.run()
    confirm(bob)
    const again = peer.message({ sequence: 2, settled: 1, hops: 2, id: messageId('1 1') })
    await world.run()
    expect(peer.status(again)).toBe('delivered')
    expect(got(bob).length).toBe(1)
  })

  test.for<readonly [string, Parameters<ScriptedPeer['message']>[0]]>([
    ['another body', { body: 'Hello!' }],
    ['another recipient', { to: 'carol@b.example', epoch: 3 }],
    ['another type', { more: [[tag.contentType, 'text/html']] }],
    ['one field more', { more: [[0x70, 'x']] }],
  ])('[LINK-6.7-10] with %s is a conflict', async ([, change]) => {
    const [world, peer, bob] = await meet()
    peer.message({ sequence: 1, id: messageId('the id') })
    await world.run()
    confirm(bob)
    const other = peer.message({ sequence: 2, id: messageId('the id'), ...change })
    await world.run()
    expect(peer.status(other)).toBe('conflict')
    expect(got(bob).length).toBe(1)
  })

  test('[LINK-6.7-10] of another sender is none', async () => {
    const [world, peer, bob] = await meet()
    peer.show(2, 'anna@a.example')
    peer.message({ id: messageId('the id'), body: 'of alice' })
    peer.message({ id: messageId('the id'), body: 'of anna', reference: 2 })
    await world.run()
    expect(got(bob)).toEqual(['of alice', 'of anna'])
  })
})

describe('settled', () => {
  const minute = 60_000

  test.for([
    [14, undefined, 'known'],
    [14, 1, 'known'],
    [17, 1, 'forgotten'],
    [17, undefined, 'known'],
    [72 * 60, undefined, 'known'],
    [73 * 60 + 2, undefined, 'forgotten'],
  ] as const)(
    '[LINK-6.7-11] after %i min, settled %s: %s',
    async ([minutes, settled, expected]) => {
      const [world, peer, bob] = await meet({
        limits: { idleMs: 1e12, pingMs: 1e12, linkAgeMs: 1e12 },
      })
      peer.message({ sequence: 1 })
      await world.run()
      confirm(bob)
      await world.run()
      peer.message({ sequence: 2, ...(settled === undefined ? {} : { settled }) })
      await world.run()
      confirm(bob, 1)
      await world.run(minutes * minute)
      peer.show(1, 'alice@a.example')
      peer.message({ epoch: 9, sequence: 1, id: messageId('1 1') })
      await world.run()
      expect(got(bob).length).toBe(expected === 'known' ? 2 : 3)
    },
  )

  test('[LINK-6.7-11] a record is known as long as it is kept, however quiet its lane', async () => {
    const [world, peer, bob] = await meet({ limits: { idleMs: 1e12, pingMs: 1e12 } })
    peer.message({ sequence: 1 })
    await world.run()
    confirm(bob)
    await world.run()
    peer.message({ sequence: 2, settled: 1 })
    await world.run()
    // It leaves no record, so that nothing of the lane is unsettled.
    bob.respond(bob.requestsOf(command.message)[1]?.id ?? 0, 'busy')
    await world.run(13 * minute)
    peer.show(1, 'alice@a.example')
    const again = peer.message({ epoch: 9, sequence: 1, id: messageId('1 1') })
    await world.run()
    expect(peer.status(again)).toBe('delivered')
    expect(got(bob).length).toBe(2)
  })

  test('[LINK-6.7-11] makes room; without room the answer is busy', async () => {
    const [world, peer, bob] = await meet({ limits: { duplicates: 2 } })
    const first = [1, 2, 3].map((sequence) => peer.message({ sequence }))
    await world.run()
    expect(first.map((id) => peer.status(id))).toEqual(['no answer', 'no answer', 'busy'])
    confirm(bob)
    await world.run()
    const next = peer.message({ sequence: 3, settled: 2 })
    await world.run()
    confirm(bob, 2)
    await world.run()
    expect(peer.status(next)).toBe('delivered')
  })
})

describe('outcomes', () => {
  test('[LINK-6.7-12] delivered is said when a session has confirmed', async () => {
    const [world, peer, bob] = await meet()
    const sent = peer.message({})
    await world.run(4000)
    expect(peer.status(sent)).toBe('no answer')
    confirm(bob)
    await world.run()
    expect(peer.status(sent)).toBe('delivered')
  })

  test('[LINK-6.7-12] a session that says nothing, or is lost, leaves it open', async () => {
    const [world, peer, bob] = await meet()
    const silent = peer.message({ sequence: 1 })
    await world.run(8000)
    const lost = peer.message({ sequence: 1, id: messageId('lost') })
    await world.run()
    bob.channel.destroy()
    await world.run()
    expect([silent, lost].map((id) => peer.status(id))).toEqual([
      'unknown-outcome',
      'unknown-outcome',
    ])
  })

  test('[LINK-6.7-12] "perhaps" of one session weighs more than "no" of another', async () => {
    const [world, peer, bob] = await meet()
    const second = await world.attached()
    const sent = peer.message({})
    await world.run()
    bob.channel.destroy()
    await world.run()
    second.respond(second.requestsOf(command.message)[0]?.id ?? 0, 'forbidden')
    await world.run()
    expect(peer.status(sent)).toBe('unknown-outcome')
  })

  test('[LINK-6.7-12] so does a link that is lost on the way', async () => {
    const [world, , bob] = await meet()
    const sent = bob.message({ reference: 0, sequence: 0, to: 'zoe@z.example' })
    const far = await world.accepted()
    far.channel.destroy()
    await world.run()
    expect(bob.status(sent)).toBe('unknown-outcome')
  })

  test('[LINK-6.7-14] goes to all sessions, with from and without a lane; the first confirms for all', async () => {
    const [world, peer, bob] = await meet()
    const second = await world.attached()
    const sent = peer.message({})
    await world.run()
    const requests = [bob, second].flatMap((client) => client.requestsOf(command.message))
    expect(requests.map(({ fields, reference }) => [[...fields.keys()], reference])).toEqual(
      Array(2).fill([[tag.from, tag.to, tag.id], 0]),
    )
    bob.respond(requests[0]?.id ?? 0, 'forbidden')
    await world.run()
    expect(peer.status(sent)).toBe('no answer')
    second.respond(requests[1]?.id ?? 0, 'stored')
    await world.run()
    expect(peer.status(sent)).toBe('delivered')
  })

  test('[LINK-6.7-14] without a session it is not taken now', async () => {
    const world = new World()
    const peer = await world.provenPeer()
    peer.show(1, 'alice@a.example')
    const sent = peer.message({})
    await world.run()
    expect(peer.status(sent)).toBe('inbox-closed')
  })
})
