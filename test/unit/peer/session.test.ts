import { describe, expect, test } from 'vitest'
import { later, outcomeOf } from '../../../src/operation/call.ts'
import { Attached, DomainItself } from '../../../src/peer/callers.ts'
import type { Grant } from '../../../src/peer/held-credentials.ts'
import { Hosted } from '../../../src/peer/hosted.ts'
import { AttachedSession } from '../../../src/peer/user-session.ts'
import { commands } from '../../../src/wire/registry.ts'
import { alice, bob, carol, domain } from '../../support/middle/calls.ts'
import { roomEnv } from '../../support/middle/env.ts'
import { hold, hostedBy, hostedDomain } from '../../support/middle/peer-rooms.ts'
import { openProven, openSession, proveBy } from '../../support/middle/sessions.ts'
import * as wire from '../../support/script/codec.ts'

const [b, b2, a, c] = ['b.example', 'b2.example', 'a.example', 'c.example']

describe('[LINK-5.4-1] pairs of domains on one link', () => {
  test('are proven one by one, and asked by either side', () => {
    const { session } = openSession(roomEnv())
    expect([session.isProven(b, a), session.isServed(b), session.speaksFor(a)]).toEqual([
      false,
      false,
      false,
    ])
    proveBy(session, b, a)
    proveBy(session, b2, c)
    expect([...session.pairs].map(({ local, remote }) => `${local} ${remote}`)).toEqual([
      `${b} ${a}`,
      `${b2} ${c}`,
    ])
    expect([session.isProven(b, a), session.isProven(b, c)]).toEqual([true, false])
    expect([session.isServed(b2), session.speaksFor(c), session.standing]).toEqual([
      true,
      true,
      'proven',
    ])
  })

  test('gather the proofs that came for them, and the key of the last one that had one', () => {
    const { session } = openSession(roomEnv())
    const pair = { local: domain(b), remote: domain(a) }
    session.prove({ ...pair, kinds: new Set(['key']), key: 'one' })
    const all = session.prove({ ...pair, kinds: new Set(['certificate']), key: '' })
    expect([[...all.kinds], all.key]).toEqual([['key', 'certificate'], 'one'])
    expect(session.prove({ ...pair, kinds: new Set(['key']), key: 'two' }).key).toBe('two')
  })

  test('are used once all proofs are there, which is told once', () => {
    const { session } = openSession(roomEnv())
    const kinds = new Set(['key'] as const)
    const proof = session.prove({ local: domain(b), remote: domain(a), kinds, key: 'k' })
    expect([session.isProven(b, a), session.standing]).toEqual([false, 'silent'])
    const admitted = [1, 2].map(() => session.admit(proof, ['im', 'pres']).isMore)
    expect(admitted).toEqual([true, false])
    expect(session.pair(b, a)).toMatchObject(proof)
  })

  test('[LINK-5.4-12] may be used for more once more is proven, also by who has them already', () => {
    const { session } = openSession(roomEnv())
    const kinds = new Set(['certificate'] as const)
    const proof = session.prove({ local: domain(b), remote: domain(a), kinds, key: '' })
    const { pair } = session.admit(proof, ['pres'])
    expect([session.serves(b, a, 'im'), session.serves(b, a, 'pres')]).toEqual([false, true])
    expect(session.admit(proof, ['im', 'pres'])).toEqual({ pair, isMore: true })
    expect(pair.services).toEqual(['im', 'pres'])
    expect([session.serves(b, a, 'im'), session.serves(a, b, 'im')]).toEqual([true, false])
  })

  test('are so many and no more; one that is known may be proven again', () => {
    const { session } = openSession(roomEnv({ pairsPerLink: 2 }))
    proveBy(session, b, a)
    expect(session.hasRoom(b2, c)).toBe(true)
    proveBy(session, b2, c)
    expect([session.hasRoom(b, c), session.hasRoom(b, a)]).toEqual([false, true])
  })

  test('[LINK-5.4-9] are gone once the far side does not take us for our domain', () => {
    const { session } = openSession(roomEnv())
    proveBy(session, b, a)
    session.withdraw(b, a)
    expect([session.isProven(b, a), session.isRefused(b, a), session.isRefused(b2, a)]).toEqual([
      false,
      true,
      false,
    ])
  })
})

