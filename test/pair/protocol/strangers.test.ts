/** Claims of domains that nobody knows: what they may cost. */
import { describe, expect, test } from 'vitest'
import { dose } from '../../support/dose.ts'
import { forgeKey } from '../../support/forge.ts'
import { World } from '../../support/script/world.ts'

const key = forgeKey('script: a.example')

describe('a claim whose keys cannot be had', () => {
  /** How long until it is answered, and how. */
  const claimed = async (world: World, prepare: (world: World) => void = () => undefined) => {
    prepare(world)
    const stranger = world.dialIn()
    stranger.sayHello()
    const id = stranger.prove()
    let ms = 0
    for (; stranger.status(id) === 'no answer' && ms < 20_000; ms += 10) await world.run(10)
    return [stranger.status(id), ms]
  }
  const ways: readonly (readonly [string, (world: World) => void])[] = [
    ['nobody listens', (world) => Object.assign(world, { dialFault: 'remote-unreachable' })],
    ['DNS says no', (world) => Object.assign(world, { dialFault: 'dns-failed' })],
    ['the address is private', (world) => Object.assign(world, { dialFault: 'remote-untrusted' })],
    ['somebody listens and is silent', () => undefined],
    ['another certificate is shown', (world) => Object.assign(world, { certified: [] })],
    [
      'it is hung up',
      (world) => {
        const look = (): undefined => {
          for (const far of world.dialled) far.channel.destroy()
          if (world.dialled.length === 0) world.clock.after(1, look)
        }
        world.clock.after(1, look)
      },
    ],
  ]

  test.each(ways)('[LINK-6.1-3] is answered at one time with one code: %s', async (_, prepare) => {
    expect(await claimed(new World({ pinned: [] }), prepare)).toEqual([
      'credential-unverifiable',
      5000,
    ])
  })

  test('[LINK-6.1-3] is answered at once after the first, whatever that met', async () => {
    const world = new World({ pinned: [] })
    world.dialFault = 'remote-unreachable'
    const first = claimed(world)
    await first
    expect(await claimed(world)).toEqual(['credential-unverifiable', 10])
  })
})

