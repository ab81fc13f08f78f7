/** Section 10 of `docs/protocol.md`: tokens and key sets, as a gateway judges them on a link. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Status } from '../../../src/errors.ts'
import { b64, forgeKey } from '../../support/forge.ts'
import * as wire from '../../support/script/codec.ts'
import type { Forgery, ScriptedPeer } from '../../support/script/peer.ts'
import { keySetOf, type SetWish, World } from '../../support/script/world.ts'

const { command, tag } = wire

/** The answer to a PROVE with a token that was changed so. */
async function prove(change: (peer: ScriptedPeer, now: number) => Forgery): Promise<string> {
  const world = new World()
  const peer = world.dialIn()
  peer.sayHello()
  const id = peer.prove(change(peer, world.seconds))
  await world.run()
  return peer.status(id)
}

/** The answer to a PROVE with this text as its token. */
async function proveText(change: (token: string) => string): Promise<string> {
  const world = new World()
  const peer = world.dialIn()
  peer.sayHello()
  const token = change(peer.assertion())
  const id = peer.ask(wire.control, { command: command.prove, fields: [[tag.token, token]] })
  await world.run()
  return peer.status(id)
}

/** The answer to a CREDENTIAL of a proven peer. */
async function show(change: (now: number) => Forgery, sub = 'alice@a.example'): Promise<string> {
  const world = new World()
  const peer = await world.provenPeer()
  const id = peer.show(1, sub, change(world.seconds))
  await world.run()
  return peer.status(id)
}

const head = (token: string): Record<string, unknown> =>
  JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString())

describe('form', () => {
  test.for<readonly [string, (token: string) => string]>([
    ['two parts', (token) => token.slice(0, token.lastIndexOf('.'))],
    ['four parts', (token) => `${token}.AAAA`],
    ['padding', (token) => `${token}=`],
    ['a line end', (token) => `${token}\n`],
    ['the other alphabet', (token) => token.replaceAll('-', '+').replaceAll('_', '/').concat('+')],
    ['nothing', () => ''],
  ])('[LINK-10.1-1] with %s', async ([, change]) => {
    expect(await proveText(change)).toBe('credential-format')
  })

  test.for<readonly [string, Forgery]>([
    ['typ of a credential', { header: { typ: 'pitp-cred+jwt' } }],
    ['no typ', { header: { typ: undefined } }],
    ['one member more', { header: { jku: 'https://a.example' } }],
    ['no kid', { header: { kid: undefined } }],
    ['a kid of 65 characters', { header: { kid: 'k'.repeat(65) } }],
    ['a kid with a dot', { header: { kid: 'a.b' } }],
  ])('[LINK-10.1-2] header with %s', async ([, change]) => {
    expect(await prove(() => change)).toBe('credential-format')
  })

  test.for([
    ['EdDSA', 'ok'],
    ['Ed25519', 'ok'],
    ['none', 'credential-algorithm'],
    ['HS256', 'credential-algorithm'],
    ['ES256', 'credential-algorithm'],
    [7, 'credential-algorithm'],
  ] as const)('[LINK-10.1-3] alg %s: %s', async ([alg, expected]) => {
    expect(await prove(() => ({ header: { alg } }))).toBe(expected)
  })

  test('[LINK-10.1-3] tokens of the gateway say Ed25519', async () => {
    const world = new World()
    const peer = await world.provenPeer()
    const token = peer.requestsOf(command.prove)[0]?.fields.get(tag.token)?.toString() ?? ''
    const { kid } = forgeKey('script: b.example')
    expect(head(token)).toEqual({ alg: 'Ed25519', typ: 'pitp-link+jwt', kid })
  })

  test.for<readonly [string, Forgery['claims'] & object, string]>([
    ['a claim that nobody knows', { mood: 'sunny' }, 'ok'],
    ['two levels', { mood: { deep: 1 } }, 'ok'],
    ['three levels', { mood: { deep: [1] } }, 'credential-format'],
    ['a fraction', { mood: 0.5 }, 'credential-format'],
  ])('[LINK-10.1-4] claims with %s: %s', async ([, claims, expected]) => {
    expect(await prove(() => ({ claims }))).toBe(expected)
  })

  test.for<readonly [string, Readonly<Record<string, unknown>>, Status]>([
    ['no iss', { iss: undefined }, 'credential-issuer'],
    ['no aud', { aud: undefined }, 'credential-audience'],
    ['a list as aud', { aud: ['b.example'] }, 'credential-audience'],
    ['no iat', { iat: undefined }, 'credential-time'],
    ['exp as text', { exp: '1790000000' }, 'credential-time'],
    ['nbf below zero', { nbf: -1 }, 'credential-time'],
    ['no jti', { jti: undefined }, 'credential-format'],
    ['a jti of 21 characters', { jti: 'j'.repeat(21) }, 'credential-format'],
    ['a jti of 65 characters', { jti: 'j'.repeat(65) }, 'credential-format'],
  ])('[LINK-10.1-5] %s', async ([, claims, expected]) => {
    expect(await prove(() => ({ claims }))).toBe(expected)
  })

  test.for([
    [0, 1, 'ok'],
    [0, 120, 'ok'],
    [0, 121, 'credential-time'],
    [0, 0, 'credential-time'],
    [30, 150, 'ok'],
    [31, 151, 'credential-time'],
    [-150, -30, 'ok'],
    [-151, -31, 'credential-expired'],
  ] as const)('[LINK-10.1-6] from %i s to %i s: %s', async ([from, to, expected]) => {
    expect(await prove((_, now) => ({ claims: { iat: now + from, exp: now + to } }))).toBe(expected)
  })
})

