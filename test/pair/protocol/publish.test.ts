/** Sections 6.8 and 6.9 of `docs/protocol.md`: PUBLISH and FETCH. */
import { describe, expect, test } from 'vitest'
import * as wire from '../../support/script/codec.ts'
import { messageId, type ScriptedPeer } from '../../support/script/peer.ts'
import { World } from '../../support/script/world.ts'

const { command, tag } = wire

const etag = (name: string) => [tag.entityTag, messageId(name)] as const
const match = (name: string) => [tag.ifMatch, messageId(name)] as const
const lease = (seconds: number) => [tag.lease, seconds] as const
const body = (basic: string, tuple = 'phone'): string =>
  `{"tuples":{"${tuple}":{"basic":"${basic}"}}}`

const publish = (client: ScriptedPeer, list: wire.FieldList, text = ''): number =>
  client.ask(wire.pres, { command: command.publish, fields: list, body: Buffer.from(text) })

async function fetched(world: World, client: ScriptedPeer): Promise<string | undefined> {
  const id = client.ask(wire.pres, { command: command.fetch, fields: [[tag.to, 'bob@b.example']] })
  await world.run()
  return client.answer(id)?.body.toString()
}

const nothing = '{"tuples":{"default":{"basic":"closed"}}}'

describe('PUBLISH', () => {
  test('[LINK-6.5-1] over the rate names the wait', async () => {
    const world = new World({ limits: { senderPerSecond: 0.001, senderBurst: 1 } })
    const bob = await world.attached()
    const ids = ['1', '2'].map((name) => publish(bob, [etag(name)], body('open', `t${name}`)))
    await world.run()
    expect(ids.map((id) => bob.status(id))).toEqual(['ok', 'rate-limited'])
    expect(
      bob
        .answer(ids[1] ?? 0)
        ?.fields.get(tag.retryAfter)
        ?.readUInt32BE(0),
    ).toBeGreaterThan(0)
  })

  test('[LINK-6.5-1] with too many hops behind it is refused', async () => {
    const world = new World()
    const bob = await world.attached()
    const ids = [3, 4].map((hops) =>
      bob.ask(wire.pres, {
        ...{ command: command.publish, hops, fields: [etag(`${hops}`)] },
        body: Buffer.from(body('open', `t${hops}`)),
      }),
    )
    await world.run()
    expect(ids.map((id) => bob.status(id))).toEqual(['ok', 'hop-limit'])
  })

  test('[LINK-6.8-1] creates, refreshes, modifies and removes', async () => {
    const world = new World()
    const bob = await world.attached()
    const steps: readonly (readonly [wire.FieldList, string, string])[] = [
      [[lease(600), etag('1')], body('open'), body('open')],
      [[lease(700), match('1')], '', body('open')],
      [[lease(800), etag('2'), match('1')], body('closed'), body('closed')],
      [[lease(0), match('2')], '', nothing],
    ]
    for (const [list, text, shown] of steps) {
      const id = publish(bob, list, text)
      await world.run()
      expect(bob.status(id)).toBe('ok')
      const granted = bob.answer(id)?.fields.get(tag.lease)?.readUInt32BE(0)
      expect(granted).toBe(list[0]?.[1])
      expect(await fetched(world, bob)).toBe(shown)
    }
  })

  test.for<readonly [string, wire.FieldList, string, string]>([
    ['nothing', [], '', 'bad-request'],
    ['a body without a tag', [], body('open'), 'bad-request'],
    ['a tag without a body', [etag('1')], '', 'bad-request'],
    ['a body and the lease 0', [lease(0), etag('1')], body('open'), 'bad-request'],
    ['the same tag twice', [etag('1'), match('1')], body('open'), 'bad-request'],
    ['a tag of 15 bytes', [[tag.entityTag, Buffer.alloc(15)]], body('open'), 'bad-request'],
    ['a lease of 3 bytes', [[tag.lease, 'abc'], etag('1')], body('open'), 'bad-request'],
    ['a tag that is not known', [match('9')], '', 'lease-unknown'],
    ['a removal of nothing', [lease(0), match('9')], '', 'lease-unknown'],
  ])('[LINK-6.8-1] of %s: %s', async ([, list, text, expected]) => {
    const world = new World()
    const bob = await world.attached()
    const id = publish(bob, list, text)
    await world.run()
    expect(bob.status(id)).toBe(expected)
  })

  test('[LINK-6.8-1] with a tag that is not the latest has failed', async () => {
    const world = new World()
    const bob = await world.attached()
    publish(bob, [etag('1')], body('open'))
    publish(bob, [etag('2'), match('1')], body('closed'))
    const id = publish(bob, [match('1')])
    await world.run()
    expect(bob.status(id)).toBe('precondition-failed')
  })

  test.for([
    ['oneself', 'bob@b.example', 'ok'],
    ['somebody else', 'carol@b.example', 'credential-scope'],
    ['nobody', 'Bob', 'bad-address'],
  ] as const)('[LINK-6.8-2] for %s: %s', async ([, to, expected]) => {
    const world = new World()
    const bob = await world.attached()
    const id = publish(bob, [[tag.to, to], etag('1')], body('open'))
    await world.run()
    expect(bob.status(id)).toBe(expected)
  })

  test('[LINK-6.8-2] of a gateway is not offered', async () => {
    const world = new World()
    const peer = await world.provenPeer()
    peer.show(1, 'alice@a.example', { claims: { scope: 'pres.publish' } })
    const id = peer.ask(wire.pres, {
      command: command.publish,
      reference: 1,
      fields: [etag('1')],
      body: Buffer.from(body('open')),
    })
    await world.run()
    expect(peer.status(id)).toBe('credential-scope')
  })

  const many = (count: number): string =>
    JSON.stringify({
      tuples: Object.fromEntries(
        Array.from({ length: count }, (_, i) => [`t${i}`, { basic: 'open' }]),
      ),
    })

  test.for([
    [
      'a full tuple',
      '{"tuples":{"a.B-1_":{"basic":"open","contact":"im:bob@b.example","note":"ä","priority":0.5,"timestamp":1790000000,"more":{"deep":[1]}}}}',
      'ok',
    ],
    ['32 tuples', many(32), 'ok'],
    ['33 tuples', many(33), 'limit-reached'],
    ['no tuple', '{"tuples":{}}', 'bad-request'],
    ['an empty tuple', '{"tuples":{"a":{}}}', 'bad-request'],
    ['a member beside', '{"tuples":{"a":{"basic":"open"}},"more":1}', 'bad-request'],
    ['a bad id', '{"tuples":{"1a":{"basic":"open"}}}', 'bad-request'],
    ['a bad status', '{"tuples":{"a":{"basic":"OPEN"}}}', 'bad-request'],
    ['a bad contact', '{"tuples":{"a":{"contact":"here"}}}', 'bad-request'],
    ['a bad priority', '{"tuples":{"a":{"priority":1.5}}}', 'bad-request'],
    ['a bad time', '{"tuples":{"a":{"timestamp":-1}}}', 'bad-request'],
    ['a member twice', '{"tuples":{"a":{"basic":"open","basic":"closed"}}}', 'bad-request'],
    ['an exponent', '{"tuples":{"a":{"priority":1e0}}}', 'bad-request'],
    ['no JSON', 'open', 'bad-request'],
    [
      '8192 bytes',
      body('open').replace('}}}', `,"note":"${'n'.repeat(8192 - body('open').length - 10)}"}}}`),
      'ok',
    ],
    [
      '8193 bytes',
      body('open').replace('}}}', `,"note":"${'n'.repeat(8192 - body('open').length - 9)}"}}}`),
      'too-large',
    ],
  ] as const)('[LINK-6.8-3] of %s: %s', async ([, text, expected]) => {
    const world = new World()
    const bob = await world.attached()
    const id = publish(bob, [etag('1')], text)
    await world.run()
    expect(bob.status(id)).toBe(expected)
    expect(await fetched(world, bob)).toBe(expected === 'ok' ? text : nothing)
  })

  test('[LINK-6.8-4] that is repeated is answered as before', async () => {
    const world = new World()
    const bob = await world.attached()
    const ids = [
      publish(bob, [etag('1')], body('open')),
      publish(bob, [etag('1')], body('open')),
      publish(bob, [etag('1')], body('closed')),
      publish(bob, [etag('2'), match('1')], body('closed')),
      publish(bob, [etag('1')], body('open')),
      publish(bob, [etag('2'), match('1')], body('closed')),
      publish(bob, [lease(0), match('2')]),
      publish(bob, [lease(0), match('2')]),
    ]
    await world.run()
    expect(ids.map((id) => bob.status(id))).toEqual([
      'ok',
      'ok',
      'conflict',
      'ok',
      'ok',
      'ok',
      'ok',
      'ok',
    ])
    expect(await fetched(world, bob)).toBe(nothing)
  })

  test('[LINK-6.8-4] does not touch tuples of another publication', async () => {
    const world = new World()
    const [phone, laptop] = [await world.attached(), await world.attached()]
    const first = publish(phone, [etag('1')], body('open', 'phone'))
    await world.run()
    const second = publish(laptop, [etag('2')], body('open', 'laptop'))
    const third = publish(laptop, [etag('3'), match('2')], body('closed', 'phone'))
    await world.run()
    expect(phone.status(first)).toBe('ok')
    expect([second, third].map((id) => laptop.status(id))).toEqual(['ok', 'conflict'])
    expect(JSON.parse((await fetched(world, phone)) ?? '')).toEqual({
      tuples: { phone: { basic: 'open' }, laptop: { basic: 'open' } },
    })
  })

  test.for([
    [undefined, 'ok', 3600],
    [299, 'lease-too-short', 300],
    [300, 'ok', 300],
    [86_400, 'ok', 86_400],
    [86_401, 'ok', 86_400],
  ] as const)('[LINK-6.8-5] with the lease %s: %s, %i s', async ([wanted, expected, granted]) => {
    const world = new World()
    const bob = await world.attached()
    const list = wanted === undefined ? [] : [lease(wanted)]
    const id = publish(bob, [...list, etag('1')], body('open'))
    await world.run()
    expect(bob.status(id)).toBe(expected)
    expect(bob.answer(id)?.fields.get(tag.lease)?.readUInt32BE(0)).toBe(granted)
  })

  test('[LINK-6.8-5] ends with its lease', async () => {
    const world = new World({ limits: { pingMs: 1e9 } })
    const bob = await world.attached()
    publish(bob, [lease(300), etag('1')], body('open'))
    await world.run(299_000)
    expect(await fetched(world, bob)).toBe(body('open'))
    await world.run(3000)
    expect(await fetched(world, bob)).toBe(nothing)
    const late = publish(bob, [match('1')])
    await world.run()
    expect(bob.status(late)).toBe('lease-unknown')
  })
})

