import { describe, expect, test } from 'vitest'
import { GatewayError } from '../../../src/errors.ts'
import type { Limits } from '../../../src/limits.ts'
import type { RequestView } from '../../../src/link/link.ts'
import { Keys } from '../../../src/peer/keys.ts'
import type { Session } from '../../../src/peer/session.ts'
import { commands } from '../../../src/wire/registry.ts'
import { domain } from '../../support/middle/calls.ts'
import { roomEnv, settle } from '../../support/middle/env.ts'
import { hostedBy } from '../../support/middle/peer-rooms.ts'
import { openProven, type SessionWish } from '../../support/middle/sessions.ts'
import * as wire from '../../support/script/codec.ts'

const { tag, command } = wire

function makeKeys(limits: Partial<Limits> = {}) {
  const env = roomEnv(limits)
  const all = new Set<Session>()
  const dialled: string[] = []
  const named = new Set<string>()
  const dialling = Promise.withResolvers<Session>()
  const keys = new Keys(
    env,
    { hosted: hostedBy('b.example', 'b2.example'), isNamed: (name) => named.has(name) },
    { all },
    {
      dialForKeys: (local, remote) => {
        dialled.push(`${local} ${remote}`)
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
  return { env, all, dialled, named, dialling, keys, open, fetch }
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
      { hosted, isNamed: () => false },
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
    const { open, fetch, dialled } = makeKeys()
    await open(wish)
    void fetch()
    expect(dialled).toEqual(['b.example a.example'])
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

describe('keys that a stranger makes us fetch', () => {
  test('have a budget for its network; what the operator names has another', async () => {
    const limits = { strangerDialsPerNetworkBurst: 1, strangerDialsPerNetwork: 1 }
    const { env, open, keys, named } = makeKeys(limits)
    const { session } = await open()
    const may = (name: string) => keys.mayFetchForStranger(session, domain(name))
    expect([may('c.example'), may('d.example')]).toEqual([true, false])
    expect(env.hits('strangerDialsPerNetwork')).toBe(1)
    named.add('e.example')
    expect(may('e.example')).toBe(true)
  })

  test('are not fetched while so many dials for them are under way', async () => {
    const { env, open, keys, fetch, dialling } = makeKeys({ strangerDials: 1 })
    const { session } = await open()
    void fetch('c.example')
    expect(keys.mayFetchForStranger(session, domain('d.example'))).toBe(false)
    expect(env.hits('strangerDials')).toBe(1)
    dialling.reject(new GatewayError('dns-failed', 'no way'))
    await settle()
    expect(keys.mayFetchForStranger(session, domain('d.example'))).toBe(true)
  })
})