describe('tokens', () => {
  test.for<readonly [string, Readonly<Record<string, unknown>>]>([
    ['no cb', { cb: undefined }],
    ['a cb of 31 bytes', { cb: b64(Buffer.alloc(31)) }],
    ['another cb', { cb: b64(Buffer.alloc(32)) }],
  ])('[LINK-10.2-1] a link assertion with %s', async ([, claims]) => {
    expect(await prove(() => ({ claims }))).toBe('credential-binding')
  })

  test.for<readonly [string, string, Readonly<Record<string, unknown>>, string]>([
    ['of a user of the issuer', 'alice@a.example', {}, 'ok'],
    ['of somebody else’s user', 'carol@c.example', {}, 'credential-subject'],
    ['of a user below the issuer', 'alice@x.a.example', {}, 'credential-subject'],
    ['of an address in capitals', 'Alice@a.example', {}, 'credential-subject'],
    ['of the domain itself', 'a.example', {}, 'credential-subject'],
  ])('[LINK-10.3-1] a credential %s', async ([, sub, claims, expected]) => {
    expect(await show(() => ({ claims }), sub)).toBe(expected)
  })

  test.for([
    [3600, 'ok'],
    [3601, 'credential-time'],
  ] as const)('[LINK-10.3-1] a credential of %i s: %s', async ([seconds, expected]) => {
    expect(await show((now) => ({ claims: { exp: now + seconds } }))).toBe(expected)
  })

  test.for([
    ['im.send', 'ok'],
    ['im.send im.sing', 'ok'],
    ['im.sing', 'credential-scope'],
    ['', 'credential-scope'],
    ['im.send  pres.watch', 'credential-scope'],
    [undefined, 'credential-scope'],
  ] as const)('[LINK-10.3-2] scope "%s": %s', async ([scope, expected]) => {
    expect(await show(() => ({ claims: { scope } }))).toBe(expected)
  })

  test.for<readonly [string, unknown, string]>([
    ['a thumbprint', { jkt: forgeKey('script: alice@a.example').kid }, 'ok'],
    ['a thumbprint of 31 bytes', { jkt: b64(Buffer.alloc(31)) }, 'credential-binding'],
    ['something else', { kid: 'x' }, 'credential-binding'],
    ['text', 'x', 'credential-binding'],
  ])('[LINK-10.3-3] cnf with %s', async ([, cnf, expected]) => {
    expect(await show(() => ({ claims: { cnf } }))).toBe(expected)
  })
})

