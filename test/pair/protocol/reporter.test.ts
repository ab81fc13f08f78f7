/**
 * [LINK-6.5-3] `reporter` is the domain of ours in the pair that a request belongs to, whichever room finds the failure:
 * a gateway that hosts two domains reports as the one that was asked, and never as two.
 */
import { describe, expect, test } from 'vitest'
import * as wire from '../../support/script/codec.ts'
import { messageId, type ScriptedPeer } from '../../support/script/peer.ts'
import { userKey, World, type WorldWish } from '../../support/script/world.ts'

const { command, tag } = wire
const both = ['b.example', 'b2.example'] as const

/** What would bind a proof to another channel. */
const otherChannel = Buffer.alloc(32).toString('base64url')

const setUp = (wish: WorldWish = {}): World => new World({ domains: both, ...wish })

/** A link of a.example that is proven for both domains, the first one first. */
async function provenForBoth(world: World): Promise<ScriptedPeer> {
  const peer = await world.provenPeer()
  peer.prove({ claims: { aud: 'b2.example' } })
  await world.run()
  world.answerClaims(peer)
  await world.run()
  return peer
}

/** What was answered, and by whom. */
async function told(world: World, peer: ScriptedPeer, ids: readonly number[]) {
  await world.run()
  return ids.map((id) => [
    peer.status(id),
    peer.answer(id)?.fields.get(tag.reporter)?.toString() ?? 'nobody',
  ])
}

/** Begins a message whose body never ends, and takes it back. */
function takeBack(peer: ScriptedPeer, shape: Omit<wire.RequestShape, 'command'>): number {
  const id = peer.ask(wire.im | wire.more, { command: command.message, ...shape })
  peer.write(wire.type.cancel, 0, id)
  return id
}

