/** Sections 5.4, 6.1 and 6.2 of `docs/protocol.md`: who is at the far end. */
import { describe, expect, test } from 'vitest'
import { b64, forgeKey } from '../../support/forge.ts'
import * as wire from '../../support/script/codec.ts'
import type { ScriptedPeer } from '../../support/script/peer.ts'
import { keySetOf, userKey, World } from '../../support/script/world.ts'

const { type, command, tag } = wire

const keysOf = (domain: string): wire.RequestShape => ({
  command: command.keys,
  fields: [[tag.domain, domain]],
})

describe('pairs', () => {
  test('[LINK-5.4-1] are proven one by one', async () => {
    const world = new World({
      domains: ['b.example', 'c.example'],
      pinned: ['a.example', 'd.example'],
    })
    const peer = await world.provenPeer()
    const towardsC = peer.show(1, 'alice@a.example', { claims: { aud: 'c.example' } })
    const ofD = peer.show(2, 'dora@d.example', {
      key: forgeKey('script: d.example'),
      claims: { iss: 'd.example' },
    })
    await world.run()
    expect(peer.status(towardsC)).toBe('credential-audience')
    expect(peer.status(ofD)).toBe('credential-issuer')
    peer.prove({ claims: { aud: 'c.example' } })
    peer.prove({ key: forgeKey('script: d.example'), claims: { iss: 'd.example' } })
    const again = peer.show(3, 'alice@a.example', { claims: { aud: 'c.example' } })
    const dora = peer.show(4, 'dora@d.example', {
      key: forgeKey('script: d.example'),
      claims: { iss: 'd.example' },
    })
    const cross = peer.show(5, 'dora@d.example', {
      key: forgeKey('script: d.example'),
      claims: { iss: 'd.example', aud: 'c.example' },
    })
    await world.run()
    expect([peer.status(again), peer.status(dora)]).toEqual(['ok', 'ok'])
    // Both domains are here, but not as a pair.
    expect(peer.status(cross)).toBe('credential-binding')
  })

  test('[LINK-5.4-2] the receiving side is proven by its certificate, the initiating side by nothing but PROVE', async () => {
    const world = new World()
    const bob = await world.attached()
    bob.message({ reference: 0, sequence: 0, to: 'zoe@z.example' })
    await world.run()
    const [far] = world.dialled
    far?.sayHello()
    const id = far?.show(1, 'zoe@z.example', { claims: { aud: 'b.example' } }) ?? 0
    await world.tellKeysOn(far, 'z.example')
    expect(far?.status(id)).toBe('ok')
    const peer = world.dialIn()
    peer.sayHello()
    const shown = peer.show(1, 'alice@a.example')
    await world.run(1000)
    expect(peer.status(shown)).toBe('no answer')
  })

  test('[LINK-5.4-3] are claimed by the receiving side, too, once', async () => {
    const world = new World()
    const peer = world.dialIn()
    peer.sayHello()
    await world.run()
    expect(peer.requestsOf(command.prove)).toEqual([])
    peer.prove()
    peer.prove()
    await world.run()
    const claims = peer.requestsOf(command.prove)
    expect(claims.length).toBe(1)
    const token = claims[0]?.fields.get(tag.token)?.toString() ?? ''
    const { iss, aud } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())
    expect([iss, aud]).toEqual(['b.example', 'a.example'])
  })
})

