/** Sections 6.3 and 10.3 of `docs/protocol.md`: one token for several users. */
import { describe, expect, test } from 'vitest'
import { forgeKey } from '../../support/forge.ts'
import * as wire from '../../support/script/codec.ts'
import type { ScriptedPeer } from '../../support/script/peer.ts'
import { World, type WorldWish } from '../../support/script/world.ts'

const { command, tag } = wire

const forget = (...numbers: readonly number[]): wire.RequestShape => ({
  command: command.forget,
  fields: [[tag.references, wire.u32(...numbers)]],
})

/** Who the messages came from that arrived at `client`. */
const senders = (client: ScriptedPeer): readonly string[] =>
  client.requestsOf(command.message).map(({ fields }) => String(fields.get(tag.from)))

async function proven(wish: WorldWish = {}) {
  const world = new World(wish)
  const bob = await world.attached()
  const peer = await world.provenPeer()
  let messages = 0
  const message = (reference: number): number =>
    peer.message({ reference, epoch: ++messages, sequence: 1 })
  const statuses = async (...ids: readonly number[]) => {
    await world.run()
    return ids.map((id) => peer.status(id))
  }
  return { world, bob, peer, message, statuses }
}

describe('a token for several users', () => {
  test('[LINK-6.3-11] gives each of them its number, and one answer', async () => {
    const { bob, peer, message, statuses } = await proven()
    const shown = peer.showAll([3, 5, 8], ['alice', 'anna', 'zora'])
    const ids = [8, 3, 5].map(message)
    expect(await statuses(shown)).toEqual(['ok'])
    expect(peer.statuses(shown)).toEqual(['ok'])
    expect(senders(bob)).toEqual(['zora@a.example', 'alice@a.example', 'anna@a.example'])
    expect(ids.map((id) => peer.status(id))).toEqual(Array(3).fill('no answer'))
  })

  test('[LINK-6.3-10] is for no more users than HELLO says', async () => {
    const { peer, message, statuses } = await proven({ limits: { subjects: 2 } })
    const limits = peer.hello['limits'] as { readonly subjects: number }
    const ids = [
      peer.showAll([1, 2, 3], ['a', 'b', 'c']),
      message(1),
      peer.showAll([1, 2], ['a', 'b']),
    ]
    expect([limits.subjects, ...(await statuses(...ids))]).toEqual([
      2,
      'bad-request',
      'credential-ref-unknown',
      'ok',
    ])
  })

  test('[LINK-6.3-11] has 0 for who is not shown here', async () => {
    const { bob, peer, message, statuses } = await proven()
    const ids = [peer.showAll([0, 1, 0], ['alice', 'anna', 'zora']), message(1)]
    expect(await statuses(...ids)).toEqual(['ok', 'no answer'])
    expect(senders(bob)).toEqual(['anna@a.example'])
  })

  test.each([
    ['a reference beside the list', 'bad-request', [1, 2], ['a', 'b'], { reference: 3 }],
    ['a number twice', 'bad-request', [2, 2], ['a', 'b'], {}],
    ['new numbers that fall', 'bad-request', [3, 2], ['a', 'b'], {}],
    ['noughts alone', 'bad-request', [0, 0], ['a', 'b'], {}],
    ['no number', 'bad-request', [], ['a'], {}],
    ['too few numbers', 'credential-format', [1], ['a', 'b'], {}],
    ['too many numbers', 'credential-format', [1, 2, 3], ['a', 'b'], {}],
    ['a token for one user', 'credential-format', [1], ['a'], { header: { typ: 'pitp-cred+jwt' } }],
  ] as const)(
    '[LINK-6.3-11] [LINK-10.3-4] with %s: %s',
    async (_, code, numbers, users, changes) => {
      const { peer, statuses, message } = await proven()
      const ids = [
        peer.showAll(numbers, users, changes),
        peer.showAll([10, 11], ['a', 'b']),
        message(10),
      ]
      expect(await statuses(...ids)).toEqual([code, 'ok', 'no answer'])
    },
  )

  test('[LINK-6.3-11] with a list of 5 bytes: bad-request', async () => {
    const { peer, statuses } = await proven()
    const list = Buffer.from('five!')
    const token = peer.credentialOfAll(['a'])
    const id = peer.ask(wire.im, {
      command: command.credential,
      fields: [
        [tag.token, token],
        [tag.references, list],
      ],
    })
    expect(await statuses(id)).toEqual(['bad-request'])
  })

  test('[LINK-6.3-11] where one for a single user stands: credential-format', async () => {
    const { peer, statuses } = await proven()
    const fields: wire.FieldList = [[tag.token, peer.credentialOfAll(['alice'])]]
    const id = peer.ask(wire.im, { command: command.credential, reference: 1, fields })
    expect(await statuses(id)).toEqual(['credential-format'])
  })

  test('[LINK-6.3-11] shows held numbers again, and new ones beside them', async () => {
    const { bob, peer, message, statuses, world } = await proven()
    const now = world.seconds
    const short = { claims: { iat: now, exp: now + 5 } }
    const ids = [peer.showAll([1, 2], ['alice', 'zora'], short)]
    ids.push(peer.showAll([1, 3, 2], ['alice', 'anna', 'zora']))
    expect(await statuses(...ids)).toEqual(['ok', 'ok'])
    await world.run(36_000)
    for (const number of [1, 2, 3]) message(number)
    await world.run()
    expect(senders(bob)).toEqual(['alice@a.example', 'zora@a.example', 'anna@a.example'])
  })

  test('[LINK-6.3-12] is refused as a whole if a held number stands for another, and changes nothing', async () => {
    const { bob, peer, message, statuses, world } = await proven()
    peer.showAll([1, 2], ['alice', 'anna'])
    const ids = [peer.showAll([1, 2, 7], ['alice', 'bella', 'zora'])]
    ids.push(peer.showAll([2, 1], ['alice', 'anna']))
    ids.push(peer.showAll([1, 2], ['Alice', 'anna']))
    ids.push(message(7))
    // [LINK-6.3-3] 7 counts as used.
    ids.push(peer.show(7, 'zora@a.example'), peer.show(6, 'zora@a.example'))
    expect(await statuses(...ids)).toEqual(Array(6).fill('bad-request'))
    message(1)
    message(2)
    await world.run()
    expect(senders(bob)).toEqual(['alice@a.example', 'anna@a.example'])
  })

  test('[LINK-6.3-12] is refused where its new numbers have no room, before it is read', async () => {
    const { peer, message, statuses } = await proven({ limits: { references: 3 } })
    const ids = [
      peer.showAll([1, 2], ['alice', 'anna']),
      peer.showAll([3, 4], ['bella', 'zora'], { claims: { exp: 1 } }),
      message(3),
      // A refresh needs none.
      peer.showAll([1, 2, 5], ['alice', 'anna', 'zora']),
      peer.show(6, 'zoe@a.example'),
    ]
    expect(await statuses(...ids)).toEqual([
      'ok',
      'limit-reached',
      'limit-reached',
      'ok',
      'limit-reached',
    ])
  })

  test('[LINK-6.3-12] that is refused leaves held numbers as they were', async () => {
    const { peer, message, statuses, bob } = await proven()
    peer.showAll([1, 2], ['alice', 'anna'])
    const ids = [
      peer.showAll([1, 2, 3], ['alice', 'anna', 'zora'], { claims: { exp: 1 } }),
      message(3),
      message(1),
    ]
    expect(await statuses(...ids)).toEqual(['credential-time', 'credential-time', 'no answer'])
    expect(senders(bob)).toEqual(['alice@a.example'])
  })

  test('[LINK-10.4-1] gives no number to who is not canonical', async () => {
    const { peer, message, statuses } = await proven()
    const ids = [
      peer.showAll([1, 2], ['Alice', 'anna']),
      message(1),
      message(2),
      peer.showAll([3, 4], ['Alice', 'Anna']),
      message(3),
    ]
    expect(await statuses(...ids)).toEqual([
      'ok',
      'credential-ref-unknown',
      'no answer',
      'credential-subject',
      'credential-subject',
    ])
  })

  test('[LINK-10.4-1] is as good on a second link, whatever its numbers are', async () => {
    const { world, peer, bob } = await proven()
    const token = peer.credentialOfAll(['alice', 'anna'])
    const second = await world.provenPeer()
    const show = (on: ScriptedPeer, ...numbers: readonly number[]): number =>
      on.ask(wire.im, {
        command: command.credential,
        fields: [
          [tag.token, token],
          [tag.references, wire.u32(...numbers)],
        ],
      })
    const first = show(peer, 1, 2)
    const again = show(second, 7, 9)
    second.message({ reference: 9 })
    await world.run()
    expect([peer.status(first), second.status(again)]).toEqual(['ok', 'ok'])
    expect(senders(bob)).toEqual(['anna@a.example'])
  })
})