describe('verification', () => {
  /** Each has the faults of all that come later, and none that come earlier. */
  test('[LINK-10.4-1] of an assertion is made in one order', async () => {
    const liar = forgeKey('a liar')
    const faults = {
      iss: { iss: 'b.example' },
      aud: { aud: 'c.example' },
      time: { iat: 1, exp: 2 },
      cb: { cb: b64(Buffer.alloc(32)) },
    }
    const { iss, aud, time, cb } = faults
    const kid = forgeKey('script: a.example').kid
    const answers = [
      await prove(() => ({
        key: liar,
        header: { typ: 'x' },
        claims: { ...iss, ...aud, ...time, ...cb },
      })),
      await prove(() => ({ key: liar, claims: { ...iss, ...aud, ...time, ...cb } })),
      await prove(() => ({ key: liar, claims: { ...aud, ...time, ...cb } })),
      await prove(() => ({ key: liar, claims: { ...time, ...cb } })),
      await prove(() => ({ key: liar, claims: cb })),
      await prove(() => ({ key: liar, header: { kid }, claims: cb })),
      await prove(() => ({ claims: cb })),
      await prove(() => ({})),
    ]
    expect(answers).toEqual([
      'credential-format',
      'credential-issuer',
      'credential-audience',
      'credential-expired',
      'credential-key',
      'credential-signature',
      'credential-binding',
      'ok',
    ])
  })

  test('[LINK-10.4-1] of a credential, too', async () => {
    const key = forgeKey('a liar')
    const kid = forgeKey('script: a.example').kid
    const aud = { aud: 'c.example' }
    const time = { iat: 1, exp: 2 }
    const answers = [
      await show(() => ({ key, claims: { iss: 'c.example', ...aud, ...time } }), 'carol@c.example'),
      await show(() => ({ key, claims: { ...aud, ...time } }), 'carol@c.example'),
      await show(() => ({ key, claims: { ...aud, ...time } })),
      await show(() => ({ key, claims: time })),
      await show(() => ({ key })),
      await show(() => ({ key, header: { kid } })),
    ]
    expect(answers).toEqual([
      'credential-issuer',
      'credential-subject',
      'credential-audience',
      'credential-expired',
      'credential-key',
      'credential-signature',
    ])
  })

  test('[LINK-10.4-2] without a key set there is a refusal for a time', async () => {
    const world = new World({ pinned: [] })
    world.dialFault = 'remote-unreachable'
    const peer = world.dialIn()
    peer.sayHello()
    const id = peer.prove()
    await world.run(5000)
    expect(peer.status(id)).toBe('credential-unverifiable')
  })
})

/** The answer to a PROVE of a.example, whose keys are told so. */
async function proveWith(
  answer: (world: World) => Buffer,
  key = 'script: a.example',
): Promise<string> {
  const world = new World({ pinned: [] })
  const peer = world.dialIn()
  peer.sayHello()
  const id = peer.prove({ key: forgeKey(key) })
  await world.run()
  const far = world.dialled[0] as ScriptedPeer
  far.sayHello()
  await world.run()
  const body = answer(world)
  far.respond(far.requestsOf(command.keys)[0]?.id ?? 0, 'ok', [], body)
  await world.run()
  return peer.status(id)
}

type Envelope = {
  set: string
  signatures: { kid: string; sig: string }[]
}

/** A good key set of a.example with something changed in the envelope. */
const spoilt =
  (change: (envelope: Envelope) => unknown, wish: Omit<SetWish, 'seconds'> = {}) =>
  (world: World): Buffer => {
    const envelope = JSON.parse(
      keySetOf({ ...wish, seconds: world.seconds }).toString(),
    ) as Envelope
    return Buffer.from(JSON.stringify(change(envelope) ?? envelope))
  }

const two = { keys: [{ name: 'script: a.example' }, { name: 'another key' }] }

