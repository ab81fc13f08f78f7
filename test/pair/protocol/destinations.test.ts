/** Destinations: how many other domains are remembered, and who makes room for whom. */
import { expect, test } from 'vitest'
import { messageId, type ScriptedPeer } from '../../support/script/peer.ts'
import { World } from '../../support/script/world.ts'

const write = (bob: ScriptedPeer, domain: string): number =>
  bob.message({ reference: 0, hops: 0, sequence: 0, id: messageId(domain), to: `zoe@${domain}` })

const remembered = ({ gateway }: World): readonly string[] =>
  [...gateway.sessions.pool.states()].map(({ remote, service }) => `${remote} ${service}`)

test('beyond the limit nothing is remembered, however often it is asked for', async () => {
  // Two places, and both are taken by a link that lives.
  const world = new World({ limits: { peers: 1 } })
  const bob = await world.attached()
  write(bob, 'u.example')
  await world.accepted()
  const full = remembered(world)
  expect(full).toEqual(['u.example im', 'u.example pres'])
  const sent = ['v.example', 'w.example', 'x.example', 'y.example'].map((name) => write(bob, name))
  await world.run()
  expect(sent.map((id) => bob.status(id))).toEqual(['busy', 'busy', 'busy', 'busy'])
  expect(remembered(world)).toEqual(full)
})

test('one that nothing depends on makes room, and not the one that is asked for', async () => {
  const world = new World({ limits: { peers: 1 } })
  const bob = await world.attached()
  world.dialFault = 'dns-failed'
  write(bob, 'v.example')
  await world.run()
  write(bob, 'w.example')
  await world.run()
  world.gateway.sessions.pool.want('b.example' as never, 'v.example' as never, 'pres')
  await world.run()
  expect(remembered(world)).toEqual(['v.example im', 'v.example pres'])
})

test('domains that only came to us make room for those to whom our users write', async () => {
  const world = new World({ limits: { peers: 1 } })
  const bob = await world.attached()
  const stranger = await world.provenPeer()
  expect(remembered(world)).toEqual(['a.example im', 'a.example pres'])
  write(bob, 'v.example')
  await world.accepted()
  expect(remembered(world)).toEqual(['v.example im', 'v.example pres'])
  expect(stranger.isClosed).toBe(false)
})