describe('while the key of a token for several users is fetched', () => {
  async function waiting() {
    const world = new World({ pinned: [] })
    const bob = await world.attached()
    const peer = world.dialIn()
    peer.sayHello()
    peer.prove()
    await world.tellKeys({ keys: [{ name: 'script: a.example' }] })
    await world.run(31_000)
    const key = forgeKey('the next key')
    const tell = (name = 'the next key') =>
      world.tellKeys({ ver: 2, keys: [{ name: 'script: a.example' }, { name }] })
    return { world, bob, peer, key, tell }
  }

  test('[LINK-6.3-13] what names any of its numbers waits', async () => {
    const { world, bob, peer, key, tell } = await waiting()
    const shown = peer.showAll([1, 2], ['alice', 'anna'], { key })
    peer.message({ reference: 2, epoch: 1 })
    peer.message({ reference: 1, epoch: 2 })
    await world.run()
    expect([peer.status(shown), senders(bob)]).toEqual(['no answer', []])
    await tell()
    expect([peer.status(shown), senders(bob)]).toEqual([
      'ok',
      ['anna@a.example', 'alice@a.example'],
    ])
  })

  test('[LINK-6.3-13] a number that is forgotten meanwhile stays so', async () => {
    const { world, bob, peer, key, tell } = await waiting()
    const ids = [
      peer.showAll([1, 2], ['alice', 'anna'], { key }),
      peer.ask(wire.control, forget(1)),
    ]
    await tell()
    ids.push(peer.message({ reference: 1 }), peer.message({ reference: 2, epoch: 2 }))
    await world.run()
    expect(ids.map((id) => peer.status(id))).toEqual([
      'ok',
      'ok',
      'credential-ref-unknown',
      'no answer',
    ])
    expect(senders(bob)).toEqual(['anna@a.example'])
  })

  test('[LINK-6.3-13] [LINK-6.3-14] what waits gets the code, if the key does not come', async () => {
    const { world, peer, key, tell } = await waiting()
    const ids = [peer.showAll([1, 2], ['alice', 'anna'], { key })]
    ids.push(peer.message({ reference: 2 }), peer.message({ reference: 1, epoch: 2 }))
    await tell('another key')
    await world.run()
    expect(ids.map((id) => peer.status(id))).toEqual(Array(3).fill('credential-key'))
  })
})