describe('key fetches for strangers', () => {
  test('are not made for claims that fail without a key', async () => {
    const world = new World({ pinned: [] })
    const stranger = world.dialIn('gateway')
    stranger.sayHello()
    for (let n = 0; n < 20; n++) {
      const late = { iat: world.seconds - 900, exp: world.seconds - 800 }
      stranger.prove({ claims: { iss: `n${n}.example`, ...late } })
    }
    await world.run()
    expect(world.dialled).toEqual([])
    const honest = world.dialIn('gateway', 'a.example')
    honest.sayHello()
    honest.prove()
    await world.run()
    expect(world.dialled.length).toBe(1)
  })

  test('are not made again for a domain whose keys could not be had a moment ago', async () => {
    const world = new World({ pinned: [] })
    world.dialFault = 'dns-failed'
    const stranger = world.dialIn('gateway')
    stranger.sayHello()
    for (let n = 0; n < 20; n++) {
      stranger.prove({ claims: { iss: 'nowhere.example' } })
      await world.run()
    }
    world.dialFault = undefined
    const honest = world.dialIn('gateway', 'a.example')
    honest.sayHello()
    honest.prove()
    await world.run()
    expect(world.dialled.length).toBe(1)
  })

  /** Claims of each network of a crowd: more than it has places. */
  const each = dose(20, 5)
  let claims = 0
  /** Claims of `count` domains that nobody knows, from `remote`. */
  const claim = (world: World, remote: string, count: number): void => {
    const stranger = world.dialIn('gateway', 'a.example', false, remote)
    stranger.sayHello()
    for (let n = 0; n < count; n++) stranger.prove({ claims: { iss: `new${++claims}.example` } })
  }
  const dialsTo = (world: World, domain: string): number =>
    world.dialled.filter((peer) => peer.domain === domain).length
  /** `name` claims itself from a network of its own, again each second; when it is dialled for its keys, in ms. */
  const firstContact = async (world: World, name: string, second: () => void): Promise<number> => {
    const began = world.clock.now()
    for (let n = 0; n < 100; n++) {
      if (n % 10 === 0) second()
      if (n % 50 === 5) {
        const honest = world.dialIn('gateway', name, false, '198.51.100.1:40000')
        honest.sayHello()
        honest.prove({ key: forgeKey(`script: ${name}`), claims: { iss: name } })
      }
      await world.run(100)
      if (dialsTo(world, name) > 0) return world.clock.now() - began
    }
    return Number.POSITIVE_INFINITY
  }

  test('[LINK-6.2-3] are not made for a domain of which DNS says nothing, and it takes no place', async () => {
    const world = new World({ pinned: [], limits: { strangerDials: 4 } })
    world.foundBy = (name) => (name === 'a.example' ? 'im' : undefined)
    for (let host = 1; host < 9; host++) claim(world, `192.0.2.${host}:40000`, 20)
    await world.run()
    expect(world.dialled).toEqual([])
    expect(await firstContact(world, 'a.example', () => undefined)).toBeLessThan(1000)
    expect(world.meter.total('limit_hits_total', { limit: 'strangerDials' })).toBe(0)
  })

  test('[LINK-6.2-3] of 60 invented domains a second from 60 networks keep no newcomer out', async () => {
    const world = new World({ pinned: [] })
    /** Those that are dialled never say a word. */
    const flood = (): void => {
      for (let net = 1; net <= 60; net++) claim(world, `203.0.${net}.1:40000`, 1)
    }
    for (let n = 0; n < dose(10, 5); n++) {
      flood()
      await world.run(1000)
    }
    expect(world.meter.total('limit_hits_total', { limit: 'strangerDials' })).toBeGreaterThan(100)
    expect(await firstContact(world, 'a.example', flood)).toBeLessThan(2000)
    await world.tellKeys({ domain: 'a.example' })
    expect(world.gateway.isProven('a.example')).toBe(true)
  })

  test('[LINK-6.2-3] of one network leave room for others, however many it claims', async () => {
    const world = new World({ pinned: [] })
    for (let host = 1; host < 9; host++) claim(world, `192.0.2.${host}:40000`, 100)
    await world.run()
    expect(world.dialled.length).toBeLessThan(world.limits.strangerDials)
    expect(await firstContact(world, 'a.example', () => undefined)).toBeLessThan(1000)
  })

  test.for([
    ['a rule', { rules: { default: 'allow', allow: ['a.example'], deny: [] } }],
    ['a name among the watched peers', {}],
  ] as const)('have places apart for domains that have %s', async ([, wish]) => {
    const world = new World({ pinned: [], ...wish })
    if (!('rules' in wish)) world.gateway.peers.watch(['a.example'])
    for (let net = 1; net < 99; net++) claim(world, `[2001:db8:${net}::1]:40000`, each)
    await world.run()
    const others = world.dialled.length
    expect(others).toBeLessThan(world.limits.strangerDials)
    for (const name of ['d.example', 'a.example']) {
      const honest = world.dialIn('gateway', name, false, '198.51.100.1:40000')
      honest.sayHello()
      honest.prove({ key: forgeKey(`script: ${name}`), claims: { iss: name } })
    }
    await world.run()
    expect(world.dialled.slice(others).map(({ domain }) => domain)).toEqual(['a.example'])
  })

  test('[LINK-6.2-3] take nothing from what our own users ask for', async () => {
    const world = new World({ pinned: [] })
    const bob = await world.attached()
    for (let net = 1; net < 99; net++) claim(world, `203.0.${net}.1:40000`, each)
    await world.run()
    const before = world.dialled.length
    bob.message({ to: 'alice@a.example', sequence: 1 })
    await world.run()
    const [far] = world.dialled.slice(before)
    expect(far?.domain).toBe('a.example')
    // The far side proves itself with a key that nobody knows: it is asked for on the same link, at once.
    far?.sayHello()
    await world.run()
    far?.prove()
    await world.run()
    await world.tellKeysOn(far, 'a.example')
    expect(world.gateway.isProven('a.example')).toBe(true)
  })
})

test('[LINK-3.1-6] on plain TCP no domain is proven but by a pinned key, and nothing is fetched', async () => {
  const world = new World({ pinned: ['d.example'] })
  const claim = async (domain: string) => {
    const peer = world.dialIn('gateway', domain, true)
    peer.sayHello()
    await world.run()
    const id = peer.prove({ key: forgeKey(`script: ${domain}`), claims: { iss: domain } })
    await world.run()
    return peer.status(id)
  }
  expect(await claim('a.example')).toBe('credential-key')
  expect(world.dialled).toEqual([])
  expect(await claim('d.example')).toBe('ok')
})

test('one link serves a bounded number of pairs, and those that it has go on', async () => {
  const names = ['a.example', 'd.example', 'e.example']
  const world = new World({ pinned: names, limits: { pairsPerLink: 2 } })
  const peer = await world.provenPeer()
  const claim = (name: string) =>
    peer.prove({ key: forgeKey(`script: ${name}`), claims: { iss: name } })
  const [second, third] = [claim('d.example'), claim('e.example')]
  const again = peer.prove({ key })
  await world.run()
  expect([second, third, again].map((id) => peer.status(id))).toEqual(['ok', 'limit-reached', 'ok'])
})