describe('before a proof', () => {
  test('[LINK-5.4-4] requests wait, unparsed, and run in order', async () => {
    const world = new World({ pinned: [] })
    const bob = await world.attached()
    const peer = world.dialIn()
    peer.sayHello()
    peer.prove()
    const shown = peer.show(1, 'alice@a.example')
    const sent = [1, 2, 3].map((sequence) => peer.message({ sequence, body: `${sequence}` }))
    const keys = peer.ask(wire.control, keysOf('b.example'))
    peer.write(type.ping, 0, 0, wire.u32(0, 1))
    await world.run()
    expect(peer.status(keys)).toBe('ok')
    expect(peer.frames.some(({ type: of }) => of === type.ping)).toBe(true)
    expect([shown, ...sent].map((id) => peer.status(id))).toEqual(Array(4).fill('no answer'))
    await world.tellKeys()
    const got = bob.requestsOf(command.message)
    expect(got.map(({ body }) => body.toString())).toEqual(['1', '2', '3'])
    expect(peer.status(shown)).toBe('ok')
  })

  test('[LINK-5.4-4] as many wait as the start credit allows, in each class', async () => {
    const world = new World({ pinned: [] })
    const peer = world.dialIn()
    peer.sayHello()
    peer.prove()
    const ids = [wire.im, wire.pres].flatMap((flags) =>
      Array.from({ length: 16 }, () =>
        peer.ask(flags, { command: 0x7f, body: Buffer.alloc(4000) }),
      ),
    )
    await world.run()
    expect(new Set(ids.map((id) => peer.status(id)))).toEqual(new Set(['no answer']))
    expect(peer.release).toBeUndefined()
    await world.tellKeys()
    expect(new Set(ids.map((id) => peer.status(id)))).toEqual(new Set(['unknown-command']))
  })

  test('[LINK-5.4-4] more are answered busy', async () => {
    const world = new World({ pinned: ['a.example'], limits: { waitingFrames: 2 } })
    const peer = world.dialIn()
    peer.sayHello()
    const ids = [1, 2, 3].map(() => peer.ask(wire.im, { command: 0x7f }))
    await world.run()
    expect(ids.map((id) => peer.status(id))).toEqual(['no answer', 'no answer', 'busy'])
  })

  test('[LINK-5.4-4] what waited 15 s is answered', async () => {
    const world = new World()
    const peer = await world.provenPeer()
    // The keys of the second pair cannot be had now.
    peer.prove({ key: forgeKey('script: d.example'), claims: { iss: 'd.example' } })
    world.dialled[0]?.sayHello()
    await world.run()
    const shown = peer.show(9, 'dora@d.example', {
      key: forgeKey('script: d.example'),
      claims: { iss: 'd.example' },
    })
    const sent = peer.message({ reference: 9 })
    await world.run(4000)
    expect([peer.status(shown), peer.status(sent)]).toEqual(['no answer', 'no answer'])
    await world.run(13_000)
    expect([peer.status(shown), peer.status(sent)]).not.toContain('no answer')
  })

  test('[LINK-5.4-4] a refusal is the answer to all that waits, and to what follows', async () => {
    const world = new World({ rules: { default: 'deny', allow: [], deny: [] } })
    const peer = world.dialIn()
    peer.sayHello()
    const before = peer.message({})
    const claim = peer.prove()
    const after = peer.message({ sequence: 2 })
    await world.run()
    expect([before, claim, after].map((id) => peer.status(id))).toEqual(
      Array(3).fill('domain-refused'),
    )
  })
})

