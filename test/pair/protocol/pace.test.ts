/** The pace of notifications, whoever keeps to it: on receipt, and towards each client. */
import { describe, expect, test } from 'vitest'
import type { Limits } from '../../../src/limits.ts'
import { dose } from '../../support/dose.ts'
import * as wire from '../../support/script/codec.ts'
import { messageId, type ScriptedPeer } from '../../support/script/peer.ts'
import { World } from '../../support/script/world.ts'

const { command, tag } = wire

const limits = {
  ...{ pingMs: 1e9, laneBurst: 1000, lanePerSecond: 100, peerPerSecond: 5000, peerBurst: 5000 },
  ...{ senderBurst: 5000, senderPerSecond: 5000, peerNotifyBurst: 50_000 },
}

/** Bob watches so many people of z.example, who may say what they like. */
async function watching(people: number, more: Partial<Limits> = {}) {
  const world = new World({ pinned: ['z.example'], limits: { ...limits, ...more } })
  const bob = await world.attached()
  const subscribe = (n: number): number =>
    bob.ask(wire.pres, {
      command: command.subscribe,
      fields: [
        [tag.to, `zoe${n}@z.example`],
        [tag.subscription, messageId(`watch ${n}`)],
      ],
    })
  subscribe(0)
  const far = await world.accepted()
  far.grant(2, 10_000, 10_000_000)
  for (let n = 1; n < people; n++) subscribe(n)
  await world.run()
  const ids: Buffer[] = []
  for (const { id, fields } of far.requestsOf(command.subscribe)) {
    far.respond(id, 'ok', [[tag.lease, 3600]])
    ids.push(fields.get(tag.subscription) ?? Buffer.alloc(16))
  }
  for (let n = 0; n < people; n++) far.show(n + 1, `zoe${n}@z.example`, { flags: wire.pres })
  await world.run()
  let version = 0
  const change = (n: number, note = ''): number =>
    far.ask(wire.pres, {
      ...{ command: command.notify, hops: 1, reference: n + 1 },
      fields: [
        [tag.subscription, ids[n] as Buffer],
        [tag.version, wire.u32(1, ++version)],
        [tag.state, Buffer.of(1)],
      ],
      body: Buffer.from(JSON.stringify({ tuples: { t: { basic: 'open', note } } })),
    })
  const end = (n: number): number =>
    far.ask(wire.pres, {
      ...{ command: command.notify, hops: 1, reference: n + 1 },
      fields: [
        [tag.subscription, ids[n] as Buffer],
        [tag.state, Buffer.of(3)],
        [tag.event, Buffer.of(8)],
      ],
    })
  return { world, bob, far, change, end }
}

const notes = (bob: ScriptedPeer): readonly string[] =>
  bob
    .requestsOf(command.notify)
    .map(({ body }) => (body.length === 0 ? 'over' : JSON.parse(body.toString()).tuples.t.note))

describe('[LINK-6.13-9] whoever changes faster than the pace', () => {
  test('is shown once in 2 s, with the last value', async () => {
    const { world, bob, far, change } = await watching(1)
    for (let n = 0; n < 50; n++) {
      change(0, `${n}`)
      await world.run(100)
    }
    await world.run(2000)
    expect(notes(bob)).toEqual(['0', '19', '39', '49'])
    expect(far.answers.filter(({ status }) => status !== 0)).toEqual([])
  })

  test('is told to be over at once, and nothing follows that', async () => {
    const { world, bob, change, end } = await watching(1)
    for (const note of ['a', 'b']) change(0, note)
    end(0)
    await world.run(10_000)
    expect(notes(bob)).toEqual(['a', 'over'])
  })

  test('costs who watches no message, on a line of 2 Mbit/s', async () => {
    const { world, bob, far, change } = await watching(3)
    const line = world.pairs.get(bob)?.toInitiating
    Object.assign(line ?? {}, { bytesPerMs: 250, bufferBytes: 65_536 })
    bob.grant(1, 1000, 1_000_000)
    const note = 'x'.repeat(7800)
    const sent: number[] = []
    for (let n = 0; n < 60; n++) {
      for (let i = 0; i < dose(60, 20); i++) change(i % 3, note)
      if (n % 5 === 0) {
        sent.push(far.message({ reference: 1, sequence: sent.length + 1, body: `${n}` }))
      }
      await world.run(50)
      for (const { id } of bob.requestsOf(command.message)) {
        bob.respond(id, 'ok')
      }
    }
    await world.run(5000)
    expect(sent.map((id) => far.status(id))).toEqual(Array(sent.length).fill('delivered'))
    expect(bob.release).toBeUndefined()
  })
})

describe('[LINK-6.13-9] what waits for a client', () => {
  test('is replaced, and tells the last value at its turn', async () => {
    const { world, bob, change, end } = await watching(20)
    for (let n = 0; n < 20; n++) change(n, `first ${n}`)
    await world.run(3000)
    expect(notes(bob).length).toBe(16)
    for (let n = 16; n < 20; n++) change(n, `second ${n}`)
    await world.run(3000)
    change(16, 'third 16')
    end(17)
    await world.run(3000)
    expect(notes(bob).length).toBe(16)
    bob.grant(2, 100, 100_000)
    await world.run()
    expect(notes(bob).slice(16)).toEqual(['third 16', 'over', 'second 18', 'second 19'])
  })

  test('takes no room of messages', async () => {
    const { world, bob, far, change } = await watching(42, { waitingOutBytes: 200_000 })
    // The first sixteen have credit, and there are more than 200 000 bytes of the others.
    for (let n = 0; n < 42; n++) change(n, 'x'.repeat(n < 16 ? 10 : 7800))
    await world.run()
    for (let n = 1; n <= 16; n++) far.message({ reference: 1, sequence: n })
    const id = far.message({ reference: 1, sequence: 17 })
    await world.run()
    expect([bob.requestsOf(command.message).length, far.status(id)]).toEqual([16, 'no answer'])
    bob.grant(1, 1, 1000)
    await world.run()
    for (const message of bob.requestsOf(command.message)) bob.respond(message.id, 'ok')
    await world.run()
    expect(far.status(id)).toBe('delivered')
  })
})
