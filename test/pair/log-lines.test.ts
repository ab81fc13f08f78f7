/** Log lines that an operator looks for by the name of a domain. */
import { expect, test } from 'vitest'
import { silentLog } from '../../src/lib/log.ts'
import { SampledLog } from '../../src/lib/sampled-log.ts'
import { limitsWith } from '../../src/limits.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { World, type WorldWish } from '../support/script/world.ts'

function setUp(wish: WorldWish = {}) {
  const lines: unknown[] = []
  const note = (event: string, facts: object = {}): undefined => {
    lines.push({ event, ...facts })
  }
  const clock = new ManualClock()
  const log = new SampledLog({ ...silentLog, info: note, warn: note }, clock, limitsWith())
  const world = new World({ ...wish, log })
  const of = (event: string) => lines.filter((line) => (line as { event: string }).event === event)
  return { lines, world, clock, of }
}

test('a proof that is refused names the domain that somebody claimed to be', async () => {
  const rules = { default: 'allow', allow: [], deny: ['a.example'] } as const
  const { lines, world } = setUp({ rules })
  const peer = world.dialIn()
  peer.sayHello()
  peer.prove()
  await world.run()
  expect(lines).toMatchObject([
    { event: 'link.proof-refused', claimed: 'a.example', cause: 'domain-refused' },
  ])
})

test('a credential that is refused names the domain that showed it', async () => {
  const { of, world } = setUp()
  const peer = await world.provenPeer()
  const id = peer.show(5, 'mallory@c.example')
  await world.run()
  expect(peer.status(id)).not.toBe('ok')
  expect(of('credential.refused')).toMatchObject([{ remote: 'a.example' }])
})

test('a far side that is refused over and over fills no log', async () => {
  const { world, clock, of } = setUp()
  const peer = await world.provenPeer()
  const refused = { claims: { sub: 'bob@b.example' } }
  for (let n = 1; n <= 14; n++) peer.show(n, 'alice@a.example', refused)
  await world.run()
  expect(of('credential.refused')).toHaveLength(10)
  await clock.advance(60_000)
  expect(of('credential.refused').at(-1)).toMatchObject({ remote: 'a.example', more: 3 })
})

test('a link that ends names the domains that were proven on it', async () => {
  const { world, of } = setUp()
  const peer = await world.provenPeer()
  peer.channel.destroy()
  await world.run()
  expect(of('link.closed')).toMatchObject([
    { local: 'b.example', remote: 'a.example', peer: expect.any(String), cause: 'link-lost' },
  ])
})

test('strangers who say HELLO and hang up have a line a minute together', async () => {
  const { world, of } = setUp()
  for (let i = 0; i < 50; i++) {
    const peer = world.dialIn()
    peer.sayHello({ domain: `d${i}.example` })
    await world.run()
    peer.channel.destroy()
    await world.run()
  }
  expect(of('link.closed')).toMatchObject([{ claimed: 'd0.example', cause: 'link-lost' }])
})

test('strangers who claim what is not theirs have a line a minute for each reason', async () => {
  const { world, of } = setUp()
  for (let i = 0; i < 20; i++) {
    const peer = world.dialIn()
    peer.sayHello()
    peer.prove({ claims: { aud: 'elsewhere.example' } })
    await world.run()
  }
  expect(of('link.proof-refused')).toMatchObject([{ claimed: 'a.example' }])
})
