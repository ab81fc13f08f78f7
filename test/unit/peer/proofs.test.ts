/** Claims of the far side, judged up to the signature; and our own claims. */
import { describe, expect, test } from 'vitest'
import { generateKeyPair } from '../../../src/credential/ed25519.ts'
import { accept, refuse, type Verdict } from '../../../src/credential/verdict.ts'
import type { DomainContext, Verifier } from '../../../src/credential/verify.ts'
import type { Status } from '../../../src/errors.ts'
import type { Limits } from '../../../src/limits.ts'
import type { RequestView } from '../../../src/link/link.ts'
import type { Proof } from '../../../src/peer/pair.ts'
import { createProofs, type Proofs } from '../../../src/peer/proofs.ts'
import type { Session } from '../../../src/peer/session.ts'
import { commands } from '../../../src/wire/registry.ts'
import { domain } from '../../support/middle/calls.ts'
import { broken, roomEnv, settle } from '../../support/middle/env.ts'
import { hostedBy, TestCore } from '../../support/middle/peer-rooms.ts'
import { openSession, proveBy, type SessionWish } from '../../support/middle/sessions.ts'
import * as wire from '../../support/script/codec.ts'
import { userKey } from '../../support/script/world.ts'
import { seededRandom } from '../../support/seeded-random.ts'

const { tag } = wire
const signer = generateKeyPair(seededRandom(4)).publicKey
const thumbprint = Buffer.alloc(32).toString('base64url')
type Answer<T> = Verdict<T> | Promise<Verdict<T>>

function makeProofs(limits: Partial<Limits> = {}) {
  const env = roomEnv(limits)
  const core = new TestCore()
  const told: string[] = []
  const contexts: DomainContext[] = []
  const pinned = new Set<string>()
  const known = new Set<string>()
  /** What the verifier finds; a test changes it. */
  const found = {
    link: undefined as Answer<never> | undefined,
    credential: undefined as Verdict<never> | undefined,
    holder: undefined as Verdict<never> | undefined,
  }
  const verifier: Verifier = {
    link: (token, context) => {
      contexts.push(context)
      return found.link ?? accept({ claims: token.claims, key: signer })
    },
    holder: (token) => found.holder ?? accept(token.claims),
    credential: (token) =>
      found.credential ??
      accept({ senders: [{ user: '', domain: domain(token.claims.iss), text: '' }], ...token }),
  }
  const attaching = { code: Promise.resolve<Status>('ok') }
  const proofs: Proofs = createProofs(env, {
    ...{ core: () => core, verifier, hosted: hostedBy('b.example', 'b2.example') },
    isKnown: (name) => known.has(name),
    isPinned: (name) => pinned.has(name),
    inTurn: async (_session, name) => {
      told.push(`in turn ${name}`)
      return undefined
    },
    steps: {
      proven: (session, { local, remote, kinds }: Proof) => {
        told.push(`proven ${local} ${remote} ${[...kinds]}`)
        proveBy(session, local, remote, [...kinds])
      },
      attached: async (session, user) => {
        told.push(`attached ${user.text}`)
        const code = await attaching.code
        if (code === 'ok') session.standing = 'proven'
        return code
      },
      refused: (_session, code, detail, claimed) => {
        told.push(`refused ${claimed} ${code}: ${detail}`)
      },
      notAttached: (_session, code, detail, claimed) => {
        told.push(`not attached ${claimed} ${code}: ${detail}`)
      },
      claimAccepted: (_session, local, remote) => {
        told.push(`accepted ${local} ${remote}`)
      },
      claimRefused: (_session, [local, remote], code) => {
        told.push(`claim refused ${local} ${remote} ${code}`)
      },
    },
  })
  const request = (session: Session, view: RequestView): undefined => proofs.judge(session, view)
  const open = async (wish: SessionWish = {}) => {
    const opened = openSession(env, { ...wish, rooms: { request } })
    opened.far.sayHello({ role: wish.role ?? 'gateway' })
    await env.clock.advance(0)
    return opened
  }
  const codes = (proof: 'key' | 'client') =>
    [...(env.meter.counters.get('proof_checks_total')?.values() ?? [])]
      .filter(({ labels }) => labels['proof'] === proof)
      .map(({ labels }) => labels['result'])
  return { env, core, told, contexts, pinned, known, found, attaching, proofs, open, codes }
}