describe('claims', () => {
  test.for([
    ['iss of ours', { iss: 'b.example' }, 'credential-issuer'],
    ['iss in capitals', { iss: 'A.example' }, 'credential-issuer'],
    ['iss that is an address', { iss: 'alice@a.example' }, 'credential-issuer'],
    ['aud of somebody else', { aud: 'c.example' }, 'credential-audience'],
    ['aud in capitals', { aud: 'B.example' }, 'credential-audience'],
  ] as const)('[LINK-5.4-5] [LINK-6.1-1] %s: refused', async ([, claims, expected]) => {
    const world = new World()
    const peer = world.dialIn()
    peer.sayHello()
    const id = peer.prove({ claims })
    await world.run()
    expect(peer.status(id)).toBe(expected)
  })

  test.for([
    ['credential-time', { iat: 40 }, "the signer's clock is 40 s ahead of the verifier's"],
    [
      'credential-expired',
      { iat: -160 },
      /^expired 40 s ago: .* up to 160 s behind the verifier's$/,
    ],
    ['credential-audience', { aud: 'c.example' }, 'aud is not a domain of ours'],
  ] as const)('[LINK-6.1-5] %s says what does not fit', async ([code, claims, text]) => {
    const world = new World()
    const peer = world.dialIn()
    peer.sayHello()
    const times =
      'iat' in claims
        ? { iat: world.seconds + claims.iat, exp: world.seconds + claims.iat + 120 }
        : claims
    const id = peer.prove({ claims: times })
    await world.run()
    expect(peer.status(id)).toBe(code)
    const said = peer.answer(id)?.fields.get(tag.text)?.toString()
    if (typeof text === 'string') expect(said).toBe(text)
    else expect(said).toMatch(text)
  })

  test('[LINK-6.1-5] nothing is said of what came of a fetch', async () => {
    const world = new World({ pinned: [] })
    world.dialFault = 'remote-unreachable'
    const peer = world.dialIn()
    peer.sayHello()
    const id = peer.prove()
    await world.run(6000)
    expect(peer.status(id)).toBe('credential-unverifiable')
    expect(peer.answer(id)?.fields.get(tag.text)).toBeUndefined()
  })

  test('[LINK-5.4-6] a pair is not used before every proof that is demanded is there', async () => {
    const world = new World({ pinned: [], required: ['key'] })
    const bob = await world.attached()
    const sent = bob.message({ reference: 0, sequence: 0, to: 'zoe@z.example' })
    await world.run()
    const far = world.dialled[0] as ScriptedPeer
    far.sayHello()
    const early = far.show(1, 'zoe@z.example', { claims: { aud: 'b.example' } })
    await world.run()
    world.answerClaims(far)
    await world.run()
    expect(far.requestsOf(command.message)).toEqual([])
    expect(far.status(early)).toBe('no answer')
    far.prove()
    await world.tellKeysOn(far, 'z.example')
    const [got] = far.requestsOf(command.message)
    far.respond(got?.id ?? 0, 'delivered')
    await world.run()
    expect([far.status(early), bob.status(sent)]).toEqual(['ok', 'delivered'])
  })

  test('[LINK-5.4-6] a proof that can never come ends the link', async () => {
    const world = new World({ required: ['certificate'] })
    const peer = world.dialIn()
    peer.sayHello()
    peer.prove()
    const shown = peer.show(1, 'alice@a.example')
    await world.run(10_000)
    expect(peer.status(shown)).toBe('no answer')
    await world.run(10_000)
    expect(peer.release?.reason).toBe('proof-timeout')
  })

  /** A link that a key proved, and the next set of its domain, an hour later. */
  async function afterNextSet(next: (peer: ScriptedPeer) => Parameters<World['tellKeys']>[0]) {
    const world = new World({ pinned: [], limits: { idleMs: 86_400_000 } })
    const peer = world.dialIn()
    peer.sayHello()
    peer.prove()
    await world.tellKeys({ ver: 1 })
    expect(peer.status(1)).toBe('ok')
    // An hour later the set is asked for again.
    for (let i = 0; i < 3700 && world.dialled.length < 2; i++) {
      await world.run(1000)
      if (i % 20 === 0) peer.write(type.ping, 0, 0, wire.u32(0, i))
    }
    await world.tellKeys({ ver: 2, ...next(peer) })
    return peer.release?.reason
  }

  test('[LINK-5.4-8] a link ends when the key that proved it is revoked', async () => {
    const keys = [{ name: 'another key' }]
    expect(await afterNextSet(({ key }) => ({ keys, revoked: [key.kid] }))).toBe('key-changed')
  })

  test('[LINK-5.4-8] a link ends when another key stands under the id of the one that proved it', async () => {
    const next = ({ key }: ScriptedPeer) => ({ keys: [{ name: 'another key', kid: key.kid }] })
    expect(await afterNextSet(next)).toBe('key-changed')
  })

  test('[LINK-5.4-8] a link stays when the key that proved it stands there under another id', async () => {
    const keys = [{ name: 'script: a.example', kid: 'renamed' }]
    expect(await afterNextSet(() => ({ keys }))).toBeUndefined()
  })

  test('[LINK-5.4-9] of the initiating side that are refused end the link', async () => {
    const world = new World()
    const bob = await world.attached()
    const sent = bob.message({ reference: 0, sequence: 0, to: 'zoe@z.example' })
    await world.run()
    const far = world.dialled[0] as ScriptedPeer
    far.sayHello()
    await world.run()
    far.respond(far.requestsOf(command.prove)[0]?.id ?? 0, 'domain-refused')
    await world.run()
    expect(far.release?.reason).toBe('domain-not-proven')
    far.respond(far.requestsOf(command.message)[0]?.id ?? 0, 'domain-refused')
    await world.run()
    expect(bob.status(sent)).toBe('domain-refused')
  })

  test('[LINK-5.4-9] of one more domain of ours that are refused end nothing but their pair', async () => {
    const world = new World({ domains: ['b.example', 'c.example'] })
    const bob = await world.attached('bob@b.example')
    const carol = world.dialIn('client', 'c.example')
    carol.sayHello({ role: 'client' })
    carol.prove(
      {
        key: userKey('carol@c.example'),
        claims: { iss: 'carol@c.example', aud: 'c.example' },
      },
      [[tag.publicKey, Buffer.from(userKey('carol@c.example').x, 'base64url')]],
    )
    await world.run()
    const say = (client: ScriptedPeer, n: number): number =>
      client.message({ reference: 0, sequence: 0, id: Buffer.alloc(16, n), to: 'zoe@z.example' })
    const first = say(bob, 1)
    const far = await world.accepted()
    say(carol, 2)
    await world.run()
    const claims = far.requestsOf(command.prove)
    expect(claims.length).toBe(2)
    far.respond(claims[1]?.id ?? 0, 'domain-refused')
    far.respond(far.requestsOf(command.message)[1]?.id ?? 0, 'domain-refused')
    await world.run()
    expect(far.release).toBeUndefined()
    // The next one of the refused domain takes a link of its own, after the wait that follows a failed dial.
    say(carol, 3)
    await world.run(300)
    expect(world.dialled.length).toBe(2)
    far.respond(far.requestsOf(command.message)[0]?.id ?? 0, 'delivered')
    await world.run()
    expect(bob.status(first)).toBe('delivered')
  })

  test('[LINK-5.4-10] of the receiving side that contradict its certificate end the link', async () => {
    const world = new World({ pinned: ['z.example'] })
    const bob = await world.attached()
    bob.message({ reference: 0, sequence: 0, to: 'zoe@z.example' })
    const far = await world.accepted()
    const id = far.prove({ key: forgeKey('script: a liar'), header: { kid: far.key.kid } })
    await world.run()
    expect(far.status(id)).toBe('credential-signature')
    expect(far.release?.reason).toBe('domain-not-proven')
  })

  test('[LINK-5.4-10] that cannot be judged now do not', async () => {
    const world = new World()
    const bob = await world.attached()
    const sent = bob.message({ reference: 0, sequence: 0, to: 'zoe@z.example' })
    const far = await world.accepted()
    const id = far.prove()
    // KEYS is not answered.
    await world.run(6000)
    expect(far.status(id)).toBe('credential-unverifiable')
    expect(far.release).toBeUndefined()
    far.respond(far.requestsOf(command.message)[0]?.id ?? 0, 'delivered')
    await world.run()
    expect(bob.status(sent)).toBe('delivered')
  })

  test('[LINK-5.4-11] that are refused take nothing away', async () => {
    const world = new World()
    const peer = await world.provenPeer()
    const shown = peer.show(1, 'alice@a.example')
    const bad = peer.prove({ claims: { cb: b64(Buffer.alloc(32)) } })
    const good = peer.prove()
    const sent = peer.message({})
    await world.run()
    expect([shown, bad, good, sent].map((id) => peer.status(id))).toEqual([
      'ok',
      'credential-binding',
      'ok',
      'inbox-closed',
    ])
  })

  test('[LINK-5.4-11] may be repeated after a refusal', async () => {
    const world = new World()
    const peer = world.dialIn()
    peer.sayHello()
    const bad = peer.prove({ claims: { cb: b64(Buffer.alloc(32)) } })
    const refused = peer.show(1, 'alice@a.example')
    const good = peer.prove()
    const shown = peer.show(1, 'alice@a.example')
    await world.run()
    expect([bad, refused, good, shown].map((id) => peer.status(id))).toEqual([
      'credential-binding',
      'credential-binding',
      'ok',
      'ok',
    ])
  })
})

