/** Sections 6.3 and 6.4 of `docs/protocol.md`: credentials on a link. */
import { describe, expect, test } from 'vitest'
import { forgeKey } from '../../support/forge.ts'
import * as wire from '../../support/script/codec.ts'
import { World } from '../../support/script/world.ts'

const { type, command, tag } = wire

const forget = (...numbers: readonly number[]): wire.RequestShape => ({
  command: command.forget,
  fields: [[tag.references, wire.u32(...numbers)]],
})

describe('CREDENTIAL', () => {
  test('[LINK-6.3-1] gives the credential the number of its reference', async () => {
    const world = new World()
    const bob = await world.attached()
    const peer = await world.provenPeer()
    const zero = peer.show(0, 'alice@a.example')
    const shown = [peer.show(5, 'alice@a.example'), peer.show(9, 'anna@a.example')]
    peer.message({ reference: 9 })
    await world.run()
    expect(peer.status(zero)).toBe('bad-request')
    expect(shown.map((id) => peer.status(id))).toEqual(['ok', 'ok'])
    const from = bob.requestsOf(command.message)[0]?.fields.get(tag.from)
    expect(from?.toString()).toBe('anna@a.example')
  })

  test('[LINK-6.3-1] numbers of the two directions have nothing to do with each other', async () => {
    const world = new World()
    const bob = await world.attached()
    const peer = await world.provenPeer()
    peer.show(1, 'alice@a.example')
    bob.message({ reference: 0, sequence: 0, to: 'alice@a.example' })
    await world.run()
    expect(peer.requestsOf(command.credential)[0]?.reference).toBe(1)
    const sent = peer.message({})
    await world.run()
    expect(bob.requestsOf(command.message)[0]?.fields.get(tag.from)?.toString()).toBe(
      'alice@a.example',
    )
    expect(peer.status(sent)).toBe('no answer')
  })

  test('[LINK-6.3-2] comes before the first request that refers to it, and once', async () => {
    const world = new World()
    const bob = await world.attached()
    for (const n of [1, 2, 3]) {
      bob.message({ reference: 0, sequence: 0, id: Buffer.alloc(16, n), to: 'zoe@z.example' })
    }
    const far = await world.accepted()
    expect(far.requests.map(({ command: of, reference }) => [of, reference])).toEqual([
      [command.prove, 0],
      [command.credential, 1],
      [command.message, 1],
      [command.message, 1],
      [command.message, 1],
    ])
  })

  test('[LINK-6.3-2] of a number that was written before may refer in any class', async () => {
    // No key is pinned: the requests are there before the credential can be judged.
    const world = new World({ pinned: [] })
    const bob = await world.attached()
    const peer = world.dialIn()
    peer.sayHello()
    peer.prove()
    const shown = peer.show(1, 'alice@a.example', { flags: wire.im })
    const asked = peer.ask(wire.pres, {
      command: command.fetch,
      reference: 1,
      fields: [[tag.to, 'bob@b.example']],
    })
    peer.message({})
    await world.tellKeys()
    expect([peer.status(shown), peer.status(asked)]).toEqual(['ok', 'ok'])
    expect(bob.requestsOf(command.message).length).toBe(1)
  })

  test('[LINK-6.3-3] numbers of the gateway rise in the order of the link, whatever waits in a class', async () => {
    const world = new World()
    const [bob, carol, erin] = [
      await world.attached('bob@b.example'),
      await world.attached('carol@b.example'),
      await world.attached('erin@b.example'),
    ]
    bob.message({ reference: 0, sequence: 0, to: 'zoe@z.example' })
    const far = await world.accepted()
    // Bob uses up the credit of the class pres, so that carol waits there; erin goes first in the class im.
    for (let i = 0; i < 20; i++) {
      bob.ask(wire.pres, { command: command.fetch, fields: [[tag.to, `zoe${i}@z.example`]] })
    }
    carol.ask(wire.pres, { command: command.fetch, fields: [[tag.to, 'zoe@z.example']] })
    await world.run()
    erin.message({ reference: 0, sequence: 0, to: 'zoe@z.example' })
    await world.run()
    for (const { id } of far.requestsOf(command.fetch)) far.respond(id, 'refused')
    far.write(type.credit, 0, 0, Buffer.concat([Buffer.of(2), wire.u32(50, 100_000)]))
    await world.run()
    const shown = far.requestsOf(command.credential)
    expect(shown.map(({ reference }) => reference)).toEqual([1, 2, 3])
    expect(shown.map(({ trafficClass }) => trafficClass)).toEqual([1, 1, 2])
  })

  test('[LINK-6.3-3] a number that fell or was forgotten is refused', async () => {
    const world = new World()
    const peer = await world.provenPeer()
    peer.show(5, 'alice@a.example')
    const fallen = peer.show(4, 'anna@a.example')
    const gone = peer.ask(wire.control, forget(5))
    const again = peer.show(5, 'alice@a.example')
    const next = peer.show(6, 'alice@a.example')
    await world.run()
    expect([fallen, gone, again, next].map((id) => peer.status(id))).toEqual([
      'bad-request',
      'ok',
      'bad-request',
      'ok',
    ])
  })

  test('[LINK-6.3-4] a refresh keeps issuer, subject and audience', async () => {
    const world = new World()
    const bob = await world.attached()
    const peer = await world.provenPeer()
    const ids = [
      peer.show(1, 'alice@a.example'),
      peer.show(1, 'alice@a.example', { claims: { scope: 'im.send' } }),
      peer.show(1, 'anna@a.example'),
      peer.show(1, 'alice@a.example', { claims: { exp: 1 } }),
    ]
    const sent = peer.message({})
    await world.run()
    bob.respond(bob.requestsOf(command.message)[0]?.id ?? 0, 'ok')
    await world.run()
    expect([...ids, sent].map((id) => peer.status(id))).toEqual([
      'ok',
      'ok',
      'bad-request',
      'credential-time',
      'delivered',
    ])
  })

  test('[LINK-6.3-5] a number that is not held is told, and the gateway shows its own again, once', async () => {
    const world = new World()
    const bob = await world.attached()
    const peer = await world.provenPeer()
    const unknown = peer.message({ reference: 7 })
    const ids = [
      bob.message({ reference: 0, sequence: 0, to: 'zoe@z.example' }),
      bob.message({ reference: 0, sequence: 0, id: Buffer.alloc(16, 2), to: 'yan@z.example' }),
    ]
    const far = await world.accepted()
    expect(peer.status(unknown)).toBe('credential-ref-unknown')
    const [first, second] = far.requestsOf(command.message)
    far.respond(first?.id ?? 0, 'credential-ref-unknown')
    far.respond(second?.id ?? 0, 'credential-ref-unknown')
    await world.run()
    const again = far.requestsOf(command.message).slice(2)
    expect(far.requestsOf(command.credential).length).toBeGreaterThan(1)
    expect(again.map(({ fields }) => fields.get(tag.lane)?.toString('hex'))).toEqual(
      [first, second].map((one) => one?.fields.get(tag.lane)?.toString('hex')),
    )
    for (const { id } of again) far.respond(id, 'credential-ref-unknown')
    await world.run()
    expect(far.requestsOf(command.message).length).toBe(4)
    expect(ids.map((id) => bob.status(id))).toEqual(Array(2).fill('credential-ref-unknown'))
  })

  test('[LINK-6.3-5] a FETCH is repeated as well', async () => {
    const world = new World()
    const bob = await world.attached()
    const id = bob.ask(wire.pres, { command: command.fetch, fields: [[tag.to, 'zoe@z.example']] })
    const far = await world.accepted()
    far.respond(far.requestsOf(command.fetch)[0]?.id ?? 0, 'credential-ref-unknown')
    await world.run()
    const again = far.requestsOf(command.fetch)[1]
    expect(far.requestsOf(command.credential).length).toBe(2)
    far.respond(again?.id ?? 0, 'refused')
    await world.run()
    expect(bob.status(id)).toBe('refused')
  })

  test('[LINK-6.3-6] its end is judged at each use, with 30 s of grace', async () => {
    const world = new World()
    const peer = await world.provenPeer()
    const now = world.seconds
    peer.show(1, 'alice@a.example', { claims: { iat: now, exp: now + 5 } })
    const early = peer.message({ sequence: 1 })
    await world.run(34_500)
    const late = peer.message({ sequence: 1 })
    await world.run(1000)
    const over = peer.message({ sequence: 1 })
    await world.run()
    expect([early, late, over].map((id) => peer.status(id))).toEqual([
      'inbox-closed',
      'inbox-closed',
      'credential-expired',
    ])
  })

  test('[LINK-6.3-7] as many are held as HELLO said', async () => {
    const world = new World({ limits: { references: 3 } })
    const peer = await world.provenPeer()
    const ids = [1, 2, 3, 4].map((number) => peer.show(number, `user${number}@a.example`))
    await world.run()
    expect((peer.hello['limits'] as { references: number }).references).toBe(3)
    expect(ids.map((id) => peer.status(id))).toEqual(['ok', 'ok', 'ok', 'limit-reached'])
  })

  test('[LINK-6.3-8] is worth nothing on a link on which its issuer is not proven', async () => {
    const world = new World({ pinned: ['a.example', 'd.example'] })
    const d = await world.provenPeer('d.example')
    const key = forgeKey('script: a.example')
    const stolen = d.show(1, 'alice@a.example', { key, claims: { iss: 'a.example' } })
    const used = d.message({ reference: 1 })
    await world.run()
    expect([stolen, used].map((id) => d.status(id))).toEqual([
      'credential-issuer',
      'credential-issuer',
    ])
  })

  test('[LINK-6.3-8] waits with what refers to it while the key is fetched', async () => {
    const world = new World({ pinned: [] })
    const bob = await world.attached()
    const peer = world.dialIn()
    peer.sayHello()
    peer.prove()
    await world.tellKeys({ keys: [{ name: 'script: a.example' }] })
    await world.run(31_000)
    // Signed with a key that the set did not hold when it was fetched.
    const shown = peer.show(1, 'alice@a.example', { key: forgeKey('the next key') })
    const sent = peer.message({})
    await world.run()
    expect([shown, sent].map((id) => peer.status(id))).toEqual(['no answer', 'no answer'])
    await world.tellKeys({
      ver: 2,
      keys: [{ name: 'script: a.example' }, { name: 'the next key' }],
    })
    bob.respond(bob.requestsOf(command.message)[0]?.id ?? 0, 'ok')
    await world.run()
    expect([shown, sent].map((id) => peer.status(id))).toEqual(['ok', 'delivered'])
  })

  test('[LINK-6.3-8] waits for the claim of its own pair, though its issuer is proven for another', async () => {
    const world = new World({ pinned: [], domains: ['b.example', 'c.example'] })
    const peer = world.dialIn()
    peer.sayHello()
    peer.prove()
    await world.tellKeys()
    await world.run(31_000)
    const claim = peer.prove({ claims: { aud: 'c.example' }, key: forgeKey('the next key') })
    const shown = peer.show(1, 'alice@a.example', { claims: { aud: 'c.example' } })
    await world.run()
    expect([claim, shown].map((id) => peer.status(id))).toEqual(['no answer', 'no answer'])
    await world.tellKeys({
      ver: 2,
      keys: [{ name: 'script: a.example' }, { name: 'the next key' }],
    })
    expect([claim, shown].map((id) => peer.status(id))).toEqual(['ok', 'ok'])
  })
})