describe('[LINK-5.4-5] the claim of a domain', () => {
  test('is proven by a key that the verifier takes, or by one that is pinned', async () => {
    const { open, told, env, codes, pinned } = makeProofs()
    const { far, session } = await open()
    const id = far.prove()
    await env.clock.advance(0)
    expect([far.status(id), told]).toEqual(['ok', ['proven b.example a.example key']])
    expect([codes('key'), session.standing]).toEqual([['ok'], 'proven'])
    pinned.add('a.example')
    far.prove({ claims: { aud: 'b2.example' } })
    await env.clock.advance(0)
    expect(told.at(-1)).toBe('proven b2.example a.example pinned')
  })

  test.each([
    ['in the name of what is no domain', { iss: 'A.example' }, 'credential-issuer'],
    ['in the name of a domain of ours', { iss: 'b2.example' }, 'credential-issuer'],
    ['to what is no domain', { aud: 'a domain' }, 'credential-audience'],
    ['to a domain that is not ours', { aud: 'c.example' }, 'credential-audience'],
    ['that cannot be read', { jti: 'short' }, 'credential-format'],
  ] as const)('%s is refused before any key is looked at', async (_, claims, code) => {
    const { open, env, contexts, told, codes } = makeProofs()
    const { far, session } = await open()
    const id = far.prove({ claims })
    await env.clock.advance(0)
    expect([far.status(id), contexts, session.standing]).toEqual([code, [], 'refused'])
    expect([told.length, codes('key'), session.refusal]).toEqual([1, [code], code])
  })

  test('of a domain that the rules bar is refused before any key is looked at', async () => {
    const { open, env, contexts, core, told } = makeProofs()
    core.barred.add('a.example')
    const { far } = await open()
    const id = far.prove()
    await env.clock.advance(0)
    expect([far.status(id), contexts]).toEqual(['domain-refused', []])
    expect(told).toEqual(['refused a.example domain-refused: domain rules'])
  })

  test('[LINK-3.1-6] on plain TCP is proven by a pinned key alone', async () => {
    const { open, env, pinned } = makeProofs()
    const { far } = await open({ isPlain: true })
    const first = far.prove()
    await env.clock.advance(0)
    expect(far.status(first)).toBe('credential-key')
    pinned.add('a.example')
    const second = far.prove()
    await env.clock.advance(0)
    expect(far.status(second)).toBe('ok')
  })

  test('is one of so many on a link, and no more', async () => {
    const { open, env, contexts } = makeProofs({ pairsPerLink: 1 })
    const { far } = await open()
    far.prove()
    const second = far.prove({ claims: { aud: 'b2.example' } })
    const again = far.prove()
    await env.clock.advance(0)
    expect([far.status(second), far.status(again), contexts.length]).toEqual([
      'limit-reached',
      'ok',
      2,
    ])
  })

  test('is bound to its channel, its issuer and its audience; the keys of a stranger are fetched in its turn', async () => {
    const { open, env, contexts, known, told } = makeProofs()
    const { far } = await open()
    far.prove()
    await env.clock.advance(0)
    const [context] = contexts
    if (context === undefined) throw new Error('nobody judged')
    expect([context.channel, context.keys]).toEqual([far.binding, 'any'])
    expect([context.mayClaim('a.example'), context.mayClaim('c.example')]).toEqual([true, false])
    expect([context.isAudience('b.example'), context.isAudience('b2.example')]).toEqual([
      true,
      false,
    ])
    let fetches = 0
    const fetch = async () => {
      fetches++
      return undefined
    }
    await context.inTurn(fetch)
    expect([told.at(-1), fetches]).toEqual(['in turn a.example', 0])
    known.add('a.example')
    await context.inTurn(fetch)
    expect(fetches).toBe(1)
  })

  test('on a host that was found by fallback needs a key that was known', async () => {
    const { open, env, contexts } = makeProofs()
    const { far } = await open({ dialled: { needsKnownKey: true } })
    far.prove()
    await env.clock.advance(0)
    expect(contexts.map(({ keys }) => keys)).toEqual(['seen'])
  })

  test('of a domain that the rules bar while its key is fetched is refused all the same', async () => {
    const { open, env, found, core, told } = makeProofs()
    const { promise, resolve } = Promise.withResolvers<Verdict<never>>()
    found.link = promise
    const { far } = await open()
    const id = far.prove()
    await env.clock.advance(0)
    core.barred.add('a.example')
    resolve(accept({} as never))
    await env.clock.advance(0)
    expect(far.status(id)).toBe('domain-refused')
    expect(told.at(-1)).toBe('refused a.example domain-refused: domain rules')
  })

  test('[LINK-6.1-3] has no answer while its key is fetched, and others wait for it', async () => {
    const { open, env, found, told } = makeProofs()
    const { promise, resolve } = Promise.withResolvers<Verdict<never>>()
    found.link = promise
    const { far, session } = await open()
    const id = far.prove()
    await env.clock.advance(0)
    expect([far.status(id), session.standing, session.claimsUnderWay]).toEqual([
      'no answer',
      'pending',
      1,
    ])
    resolve(refuse('credential-unverifiable', 'no key'))
    await env.clock.advance(0)
    expect([far.status(id), session.standing, session.claimsUnderWay]).toEqual([
      'credential-unverifiable',
      'refused',
      0,
    ])
    expect(told.at(-1)).toBe('refused a.example credential-unverifiable: no key')
  })

  test('[LINK-5.4-11] that is refused takes nothing away, and does not end the wait of another', async () => {
    const { open, env, found } = makeProofs()
    const { promise, resolve } = Promise.withResolvers<Verdict<never>>()
    found.link = promise
    const { far, session } = await open()
    far.prove()
    await env.clock.advance(0)
    far.prove({ claims: { aud: 'c.example' } })
    await env.clock.advance(0)
    expect([session.standing, session.refusal]).toEqual(['pending', 'credential-audience'])
    found.link = undefined
    far.prove({ claims: { aud: 'b2.example' } })
    far.prove({ claims: { aud: 'c.example' } })
    await env.clock.advance(0)
    expect(session.standing).toBe('proven')
    resolve(refuse('credential-key', 'unknown'))
    await env.clock.advance(0)
    expect(session.standing).toBe('proven')
  })

  test.each([
    ['for good', 'credential-signature', false],
    ['for now', 'credential-unverifiable', true],
  ] as const)(
    '[LINK-5.4-10] that is refused %s, where the certificate says otherwise',
    async (_, code, isUsable) => {
      const { open, env, found } = makeProofs()
      found.link = refuse(code, 'why')
      const { far, session } = await open({ dialled: {} })
      far.prove()
      await env.clock.advance(0)
      expect(session.link.isUsable).toBe(isUsable)
    },
  )

  test('[LINK-6.1-2] comes so often and no more; the grammar comes first', async () => {
    const { open, env, contexts } = makeProofs({ claimsBurst: 2 })
    const { far } = await open()
    const empty = far.ask(wire.control, { command: commands.prove.number })
    const good = far.prove()
    const tooMuch = far.prove()
    await env.clock.advance(0)
    expect([empty, good, tooMuch].map((id) => far.status(id))).toEqual([
      'bad-request',
      'ok',
      'rate-limited',
    ])
    expect(contexts).toHaveLength(1)
  })
})

