/**
 * What a stranger tries, and what it is told. After each attempt a sentinel still arrives: on the same link from a
 * sender who may, and from another domain.
 */
import { describe, expect, test } from 'vitest'
import type { Status } from '../../src/errors.ts'
import { b64, forgeKey } from '../support/forge.ts'
import * as wire from '../support/script/codec.ts'
import type { ScriptedPeer } from '../support/script/peer.ts'
import { dialAs, keyOf, Overheard } from '../support/simulator/forger.ts'
import { openScene, type Scene } from '../support/simulator/scene.ts'

const mallory = { name: 'm', domains: [{ name: 'mallory.example', users: ['mallory'] }] } as const

type Forger = { readonly scene: Scene; readonly peer: ScriptedPeer; readonly heard: Overheard }

/** The gateway of mallory.example is proven at b.example, and its user may send. */
async function openForger(): Promise<Forger> {
  const scene = await openScene({ others: [mallory] })
  const { world, alice, bob } = scene
  const heard = new Overheard(world)
  expect(await scene.send(alice, bob)).toBe('delivered')
  const peer = await dialAs(world, 'mallory.example', scene.b)
  await world.run(100)
  const proof = peer.prove()
  await world.run(1000)
  expect(peer.status(proof)).toBe('ok')
  const shown = peer.show(1, 'mallory@mallory.example')
  await world.run(100)
  expect(peer.status(shown)).toBe('ok')
  return { scene, peer, heard }
}

let sentinels = 0
const sentinel = (peer: ScriptedPeer): number =>
  peer.message({ reference: 1, epoch: 1_800_000_000 + ++sentinels, sequence: 1, body: 'canary' })

const seconds = (peer: ScriptedPeer): number => {
  const [, payload = ''] = peer.assertion().split('.')
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as { iat: number }
  return claims.iat
}

/** A credential of `number`, used for a message at once: what the message is answered. */
const use = (peer: ScriptedPeer, reference: number): number =>
  peer.message({ reference, epoch: 9, sequence: 1, body: 'canary forged' })

type Try = (forger: Forger) => number

