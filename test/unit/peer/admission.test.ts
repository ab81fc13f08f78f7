/** What follows from a proof, and from the end of a link: also where both come at the same time. */
import { describe, expect, test } from 'vitest'
import { generateKeyPair } from '../../../src/credential/ed25519.ts'
import type { Status } from '../../../src/errors.ts'
import type { Hello } from '../../../src/link/hello.ts'
import type { JournalEvent } from '../../../src/operation/journal.ts'
import { Admission } from '../../../src/peer/admission.ts'
import type { Proof, ProofKind } from '../../../src/peer/pair.ts'
import type { Session } from '../../../src/peer/session.ts'
import { bob, domain } from '../../support/middle/calls.ts'
import { broken, roomEnv, settle } from '../../support/middle/env.ts'
import { TestCore } from '../../support/middle/peer-rooms.ts'
import { openProven, openSession, type SessionWish } from '../../support/middle/sessions.ts'
import { seededRandom } from '../../support/seeded-random.ts'

const key = generateKeyPair(seededRandom(3)).publicKey

function makeAdmission(required: readonly ProofKind[] = []) {
  const env = roomEnv()
  const core = new TestCore()
  const all = new Set<Session>()
  const told: string[] = []
  const events: JournalEvent[] = []
  const note =
    (what: string) =>
    (...[, ...rest]: readonly unknown[]): undefined => {
      told.push([what, ...rest.map(textOf)].join(' '))
    }
  const admission = new Admission(
    env,
    {
      note: (event) => {
        events.push(event)
      },
    },
    {
      ...{ core: () => core, required: () => required },
      watchKeys: (name) => {
        told.push(`watch ${name}`)
        return () => {
          told.push(`unwatch ${name}`)
        }
      },
      ...{ provenChannel: note('provenChannel'), claim: note('claim'), served: note('served') },
      ...{ joined: note('joined'), left: note('left') },
    },
    { all },
    {
      list: note('list'),
      wake: (local, remote) => note('wake')(undefined, local, remote),
      withdraw: note('withdraw'),
      works: note('works'),
    },
  )
  const rooms = { greeted: (one: Session, hello: Hello) => admission.greeted(one, hello) }
  const accepted = async (wish: SessionWish = {}) => {
    const link = await openProven(env, { ...wish, kinds: [] })
    all.add(link.session)
    return link
  }
  const close = (session: Session, why: Status = 'link-lost'): undefined => {
    session.link.break(why, 'closed by the test')
    all.delete(session)
    admission.ended(session)
  }
  return { env, core, all, told, events, admission, rooms, accepted, close }
}

const textOf = (value: unknown): string =>
  typeof value === 'object' && value !== null && 'remote' in value && 'local' in value
    ? `${value.local}~${value.remote}`
    : String(value)

const pairBy = (...kinds: readonly ProofKind[]): Proof => ({
  ...{ local: domain('b.example'), remote: domain('a.example'), kinds: new Set(kinds), key: 'k' },
})

