/** Claims of domains that nobody knows: what they may cost. */
import { describe, expect, test } from 'vitest'
import { forgeKey } from '../../support/forge.ts'
import { World } from '../../support/script/world.ts'

const key = forgeKey('script: a.example')

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
    expect(world.dialled.length).toBe(5)
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
