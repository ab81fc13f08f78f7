import { describe, expect, test } from 'vitest'
import type { Service } from '../../../src/address/address.ts'
import type { Limits } from '../../../src/limits.ts'
import type { RequestView } from '../../../src/link/link.ts'
import { Keys } from '../../../src/peer/keys.ts'
import type { Session } from '../../../src/peer/session.ts'
import { commands } from '../../../src/wire/registry.ts'
import { domain } from '../../support/middle/calls.ts'
import { roomEnv } from '../../support/middle/env.ts'
import { hostedBy } from '../../support/middle/peer-rooms.ts'
import { openProven, type SessionWish } from '../../support/middle/sessions.ts'
import { roomShares } from '../../support/room-shares.ts'
import * as wire from '../../support/script/codec.ts'

const { tag, command } = wire

function makeKeys(limits: Partial<Limits> = {}) {
  const room = roomEnv(limits)
  const env = { ...room, shares: roomShares(room.limits, room.clock) }
  const all = new Set<Session>()
  const dialled: string[] = []
  const named = new Set<string>()
  const dialling = Promise.withResolvers<Session>()
  const looks: string[] = []
  const missing = new Set<string>()
  const services = new Map<string, Service>()
  const keys = new Keys(
    env,
    {
      hosted: hostedBy('b.example', 'b2.example'),
      isNamed: (name) => named.has(name),
      foundBy: async (name, _signal, payer) => {
        looks.push(`${name} for ${payer.name}`)
        return missing.has(name) ? undefined : (services.get(name) ?? 'im')
      },
    },
    { all },
    {
      dialForKeys: (local, remote, service) => {
        dialled.push(`${local} ${remote} ${service}`)
        return dialling.promise
      },
    },
  )
  const request = (session: Session, view: RequestView): undefined => keys.tell(session, view)
  const open = async (wish: SessionWish = {}) => {
    const link = await openProven(env, { ...wish, rooms: { request } })
    all.add(link.session)
    return link
  }
  const fetch = (name = 'a.example', signal = new AbortController().signal) => {
    const fetching = keys.fetch(name, signal)
    fetching.catch(() => undefined)
    return fetching
  }
  return { env, all, dialled, named, looks, missing, services, dialling, keys, open, fetch }
}

describe('[LINK-6.2-2] KEYS that is asked here', () => {
  const ask = async (list: wire.FieldList, limits: Partial<Limits> = {}) => {
    const { env, open } = makeKeys(limits)
    const { far } = await open()
    const id = far.ask(wire.control, { command: commands.keys.number, fields: list })
    await env.clock.advance(0)
    return [far.status(id), far.answer(id)?.body.toString()]
  }

  test('is answered with the key set of the domain whose certificate was shown', async () => {
    expect(await ask([[tag.domain, 'b.example']])).toEqual(['ok', 'key set of b.example'])
  })

  test.each([
    ['of a domain whose certificate was not', 'b2.example'],
    ['of a domain elsewhere', 'c.example'],
  ])('%s is not told', async (_, name) => {
    expect(await ask([[tag.domain, name]])).toEqual(['domain-not-hosted', ''])
  })

  test('without a domain, or with none in its canonical form, breaks its grammar', async () => {
    expect(await ask([])).toEqual(['bad-request', ''])
    for (const name of ['B.example', 'b..example', '']) {
      expect(await ask([[tag.domain, name]])).toEqual(['bad-request', ''])
    }
  })

  test('[LINK-4.4-4] is too large for one frame, unless more is granted', async () => {
    const env = roomEnv({ frameBytes: 1024 })
    const keySet = Buffer.alloc(2000, 'k')
    const hosted = hostedBy('b.example')
    Object.assign(hosted, { keySet: () => keySet })
    const keys = new Keys(
      env,
      { hosted, isNamed: () => false, foundBy: async () => 'im' },
      { all: new Set() },
      { dialForKeys: () => Promise.reject(new Error('no dial')) },
    )
    const request = (session: Session, view: RequestView): undefined => keys.tell(session, view)
    const { far } = await openProven(env, { rooms: { request } })
    const asked = (granted: number): number =>
      far.ask(wire.control, {
        command: commands.keys.number,
        fields: [
          ...(granted > 0 ? [[tag.answerCredit, granted] as const] : []),
          [tag.domain, 'b.example'],
        ],
      })
    const [bare, little, enough] = [asked(0), asked(1999), asked(2000)]
    await env.clock.advance(0)
    expect([bare, little, enough].map((id) => far.status(id))).toEqual([
      'too-large',
      'too-large',
      'ok',
    ])
  })

  test('[LINK-6.1-2] comes so often and no more', async () => {
    const { env, open } = makeKeys({ claimsBurst: 1 })
    const { far } = await open()
    const shape = { command: commands.keys.number, fields: [[tag.domain, 'b.example']] } as const
    const [first, second] = [far.ask(wire.control, shape), far.ask(wire.control, shape)]
    await env.clock.advance(0)
    expect([far.status(first), far.status(second)]).toEqual(['ok', 'rate-limited'])
  })
})