describe('a token whose proof is still judged', () => {
  const forC = { key: forgeKey('script: c.example'), claims: { iss: 'c.example' } }

  async function claimed() {
    const all = await proven()
    all.peer.prove(forC)
    await all.world.run()
    return all
  }

  test('[LINK-6.3-13] loses the numbers that are forgotten meanwhile, and no other', async () => {
    const { world, bob, peer, message, statuses } = await claimed()
    const shown = peer.showAll([1, 2], ['alice', 'anna'], forC)
    const named = message(2)
    const forgotten = peer.ask(wire.control, forget(1))
    expect(await statuses(shown, named, forgotten)).toEqual(['no answer', 'no answer', 'ok'])
    await world.tellKeys({ domain: 'c.example' })
    expect(await statuses(shown, message(1))).toEqual(['ok', 'credential-ref-unknown'])
    expect(senders(bob)).toEqual(['anna@c.example'])
  })

  test('[LINK-6.3-14] is refused for all its numbers, if that takes too long', async () => {
    const { world, peer, message, statuses } = await claimed()
    const shown = peer.showAll([1, 2], ['alice', 'anna'], forC)
    for (let n = 0; n < 4; n++) {
      // Each claim is judged for 5 s, and there is always one.
      peer.prove({ ...forC, claims: { iss: `d${n}.example` } })
      await world.run(4500)
    }
    expect(await statuses(shown, message(2))).toEqual(Array(2).fill('credential-unverifiable'))
    expect(peer.release).toBeUndefined()
  })
})