describe('key sets', () => {
  test('[LINK-10.5-1] that are good give their keys', async () => {
    expect(await proveWith(spoilt(() => undefined))).toBe('ok')
    expect(
      await proveWith(
        spoilt(() => undefined, two),
        'another key',
      ),
    ).toBe('ok')
  })

  test.for<readonly [string, (world: World) => Buffer]>([
    ['no JSON', () => Buffer.from('keys')],
    ['no object', () => Buffer.from('[]')],
    ['padding', spoilt((envelope) => ({ ...envelope, set: `${envelope.set}=` }))],
    [
      '17 keys',
      spoilt(() => undefined, {
        keys: Array.from({ length: 17 }, (_, i) => ({ name: `key ${i}` })),
      }),
    ],
    ['no key', spoilt(() => undefined, { keys: [] })],
    [
      '257 revoked keys',
      spoilt(() => undefined, { revoked: Array.from({ length: 257 }, (_, i) => `k${i}`) }),
    ],
    [
      'a key twice',
      spoilt(() => undefined, {
        keys: [{ name: 'script: a.example' }, { name: 'script: a.example' }],
      }),
    ],
    [
      'another use',
      spoilt(() => undefined, { keys: [{ name: 'script: a.example', use: 'all' as 'both' }] }),
    ],
  ])('[LINK-10.5-1] with %s are refused as a whole', async ([, answer]) => {
    expect(await proveWith(answer)).toBe('credential-unverifiable')
  })

  test.for([
    ['link', 'ok'],
    ['both', 'ok'],
    ['user', 'credential-key'],
  ] as const)('[LINK-10.5-1] a key for %s and PROVE: %s', async ([use, expected]) => {
    expect(
      await proveWith(spoilt(() => undefined, { keys: [{ name: 'script: a.example', use }] })),
    ).toBe(expected)
  })

  test.for<readonly [string, (world: World) => Buffer]>([
    [
      'one signature too few',
      spoilt((envelope) => ({ ...envelope, signatures: envelope.signatures.slice(1) }), two),
    ],
    [
      'one too many',
      spoilt((envelope) => ({
        ...envelope,
        signatures: [...envelope.signatures, ...envelope.signatures],
      })),
    ],
    [
      'a bad one',
      spoilt((envelope) => {
        const [first, second] = envelope.signatures
        return { ...envelope, signatures: [first, { ...second, sig: first?.sig }] }
      }, two),
    ],
  ])('[LINK-10.5-2] with %s are refused', async ([, answer]) => {
    expect(await proveWith(answer)).toBe('credential-unverifiable')
  })

  test.for<readonly [string, (world: World) => Buffer]>([
    [
      'of another domain',
      spoilt(() => undefined, { domain: 'c.example', keys: [{ name: 'script: a.example' }] }),
    ],
    ['from the future', (world) => keySetOf({ seconds: world.seconds + 31 })],
    ['that have run out', (world) => keySetOf({ seconds: world.seconds - 86_400 - 31 })],
  ])('[LINK-10.5-3] %s are refused', async ([, answer]) => {
    expect(await proveWith(answer)).toBe('credential-unverifiable')
  })

  /** A world in which the set `first` of a.example was taken; each further set is asked for because of a new key. */
  async function taken(first: Omit<SetWish, 'seconds'>): Promise<readonly [World, ScriptedPeer]> {
    const world = new World({ pinned: [], limits: { idleMs: 1e12, pingMs: 1e12, linkAgeMs: 1e12 } })
    const peer = world.dialIn()
    peer.sayHello()
    peer.prove()
    await world.tellKeys(first)
    world.answerClaims(peer)
    await world.run(31_000)
    return [world, peer]
  }

  test.for([
    ['a higher one', 8, 'ok'],
    ['a lower one', 6, 'credential-unverifiable'],
    ['the same with other bytes', 7, 'credential-unverifiable'],
  ] as const)('[LINK-10.5-4] after version 7: %s', async ([, ver, expected]) => {
    const [world, peer] = await taken({ ver: 7 })
    const id = peer.prove({ key: forgeKey('another key') })
    await world.tellKeys({ ...two, ver })
    expect(peer.status(id)).toBe(expected)
  })

  test('[LINK-10.5-5] are asked for again after an hour, and not used after a day', async () => {
    const world = new World({ pinned: [], limits: { idleMs: 1e12, pingMs: 1e12, linkAgeMs: 1e12 } })
    const peer = world.dialIn()
    peer.sayHello()
    peer.prove()
    await world.tellKeys()
    world.answerClaims(peer)
    expect(world.dialled.length).toBe(1)
    await world.run(3_601_000)
    expect(world.dialled.length).toBeGreaterThan(1)
    world.dialFault = 'remote-unreachable'
    await world.run(22 * 3_600_000)
    expect(peer.release).toBeUndefined()
    await world.run(2 * 3_600_000)
    expect(peer.release?.reason).toBe('key-changed')
  })

  test('[LINK-10.5-5] an unknown key is asked for every 30 s at most', async () => {
    const [world, peer] = await taken({ ver: 1 })
    const before = world.dialled.length
    const first = peer.prove({ key: forgeKey('unknown 1') })
    await world.tellKeys({ ver: 2 })
    const second = peer.prove({ key: forgeKey('unknown 2') })
    await world.run(1000)
    expect([first, second].map((id) => peer.status(id))).toEqual([
      'credential-key',
      'credential-key',
    ])
    expect(world.dialled.length).toBe(before + 1)
  })

  test('[LINK-10.5-6] a revoked key stays revoked', async () => {
    const key = forgeKey('another key')
    const [world, peer] = await taken({ ver: 1, revoked: [key.kid] })
    const first = peer.prove({ key })
    await world.run()
    expect(peer.status(first)).toBe('credential-revoked')
    const unknown = peer.prove({ key: forgeKey('a third key') })
    await world.tellKeys({
      ver: 2,
      keys: [{ name: 'script: a.example' }, { name: 'a third key' }, { name: 'another key' }],
    })
    const again = peer.prove({ key })
    await world.run()
    expect([unknown, again].map((id) => peer.status(id))).toEqual(['ok', 'credential-revoked'])
  })
})

