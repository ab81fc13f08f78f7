/** A domain that the operator bars while it is connected: from then on nothing of ours is told to it. */
import { expect, test } from 'vitest'
import * as wire from '../../support/script/codec.ts'
import { messageId, type ScriptedPeer } from '../../support/script/peer.ts'
import { World } from '../../support/script/world.ts'

const { command, tag } = wire

const barred = { default: 'allow', allow: [], deny: ['a.example'] } as const
const document = (note: string) => Buffer.from(`{"tuples":{"t":{"note":"${note}"}}}`)

const publish = (client: ScriptedPeer, n: number): number =>
  client.ask(wire.pres, {
    command: command.publish,
    fields: [
      [tag.entityTag, messageId(`etag ${n}`)],
      ...(n === 1 ? [] : ([[tag.ifMatch, messageId(`etag ${n - 1}`)]] as const)),
    ],
    body: document(`note ${n}`),
  })

const subscribe = (asker: ScriptedPeer, reference: number, to: string): number =>
  asker.ask(wire.pres, {
    command: command.subscribe,
    hops: 1,
    reference,
    fields: [
      [tag.to, to],
      [tag.subscription, messageId(`of ${to}`)],
    ],
  })

test('its links are let go of, and its watchers are told nothing more', async () => {
  const world = new World()
  const bob = await world.attached()
  publish(bob, 1)
  const peer = await world.provenPeer()
  peer.show(1, 'alice@a.example')
  const asked = subscribe(peer, 1, 'bob@b.example')
  await world.run(3000)
  expect(peer.status(asked)).toBe('ok')
  const before = peer.requestsOf(command.notify).length
  expect(before).toBeGreaterThan(0)
  world.gateway.obey(barred)
  publish(bob, 2)
  await world.run(60_000)
  expect(peer.requestsOf(command.notify).length).toBe(before)
  expect(peer.frames.some(({ type }) => type === wire.type.release)).toBe(true)
  expect(world.gateway.sessions.size).toBe(1)
  expect(world.dialled).toEqual([])
})

test('who watches somebody there hears that it is over', async () => {
  const world = new World()
  const bob = await world.attached()
  subscribe(bob, 0, 'alice@a.example')
  const far = await world.accepted()
  for (const { id } of far.requestsOf(command.subscribe)) {
    far.respond(id, 'ok', [[tag.lease, 3600]])
  }
  await world.run(3000)
  world.gateway.obey(barred)
  await world.run(3000)
  const told = bob.requestsOf(command.notify).at(-1)
  const terminated = 3
  expect(told?.fields.get(tag.state)).toEqual(Buffer.of(terminated))
  await world.run(600_000)
  expect(world.dialled.length).toBe(1)
})

test('links of others stay', async () => {
  const world = new World({ pinned: ['a.example', 'z.example'] })
  const other = await world.provenPeer('z.example')
  world.gateway.obey(barred)
  await world.run(60_000)
  expect(other.frames.some(({ type }) => type === wire.type.release)).toBe(false)
  expect(world.gateway.sessions.size).toBe(1)
})

const barZ = { default: 'allow', allow: [], deny: ['z.example'] } as const

test('one that is barred while its keys are fetched is not proven', async () => {
  const world = new World()
  const peer = world.dialIn('gateway', 'z.example')
  peer.sayHello()
  const id = peer.prove()
  await world.run()
  world.gateway.obey(barZ)
  await world.tellKeys({ domain: 'z.example' })
  expect(peer.status(id)).toBe('domain-refused')
})

test('one that is barred while it is dialled gets nothing', async () => {
  const world = new World()
  const bob = await world.attached()
  const { promise, resolve } = Promise.withResolvers<undefined>()
  world.dialsTake = promise
  const id = bob.message({ reference: 0, hops: 0, sequence: 0, to: 'alice@a.example' })
  await world.run()
  world.gateway.obey(barred)
  resolve(undefined)
  await world.run()
  expect(bob.status(id)).toBe('domain-refused')
  expect(world.dialled[0]?.isClosed).toBe(true)
  expect(world.gateway.sessions.size).toBe(1)
})
