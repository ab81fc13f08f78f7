/** CREDENTIAL and FORGET, up to the verifier; and requests that wait for what is not judged yet. */
import { describe, expect, test } from 'vitest'
import { accept, refuse, type Verdict } from '../../../src/credential/verdict.ts'
import type { Verifier, Vouched } from '../../../src/credential/verify.ts'
import type { Limits } from '../../../src/limits.ts'
import type { RequestView } from '../../../src/link/link.ts'
import type { JournalEvent } from '../../../src/operation/journal.ts'
import { askToForget, Credentials } from '../../../src/peer/credentials.ts'
import type { Session } from '../../../src/peer/session.ts'
import { commands } from '../../../src/wire/registry.ts'
import { address, alice, bob } from '../../support/middle/calls.ts'
import { roomEnv } from '../../support/middle/env.ts'
import { sayOk } from '../../support/middle/peer-rooms.ts'
import { openProven, proveBy } from '../../support/middle/sessions.ts'
import * as wire from '../../support/script/codec.ts'

type Context = Parameters<Verifier['credential']>[1]

async function makeCredentials(limits: Partial<Limits> = {}) {
  const env = roomEnv(limits)
  const contexts: Context[] = []
  const taken: number[] = []
  /** What the verifier finds instead of a good credential. */
  const found: { verdict: Verdict<Vouched> | Promise<Verdict<Vouched>> | undefined } = {
    verdict: undefined,
  }
  const unexpected = (): never => {
    throw new Error('not a credential')
  }
  const verifier: Verifier = {
    ...{ link: unexpected, holder: unexpected },
    credential: ({ claims }, context) => {
      contexts.push(context)
      return found.verdict ?? accept({ senders: claims.subjects.map(address), claims })
    },
  }
  const noted: JournalEvent[] = []
  const note = (event: JournalEvent): undefined => {
    noted.push(event)
  }
  const room = new Credentials(env, { note }, verifier)
  const request = (session: Session, view: RequestView): undefined => {
    if (view.command === commands.credential.number) return room.show(session, view)
    if (view.command === commands.forget.number) return room.forget(session, view)
    taken.push(view.reference)
    return sayOk(session, view)
  }
  const link = await openProven(env, { rooms: { request } })
  const show = async (...all: Parameters<typeof link.far.show>) => {
    const id = link.far.show(...all)
    await env.clock.advance(0)
    return link.far.status(id)
  }
  return { env, contexts, found, taken, noted, ...link, show }
}

describe('[LINK-6.3-1] a credential that is shown', () => {
  test('is held under its number with what it says, on the proof of its pair', async () => {
    const { show, session, env } = await makeCredentials()
    expect(await show(5, alice.text)).toBe('ok')
    const held = session.held.get(5)
    expect([held?.grant.state, held?.user.text, held?.local, held?.domain]).toEqual([
      'good',
      alice.text,
      'b.example',
      'a.example',
    ])
    expect(held?.may('im.send', alice, bob.domain)).toBe(undefined)
    const life = (600 + env.limits.clockSkewSeconds) * 1000
    expect(held?.grant.expiresAt).toBe(Math.floor(env.clock.wall() / 1000) * 1000 + life)
    expect(env.meter.total('credential_checks_total', { result: 'ok' })).toBe(1)
  })

  test('[LINK-6.3-8] is judged by who is proven here, and for whom', async () => {
    const { show, contexts } = await makeCredentials()
    await show(1, alice.text)
    const [context] = contexts
    expect([context?.mayVouch('a.example'), context?.mayVouch('c.example')]).toEqual([true, false])
    expect([context?.isAudience('b.example'), context?.isAudience('x.example')]).toEqual([
      true,
      false,
    ])
    expect([
      context?.isProven('a.example', 'b.example'),
      context?.isProven('b.example', 'a.example'),
    ]).toEqual([true, false])
    expect(context?.presenterKey).toBe(undefined)
  })

  test.each([
    [0, alice.text, {}, 'bad-request'],
    [1, alice.text, { claims: { jti: '' } }, 'credential-format'],
  ] as const)(
    'under %i of %s with %j: %s, and nobody judges it',
    async (number, sub, changes, code) => {
      const { show, contexts } = await makeCredentials()
      expect([await show(number, sub, changes), contexts]).toEqual([code, []])
    },
  )

  test('[LINK-6.3-7] beyond what is held is too much', async () => {
    const { show, session } = await makeCredentials({ references: 1 })
    await show(1, alice.text)
    expect([await show(2, alice.text), session.held.get(2)]).toEqual(['limit-reached', undefined])
  })

  test('that is refused is noted with the domain that is proven here', async () => {
    const { show, found, noted } = await makeCredentials()
    found.verdict = refuse('credential-expired', 'expired 40 s ago')
    await show(1, alice.text)
    expect(noted).toEqual([
      {
        ...{ kind: 'credential', direction: 'in', local: 'b.example', remote: 'a.example' },
        ...{ service: undefined, cause: 'credential-expired', detail: 'expired 40 s ago' },
      },
    ])
  })

  test('that is refused stays so under its number, and has a line in the log', async () => {
    const { show, session, found, env } = await makeCredentials()
    found.verdict = refuse('credential-expired', 'long ago')
    expect(await show(1, alice.text)).toBe('credential-expired')
    expect(session.held.get(1)).toBe(undefined)
    expect(session.held.refusal(1)).toMatchObject({
      code: 'credential-expired',
      named: 'b.example',
    })
    expect(env.lines).toMatchObject([
      { event: 'credential.refused', remote: 'a.example', cause: 'credential-expired' },
    ])
    expect(env.meter.total('credential_checks_total', { result: 'credential-expired' })).toBe(1)
  })

  test('[LINK-6.3-4] again keeps its issuer, subject and audience; one that fails takes nothing away', async () => {
    const { show, session, found } = await makeCredentials()
    await show(1, alice.text)
    expect(await show(1, 'al@a.example')).toBe('bad-request')
    found.verdict = refuse('credential-expired', 'long ago')
    expect(await show(1, alice.text)).toBe('credential-expired')
    expect([session.held.get(1)?.grant.state, session.held.get(1)?.user.text]).toEqual([
      'good',
      alice.text,
    ])
  })

  test('[LINK-8.1-1] with a signature that does not fit costs: many of them end the link', async () => {
    const limits = { mistakesBurst: 2, mistakesPerSecond: 1 }
    const { show, found, ended } = await makeCredentials(limits)
    found.verdict = refuse('credential-expired', 'cheap')
    for (let n = 1; n <= 5; n++) await show(n, alice.text)
    found.verdict = refuse('credential-signature', 'dear')
    await show(6, alice.text)
    await show(7, alice.text)
    expect(ended()).toBe(undefined)
    await show(8, alice.text)
    expect(ended()).toBe('flood')
  })
})

