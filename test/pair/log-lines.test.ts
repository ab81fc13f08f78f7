/** Log lines that an operator looks for by the name of a domain. */
import { expect, test } from 'vitest'
import { silentLog } from '../../src/lib/log.ts'
import { World, type WorldWish } from '../support/script/world.ts'

function setUp(wish: WorldWish = {}) {
  const lines: unknown[] = []
  const warn = (event: string, facts: object = {}): undefined => {
    lines.push({ event, ...facts })
  }
  return { lines, world: new World({ ...wish, log: { ...silentLog, warn } }) }
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
  const { lines, world } = setUp()
  const peer = await world.provenPeer()
  const id = peer.show(5, 'mallory@c.example')
  await world.run()
  expect(peer.status(id)).not.toBe('ok')
  expect(lines).toMatchObject([{ event: 'credential.refused', remote: 'a.example' }])
})

test('a far side that is refused over and over fills no log', async () => {
  const { lines, world } = setUp()
  const peer = await world.provenPeer()
  const refused = { claims: { sub: 'bob@b.example' } }
  for (let n = 1; n <= 14; n++) peer.show(n, 'alice@a.example', refused)
  await world.run()
  expect(lines.length).toBe(10)
  await world.run(1000)
  peer.prove({ claims: { aud: 'elsewhere.example' } })
  await world.run()
  expect(lines.length).toBe(11)
  expect(lines.at(-1)).toMatchObject({ event: 'link.proof-refused', more: 4 })
})