describe('[LINK-6.5-3] the domain that tells a failure', () => {
  const refused = async (
    prepare: (link: Awaited<ReturnType<typeof openProven>>) => void,
    wish: { reference?: number; named?: string; role?: 'client' } = {},
  ) => {
    const env = roomEnv()
    const isHosted = (name: string): boolean => name === b || name === b2
    const link = await openProven(env, {
      ...(wish.role === undefined ? {} : { role: wish.role }),
      ...{ isHosted, local: b },
      rooms: {
        request: (session, { id }) => {
          session.refuse(
            {
              ...{ id, ...commands.fetch, command: commands.fetch.number, subscription: undefined },
              ...{ reference: wish.reference ?? 0, named: wish.named },
            },
            later('busy', 10),
          )
        },
      },
    })
    prepare(link)
    const id = link.far.ask(wire.im, { command: commands.fetch.number })
    await env.clock.advance(0)
    return link.far.answer(id)?.fields.get(wire.tag.reporter)?.toString()
  }
  const nothing = (): undefined => undefined

  test.each([
    ['the first that is proven', nothing, {}, b],
    ['the one that the request names', nothing, { named: b2 }, b2],
    ['no domain of others', nothing, { named: 'z.example' }, b],
  ] as const)('is %s', async (_, prepare, wish, reporter) => {
    expect(await refused(prepare, wish)).toBe(reporter)
  })

  test('is that of the credential, before what the request names', async () => {
    const prepare = ({ session }: Awaited<ReturnType<typeof openProven>>): void => {
      hold(session, 1).grant.named = domain(b2)
      hold(session, 2).grant.named = undefined
    }
    expect(await refused(prepare, { reference: 1, named: b })).toBe(b2)
    expect(await refused(prepare, { reference: 2, named: b2 })).toBe(b2)
    expect(await refused(prepare, { reference: 3, named: b2 })).toBe(b2)
  })

  test('is that of the user, whatever the request names', async () => {
    const prepare = ({ session }: Awaited<ReturnType<typeof openProven>>): void => {
      const user = { ...bob, domain: domain(b2) }
      session.attachment = new AttachedSession(session, user, { n: 0 })
    }
    expect(await refused(prepare, { named: b, role: 'client' })).toBe(b2)
  })

  test('is that of HELLO where nothing is proven', async () => {
    const env = roomEnv()
    const { far, session } = openSession(env, {
      local: 'main.example',
      rooms: {
        request: (one, view) => {
          one.refuse({ ...view, named: undefined, subscription: undefined }, outcomeOf('internal'))
        },
      },
    })
    far.sayHello()
    const id = far.ask(wire.im, { command: commands.fetch.number })
    await env.clock.advance(0)
    const reporter = far.answer(id)?.fields.get(wire.tag.reporter)?.toString()
    expect([reporter, session.standing]).toEqual(['main.example', 'silent'])
  })
})

describe('for the log the far end', () => {
  const peer = expect.any(String)

  test('is the domain that it says to be, until one is proven', async () => {
    const env = roomEnv()
    const { session, far } = openSession(env)
    expect(session.who).toEqual({ claimed: undefined, peer })
    far.sayHello()
    await env.clock.advance(0)
    expect(session.who).toEqual({ claimed: 'a.example', peer })
    proveBy(session, b, c)
    expect(session.who).toEqual({ local: 'b.example', remote: 'c.example', peer })
  })

  test('of a client is a domain of ours, or what it says to be', () => {
    const { session } = openSession(roomEnv(), { role: 'client' })
    expect(session.who).toEqual({ domain: undefined, peer })
    expect(session.whoClaims(domain('b.example'))).toEqual({ domain: 'b.example', peer })
    expect(session.whoClaims(domain('z.example'))).toEqual({ claimed: 'z.example', peer })
  })

  test('is the domain that we dialled', () => {
    const { session } = openSession(roomEnv(), { dialled: {} })
    expect(session.who).toEqual({ local: 'b.example', remote: 'a.example', peer })
  })
})