describe('[LINK-6.2-1] the keys of another domain', () => {
  test('are asked for on a link whose far end the certificate names', async () => {
    const { env, open, fetch, dialled } = makeKeys()
    const { far } = await open({ dialled: {} })
    const fetching = fetch()
    await env.clock.advance(0)
    const [asked] = far.requestsOf(command.keys)
    expect(asked?.fields.get(tag.domain)?.toString()).toBe('a.example')
    expect(asked?.fields.get(tag.answerCredit)).toEqual(wire.u32(env.limits.keySetBytes))
    far.respond(asked?.id ?? 0, 'ok', [], Buffer.from('their key set'))
    await env.clock.advance(0)
    expect([String(await fetching), dialled]).toEqual(['their key set', []])
  })

  test.each([
    ['that was accepted', {}],
    ['whose certificate names another', { dialled: {}, certified: ['z.example'] }],
    [
      'that was found by fallback and has proven nothing',
      { dialled: { needsKnownKey: true }, remote: 'z.example', certified: ['a.example'] },
    ],
  ] as const)('are not asked for on a link %s: one is dialled for them', async (_, wish) => {
    const { env, open, fetch, dialled } = makeKeys()
    await open(wish)
    void fetch()
    await env.clock.advance(0)
    expect(dialled).toEqual(['b.example a.example im'])
  })

  test.each([
    ['where presence leads, if messages lead nowhere', 'pres', false],
    ['somewhere even if nothing is said of it: the dial tells why', 'im', true],
  ] as const)('are asked for %s', async (_, service, isMissing) => {
    const { env, fetch, dialled, services, missing } = makeKeys()
    services.set('a.example', 'pres')
    if (isMissing) missing.add('a.example')
    void fetch()
    await env.clock.advance(0)
    expect(dialled).toEqual([`b.example a.example ${service}`])
  })

  test('are asked for on a link that is dialled for it, which is let go of then', async () => {
    const { env, open, all, fetch, dialling } = makeKeys()
    const { far, session } = await open({ dialled: { forKeys: true } })
    all.clear()
    const fetching = fetch()
    dialling.resolve(session)
    await env.clock.advance(0)
    far.respond(far.requestsOf(command.keys)[0]?.id ?? 0, 'domain-not-hosted')
    await env.clock.advance(0)
    await expect(fetching).rejects.toMatchObject({ code: 'domain-not-hosted' })
    await env.clock.advance(0)
    expect(far.release?.reason).toBe('idle-release')
  })

  test('of what is no domain are not looked for', async () => {
    const { fetch, dialled } = makeKeys()
    await expect(fetch('not a domain')).rejects.toMatchObject({ code: 'bad-address' })
    expect(dialled).toEqual([])
  })

  test('are not had if the link is lost', async () => {
    const { env, open, fetch } = makeKeys()
    const { pair } = await open({ dialled: {} })
    const fetching = fetch()
    pair.cut('both')
    await env.clock.advance(0)
    await expect(fetching).rejects.toMatchObject({ code: 'link-lost' })
  })

  test('are not waited for longer than who asks has time', async () => {
    const { open, fetch } = makeKeys()
    await open({ dialled: {} })
    const stop = new AbortController()
    const fetching = fetch('a.example', stop.signal)
    stop.abort()
    await expect(fetching).rejects.toMatchObject({ code: 'remote-timeout' })
  })
})