describe('[LINK-6.3-14] a refused token', () => {
  test('is remembered for all its new numbers, with the last 64 of its kind', async () => {
    const { peer, message, statuses } = await proven()
    const expired = { claims: { exp: 1 } }
    peer.showAll([1, 2, 3], ['a', 'b', 'c'], expired)
    const ids = [1, 2, 3, 4].map(message)
    for (let n = 0; n < 63; n++) peer.show(10 + n, 'alice@a.example', expired)
    ids.push(message(2))
    peer.show(100, 'alice@a.example', expired)
    ids.push(message(2), message(10))
    expect(await statuses(...ids)).toEqual([
      ...Array(3).fill('credential-time'),
      'credential-ref-unknown',
      'credential-time',
      'credential-ref-unknown',
      'credential-time',
    ])
  })

  test('takes no room', async () => {
    const { peer, statuses, world } = await proven({ limits: { references: 2 } })
    for (let n = 1; n <= 100; n++) {
      peer.show(n, 'alice@a.example', { claims: { exp: 1 } })
      if (n % 10 === 0) await world.run()
    }
    expect(await statuses(peer.showAll([101, 102], ['alice', 'anna']))).toEqual(['ok'])
  })
})

describe('[LINK-6.3-15] the numbers of one token', () => {
  test('are forgotten one by one', async () => {
    const { bob, peer, message, statuses } = await proven()
    peer.showAll([1, 2], ['alice', 'anna'])
    const ids = [peer.ask(wire.control, forget(1)), message(1), message(2)]
    expect(await statuses(...ids)).toEqual(['ok', 'credential-ref-unknown', 'no answer'])
    expect(senders(bob)).toEqual(['anna@a.example'])
  })

  test('are shown again one by one, and end one by one', async () => {
    const { peer, message, statuses, world } = await proven()
    const now = world.seconds
    peer.showAll([1, 2], ['alice', 'anna'], { claims: { iat: now, exp: now + 5 } })
    peer.show(1, 'alice@a.example', { claims: { iat: now, exp: now + 600, scope: 'im.send' } })
    await world.run(36_000)
    expect(await statuses(message(1), message(2))).toEqual(['no answer', 'credential-expired'])
  })

  test('end together with the key that signed them', async () => {
    const world = new World({ pinned: [] })
    await world.attached()
    const peer = world.dialIn()
    peer.sayHello()
    peer.prove()
    const names = ['script: a.example', 'old key']
    await world.tellKeys({ keys: names.map((name) => ({ name })) })
    const shown = peer.showAll([1, 2], ['alice', 'anna'], { key: forgeKey('old key') })
    await world.run(31_000)
    // A key that is not known yet makes the gateway ask, and the set has changed.
    peer.show(3, 'zora@a.example', { key: forgeKey('new key') })
    await world.tellKeys({ ver: 2, keys: [{ name: 'script: a.example' }, { name: 'new key' }] })
    const ids = [1, 2].map((reference) => peer.message({ reference, epoch: reference }))
    await world.run()
    expect([shown, ...ids].map((id) => peer.status(id))).toEqual([
      'ok',
      'credential-ref-unknown',
      'credential-ref-unknown',
    ])
  })
})

const names = ['bob', 'carol', 'erin']