describe('whose word a request is', () => {
  test('[LINK-6.5-2] an attached user speaks for itself alone', () => {
    const caller = new Attached(bob)
    expect(caller).toMatchObject({ door: 'user', via: 'native', user: bob, domain: b, local: b })
    expect([caller.may('im.send', bob), caller.may('im.send', carol)]).toEqual([
      undefined,
      'credential-scope',
    ])
  })

  test('[LINK-6.11-1] a domain itself does nothing for a user', () => {
    const caller = new DomainItself(domain(b), domain(a))
    expect(caller).toMatchObject({ door: 'domain', user: undefined, domain: a, local: b })
    expect(caller.may()).toBe('credential-missing')
  })
})

describe('[LINK-6.3-1] the credentials that the far side showed', () => {
  const held = (most = 2) => {
    const { session } = openSession(roomEnv({ references: most }))
    proveBy(session, b, a)
    return session.held
  }

  test('have numbers that rise, and are never used again once they are given up', () => {
    const table = held()
    expect(table.place([0], 1)).toBe('bad-request')
    const five = table.place([5], 3)
    table.wait(five as Grant)
    expect(table.place([5], 3)).toBe(five)
    expect(table.place([4], 5)).toBe('bad-request')
    table.forget(5)
    expect([table.place([5], 7), table.get(5)]).toEqual(['bad-request', undefined])
  })

  test('[LINK-6.3-7] are so many and no more', () => {
    const table = held(1)
    table.place([1], 1)
    expect(table.place([2], 3)).toBe('limit-reached')
    table.forget(1)
    expect(table.place([3], 5)).toMatchObject({ request: 5, state: 'waiting' })
  })

  test('of an issuer whose keys changed are to be shown again', () => {
    const { session } = openSession(roomEnv())
    const [ofAlice, ofOther] = [
      hold(session, 1),
      hold(session, 2, { subject: { ...carol, domain: domain(c) } }),
    ]
    session.held.dropIssuer(a)
    expect([ofAlice.grant.state, ofOther.grant.state]).toEqual(['dropped', 'good'])
  })

  test('[LINK-6.3-4] keep issuer, subject and audience', () => {
    const { session } = openSession(roomEnv())
    const one = hold(session, 1)
    expect([
      one.isSame(alice, b),
      one.isSame(alice, b2),
      one.isSame({ ...alice, text: 'al@a.example' }, b),
    ]).toEqual([true, false, false])
  })

  test('[LINK-6.5-2] allow what they say, to the domain that they are for', () => {
    const { session } = openSession(roomEnv())
    proveBy(session, b, a)
    const one = hold(session, 2, { scope: ['im.send'] })
    // [LINK-6.5-1] The proof comes before the credential.
    expect(one.may('im.send', alice, domain(b2))).toBe('domain-not-proven')
    proveBy(session, b2, a)
    expect([
      one.may('im.send', alice, bob.domain),
      one.may('im.send', alice, domain(b2)),
      one.may('pres.watch', alice, bob.domain),
      one.may('im.send', { ...alice, text: 'al@a.example' }, bob.domain),
    ]).toEqual([undefined, 'credential-audience', 'credential-scope', 'credential-subject'])
  })
})

describe('our own domains', () => {
  test('are known by name; the first one speaks where nothing is proven', () => {
    const hosted = hostedBy(b, b2)
    expect([hosted.main, hosted.has(b2), hosted.has(a)]).toEqual([b, true, false])
    expect([...hosted.all].map(({ domain: name }) => name)).toEqual([b, b2])
    expect([hosted.keySet(b2)?.toString(), hosted.keySet(a)]).toEqual([
      'key set of b2.example',
      undefined,
    ])
    const facts = { aud: a, cb: 'channel' }
    expect(hosted.signer(domain(b2)).signLink(facts)).toBe(
      'assertion of b2.example to a.example on channel',
    )
  })

  test('[LINK-9.1-7] offer what they are set to, and what all of them do where one link is for all', () => {
    const hosted = new Hosted([hostedDomain(b), hostedDomain(b2, { services: ['im'] })])
    expect([hosted.services(domain(b)), hosted.services(domain(b2))]).toEqual([
      ['im', 'pres'],
      ['im'],
    ])
    expect(hosted.services()).toEqual(['im'])
  })
})