describe('[LINK-6.2-3] keys that a stranger makes us fetch', () => {
  /** Claims whose fetch has begun, and those that were told; a test ends a fetch. */
  async function claims(limits: Partial<Limits> = {}) {
    const room = makeKeys({ strangerDials: 4, ...limits })
    const begun: string[] = []
    const told: string[] = []
    const ends = new Map<string, () => void>()
    const from = async (remote: string) => (await room.open({ from: remote })).session
    const claim = (session: Session, name: string) => {
      const { promise, resolve } = Promise.withResolvers<undefined>()
      ends.set(name, () => resolve(undefined))
      const fetch = () => {
        begun.push(name)
        return promise
      }
      void room.keys.inTurn(session, domain(name), fetch).then(() => told.push(name))
    }
    return { ...room, begun, told, ends, from, claim }
  }

  test('are looked for first: a domain that is nowhere takes no place', async () => {
    const { env, from, claim, missing, looks, begun, told } = await claims()
    const session = await from('192.0.2.1:1')
    missing.add('nowhere.example')
    for (let n = 0; n < 9; n++) claim(session, 'nowhere.example')
    claim(session, 'c.example')
    await env.clock.advance(env.limits.keyFetchMs - 1)
    // [LINK-6.1-3] Told at the same time as what is dialled.
    expect([begun, told.length, looks.length]).toEqual([['c.example'], 0, 10])
    await env.clock.advance(1)
    expect(told.length).toBe(10)
    expect(looks[0]).toBe('nowhere.example for 192.0.2.0/24')
  })

  test('are fetched at once while there are places; then the network with fewest goes first', async () => {
    const { env, from, claim, begun, ends } = await claims()
    const [big, small] = [await from('192.0.2.1:1'), await from('198.51.100.1:1')]
    for (let n = 0; n < 9; n++) claim(big, `big${n}.example`)
    await env.clock.advance(0)
    const before = begun.length
    expect([before > 1, before < 9, env.hits('strangerDials') > 0]).toEqual([true, true, true])
    claim(small, 'small.example')
    await env.clock.advance(1000)
    expect(begun.length).toBe(before)
    for (const name of begun.slice(0, 2)) ends.get(name)?.()
    await env.clock.advance(0)
    expect(begun[before]).toBe('small.example')
  })

  test('wait in a number that is bounded for each network', async () => {
    const { env, from, claim, begun, ends } = await claims({ strangerClaims: 2 })
    const session = await from('192.0.2.1:1')
    for (let n = 0; n < 20; n++) claim(session, `n${n}.example`)
    for (let n = 0; n < 20; n++) {
      for (const end of ends.values()) end()
      await env.clock.advance(1)
    }
    expect([begun.length > 2, begun.length < 6]).toEqual([true, true])
  })

  test('are waited for no longer than a claim may be unanswered', async () => {
    const { env, from, claim, told } = await claims()
    const session = await from('192.0.2.1:1')
    for (let n = 0; n < 8; n++) claim(session, `n${n}.example`)
    await env.clock.advance(env.limits.keyFetchMs - 1)
    expect(told).toEqual([])
    await env.clock.advance(1)
    expect(told.length).toBe(8)
  })

  test('of a domain that we dial for a user of ours wait for nobody', async () => {
    const { env, open, from, claim, begun, looks } = await claims()
    const stranger = await from('192.0.2.1:1')
    for (let n = 0; n < 9; n++) claim(stranger, `n${n}.example`)
    await env.clock.advance(0)
    const { session } = await open({ dialled: {} })
    claim(session, 'a.example')
    await env.clock.advance(0)
    expect([begun.at(-1), looks.length]).toEqual(['a.example', 9])
  })
})