describe('a client', () => {
  async function client(
    user: string,
    list: wire.FieldList,
    key = userKey(user),
  ): Promise<readonly [World, ScriptedPeer, number]> {
    const world = new World()
    const peer = world.dialIn('client', 'b.example')
    peer.sayHello({ role: 'client' })
    const id = peer.prove({ key, claims: { iss: user } }, list)
    await world.run()
    return [world, peer, id]
  }
  const raw = (key: { readonly x: string }): Buffer => Buffer.from(key.x, 'base64url')
  const bob = userKey('bob@b.example')
  /** Of whom the directory lists no key. */
  const dave = userKey('dave@b.example')

  test('[LINK-5.4-7] attaches with a key that the directory lists', async () => {
    const [, peer, id] = await client('bob@b.example', [[tag.publicKey, raw(bob)]])
    expect(peer.status(id)).toBe('ok')
  })

  test.for([
    ['somebody else’s key', 'bob@b.example', raw(dave), dave, 'credential-key'],
    ['no key', 'bob@b.example', undefined, bob, 'bad-request'],
    ['another key than it shows', 'bob@b.example', raw(bob), dave, 'credential-key'],
    ['a key that is not listed', 'dave@b.example', raw(dave), dave, 'credential-key'],
    ['the name of nobody', 'eve@b.example', raw(bob), bob, 'credential-key'],
    ['a name of another domain', 'alice@a.example', raw(bob), bob, 'credential-issuer'],
    ['the name of the domain', 'b.example', raw(bob), bob, 'credential-issuer'],
  ] as const)('[LINK-5.4-7] does not attach with %s', async ([, user, shown, key, expected]) => {
    const list: wire.FieldList = shown === undefined ? [] : [[tag.publicKey, shown]]
    const [, peer, id] = await client(user, list, key)
    expect(peer.status(id)).toBe(expected)
  })

  test.for([
    ['a credential that names its key', {}, 'ok'],
    ['one of another user', { sub: 'bob@b.example' }, 'credential-subject'],
    ['one that names another key', { cnf: { jkt: bob.kid } }, 'credential-binding'],
    ['one that names no key', { cnf: undefined }, 'credential-subject'],
    ['one for another domain', { aud: 'a.example' }, 'credential-audience'],
  ] as const)('[LINK-5.4-7] with a key that is not listed: %s', async ([, change, expected]) => {
    const world = new World()
    const peer = world.dialIn('client', 'b.example')
    peer.sayHello({ role: 'client' })
    const credential = peer.credentialOf('dave@b.example', {
      claims: { cnf: { jkt: dave.kid }, scope: 'im.send', ...change },
    })
    const id = peer.prove({ key: dave, claims: { iss: 'dave@b.example' } }, [
      [tag.userCredential, credential],
      [tag.publicKey, raw(dave)],
    ])
    await world.run()
    expect(peer.status(id)).toBe(expected)
  })

  test('[LINK-5.4-7] no credential stands for a key that is gone from the directory', async () => {
    const world = new World()
    const peer = world.dialIn('client', 'b.example')
    peer.sayHello({ role: 'client' })
    world.users.set('bob', [raw(dave).toString('base64url')])
    const credential = peer.credentialOf('bob@b.example', {
      claims: { cnf: { jkt: bob.kid }, scope: 'im.send' },
    })
    const id = peer.prove({ key: bob, claims: { iss: 'bob@b.example' } }, [
      [tag.userCredential, credential],
      [tag.publicKey, raw(bob)],
    ])
    await world.run()
    expect(peer.status(id)).toBe('credential-key')
  })

  const forged = (peer: ScriptedPeer, user: string, jkt: string): string =>
    peer.credentialOf(user, {
      key: forgeKey('a liar'),
      claims: { cnf: { jkt }, scope: 'im.send' },
    })
  test.each([
    ['no credential', () => undefined, 'credential-key'],
    ['one that is none', () => 'x', 'credential-format'],
    ['one that the domain did not sign', forged, 'credential-key'],
  ] as const)(
    '[LINK-5.4-13] learns nothing of who exists, with a key of its own and %s',
    async (_, credential, expected) => {
      const stranger = forgeKey('a stranger')
      const answers: unknown[] = []
      // Of the first other keys are listed, of the second none, and nobody is the third.
      for (const user of ['bob@b.example', 'dave@b.example', 'eve@b.example']) {
        const world = new World()
        const peer = world.dialIn('client', 'b.example')
        peer.sayHello({ role: 'client' })
        const token = credential(peer, user, stranger.kid)
        const id = peer.prove({ key: stranger, claims: { iss: user } }, [
          ...(token === undefined ? [] : ([[tag.userCredential, token]] as const)),
          [tag.publicKey, raw(stranger)],
        ])
        await world.run()
        expect(peer.status(id)).toBe(expected)
        answers.push(peer.answer(id))
      }
      expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1)
    },
  )

  test('[LINK-5.4-11] that is attached stays attached as who it is', async () => {
    const world = new World()
    const peer = await world.attached()
    const again = world.attach(peer, 'carol@b.example')
    const issued = peer.ask(wire.control, {
      command: command.issue,
      fields: [
        [tag.audience, 'a.example'],
        [tag.scope, 'im.send'],
      ],
    })
    await world.run()
    expect([peer.status(again), peer.status(issued)]).toEqual(['limit-reached', 'ok'])
    const token = peer.answer(issued)?.fields.get(tag.token)?.toString() ?? ''
    const { sub, cnf } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())
    expect([sub, cnf.jkt]).toEqual(['bob@b.example', bob.kid])
  })
})