/** Clients of three users, and a far side that takes tokens for several of them. */
async function three(limits: object = { references: 100, subjects: 64 }) {
  const world = new World()
  const clients = await Promise.all(names.map((name) => world.attached(`${name}@b.example`)))
  const say = (client: number, n: number): number | undefined =>
    clients[client]?.message({
      ...{ reference: 0, sequence: 0, to: 'zoe@z.example' },
      id: Buffer.alloc(16, 10 * n + client),
    })
  // Somebody whom the tests do not look at.
  const first = await world.attached('bob@b.example')
  first.ask(wire.pres, { command: command.subscribe, fields: [[tag.to, 'yan@z.example']] })
  first.message({ reference: 0, sequence: 0, to: 'zoe@z.example' })
  const far = await world.accepted({ limits })
  const shown = () =>
    far.requestsOf(command.credential).map(({ reference, fields }) => {
      const payload = String(fields.get(tag.token)).split('.')[1] ?? ''
      const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as {
        readonly subs?: readonly string[]
        readonly sub?: string
      }
      const list = fields.get(tag.references) ?? Buffer.alloc(0)
      const numbers = Array.from({ length: list.length / 4 }, (_, i) => list.readUInt32BE(4 * i))
      return {
        users: claims.subs ?? [claims.sub],
        numbers: reference === 0 ? numbers : [reference],
      }
    })
  return { world, clients, far, say, shown }
}

describe('[LINK-6.3-17] the gateway', () => {
  test('shows those together who become active in one turn', async () => {
    const { world, far, say, shown } = await three()
    const before = shown().length
    for (const client of [2, 0, 1]) say(client, 1)
    await world.run()
    expect(shown().slice(before)).toEqual([{ users: ['carol', 'erin'], numbers: [2, 3] }])
    expect(far.requestsOf(command.message).map(({ reference }) => reference)).toEqual([1, 3, 1, 2])
  })

  test('shows who comes alone by itself, and keeps nobody waiting', async () => {
    const { world, say, shown } = await three()
    const before = shown().length
    say(1, 1)
    await world.run()
    say(2, 1)
    await world.run()
    expect(shown().slice(before)).toEqual([
      { users: ['carol@b.example'], numbers: [2] },
      { users: ['erin@b.example'], numbers: [3] },
    ])
  })

  test.each([
    [{ references: 100 }, 2],
    [{ references: 100, subjects: 0 }, 2],
    [{ references: 100, subjects: 1 }, 2],
    [{ references: 100, subjects: 2 }, 1],
    [{ references: 100, subjects: 1000 }, 1],
    [{ references: 100, subjects: 'many' }, 2],
  ])('[LINK-6.3-10] lists no more users than HELLO says: %j', async (limits, tokens) => {
    const { world, say, shown } = await three(limits)
    const before = shown().length
    say(1, 1)
    say(2, 1)
    await world.run()
    expect(shown().length - before).toBe(tokens)
  })

  test('[LINK-7.1-6] takes one request of credit for all, and serves every class', async () => {
    const { world, clients, far, shown } = await three()
    const before = shown().length
    const fetch = { command: command.fetch, fields: [[tag.to, 'zoe@z.example']] } as const
    clients[1]?.ask(wire.pres, fetch)
    clients[2]?.ask(wire.pres, fetch)
    clients[1]?.message({ reference: 0, sequence: 0, to: 'zoe@z.example' })
    await world.run()
    expect(shown().length - before).toBe(1)
    const [message] = far.requestsOf(command.message).slice(-1)
    expect([message?.reference, far.requestsOf(command.fetch).length]).toEqual([2, 2])
  })

  test('refreshes those together who are in use, with who is due', async () => {
    const { world, far, clients, say, shown } = await three()
    const answer = async () => {
      await world.run()
      for (const { id } of far.requestsOf(command.message)) {
        if (far.status(id) === 'no answer') far.respond(id, 'delivered')
      }
    }
    say(1, 1)
    say(2, 1)
    await answer()
    const pass = async (ms: number) => {
      for (const end = world.clock.now() + ms; world.clock.now() < end; ) {
        await world.run(20_000)
        for (const one of [far, ...clients]) one.pong()
      }
    }
    const before = shown().length
    // They are shown again at 480 s of 600, and with somebody else from 360 s on.
    await pass(360_000)
    say(1, 2)
    await answer()
    expect(shown().length).toBe(before)
    await pass(120_000)
    say(0, 3)
    await answer()
    expect(shown().slice(before)).toEqual([{ users: ['bob', 'carol', 'erin'], numbers: [1, 2, 3] }])
    await pass(360_000)
    say(0, 4)
    say(2, 4)
    await pass(120_000)
    say(2, 5)
    await answer()
    expect(shown().slice(before + 1)).toEqual([{ users: ['bob', 'erin'], numbers: [1, 3] }])
  })
})

