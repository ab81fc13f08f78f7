/** Claims of domains that nobody knows: what they may cost. */
import { describe, expect, test } from 'vitest'
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

describe('the budget of key fetches for strangers', () => {
  test('is not spent by claims that fail without a key', async () => {
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

  test('is not spent by a domain whose keys could not be had a moment ago', async () => {
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

  test('is spent by claims that need a fetch', async () => {
    const world = new World({ pinned: [] })
    const stranger = world.dialIn('gateway')
    stranger.sayHello()
    for (let n = 0; n < 20; n++) stranger.prove({ claims: { iss: `n${n}.example` } })
    await world.run()
    expect(world.dialled.length).toBe(3)
    expect(world.meter.total('limit_hits_total', { limit: 'strangerDialsPerNetwork' })).toBe(17)
  })

  let claims = 0
  /** Claims of `count` domains that nobody knows, from `remote`. */
  const claim = (world: World, remote: string, count: number): void => {
    const stranger = world.dialIn('gateway', 'a.example', false, remote)
    stranger.sayHello()
    for (let n = 0; n < count; n++) stranger.prove({ claims: { iss: `new${++claims}.example` } })
  }

  test('has a share for each network', async () => {
    const world = new World({ pinned: [] })
    for (let host = 1; host < 9; host++) claim(world, `192.0.2.${host}:40000`, 20)
    await world.run()
    expect(world.dialled.length).toBe(3)
    const honest = world.dialIn('gateway', 'a.example', false, '198.51.100.1:40000')
    honest.sayHello()
    honest.prove()
    await world.run()
    expect(world.dialled.length).toBe(4)
  })

  test.for([
    ['a rule', { rules: { default: 'allow', allow: ['a.example'], deny: [] } }],
    ['a name among the watched peers', {}],
  ] as const)('has a reserve for domains that have %s', async ([, wish]) => {
    const world = new World({ pinned: [], ...wish })
    if (!('rules' in wish)) world.gateway.peers.watch(['a.example'])
    for (let net = 1; net < 9; net++) claim(world, `[2001:db8:${net}::1]:40000`, 20)
    await world.run()
    const others = world.dialled.length
    expect(others).toBe(5)
    for (const name of ['d.example', 'a.example']) {
      const honest = world.dialIn('gateway', name, false, '198.51.100.1:40000')
      honest.sayHello()
      honest.prove({ key: forgeKey(`script: ${name}`), claims: { iss: name } })
    }
    await world.run()
    expect(world.dialled.slice(others).map(({ domain }) => domain)).toEqual(['a.example'])
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