describe('FORGET', () => {
  test('[LINK-6.4-1] takes numbers back, known or not', async () => {
    const world = new World()
    const peer = await world.provenPeer()
    peer.show(1, 'alice@a.example')
    peer.show(2, 'anna@a.example')
    const ids = [
      peer.ask(wire.control, forget(1, 77)),
      peer.message({ reference: 1 }),
      peer.message({ reference: 2 }),
      peer.ask(wire.control, { command: command.forget }),
      peer.ask(wire.control, { command: command.forget, fields: [[tag.references, '']] }),
      peer.ask(wire.control, { command: command.forget, fields: [[tag.references, 'five!']] }),
    ]
    await world.run()
    expect(ids.map((id) => peer.status(id))).toEqual([
      'ok',
      'credential-ref-unknown',
      'inbox-closed',
      'bad-request',
      'bad-request',
      'bad-request',
    ])
  })

  test('[LINK-6.4-2] keeps the gateway within what the far side holds', async () => {
    const world = new World({ domains: ['b.example'] })
    const clients = [await world.attached('bob@b.example'), await world.attached('carol@b.example')]
    const say = (i: number, n: number): number | undefined =>
      clients[i]?.message({
        reference: 0,
        sequence: 0,
        id: Buffer.alloc(16, n),
        to: 'zoe@z.example',
      })
    say(0, 1)
    const far = await world.accepted({ limits: { references: 1 } })
    say(1, 2)
    await world.run()
    const taken = far.requestsOf(command.forget).map(({ fields }) => fields.get(tag.references))
    expect(taken).toEqual([wire.u32(1)])
    say(0, 3)
    await world.run()
    const numbers = far.requestsOf(command.credential).map(({ reference }) => reference)
    expect(numbers).toEqual([1, 2, 3])
  })

  test('[LINK-6.4-2] [LINK-6.3-3] does not overtake a request that waits and refers to the number', async () => {
    const world = new World()
    const [bob, carol] = [
      await world.attached('bob@b.example'),
      await world.attached('carol@b.example'),
    ]
    const say = (client: typeof bob, n: number): number =>
      client.message({
        reference: 0,
        sequence: 0,
        id: Buffer.alloc(16, n),
        to: `zoe${n}@z.example`,
      })
    say(bob, 0)
    const far = await world.accepted({ limits: { references: 1 } })
    for (let n = 1; n < 20; n++) say(bob, n)
    await world.run()
    // Bob waits for credit; carol needs room.
    say(carol, 20)
    await world.run()
    expect(far.requestsOf(command.forget)).toEqual([])
    far.write(type.credit, 0, 0, Buffer.concat([Buffer.of(1), wire.u32(50, 100_000)]))
    await world.run()
    const waited = far.requestsOf(command.message).slice(15)
    expect(waited.length).toBe(6)
    const shown = far.requestsOf(command.credential).map(({ reference }) => reference)
    expect(waited.every(({ reference }) => shown.includes(reference))).toBe(true)
    // Now nothing waits any more.
    const dave = await world.attached('erin@b.example')
    say(dave, 30)
    await world.run()
    expect(far.requestsOf(command.forget).length).toBe(1)
  })
})
