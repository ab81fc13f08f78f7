/** Section 4.1 of `docs/protocol.md`: fields. */
import { describe, expect, test } from 'vitest'
import type { Status } from '../../../src/errors.ts'
import * as wire from '../../support/script/codec.ts'
import type { ScriptedPeer } from '../../support/script/peer.ts'
import { World } from '../../support/script/world.ts'

const { command, tag } = wire

const keys = (list: wire.FieldList): wire.RequestShape => ({ command: command.keys, fields: list })
const own = [tag.domain, 'b.example'] as const
const subscription = Buffer.alloc(16, 5)

describe('the block', () => {
  test('[LINK-4.1-1] holds tag, length and value', async () => {
    const world = new World()
    const peer = await world.provenPeer()
    const block = Buffer.concat([
      Buffer.from('37 00 09'.replaceAll(' ', ''), 'hex'),
      Buffer.from('b.example'),
    ])
    const payload = Buffer.concat([Buffer.of(command.keys, 0, 0, 0, 0, 0, 0, block.length), block])
    peer.write(wire.type.request, 0, 101, payload)
    await world.run()
    expect(peer.status(101)).toBe('ok')
  })

  test('[LINK-4.1-2] of what the gateway sends rises', async () => {
    const world = new World()
    const bob = await world.attached()
    bob.message({
      reference: 0,
      sequence: 0,
      to: 'zoe@z.example',
      more: [[tag.contentType, 'text/plain']],
    })
    const far = await world.accepted()
    // The codec of the tests throws where tags do not rise.
    expect(far.requests.flatMap(({ fields }) => [...fields.keys()]).length).toBeGreaterThan(4)
  })

  test.for([
    ['32 fields', Array.from({ length: 31 }, (_, i) => [0x80 + 2 * i, ''] as const), 'ok'],
    ['33 fields', Array.from({ length: 32 }, (_, i) => [0x80 + 2 * i, ''] as const), 'bad-frame'],
    ['a value of 2048 bytes', [[0x80, Buffer.alloc(2048)]], 'ok'],
    ['a value of 2049 bytes', [[0x80, Buffer.alloc(2049)]], 'bad-frame'],
    ['8192 bytes', sized(8192), 'ok'],
    ['8193 bytes', sized(8193), 'bad-frame'],
  ] as const)('[LINK-4.1-3] %s: %s', async ([, more, expected]) => {
    const world = new World()
    const peer = await world.provenPeer()
    const id = peer.ask(wire.control, keys([own, ...more]))
    await world.run()
    expect(peer.release?.reason ?? peer.status(id)).toBe(expected)
  })

  test('[LINK-4.1-3] an answer has the same bounds', async () => {
    const world = new World()
    const bob = await world.attached()
    bob.message({ reference: 0, sequence: 0, to: 'zoe@z.example' })
    const far = await world.accepted()
    const [sent] = far.requestsOf(command.message)
    far.respond(sent?.id ?? 0, 'delivered', sized(8193 + 12))
    await world.run()
    expect(far.release?.reason).toBe('bad-frame')
  })
})

/** Fields that are `bytes` long together with `domain` = b.example (12 bytes), all of them even. */
function sized(bytes: number): readonly (readonly [number, Buffer])[] {
  const lengths = [2048, 2048, 2048]
  const rest = bytes - 12 - 3 * 2051 - 3
  return [...lengths, rest].map((length, i) => [0x80 + 2 * i, Buffer.alloc(length)] as const)
}