describe('[LINK-6.3-16] a token for several users that is refused', () => {
  const refuseShown = async (code: 'bad-request' | 'limit-reached' | 'rate-limited') => {
    const set = await three()
    const { world, far, say } = set
    const ids = [say(1, 1), say(2, 1)]
    await world.run()
    const [shown] = far.requestsOf(command.credential).slice(-1)
    far.respond(shown?.id ?? 0, code)
    for (const { id } of far.requestsOf(command.message).slice(-2)) far.respond(id, code)
    await world.run()
    return { ...set, ids }
  }

  test.each(['bad-request', 'limit-reached'] as const)(
    'with %s: each user is shown alone, once, and the requests repeated',
    async (code) => {
      const { world, far, shown, clients, ids } = await refuseShown(code)
      expect(shown().slice(-2)).toEqual([
        { users: ['carol@b.example'], numbers: [4] },
        { users: ['erin@b.example'], numbers: [5] },
      ])
      const [one, other] = far.requestsOf(command.message).slice(-2)
      expect([one?.reference, other?.reference]).toEqual([4, 5])
      far.respond(one?.id ?? 0, 'delivered')
      far.respond(other?.id ?? 0, code)
      await world.run()
      expect([clients[1]?.status(ids[0] ?? 0), clients[2]?.status(ids[1] ?? 0)]).toEqual([
        'delivered',
        code,
      ])
    },
  )

  test('with anything else: the requests that wait for it fail with that', async () => {
    const { far, shown, clients, ids } = await refuseShown('rate-limited')
    expect(shown().length).toBe(2)
    expect([clients[1]?.status(ids[0] ?? 0), clients[2]?.status(ids[1] ?? 0)]).toEqual([
      'rate-limited',
      'rate-limited',
    ])
    expect(far.requestsOf(command.message).length).toBe(3)
  })
})

describe('[LINK-10.3-5] between a gateway and its clients', () => {
  test('no token for several users is taken', async () => {
    const world = new World()
    const own = world.dialIn('client', 'b.example')
    own.sayHello({ role: 'client' })
    const key = forgeKey('script: dave@b.example')
    const signer = forgeKey('script: b.example')
    const userCredential = own.credentialOfAll(['dave'], {
      key: signer,
      claims: { iss: 'b.example', cnf: { jkt: key.kid } },
    })
    const id = own.prove({ key, claims: { iss: 'dave@b.example' } }, [
      [tag.userCredential, userCredential],
      [tag.publicKey, Buffer.from(key.x, 'base64url')],
    ])
    await world.run()
    expect(own.status(id)).toBe('credential-format')
  })

  test('none is issued', async () => {
    const world = new World()
    const bob = await world.attached()
    const id = bob.ask(wire.control, {
      command: command.issue,
      fields: [
        [tag.audience, 'z.example'],
        [tag.scope, 'im.send'],
      ],
    })
    await world.run()
    const [head = ''] = String(bob.answer(id)?.fields.get(tag.token)).split('.')
    expect(JSON.parse(Buffer.from(head, 'base64url').toString())).toMatchObject({
      typ: 'pitp-cred+jwt',
    })
  })
})