describe('[LINK-5.4-7] the claim of a user', () => {
  const bob = userKey('bob@b.example')
  const client = async (room: ReturnType<typeof makeProofs>) =>
    room.open({ role: 'client', remote: 'b.example' })
  const prove = (
    { far }: Awaited<ReturnType<typeof client>>,
    claims: object = {},
    more: wire.FieldList = [[tag.publicKey, Buffer.from(bob.x, 'base64url')]],
  ) => far.prove({ key: bob, claims: { iss: 'bob@b.example', ...claims } }, more)

  test('attaches it, if the directory lists its key', async () => {
    const room = makeProofs()
    room.core.entry = Promise.resolve({ keys: ['other', bob.x] })
    const link = await client(room)
    const id = prove(link)
    await room.env.clock.advance(0)
    expect([link.far.status(id), room.told]).toEqual(['ok', ['attached bob@b.example']])
    expect(room.codes('client')).toEqual(['ok'])
  })

  test.each([
    [
      'of somebody elsewhere',
      { iss: 'bob@a.example' },
      undefined,
      'a.example',
      'credential-issuer',
    ],
    ['of a domain', { iss: 'b.example' }, undefined, undefined, 'credential-issuer'],
    ['that cannot be read', { jti: '' }, undefined, undefined, 'credential-format'],
  ] as const)(
    '%s is refused before the directory is asked',
    async (_, claims, more, claimed, code) => {
      const room = makeProofs()
      room.core.entry = broken('not to be asked')
      const link = await client(room)
      const id = prove(link, claims, more)
      await room.env.clock.advance(0)
      expect(link.far.status(id)).toBe(code)
      expect(room.told.map((line) => line.split(':')[0])).toEqual([
        `not attached ${claimed} ${code}`,
      ])
    },
  )

  test('[LINK-6.1-1] without a key breaks its grammar', async () => {
    const room = makeProofs()
    const link = await client(room)
    const id = prove(link, {}, [])
    await room.env.clock.advance(0)
    expect([link.far.status(id), room.told]).toEqual(['bad-request', []])
  })

  test('whose signature does not fit is refused before the directory is asked', async () => {
    const room = makeProofs()
    room.found.holder = refuse('credential-signature', 'no')
    const link = await client(room)
    const id = prove(link)
    await room.env.clock.advance(0)
    expect([link.far.status(id), link.session.isAttaching]).toEqual(['credential-signature', false])
  })

  test.each([
    ['there is no such user', undefined, 'credential-key'],
    ['other keys are listed', { keys: ['other'] }, 'credential-key'],
    ['no key is listed, and no credential names this one', { keys: [] }, 'credential-key'],
  ] as const)('is refused if %s', async (_, entry, code) => {
    const room = makeProofs()
    room.core.entry = Promise.resolve(entry)
    const link = await client(room)
    const id = prove(link)
    await room.env.clock.advance(0)
    expect([link.far.status(id), link.session.standing]).toEqual([code, 'refused'])
    expect(room.told.some((line) => line.startsWith('attached'))).toBe(false)
  })

  test('is to come again while the directory cannot say', async () => {
    const room = makeProofs()
    room.core.entry = broken('away')
    const link = await client(room)
    const id = prove(link)
    await room.env.clock.advance(0)
    expect(link.far.status(id)).toBe('busy')
    expect(room.told).toEqual(['not attached b.example busy: directory: away'])
    room.core.entry = Promise.resolve({ keys: [bob.x] })
    const again = prove(link)
    await room.env.clock.advance(0)
    expect(link.far.status(again)).toBe('ok')
  })

  test.each([
    ['names the key', { cnf: { jkt: thumbprint }, sub: 'bob@b.example' }, 'ok'],
    [
      'is about somebody else',
      { cnf: { jkt: thumbprint }, sub: 'eve@b.example' },
      'credential-subject',
    ],
    ['names no key', { sub: 'bob@b.example' }, 'credential-subject'],
    ['does not hold', { cnf: { jkt: thumbprint }, sub: 'bob@b.example' }, 'credential-expired'],
  ] as const)('rests on a credential that %s: %s', async (_, claims, code) => {
    const room = makeProofs()
    if (code === 'credential-expired') room.found.credential = refuse(code, 'too late')
    const link = await client(room)
    const token = link.far.credentialOf(claims.sub, { claims: { ...claims, iss: 'b.example' } })
    const id = prove(link, {}, [
      [tag.userCredential, token],
      [tag.publicKey, Buffer.from(bob.x, 'base64url')],
    ])
    await room.env.clock.advance(0)
    expect(link.far.status(id)).toBe(code)
  })

  test('comes one at a time: while the directory is asked, and once a user is attached', async () => {
    const room = makeProofs()
    const { promise, resolve } = Promise.withResolvers<{ keys: string[] }>()
    room.core.entry = promise
    const link = await client(room)
    const [first, second] = [prove(link), prove(link)]
    await room.env.clock.advance(0)
    expect([link.far.status(first), link.far.status(second)]).toEqual([
      'no answer',
      'limit-reached',
    ])
    resolve({ keys: [bob.x] })
    await room.env.clock.advance(0)
    expect(link.far.status(first)).toBe('ok')
  })

  test('that home refuses is refused', async () => {
    const room = makeProofs()
    room.core.entry = Promise.resolve({ keys: [bob.x] })
    room.attaching.code = Promise.resolve('limit-reached')
    const link = await client(room)
    const id = prove(link)
    await room.env.clock.advance(0)
    expect([link.far.status(id), link.session.refusal]).toEqual(['limit-reached', 'limit-reached'])
  })
})

