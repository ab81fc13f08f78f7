/** A far side that costs more than it pays: what it does not read, and signatures that do not fit. */
import { expect, test } from 'vitest'
import { forgeKey } from '../../support/forge.ts'
import * as wire from '../../support/script/codec.ts'
import { World } from '../../support/script/world.ts'

const { command } = wire

test('[LINK-8.1-1] claims that need no credit end the link, long before they fill the memory', async () => {
  const world = new World({ limits: { claimsExcess: 5, claimsBurst: 3 } })
  const stranger = world.dialIn('gateway')
  stranger.sayHello()
  const shape = { command: command.prove, fields: [] }
  for (let n = 0; n < 8; n++) stranger.ask(wire.control, shape)
  await world.run()
  expect(stranger.release).toBeUndefined()
  stranger.ask(wire.control, shape)
  await world.run()
  expect(stranger.release?.reason).toBe('flood')
})

test('[LINK-8.1-2] a far side that reads now and then holds no more than one that reads nothing', async () => {
  const world = new World({ limits: { mostOutBytes: 20_000, idleMs: 1e9 } })
  const bob = await world.attached()
  const peer = await world.provenPeer()
  const flow = world.pairs.get(peer)?.toInitiating
  if (flow === undefined) throw new Error('a peer has a pair')
  flow.bufferBytes = 0
  for (let n = 0; n < 400 && world.gateway.sessions.size === 2; n++) {
    // Something moves each time.
    flow.isHeld = n % 10 !== 0
    flow.bytesPerMs = 1
    for (let i = 0; i < 10; i++) peer.ask(wire.im, { command: 0x7e, fields: [] })
    await world.run(20)
  }
  const causes = [...(world.meter.counters.get('links_closed_total')?.values() ?? [])]
  expect(causes.map(({ labels }) => labels['cause'])).toEqual(['slow-reader'])
  expect(bob.isClosed).toBe(false)
})

test('[LINK-8.1-1] signatures that do not fit end the link: each of them costs as much as fifty messages', async () => {
  const world = new World({ limits: { mistakesBurst: 3 } })
  const peer = await world.provenPeer()
  const forged = { key: forgeKey('somebody else'), header: { kid: peer.key.kid } }
  const ids = [1, 2, 3].map((n) => peer.show(n, 'alice@a.example', forged))
  await world.run()
  expect(ids.map((id) => peer.status(id))).toEqual(ids.map(() => 'credential-signature'))
  expect(peer.release).toBeUndefined()
  peer.show(4, 'alice@a.example', forged)
  await world.run()
  expect(peer.release?.reason).toBe('flood')
})

test('a credential that is refused for another reason ends no link', async () => {
  const world = new World({ limits: { mistakesBurst: 3 } })
  const peer = await world.provenPeer()
  for (let n = 1; n < 9; n++) peer.show(n, 'bob@b.example')
  await world.run()
  expect(peer.release).toBeUndefined()
})