describe('keys that must not be used', () => {
  const vectors = join(import.meta.dirname, '../../vectors/ed25519-small-order.txt')
  const small = readFileSync(vectors, 'utf8')
    .split('\n')
    .filter((line) => /^[0-9a-f]{64}$/.test(line))

  test.for(small)('[LINK-10.6-1] the point %s', async (point) => {
    const world = new World()
    const client = world.dialIn('client', 'b.example')
    client.sayHello({ role: 'client' })
    const id = client.prove({ claims: { iss: 'bob@b.example' } }, [
      [tag.publicKey, Buffer.from(point, 'hex')],
    ])
    await world.run()
    expect(client.status(id)).toBe('credential-key')
  })

  test('[LINK-10.6-1] a y beyond the field', async () => {
    const world = new World()
    const client = world.dialIn('client', 'b.example')
    client.sayHello({ role: 'client' })
    const beyond = Buffer.from(`f3${'ff'.repeat(30)}7f`, 'hex')
    const id = client.prove({ claims: { iss: 'bob@b.example' } }, [[tag.publicKey, beyond]])
    await world.run()
    expect(client.status(id)).toBe('credential-key')
  })

  test('[LINK-10.6-2] a key of the test vectors, of a client', async () => {
    const world = new World()
    const client = world.dialIn('client', 'b.example')
    client.sayHello({ role: 'client' })
    const key = forgeKey('gatehouse vectors: key of alice@a.example')
    const id = client.prove({ key, claims: { iss: 'bob@b.example' } }, [
      [tag.publicKey, Buffer.from(key.x, 'base64url')],
    ])
    await world.run()
    expect(client.status(id)).toBe('credential-key')
  })

  test('[LINK-10.6-2] a key of the test vectors', async () => {
    const name = 'gatehouse vectors: key of a.example for both'
    expect(
      await proveWith(
        spoilt(() => undefined, { keys: [{ name }] }),
        name,
      ),
    ).toBe('credential-unverifiable')
  })
})