describe('FETCH', () => {
  test('[LINK-6.9-1] is answered with the document as it is, and its version', async () => {
    const world = new World()
    const bob = await world.attached()
    const peer = await world.provenPeer()
    peer.show(1, 'alice@a.example')
    const fetch = async (): Promise<wire.Response | undefined> => {
      const id = peer.ask(wire.pres, {
        command: command.fetch,
        reference: 1,
        fields: [[tag.to, 'bob@b.example']],
      })
      await world.run()
      return peer.answer(id)
    }
    const before = await fetch()
    publish(bob, [etag('1')], body('open'))
    await world.run()
    const after = await fetch()
    const version = (answer: wire.Response | undefined) =>
      answer?.fields.get(tag.version) ?? Buffer.alloc(8)
    expect([before?.body.toString(), after?.body.toString()]).toEqual([nothing, body('open')])
    expect(version(after).readUInt32BE(0)).toBe(version(before).readUInt32BE(0))
    expect(version(after).readUInt32BE(4)).toBeGreaterThan(version(before).readUInt32BE(4))
    publish(bob, [etag('2'), match('1')], body('closed'))
    await world.run(60_000)
    expect(peer.requestsOf(command.notify)).toEqual([])
  })

  test('[LINK-6.9-1] of somebody elsewhere is asked there, and the answer passed on', async () => {
    const world = new World()
    const bob = await world.attached()
    const id = bob.ask(wire.pres, { command: command.fetch, fields: [[tag.to, 'zoe@z.example']] })
    const far = await world.accepted()
    const [got] = far.requestsOf(command.fetch)
    expect(got?.fields.get(tag.answerCredit)?.readUInt32BE(0)).toBe(8192)
    far.respond(got?.id ?? 0, 'ok', [[tag.version, wire.u32(1, 2)]], Buffer.from(body('open')))
    await world.run()
    expect(bob.answer(id)?.body.toString()).toBe(body('open'))
    expect(bob.answer(id)?.fields.get(tag.version)).toEqual(wire.u32(1, 2))
  })
})