const tries: readonly (readonly [what: string, code: Status, act: Try])[] = [
  [
    'a sender of another domain, vouched for by its own',
    'credential-subject',
    ({ peer }) => {
      peer.show(2, 'alice@a.example')
      return use(peer, 2)
    },
  ],
  [
    'a sender of another domain, in the name of that domain',
    'credential-issuer',
    ({ peer }) => {
      peer.show(2, 'alice@a.example', { claims: { iss: 'a.example' } })
      return use(peer, 2)
    },
  ],
  [
    'a sender written into the message',
    'bad-request',
    ({ peer }) => {
      return peer.ask(wire.im, {
        command: wire.command.message,
        hops: 1,
        reference: 1,
        fields: [
          [wire.tag.lane, wire.u32(8, 1)],
          [wire.tag.from, 'alice@a.example'],
          [wire.tag.to, 'bob@b.example'],
          [wire.tag.id, Buffer.alloc(16, 7)],
        ],
        body: Buffer.from('canary forged'),
      })
    },
  ],
  [
    'a credential that has expired',
    'credential-expired',
    ({ peer }) => {
      const now = seconds(peer)
      peer.show(2, 'eve@mallory.example', { claims: { iat: now - 1200, exp: now - 600 } })
      return use(peer, 2)
    },
  ],
  [
    'a credential of the future',
    'credential-time',
    ({ peer }) => {
      const now = seconds(peer)
      peer.show(2, 'eve@mallory.example', { claims: { iat: now + 600, exp: now + 1200 } })
      return use(peer, 2)
    },
  ],
  [
    'a credential that lives for a year',
    'credential-time',
    ({ peer }) => {
      const now = seconds(peer)
      peer.show(2, 'eve@mallory.example', { claims: { iat: now, exp: now + 31_536_000 } })
      return use(peer, 2)
    },
  ],
  [
    'a credential that was overheard on another link',
    'credential-issuer',
    ({ peer, heard }) => {
      const [stolen = ''] = heard.credentials
      peer.ask(wire.im, {
        command: wire.command.credential,
        reference: 2,
        fields: [[wire.tag.token, stolen]],
      })
      return use(peer, 2)
    },
  ],
  [
    'an assertion that was overheard on another link',
    'credential-binding',
    ({ peer, heard }) => {
      const stolen = heard.assertions.find((token) => issuerOf(token) === 'a.example') ?? ''
      return peer.ask(wire.control, {
        command: wire.command.prove,
        fields: [[wire.tag.token, stolen]],
      })
    },
  ],
  [
    'an assertion for another channel of its own',
    'credential-binding',
    ({ peer }) => peer.prove({ claims: { cb: b64(Buffer.alloc(32, 1)) } }),
  ],
  [
    'an assertion in the name of another domain',
    'credential-signature',
    ({ peer, scene }) =>
      peer.prove({
        header: { kid: keyOf(scene.world, 'a.example').kid },
        claims: { iss: 'a.example' },
      }),
  ],
  [
    'a claim to the domain that it talks to',
    'credential-issuer',
    ({ peer }) => peer.prove({ claims: { iss: 'b.example' } }),
  ],
  [
    'a credential signed with a key that nobody published',
    'credential-key',
    ({ peer }) => {
      peer.show(2, 'eve@mallory.example', { key: forgeKey('nobody') })
      return use(peer, 2)
    },
  ],
  [
    'a credential whose signature does not fit',
    'credential-signature',
    ({ peer }) => {
      const key = { ...forgeKey('nobody'), kid: peer.key.kid }
      peer.show(2, 'eve@mallory.example', { key })
      return use(peer, 2)
    },
  ],
  [
    'a token without a signature',
    'credential-algorithm',
    ({ peer }) => {
      peer.show(2, 'eve@mallory.example', { header: { alg: 'none' } })
      return use(peer, 2)
    },
  ],
  [
    'a link assertion in the place of a credential',
    'credential-format',
    ({ peer }) => {
      peer.show(2, 'eve@mallory.example', { header: { typ: 'pitp-link+jwt' } })
      return use(peer, 2)
    },
  ],
  [
    'a credential for another domain',
    'credential-audience',
    ({ peer }) => {
      peer.show(2, 'eve@mallory.example', { claims: { aud: 'a.example' } })
      return use(peer, 2)
    },
  ],
  [
    'a credential that does not allow to send',
    'credential-scope',
    ({ peer }) => {
      peer.show(2, 'eve@mallory.example', { claims: { scope: 'pres.watch' } })
      return use(peer, 2)
    },
  ],
  ['a number that was never shown', 'credential-ref-unknown', ({ peer }) => use(peer, 77)],
  ['no credential at all', 'credential-missing', ({ peer }) => use(peer, 0)],
  [
    'a message through us to a third domain',
    'relaying',
    ({ peer }) => peer.message({ to: 'alice@a.example', epoch: 9, body: 'canary relayed' }),
  ],
  [
    'a message that has gone too far',
    'hop-limit',
    ({ peer }) => peer.message({ hops: 4, epoch: 9, body: 'canary old' }),
  ],
]

function issuerOf(token: string): string {
  const [, payload = ''] = token.split('.')
  return (JSON.parse(Buffer.from(payload, 'base64url').toString()) as { iss: string }).iss
}

describe('a gateway that is proven as another one is refused', () => {
  test.for(tries)('%s', async ([, code, act]) => {
    const forger = await openForger()
    const { scene, peer } = forger
    const { world, alice, bob } = scene
    const before = stateOf(scene)
    const id = act(forger)
    await world.run(2000)
    expect(peer.status(id)).toBe(code)
    // Nothing has come of it: nothing is shown, kept, asked of DNS or dialled.
    expect(stateOf(scene)).toEqual(before)
    const after = sentinel(peer)
    await world.run(1000)
    expect(peer.status(after)).toBe('delivered')
    expect(await scene.send(alice, bob)).toBe('delivered')
    expect(scene.shown(bob)).toBe(3)
    expect(world.trace.logged.filter((line) => /canary|eyJ/.test(line))).toEqual([])
  })
})

/** What an attempt without effect leaves as it was. */
function stateOf({ world, b, bob }: Scene): object {
  const gauge = (name: string): readonly number[] =>
    [...(b.run?.meter.gauges.get(name)?.values() ?? [])].map(({ value }) => value())
  return {
    shown: world.journal.showings.filter(({ device }) => device === bob.name).length,
    records: gauge('duplicate_records'),
    leases: gauge('presence_leases'),
    dials: world.network.dials.filter(({ from }) => from === 'b').length,
    questions: world.dns.asked.length,
  }
}