describe('[LINK-5.4-3] a domain that has proven itself', () => {
  test('is served: known to the pool, claimed back, its keys watched, and told', async () => {
    const { admission, accepted, told, events, env } = makeAdmission()
    const { session } = await accepted({ isPlain: true })
    admission.proven(session, pairBy('key'))
    expect(told).toEqual([
      'claim b.example a.example',
      'watch a.example',
      'list b.example a.example im,pres',
      'wake b.example a.example',
      'joined b.example~a.example',
      'served',
    ])
    expect(events).toMatchObject([{ kind: 'proof', direction: 'in', cause: 'ok', detail: 'key' }])
    expect(env.lines).toMatchObject([{ event: 'link.proven', remote: 'a.example', kind: 'key' }])
    expect(env.meter.total('proofs_total', { kind: 'key' })).toBe(1)
  })

  test('twice is served once more, and joins once', async () => {
    const { admission, accepted, told } = makeAdmission()
    const { session } = await accepted()
    for (let n = 0; n < 2; n++) admission.proven(session, pairBy('key'))
    expect(told.filter((line) => line.startsWith('joined'))).toHaveLength(1)
    expect(told.filter((line) => line.startsWith('watch'))).toHaveLength(1)
  })

  test('[LINK-5.4-6] waits until every proof is there that the operator asks for', async () => {
    const { admission, accepted, told } = makeAdmission(['certificate', 'key'])
    const { session } = await accepted()
    admission.proven(session, pairBy('certificate'))
    expect([told, session.isProven('b.example', 'a.example')]).toEqual([[], false])
    admission.proven(session, pairBy('pinned'))
    expect(session.isProven('b.example', 'a.example')).toBe(true)
  })

  test('on a host that was found by fallback needs a key that was known', async () => {
    const { admission, accepted } = makeAdmission()
    const { session } = await accepted({ dialled: { needsKnownKey: true } })
    admission.proven(session, pairBy('certificate'))
    expect(session.standing).not.toBe('proven')
    admission.proven(session, pairBy('key'))
    expect(session.standing).toBe('proven')
  })

  test('is not claimed back on a link that this side dialled', async () => {
    const { admission, accepted, told, events } = makeAdmission()
    const { session } = await accepted({ dialled: {} })
    admission.proven(session, pairBy('certificate'))
    expect(told.some((line) => line.startsWith('claim'))).toBe(false)
    expect(events).toMatchObject([{ direction: 'out', service: 'im' }])
  })

  test('on a link that has ended meanwhile is nothing', async () => {
    const { admission, accepted, told, close, events } = makeAdmission()
    const { session } = await accepted()
    close(session)
    admission.proven(session, pairBy('key'))
    expect([told, events, session.isProven('b.example', 'a.example')]).toEqual([[], [], false])
  })
})

describe('HELLO', () => {
  test.each([
    ['gateway', 'client'],
    ['client', 'gateway'],
  ] as const)('[LINK-5.2-7] on a link for a %s is not one of a %s', async (role, says) => {
    const { env, rooms } = makeAdmission()
    const { far, ended } = openSession(env, { role, rooms })
    far.sayHello({ role: says })
    await env.clock.advance(0)
    expect(ended()).toBe('protocol-state')
  })

  test('on a link that was dialled is answered with our claim; a certificate may have proven it before', async () => {
    const { env, rooms, admission, all, told } = makeAdmission()
    const { far, session } = openSession(env, { dialled: {}, rooms })
    all.add(session)
    admission.proven(session, pairBy('certificate'))
    told.length = 0
    far.sayHello({ services: ['pres'] })
    await env.clock.advance(0)
    expect(told).toEqual([
      'claim b.example a.example',
      'list b.example a.example pres',
      'joined b.example~a.example',
    ])
    expect(session.link.state).toBe('open')
  })

  test('on a link that only asks for keys claims nothing', async () => {
    const { env, rooms, told } = makeAdmission()
    const { far } = openSession(env, { dialled: { forKeys: true }, rooms })
    far.sayHello()
    await env.clock.advance(0)
    expect(told).toEqual([])
  })
})