describe('fields that nobody knows', () => {
  test.for([
    [0x1d, 'feature-required'],
    [0x1c, 'ok'],
  ] as const)('[LINK-4.1-4] of this hop, tag %i: %s', async ([unknown, expected]) => {
    const world = new World()
    const peer = await world.provenPeer()
    const id = peer.ask(wire.control, keys([[unknown, 'x'], own]))
    await world.run()
    expect(peer.status(id)).toBe(expected)
    expect(peer.release).toBeUndefined()
  })

  const toBob = [tag.to, 'bob@b.example'] as const
  const odd = [0x71, 'x'] as const

  test.for<readonly [string, wire.RequestShape]>([
    ['KEYS', keys([own, odd])],
    ['CREDENTIAL', { command: command.credential, reference: 7, fields: [[tag.token, 'x'], odd] }],
    ['FORGET', { command: command.forget, fields: [[tag.references, wire.u32(9)], odd] }],
    [
      'MESSAGE to a user of the gateway',
      {
        command: command.message,
        reference: 1,
        fields: [[tag.lane, wire.u32(1, 1)], toBob, [tag.id, Buffer.alloc(16)], odd],
      },
    ],
    ['FETCH', { command: command.fetch, reference: 1, fields: [toBob, odd] }],
    [
      'SUBSCRIBE',
      {
        command: command.subscribe,
        reference: 1,
        fields: [toBob, [tag.subscription, subscription], odd],
      },
    ],
    [
      'UNSUBSCRIBE',
      {
        command: command.unsubscribe,
        reference: 1,
        fields: [toBob, [tag.subscription, subscription], odd],
      },
    ],
    [
      'RENEW',
      {
        command: command.renew,
        fields: [
          [tag.domain, 'a.example'],
          [tag.audience, 'b.example'],
          [tag.subscriptions, subscription],
          odd,
        ],
      },
    ],
    [
      'NOTIFY',
      {
        command: command.notify,
        reference: 1,
        fields: [[tag.subscription, subscription], [tag.state, Buffer.of(3)], odd],
      },
    ],
  ])(
    '[LINK-4.1-5] odd and end-to-end, with %s, are refused by the last receiver',
    async ([, shape]) => {
      const world = new World()
      const peer = await world.provenPeer()
      peer.show(1, 'alice@a.example')
      const id = peer.ask(wire.pres, shape)
      await world.run()
      expect(peer.status(id)).toBe('feature-required')
    },
  )

  test('[LINK-4.1-5] with PROVE and PUBLISH, too', async () => {
    const world = new World()
    const bob = await world.attached()
    const published = bob.ask(wire.pres, {
      command: command.publish,
      fields: [[tag.entityTag, subscription], odd],
      body: Buffer.from('{"tuples":{"a":{"basic":"open"}}}'),
    })
    const peer = world.dialIn()
    peer.sayHello()
    const proved = peer.prove({}, [odd])
    await world.run()
    expect([bob.status(published), peer.status(proved)]).toEqual([
      'feature-required',
      'feature-required',
    ])
  })

  test('[LINK-4.1-5] SUBSCRIBE and UNSUBSCRIBE of a client end at its gateway', async () => {
    const world = new World()
    const bob = await world.attached()
    const ids = [command.subscribe, command.unsubscribe].map((number) =>
      bob.ask(wire.pres, {
        command: number,
        fields: [[tag.to, 'zoe@z.example'], [tag.subscription, subscription], odd],
      }),
    )
    await world.run()
    expect(ids.map((id) => bob.status(id))).toEqual(['feature-required', 'feature-required'])
    expect(world.dialled).toEqual([])
  })

  test.for([
    ['MESSAGE', command.message, [[tag.id, Buffer.alloc(16, 3)]]],
    ['FETCH', command.fetch, []],
  ] as const)('[LINK-4.1-5] a gateway passes %s on with them', async ([, number, list]) => {
    const world = new World()
    const bob = await world.attached()
    bob.ask(wire.im, {
      command: number,
      fields: [[tag.to, 'zoe@z.example'], ...list, [0x70, 'even'], odd],
    })
    const far = await world.accepted()
    const [got] = far.requestsOf(number)
    expect(got?.fields.get(0x70)?.toString()).toBe('even')
    expect(got?.fields.get(0x71)?.toString()).toBe('x')
  })
})