describe('a claim of ours', () => {
  const [ours, theirs] = [domain('b.example'), domain('a.example')]

  test('is made once for each pair, on its channel', async () => {
    const { open, proofs, env } = makeProofs()
    const { far, session } = await open()
    proofs.claim(session, ours, theirs)
    proofs.claim(session, ours, theirs)
    proofs.claim(session, domain('b2.example'), theirs)
    await env.clock.advance(0)
    const tokens = far.requestsOf(wire.command.prove).map(({ fields }) => fields.get(tag.token))
    expect(tokens.map(String)).toEqual(
      ['b.example', 'b2.example'].map(
        (name) => `assertion of ${name} to a.example on ${far.binding}`,
      ),
    )
  })

  test('is told as the far side answers it', async () => {
    const { open, proofs, env, told } = makeProofs()
    const { far, session } = await open()
    proofs.claim(session, ours, theirs)
    proofs.claim(session, domain('b2.example'), theirs)
    await env.clock.advance(0)
    const [first, second] = far.requestsOf(wire.command.prove)
    far.respond(first?.id ?? 0, 'ok')
    far.respond(second?.id ?? 0, 'credential-key')
    await env.clock.advance(0)
    expect(told).toEqual([
      'accepted b.example a.example',
      'claim refused b2.example a.example credential-key',
    ])
  })

  test('that is lost with its link is told so', async () => {
    const { open, proofs, env, told } = makeProofs()
    const { pair, session } = await open()
    proofs.claim(session, ours, theirs)
    pair.cut('both')
    await env.clock.advance(0)
    await settle()
    expect(told).toEqual(['claim refused b.example a.example link-lost'])
  })

  test('waits on plain TCP for the HELLO that binds it', async () => {
    const { env, proofs } = makeProofs()
    const { far, session } = openSession(env, { isPlain: true, dialled: {} })
    proofs.claim(session, ours, theirs)
    await env.clock.advance(0)
    expect(far.requestsOf(wire.command.prove)).toEqual([])
    far.sayHello()
    await env.clock.advance(0)
    proofs.claim(session, ours, theirs)
    await env.clock.advance(0)
    expect(far.requestsOf(wire.command.prove)).toHaveLength(1)
  })
})