describe('a claim that is refused', () => {
  test('of the far side is told to the journal and the log, with the name that was claimed', async () => {
    const { admission, accepted, events, env } = makeAdmission()
    const { session } = await accepted()
    session.standing = 'refused'
    admission.refused(session, 'credential-key', 'why', domain('z.example'))
    admission.refused(session, 'credential-format', 'why', undefined)
    expect(events).toMatchObject([
      { kind: 'proof', remote: 'z.example', cause: 'credential-key', detail: 'why' },
    ])
    expect(env.lines).toMatchObject([
      { event: 'link.proof-refused', claimed: 'z.example', cause: 'credential-key' },
      { event: 'link.proof-refused', cause: 'credential-format' },
    ])
  })

  test('[LINK-5.4-9] of ours takes the link away, if it was dialled for this', async () => {
    const { admission, accepted, told, events } = makeAdmission()
    const { session } = await accepted({ dialled: {} })
    const ours = [domain('b.example'), domain('a.example')] as const
    admission.claimRefused(session, ours, 'credential-key', 'why')
    expect(told).toEqual(['withdraw b.example a.example credential-key'])
    expect(session.link.isUsable).toBe(false)
    expect(events).toMatchObject([{ kind: 'claim', direction: 'out', local: 'b.example' }])
  })

  test('[LINK-5.4-9] of another domain of ours takes that away alone', async () => {
    const { admission, accepted } = makeAdmission()
    const { session } = await accepted({ dialled: {} })
    const other = [domain('b2.example'), domain('a.example')] as const
    admission.claimRefused(session, other, 'credential-key', 'why')
    expect([session.link.isUsable, session.isRefused(...other)]).toEqual([true, true])
  })

  test('of ours on a link of the far side leaves the link as it is', async () => {
    const { admission, accepted, told } = makeAdmission()
    const { session } = await accepted()
    const ours = [domain('b.example'), domain('a.example')] as const
    admission.claimRefused(session, ours, 'credential-key', 'why')
    expect([told, session.link.isUsable]).toEqual([[], true])
  })
})

describe('a user who attaches', () => {
  const client = { role: 'client' } as const

  test('has a session at home and here, until the link ends', async () => {
    const { admission, accepted, core, close, told, env } = makeAdmission()
    const { session } = await accepted(client)
    expect(await admission.attached(session, bob, key)).toBe('ok')
    expect([...core.attached]).toEqual([session.attachment])
    expect([session.user, session.userKey, session.standing]).toEqual([bob, key, 'proven'])
    expect(told).toEqual(['provenChannel'])
    expect(env.lines).toMatchObject([{ event: 'client.attached', domain: 'b.example' }])
    close(session)
    expect(core.attached.size).toBe(0)
    close(session)
    expect(core.attached.size).toBe(0)
  })

  test.each(['refused', 'limit-reached'] as const)('and is told %s has none', async (code) => {
    const { admission, accepted, core, close } = makeAdmission()
    const { session } = await accepted(client)
    core.attaching = Promise.resolve(code)
    expect(await admission.attached(session, bob, key)).toBe(code)
    expect([session.attachment, session.userKey, session.standing]).toEqual([
      undefined,
      undefined,
      'silent',
    ])
    close(session)
    expect(core.attached.size).toBe(0)
  })

  test('while the directory cannot say has none', async () => {
    const { admission, accepted, core } = makeAdmission()
    const { session } = await accepted(client)
    core.attaching = broken('away')
    await expect(admission.attached(session, bob, key)).rejects.toThrow('away')
    expect(session.attachment).toBe(undefined)
  })

  test.each([
    ['while the directory is asked', 'before'],
    ['at the moment when it has answered', 'between'],
  ] as const)('whose link ends %s has none anywhere', async (_, when) => {
    const { admission, accepted, core, close, env } = makeAdmission()
    const { session } = await accepted(client)
    const { promise, resolve } = Promise.withResolvers<Status>()
    core.attaching = promise
    const attaching = admission.attached(session, bob, key)
    if (when === 'before') close(session)
    resolve('ok')
    // One turn: home has it, and nobody else knows.
    if (when === 'between') {
      await Promise.resolve()
      close(session)
    }
    expect(await attaching).toBe('link-lost')
    await settle()
    expect([core.attached.size, session.attachment, session.standing]).toEqual([
      0,
      undefined,
      'silent',
    ])
    expect(env.lines).toEqual([])
  })
})

test('the end of a link ends what rested on it', async () => {
  const { admission, accepted, told, close } = makeAdmission()
  const { session } = await accepted()
  admission.proven(session, pairBy('key'))
  told.length = 0
  close(session)
  expect(told).toEqual(['unwatch a.example', 'left b.example~a.example'])
})