describe('PROVE', () => {
  test('[LINK-6.1-1] is judged in one order', async () => {
    const world = new World({ limits: { claimsBurst: 3, claimsPerSecond: 0.001 } })
    const peer = world.dialIn()
    peer.sayHello()
    const bad = { alg: 'none' }
    const claims = { iss: 'b.example', aud: 'c.example', iat: 1, exp: 2, cb: b64(Buffer.alloc(32)) }
    const ids = [
      peer.ask(wire.control, { command: command.prove }),
      peer.prove({ header: bad, claims }),
      peer.prove({ claims }),
      peer.prove({ header: bad, claims }),
    ]
    await world.run()
    expect(ids.map((id) => peer.status(id))).toEqual([
      'bad-request',
      'credential-algorithm',
      'credential-issuer',
      'rate-limited',
    ])
  })

  test('[LINK-6.1-2] and KEYS are paced together', async () => {
    const world = new World()
    const peer = world.dialIn()
    peer.sayHello()
    for (let i = 0; i < 190; i++) peer.prove({ claims: { aud: 'c.example' } })
    const ids = Array.from({ length: 12 }, () => peer.ask(wire.control, keysOf('b.example')))
    await world.run()
    expect(ids.map((id) => peer.status(id)).filter((status) => status === 'ok').length).toBe(10)
    expect(peer.status(ids.at(-1) ?? 0)).toBe('rate-limited')
    await world.run(1000)
    expect(peer.status(peer.prove())).toBe('no answer')
    await world.run()
    expect(peer.release).toBeUndefined()
  })

  test('[LINK-6.1-3] is answered when the key is there, or refused for a time after 5 s', async () => {
    const world = new World({ pinned: [] })
    const peer = world.dialIn()
    peer.sayHello()
    const id = peer.prove()
    await world.run(4000)
    expect(peer.status(id)).toBe('no answer')
    await world.run(2000)
    expect(peer.status(id)).toBe('credential-unverifiable')
  })
})