describe('[LINK-5.4-4] while its key is fetched', () => {
  const waiting = async () => {
    const room = await makeCredentials()
    const { promise, resolve } = Promise.withResolvers<Verdict<Vouched>>()
    room.found.verdict = promise
    const shown = room.far.show(1, alice.text)
    await room.env.clock.advance(0)
    const good = { senders: [alice], claims: { aud: 'b.example', iss: 'a.example', exp: 1 } }
    return { ...room, resolve, shown, good: accept(good as unknown as Vouched) }
  }

  test('a credential has no answer, and is waited for', async () => {
    const { far, shown, session, resolve, env, good, taken } = await waiting()
    expect([far.status(shown), session.held.get(1)?.grant.state]).toEqual(['no answer', 'waiting'])
    resolve(good)
    await env.clock.advance(0)
    expect([far.status(shown), session.held.get(1)?.grant.state, taken]).toEqual(['ok', 'good', []])
  })

  test('a refresh does not stop what the credential before it allows', async () => {
    const room = await makeCredentials()
    await room.show(1, alice.text)
    const { promise, resolve } = Promise.withResolvers<Verdict<Vouched>>()
    room.found.verdict = promise
    room.far.show(1, alice.text)
    await room.env.clock.advance(0)
    expect(room.session.held.get(1)?.grant.state).toBe('good')
    resolve(refuse('credential-key', 'gone'))
    await room.env.clock.advance(0)
    expect(room.session.held.get(1)?.grant.state).toBe('good')
  })

  test('[LINK-6.3-8] a credential waits for a claim that is under way, if its pair is not proven', async () => {
    const { env, far, session, contexts } = await makeCredentials()
    session.claimsUnderWay = 1
    const id = far.show(1, 'carol@c.example', { claims: { iss: 'c.example' } })
    const good = far.show(2, alice.text)
    await env.clock.advance(0)
    expect([far.status(id), far.status(good), contexts.length]).toEqual(['no answer', 'ok', 1])
    session.claimsUnderWay = 0
    proveBy(session, 'b.example', 'c.example')
    session.waiting.reopen()
    await env.clock.advance(0)
    expect([far.status(id), contexts.length]).toEqual(['ok', 2])
  })
})

describe('[LINK-6.4-1] FORGET', () => {
  test('gives numbers back, those that are not held, too', async () => {
    const { env, far, session, show } = await makeCredentials()
    for (const n of [1, 2, 3]) await show(n, alice.text)
    const id = far.ask(wire.control, {
      command: commands.forget.number,
      fields: [[wire.tag.references, wire.u32(1, 3, 99)]],
    })
    await env.clock.advance(0)
    expect([far.status(id), ...[1, 2, 3].map((n) => session.held.get(n)?.user.text)]).toEqual([
      'ok',
      undefined,
      alice.text,
      undefined,
    ])
  })

  test('of nothing breaks its grammar', async () => {
    const { env, far } = await makeCredentials()
    const id = far.ask(wire.control, { command: commands.forget.number })
    await env.clock.advance(0)
    expect(far.status(id)).toBe('bad-request')
  })

  test('is said by this side for numbers of its own, on a link that is there', async () => {
    const { env, far, session } = await makeCredentials()
    askToForget(session, [])
    askToForget(session, [4, 5])
    await env.clock.advance(0)
    const [asked, ...more] = far.requestsOf(wire.command.forget)
    expect(asked?.fields.get(wire.tag.references)).toEqual(wire.u32(4, 5))
    session.link.release('idle-release')
    askToForget(session, [6])
    await env.clock.advance(0)
    expect([more, far.requestsOf(wire.command.forget).length]).toEqual([[], 1])
  })
})