describe.each(both)('[LINK-6.5-3] what is asked of %s fails in its name', (domain) => {
  const to = `bob@${domain}`

  test('with a claim', async () => {
    const world = setUp()
    const peer = await provenForBoth(world)
    const claims = { aud: domain }
    const ids = [
      peer.prove({ claims: { ...claims, iss: 'b.example' } }),
      peer.prove({ claims: { ...claims, cb: otherChannel } }),
      peer.prove({ claims: { ...claims, exp: 1 } }),
    ]
    expect(await told(world, peer, ids)).toEqual([
      ['credential-issuer', domain],
      ['credential-binding', domain],
      ['credential-time', domain],
    ])
  })

  test('with a question for keys too many', async () => {
    const world = setUp({ limits: { claimsBurst: 2 } })
    const peer = await provenForBoth(world)
    const keys: wire.RequestShape = { command: command.keys, fields: [[tag.domain, domain]] }
    expect(await told(world, peer, [peer.ask(wire.control, keys)])).toEqual([
      ['rate-limited', domain],
    ])
  })

  test('with a credential, and with whatever refers to it', async () => {
    const world = setUp()
    const peer = await provenForBoth(world)
    const ids = [
      peer.show(1, 'alice@z.example', { claims: { aud: domain } }),
      peer.message({ reference: 1, to: 'bob@z.example' }),
      peer.show(2, 'alice@a.example', { claims: { aud: domain, exp: 1 } }),
      peer.message({ reference: 2, to: 'bob@z.example' }),
      peer.show(0, 'alice@a.example', { claims: { aud: domain } }),
      peer.message({ reference: 9, to }),
    ]
    expect(await told(world, peer, ids)).toEqual([
      ['credential-subject', domain],
      ['credential-subject', domain],
      ['credential-time', domain],
      ['credential-time', domain],
      // Its numbers are judged before its token is read.
      ['bad-request', 'b.example'],
      ['credential-ref-unknown', domain],
    ])
  })

  test.each(['by its credential', 'by its recipient'])('by the link, told %s', async (how) => {
    const world = setUp()
    const peer = await provenForBoth(world)
    peer.show(1, 'alice@a.example', { claims: { aud: domain } })
    const isByCredential = how === 'by its credential'
    const reference = isByCredential ? 1 : 0
    const rest: wire.FieldList = isByCredential ? [] : [[tag.to, to]]
    const ids = [
      peer.ask(wire.im, { command: command.message, reference, fields: [[0x05, 1], ...rest] }),
      peer.ask(wire.im | wire.more, {
        ...{ command: command.message, reference },
        fields: [[tag.bodyLength, 1_000_000], ...rest],
      }),
      takeBack(peer, { reference, fields: [[tag.bodyLength, 100], ...rest] }),
    ]
    expect(await told(world, peer, ids)).toEqual([
      ['feature-required', domain],
      ['too-large', domain],
      ['cancelled', domain],
    ])
  })

  test('by the table of commands and by the grammar', async () => {
    const world = setUp()
    const peer = await provenForBoth(world)
    peer.show(1, 'alice@a.example', { claims: { aud: domain } })
    const id: wire.FieldList = [[tag.subscription, messageId('s')]]
    const renew = (domain: string, audience: string): number =>
      peer.ask(wire.pres, {
        command: command.renew,
        fields: [
          [tag.domain, domain],
          [tag.audience, audience],
          [tag.subscriptions, Buffer.alloc(16)],
        ],
      })
    const ids = [
      peer.ask(wire.pres, { command: 0x7f, reference: 1 }),
      peer.message({ reference: 1, to: 'bob' }),
      peer.message({ reference: 0, to }),
      peer.ask(wire.pres, { command: command.fetch, fields: [[tag.to, to]] }),
      peer.ask(wire.pres, { command: command.subscribe, fields: [[tag.to, to], ...id] }),
      renew('z.example', domain),
    ]
    expect(await told(world, peer, ids)).toEqual([
      ['unknown-command', domain],
      ['bad-address', domain],
      ['credential-missing', domain],
      ['credential-missing', domain],
      ['credential-missing', domain],
      ['domain-not-proven', domain],
    ])
  })

  test('by the checks and behind them', async () => {
    const world = setUp()
    const peer = await provenForBoth(world)
    peer.show(1, 'alice@a.example', { claims: { aud: domain } })
    const other = both.find((name) => name !== domain)
    const ids = [
      peer.message({ reference: 1, to: `bob@${other}` }),
      peer.message({ reference: 1, to: 'bob@z.example' }),
      peer.message({ reference: 1, to, hops: 9 }),
      peer.message({ reference: 1, to: `eve@${domain}` }),
      peer.message({ reference: 1, to, sequence: 7 }),
      peer.message({ reference: 1, to, id: messageId('not there') }),
      peer.ask(wire.pres, {
        ...{ command: command.notify, reference: 1 },
        fields: [
          [tag.subscription, messageId('s')],
          [tag.state, Buffer.of(3)],
        ],
      }),
    ]
    expect(await told(world, peer, ids)).toEqual([
      ['credential-audience', domain],
      ['relaying', domain],
      ['hop-limit', domain],
      ['refused', domain],
      ['order', domain],
      ['inbox-closed', domain],
      ['lease-unknown', domain],
    ])
  })

  test('on a link that is not proven', async () => {
    const world = setUp({ limits: { waitingFrames: 1 } })
    const peer = world.dialIn()
    peer.sayHello()
    const claimed = peer.prove({ claims: { aud: domain, cb: otherChannel } })
    const denied = peer.message({ reference: 1, to })
    expect(await told(world, peer, [claimed, denied])).toEqual([
      ['credential-binding', domain],
      ['credential-binding', domain],
    ])
    const silent = world.dialIn()
    silent.sayHello()
    silent.message({ reference: 1, to })
    const [tooMany] = await told(world, silent, [silent.message({ reference: 1, to })])
    expect(tooMany).toEqual(['busy', domain])
  })

  test('by a user of its own', async () => {
    const world = setUp()
    const stranger = world.dialIn('client', domain)
    stranger.sayHello({ role: 'client' })
    const key = userKey('carol@b.example')
    const proven = stranger.prove({ key, claims: { iss: to, aud: domain } }, [
      [tag.publicKey, Buffer.from(key.x, 'base64url')],
    ])
    const bob = world.dialIn('client', domain)
    bob.sayHello({ role: 'client' })
    const own = userKey(to)
    bob.prove({ key: own, claims: { iss: to, aud: domain } }, [
      [tag.publicKey, Buffer.from(own.x, 'base64url')],
    ])
    await world.run()
    expect(await told(world, stranger, [proven])).toEqual([['credential-key', domain]])
    const say = (recipient: string, sequence = 0): number =>
      bob.message({ reference: 0, sequence, to: recipient, id: messageId(recipient) })
    const ids = [
      say('bob'),
      say(`eve@${domain}`),
      say('carol@b.example', 3),
      bob.ask(wire.im, { command: command.message, fields: [[0x05, 1]] }),
      bob.ask(wire.im, { command: command.keys + 0x60 }),
      bob.ask(wire.pres, { command: command.renew }),
      bob.ask(wire.control, { command: command.issue }),
    ]
    expect(await told(world, bob, ids)).toEqual([
      ['bad-address', domain],
      ['refused', domain],
      ['order', domain],
      ['feature-required', domain],
      ['unknown-command', domain],
      ['bad-request', domain],
      ['bad-request', domain],
    ])
  })
})

test('[LINK-6.5-3] what names no domain of ours fails in the name that the link has', async () => {
  const world = setUp()
  const fresh = world.dialIn()
  fresh.sayHello()
  const asked = [
    fresh.ask(wire.control, { command: command.keys, fields: [[tag.domain, 'z.example']] }),
    fresh.prove({ claims: { aud: 'z.example' } }),
    fresh.ask(wire.control, { command: command.prove }),
  ]
  expect(await told(world, fresh, asked)).toEqual([
    ['domain-not-hosted', 'b.example'],
    ['credential-audience', 'b.example'],
    ['bad-request', 'b.example'],
  ])
  const second = world.dialIn()
  second.sayHello()
  second.prove({ claims: { aud: 'b2.example' } })
  await world.run()
  const forgotten = second.ask(wire.control, { command: command.forget })
  expect(await told(world, second, [forgotten])).toEqual([['bad-request', 'b2.example']])
})