describe('KEYS', () => {
  test('[LINK-6.2-1] is asked on a dialled link for that, without PROVE', async () => {
    const world = new World({ pinned: [] })
    const peer = world.dialIn()
    peer.sayHello()
    peer.prove()
    const far = await world.tellKeys()
    expect(world.dialled.length).toBe(1)
    expect(peer.requestsOf(command.keys)).toEqual([])
    expect(far.requests.map(({ command: of }) => of)).toEqual([command.keys])
    expect(far.requests[0]?.fields.get(tag.answerCredit)).toEqual(wire.u32(65_536))
    expect(far.release?.reason).toBe('idle-release')
    expect(peer.status(1)).toBe('ok')
  })

  test('[LINK-6.2-1] is asked on a dialled link to the domain that is there', async () => {
    const world = new World({ pinned: [] })
    const bob = await world.attached()
    bob.message({ reference: 0, sequence: 0, to: 'zoe@z.example' })
    const far = await world.accepted()
    far.prove()
    await world.run()
    expect(world.dialled.length).toBe(1)
    expect(far.requestsOf(command.keys).length).toBe(1)
    const [asked] = far.requestsOf(command.keys)
    far.respond(asked?.id ?? 0, 'ok', [], keySetOf({ domain: 'z.example', seconds: world.seconds }))
    await world.run()
    expect(far.status(far.nextId - 2)).toBe('ok')
  })

  test('[LINK-6.2-2] is answered to anybody, for the domain of the certificate', async () => {
    const world = new World()
    const peer = world.dialIn()
    peer.sayHello()
    const names = ['b.example', 'a.example', 'B.example', 'x.b.example']
    const ids = names.map((name) => peer.ask(wire.control, keysOf(name)))
    await world.run()
    expect(ids.map((id) => peer.status(id))).toEqual([
      'ok',
      'domain-not-hosted',
      'bad-request',
      'domain-not-hosted',
    ])
  })

  test('[LINK-6.2-2] is not answered on plain TCP, or by who dialled', async () => {
    const world = new World()
    const peer = world.dialIn('gateway', 'a.example', true)
    peer.sayHello()
    const plain = peer.ask(wire.control, keysOf('b.example'))
    const bob = await world.attached()
    bob.message({ reference: 0, sequence: 0, to: 'zoe@z.example' })
    const far = await world.accepted()
    const dialled = far.ask(wire.control, keysOf('b.example'))
    await world.run()
    expect([peer.status(plain), far.status(dialled)]).toEqual([
      'domain-not-hosted',
      'domain-not-hosted',
    ])
  })
})