describe('what is passed on', () => {
  const fields: wire.FieldList = [
    [tag.to, 'zoe@z.example'],
    [tag.id, Buffer.from('0123456789abcdef')],
    [tag.contentType, 'application/octet-stream'],
    [0x60, Buffer.of(0, 255, 1)],
  ]
  const body = Buffer.from(Array.from({ length: 256 }, (_, i) => i))

  async function passOn(): Promise<{
    world: World
    bob: ScriptedPeer
    far: ScriptedPeer
    id: number
  }> {
    const world = new World()
    const bob = await world.attached()
    const id = bob.ask(wire.im, {
      command: command.message,
      fields: [[tag.lane, wire.u32(7, 1)], [tag.answerCredit, 9], [0x1c, 'hop'], ...fields],
      body,
    })
    return { world, bob, far: await world.accepted(), id }
  }

  test('[LINK-4.1-6] end-to-end fields and body of a MESSAGE stay as they are', async () => {
    const { far } = await passOn()
    const [got] = far.requestsOf(command.message)
    const hop = [...(got?.fields.keys() ?? [])].filter((one) => one < 0x20)
    expect(hop).toEqual([tag.lane])
    const lane = wire.fields([[tag.lane, got?.fields.get(tag.lane) ?? '']])
    expect(got?.fieldBytes.subarray(lane.length).toString('hex')).toBe(
      wire.fields(fields).toString('hex'),
    )
    expect(got?.body.equals(body)).toBe(true)
  })

  test('[LINK-4.1-6] those of its answer, too', async () => {
    const { world, bob, far, id } = await passOn()
    const [got] = far.requestsOf(command.message)
    const list: wire.FieldList = [
      [tag.reporter, 'z.example'],
      [tag.stage, 'policy'],
      [0x60, Buffer.of(0, 255)],
      [0x61, 'odd'],
    ]
    far.respond(got?.id ?? 0, 'refused', [[tag.retryAfter, 5], [0x1a, 'hop'], ...list], body)
    await world.run()
    const answer = bob.answer(id)
    expect(answer?.status).toBe(0x0400)
    expect([...(answer?.fields ?? [])].map(([one, value]) => [one, value.toString('hex')])).toEqual(
      [
        [tag.retryAfter, '00000005'],
        ...list.map(([one, value]) => [one, Buffer.from(value as string).toString('hex')]),
      ],
    )
    expect(answer?.body.equals(body)).toBe(true)
  })

  test('[LINK-4.1-7] known fields without a meaning here, and unknown ones of an answer, are ignored', async () => {
    const world = new World()
    const bob = await world.attached()
    const peer = await world.provenPeer()
    peer.show(1, 'alice@a.example')
    const sent = peer.message({
      more: [
        [tag.lease, 5],
        [tag.ifMatch, 'x'],
      ],
    })
    await world.run()
    const [got] = bob.requestsOf(command.message)
    bob.respond(got?.id ?? 0, 'ok', [
      [0x1b, 'odd hop'],
      [tag.lease, 1],
      [0x71, 'odd'],
    ])
    await world.run()
    expect(peer.status(sent)).toBe('delivered')
  })
})

describe('a malformed field of this hop', () => {
  const toBob = [tag.to, 'bob@b.example'] as const
  const id = [tag.id, Buffer.alloc(16, 3)] as const

  test.for<readonly [string, wire.RequestShape, Status]>([
    [
      'lane',
      { command: command.message, reference: 1, fields: [[tag.lane, Buffer.alloc(7)], toBob, id] },
      'bad-request',
    ],
    [
      'settled',
      {
        command: command.message,
        reference: 1,
        fields: [[tag.lane, wire.u32(1, 1)], [tag.settled, 'abc'], toBob, id],
      },
      'inbox-closed',
    ],
    [
      'retryAfter',
      {
        command: command.message,
        reference: 1,
        fields: [[tag.retryAfter, 'x'], [tag.lane, wire.u32(1, 1)], toBob, id],
      },
      'inbox-closed',
    ],
    ['answerCredit', keys([[tag.answerCredit, 'x'], own]), 'ok'],
    [
      'lane, where it has no meaning,',
      { command: command.fetch, reference: 1, fields: [[tag.lane, 'x'], toBob] },
      'ok',
    ],
  ])('[LINK-4.1-8] %s', async ([, shape, expected]) => {
    const world = new World()
    const peer = await world.provenPeer()
    peer.show(1, 'alice@a.example')
    const asked = peer.ask(wire.im, shape)
    await world.run()
    expect(peer.status(asked)).toBe(expected)
  })

  test('[LINK-4.1-8] bodyLength', async () => {
    const world = new World()
    const peer = await world.provenPeer()
    const fields = [[tag.bodyLength, Buffer.of(0, 9)]] as const
    peer.ask(wire.im | wire.more, { command: command.message, fields })
    await world.run()
    expect(peer.release?.reason).toBe('bad-frame')
  })

  test('[LINK-4.1-8] retryAfter of an answer', async () => {
    const world = new World()
    const bob = await world.attached()
    const sent = bob.message({ reference: 0, sequence: 0, to: 'zoe@z.example' })
    const far = await world.accepted()
    const [message] = far.requestsOf(command.message)
    far.respond(message?.id ?? 0, 'inbox-full', [[tag.retryAfter, 'later']])
    await world.run()
    expect(bob.status(sent)).toBe('inbox-full')
    expect(bob.answer(sent)?.fields.has(tag.retryAfter)).toBe(false)
  })
})