describe('an expired credential', () => {
  test('is refused at its use, although it was good when it was shown', async () => {
    const { scene, peer } = await openForger()
    const { world } = scene
    const now = seconds(peer)
    peer.show(2, 'eve@mallory.example', { claims: { iat: now, exp: now + 5 } })
    const early = use(peer, 2)
    // The forgiven difference of clocks comes on top.
    await world.run(37_000)
    const late = peer.message({ reference: 2, epoch: 9, sequence: 2, body: 'canary late' })
    const after = sentinel(peer)
    await world.run(1000)
    expect(peer.status(early)).toBe('delivered')
    expect(peer.status(late)).toBe('credential-expired')
    expect(peer.status(after)).toBe('delivered')
  })
})

describe('a gateway whose first claim is refused', () => {
  test('is told why, and the link ends', async () => {
    const scene = await openScene({ others: [mallory] })
    const { world, alice, bob } = scene
    const peer = await dialAs(world, 'mallory.example', scene.b)
    await world.run(100)
    const proof = peer.prove({ key: { ...forgeKey('nobody'), kid: peer.key.kid } })
    peer.show(1, 'mallory@mallory.example')
    const message = sentinel(peer)
    await world.run(2000)
    expect(peer.status(proof)).toBe('credential-signature')
    expect(peer.status(message)).toBe('credential-signature')
    expect(scene.shown(bob)).toBe(0)
    expect(await scene.send(alice, bob)).toBe('delivered')
  })

  test('in the name of a domain that does not exist, is refused for now, and asked about once', async () => {
    const scene = await openScene({ others: [mallory] })
    const { world, alice, bob } = scene
    const peer = await dialAs(world, 'mallory.example', scene.b)
    await world.run(100)
    const proofs = [1, 2, 3].map(() => peer.prove({ claims: { iss: 'nowhere.example' } }))
    await world.run(6000)
    for (const proof of proofs) expect(peer.status(proof)).toBe('credential-unverifiable')
    const asked = world.dns.questions.filter((name) => name.includes('nowhere'))
    expect(new Set(asked).size).toBe(asked.length)
    expect(await scene.send(alice, bob)).toBe('delivered')
  })
})

describe('a host that shows the certificate of another domain', () => {
  test('gets nothing, and the sender is told that the domain is not trusted there', async () => {
    const scene = await openScene()
    const { world, alice, bob } = scene
    const place = `${scene.b.ip}:5279`
    world.network.troubles.set(place, { certificateOf: 'other.example' })
    expect(await scene.send(alice, bob)).toBe('remote-untrusted')
    expect(scene.asked.filter(({ wire: { isClient } }) => !isClient)).toEqual([])
    world.network.troubles.delete(place)
    await world.run(2000)
    expect(await scene.send(alice, bob)).toBe('delivered')
    expect(scene.shown(bob)).toBe(1)
  })
})

describe('a domain on the list of those that are not talked to', () => {
  const barred = {
    a: { rules: { default: 'allow', allow: [], deny: ['b.example', '*.evil.example'] } },
  } as const

  test('is refused before DNS is asked', async () => {
    const scene = await openScene(barred)
    const { world, alice, bob } = scene
    expect(await scene.send(alice, bob)).toBe('domain-refused')
    expect(await scene.send(alice, 'x@deep.evil.example')).toBe('domain-refused')
    const fetch = alice.watcher.fetch('bob@b.example')
    await world.until(() => fetch.answers > 0)
    expect(fetch.answer).toBe('domain-refused')
    expect(world.dns.asked).toEqual([])
    expect(world.network.dials.filter(({ from }) => from === 'a')).toEqual([])
  })

  test('may not come in either, and its keys are not asked for', async () => {
    const scene = await openScene(barred)
    const { world, alice, bob } = scene
    expect(await scene.send(bob, alice)).toBe('domain-refused')
    expect(scene.shown(alice)).toBe(0)
    expect(scene.count('keys', 'a')).toBe(0)
    expect(world.network.dials.filter(({ from }) => from === 'a')).toEqual([])
  })
})

describe('a token', () => {
  test('with another domain for its reader is of no use to that reader elsewhere', async () => {
    // mallory.example is sent a message, and shows the credential that came with it to b.example.
    const scene = await openScene({ others: [mallory] })
    const { world, alice } = scene
    const heard = new Overheard(world)
    expect(await scene.send(alice, 'mallory@mallory.example')).toBe('inbox-closed')
    const peer = await dialAs(world, 'mallory.example', scene.b)
    await world.run(100)
    peer.prove()
    await world.run(1000)
    const [given = ''] = heard.credentials.filter((token) => issuerOf(token) === 'a.example')
    const shown = peer.ask(wire.im, {
      command: wire.command.credential,
      reference: 5,
      fields: [[wire.tag.token, given]],
    })
    await world.run(1000)
    expect(peer.status(shown)).toBe('credential-issuer')
  })
})
