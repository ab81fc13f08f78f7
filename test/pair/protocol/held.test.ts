/** What one user, session or far side makes wait holds nothing that others need: bounds in time, and for each user. */
import { describe, expect, test } from 'vitest'
import type { Directory } from '../../../src/operation/directory.ts'
import * as wire from '../../support/script/codec.ts'
import { messageId, type ScriptedPeer } from '../../support/script/peer.ts'
import { World, type WorldWish } from '../../support/script/world.ts'

const { command, tag } = wire

const second = 1000

/** Rates that are no matter here. */
const fast = {
  ...{ senderPerSecond: 1000, senderBurst: 2000, lanePerSecond: 1000, laneBurst: 2000 },
  ...{ peerPerSecond: 2000, peerBurst: 4000 },
} as const

const makeWorld = ({ limits, ...wish }: WorldWish = {}): World =>
  new World({ ...wish, limits: { ...fast, ...limits } })

/** A peer that keeps to its credit. */
class Sender {
  readonly peer: ScriptedPeer
  #used = 0
  #sequence = new Map<string, number>()

  constructor(peer: ScriptedPeer) {
    this.peer = peer
    peer.show(1, 'alice@a.example')
    this.#used++
  }

  get credit(): number {
    return 16 + (this.peer.granted[1]?.[0] ?? 0) - this.#used
  }

  send(to = 'bob@b.example', body = 'Hello', reference = 1): number {
    const lane = `${reference} ${to}`
    const sequence = (this.#sequence.get(lane) ?? 0) + 1
    this.#sequence.set(lane, sequence)
    this.#used++
    return this.peer.message({
      to,
      sequence,
      body,
      reference,
      id: messageId(`${lane} ${sequence}`),
    })
  }
}

const sender = async (world: World): Promise<Sender> => {
  const peer = await world.provenPeer()
  const made = new Sender(peer)
  await world.run()
  return made
}

/** Confirms each message that came and was not answered, and gives its credit back. */
const confirming = (client: ScriptedPeer) => {
  const done = new Set<number>()
  return (): undefined => {
    for (const { id } of client.requestsOf(command.message)) {
      if (done.has(id)) continue
      done.add(id)
      client.respond(id, 'ok')
      client.grant(1, 1, 1000)
    }
  }
}

/** Answers PINGs for so many seconds. */
const pass = async (world: World, seconds: number, ...peers: ScriptedPeer[]): Promise<void> => {
  for (let n = 0; n < seconds; n++) {
    for (const peer of peers) peer.pong()
    await world.run(second)
  }
}

const holdFlow = (world: World, peer: ScriptedPeer, side: 'toReceiving' | 'toInitiating') => {
  const flow = world.pairs.get(peer)?.[side]
  if (flow !== undefined) flow.isHeld = true
  return flow
}

describe('[LINK-6.5-6] a request is answered in time, counted from when it came', () => {
  test('a message to a session that gives no credit, whether it could be written or not', async () => {
    const world = makeWorld()
    const bob = await world.attached()
    const from = await sender(world)
    const ids = Array.from({ length: 40 }, () => from.send())
    await world.run(4900)
    expect(bob.requestsOf(command.message).length).toBe(16)
    expect(ids.map((id) => from.peer.status(id))).toEqual(Array(40).fill('no answer'))
    await world.run(200)
    const told = ids.map((id) => from.peer.status(id))
    expect(told.slice(0, 16)).toEqual(Array(16).fill('unknown-outcome'))
    expect(told.slice(16)).toEqual(Array(24).fill('inbox-closed'))
  })

  test('one that was written after a wait has what is left of that time', async () => {
    const world = makeWorld()
    const bob = await world.attached()
    const from = await sender(world)
    const ids = Array.from({ length: 17 }, () => from.send())
    await world.run(4000)
    bob.grant(1, 1, 1000)
    await world.run(500)
    expect(bob.requestsOf(command.message).length).toBe(17)
    await world.run(600)
    expect(from.peer.status(ids[16] as number)).toBe('unknown-outcome')
  })

  test('what a client asks of a far side that gives no credit and answers nothing', async () => {
    const world = makeWorld({ pinned: ['z.example'] })
    const bob = await world.attached()
    const first = bob.message({ reference: 0, sequence: 0, to: 'zoe@z.example' })
    const far = await world.accepted()
    const ask = (of: number, n: number): number =>
      bob.ask(wire.pres, {
        command: of,
        fields: [
          [tag.to, `zoe${n}@z.example`],
          ...(of === command.fetch ? [] : ([[tag.subscription, messageId(`${n}`)]] as const)),
        ],
      })
    const ids = [first]
    for (let n = 0; n < 30; n++) {
      ids.push(
        bob.message({
          ...{ reference: 0, sequence: 0, to: `zoe${n}@z.example`, id: messageId(`to ${n}`) },
        }),
        ask(command.fetch, n),
        ask(command.subscribe, n),
      )
    }
    await pass(world, 29, bob, far)
    expect(new Set(ids.map((id) => bob.status(id)))).toEqual(new Set(['no answer']))
    await pass(world, 2, bob, far)
    const told = ids.map((id) => bob.status(id))
    expect(told.filter((status) => status === 'no answer')).toEqual([])
    expect(bob.release).toBeUndefined()
  })

  test('a message for a link that is never there, however often it was to have another one', async () => {
    const world = makeWorld()
    const bob = await world.attached()
    world.dialsTake = new Promise(() => undefined)
    const id = bob.message({ reference: 0, sequence: 0, to: 'zoe@z.example' })
    await pass(world, 29, bob)
    expect(bob.status(id)).toBe('no answer')
    await pass(world, 2, bob)
    expect(bob.status(id)).toBe('remote-timeout')
  })
})

describe('[LINK-6.7-16] what is under way to one user leaves room for the others', () => {
  test('480 messages to a silent session delay another user of the link by nothing', async () => {
    const world = makeWorld()
    await world.attached()
    const carol = await world.attached('carol@b.example')
    const confirm = confirming(carol)
    const from = await sender(world)
    const ids = Array.from({ length: 480 }, () => from.send())
    const others: number[] = []
    for (let n = 0; n < 200; n++) {
      await world.run()
      expect(from.credit).toBeGreaterThan(0)
      others.push(from.send('carol@b.example'))
      await world.run()
      confirm()
    }
    await world.run()
    expect(others.map((id) => from.peer.status(id))).toEqual(Array(200).fill('delivered'))
    const told = ids.map((id) => from.peer.status(id))
    expect(told.filter((status) => status === 'no answer').length).toBe(128)
    const refused = ids.find((id) => from.peer.status(id) === 'busy') as number
    expect(from.peer.answer(refused)?.fields.get(tag.retryAfter)).toBeDefined()
  })

  test('in bytes, too; and one is always taken', async () => {
    const world = makeWorld()
    await world.attached()
    const from = await sender(world)
    const ids = Array.from({ length: 40 }, () => from.send('bob@b.example', 'x'.repeat(10_000)))
    await world.run()
    const told = ids.map((id) => from.peer.status(id))
    expect(told.filter((status) => status === 'no answer').length).toBe(26)
  })

  test('who let messages pass without a word has little of it, until one is confirmed', async () => {
    const world = makeWorld()
    const bob = await world.attached()
    const from = await sender(world)
    for (let n = 0; n < 16; n++) from.send()
    await world.run(6 * second)
    bob.grant(1, 1000, 1_000_000)
    from.peer.grant(1, 1000, 0)
    const again = Array.from({ length: 20 }, (_, n) =>
      from.peer.message({ epoch: 2, sequence: n + 1 }),
    )
    await world.run()
    const waiting = (ids: readonly number[]) =>
      ids.filter((id) => from.peer.status(id) === 'no answer').length
    expect(waiting(again)).toBe(8)
    for (const { id } of bob.requestsOf(command.message).slice(16)) bob.respond(id, 'ok')
    await world.run()
    const then = Array.from({ length: 40 }, (_, n) =>
      from.peer.message({ epoch: 3, sequence: n + 1 }),
    )
    await world.run()
    expect(waiting(then)).toBe(40)
  })

  test('requests that wait for the facts about one user', async () => {
    const never: Directory = { find: () => new Promise(() => undefined) }
    const directory = (listed: Directory): Directory => ({
      find: (user) => (user.user === 'bob' ? never.find(user) : listed.find(user)),
    })
    const world = makeWorld({ directory })
    const carol = await world.attached('carol@b.example')
    const from = await sender(world)
    const ids = Array.from({ length: 480 }, () => from.send())
    await world.run()
    expect(ids.filter((id) => from.peer.status(id) === 'no answer').length).toBe(128)
    const other = from.send('carol@b.example')
    await world.run()
    confirming(carol)()
    await world.run()
    expect([from.credit > 256, from.peer.status(other)]).toEqual([true, 'delivered'])
  })

  test('a client that writes to a domain that is away can still write to another', async () => {
    const world = makeWorld()
    const bob = await world.attached()
    const peer = await world.provenPeer()
    world.dialsTake = new Promise(() => undefined)
    let used = 0
    const credit = (): number => 16 + (bob.granted[1]?.[0] ?? 0) - used
    const write = (to: string): number => {
      const id = messageId(`${++used} ${to}`)
      return bob.message({ reference: 0, sequence: 0, to, id })
    }
    for (let n = 0; credit() > 0; n++) write(`zoe${n}@z.example`)
    await world.run()
    expect(credit()).toBeGreaterThan(100)
    const sent = write('alice@a.example')
    await world.run()
    const [came] = peer.requestsOf(command.message)
    peer.respond(came?.id ?? 0, 'delivered')
    await world.run()
    expect(bob.status(sent)).toBe('delivered')
  })

  test('and where many users are silent the window is wider while they are', async () => {
    const world = makeWorld({ limits: { recipientMessages: 1000, windowRequests: 64 } })
    await world.attached()
    const carol = await world.attached('carol@b.example')
    const confirm = confirming(carol)
    const from = await sender(world)
    while (from.credit > 0) from.send()
    await world.run()
    expect(from.credit).toBe(0)
    await world.run(second)
    expect(from.credit).toBeGreaterThanOrEqual(32)
    carol.grant(1, 100, 100_000)
    const others = Array.from({ length: 32 }, () => from.send('carol@b.example'))
    await world.run()
    confirm()
    await world.run()
    expect(others.map((id) => from.peer.status(id))).toEqual(Array(32).fill('delivered'))
    // Once all is answered the window is what it was.
    await world.run(10 * second)
    for (let n = 0; n < 200; n++) {
      if (from.credit > 0) from.send('carol@b.example')
      await world.run(100)
      confirm()
    }
    await world.run(5 * second)
    expect(from.credit).toBeLessThanOrEqual(64)
    expect(from.credit).toBeGreaterThan(16)
  })
})

describe('[LINK-6.7-17] a message that is in doubt at one session', () => {
  const bodies = (client: ScriptedPeer): readonly string[] =>
    client.requestsOf(command.message).map(({ body }) => body.toString())

  test('is not overtaken at a session that came later', async () => {
    const world = makeWorld()
    const dead = await world.attached()
    const from = await sender(world)
    const m1 = from.send('bob@b.example', 'm1')
    await world.run(second)
    const next = await world.attached()
    const confirm = confirming(next)
    const [m2, m3] = [from.send('bob@b.example', 'm2'), from.send('bob@b.example', 'm3')]
    await world.run(second)
    confirm()
    await world.run(4 * second)
    expect([bodies(dead), bodies(next)]).toEqual([['m1'], []])
    const told = [m1, m2, m3].map((id) => from.peer.status(id))
    expect(told).toEqual(['unknown-outcome', 'order', 'order'])
    // They come again, as [LINK-6.7-8] has it.
    for (const [n, body] of ['m1', 'm2', 'm3'].entries()) {
      const id = messageId(`1 bob@b.example ${n + 1}`)
      from.peer.message({ epoch: 2, sequence: n + 1, body, id })
    }
    await world.run()
    expect(bodies(next)).toEqual(['m1', 'm2', 'm3'])
  })

  test('once it is confirmed, what waited follows in its order; others wait for nothing', async () => {
    const world = makeWorld()
    const slow = await world.attached()
    const from = await sender(world)
    from.peer.show(2, 'anna@a.example')
    from.send('bob@b.example', 'm1')
    await world.run(second)
    const next = await world.attached()
    for (const body of ['m2', 'm3']) from.send('bob@b.example', body)
    from.send('bob@b.example', 'of anna', 2)
    await world.run()
    expect(bodies(next)).toEqual(['of anna'])
    confirming(slow)()
    await world.run()
    expect([bodies(slow), bodies(next)]).toEqual([
      ['m1', 'of anna', 'm2', 'm3'],
      ['of anna', 'm2', 'm3'],
    ])
    from.send('bob@b.example', 'm4')
    await world.run()
    expect(bodies(next)).toEqual(['of anna', 'm2', 'm3', 'm4'])
  })

  test('is not overtaken at a session that did not take it', async () => {
    const world = makeWorld()
    const [, full] = [await world.attached(), await world.attached()]
    const from = await sender(world)
    from.send('bob@b.example', 'm1')
    await world.run()
    full.respond(full.requestsOf(command.message)[0]?.id ?? 0, 'busy')
    await world.run()
    from.send('bob@b.example', 'm2')
    await world.run()
    expect(bodies(full)).toEqual(['m1'])
  })
})

describe('[LINK-8.1-2] a far side that takes nothing', () => {
  test('is let go however little waits for it', async () => {
    const world = makeWorld()
    const peer = await world.provenPeer()
    const flow = holdFlow(world, peer, 'toInitiating')
    if (flow !== undefined) (flow as { bufferBytes: number }).bufferBytes = 0
    peer.ask(wire.control, { command: command.keys, fields: [[tag.domain, 'b.example']] })
    await world.run(9 * second)
    expect(world.gateway.sessions.size).toBe(1)
    await world.run(3 * second)
    expect(world.gateway.sessions.size).toBe(0)
  })

  test('is not let go while it takes something now and then', async () => {
    const world = makeWorld()
    const peer = await world.provenPeer()
    const flow = world.pairs.get(peer)?.toInitiating
    Object.assign(flow ?? {}, { bytesPerMs: 1, bufferBytes: 1, pieceBytes: () => 1000 })
    const ask = (): number =>
      peer.ask(wire.control, { command: command.keys, fields: [[tag.domain, 'b.example']] })
    for (let n = 0; n < 100; n++) ask()
    for (let n = 0; n < 40; n++) {
      await world.run(second)
      for (let i = 0; i < 3; i++) ask()
    }
    expect(world.gateway.sessions.size).toBe(1)
  })

  test('a session that reads nothing costs its user alone, and ends', async () => {
    const world = makeWorld()
    const bob = await world.attached()
    const from = await sender(world)
    holdFlow(world, bob, 'toInitiating')
    const ids: number[] = []
    for (let n = 0; n < 14; n++) {
      for (let i = 0; i < 4; i++) ids.push(from.send())
      await world.run(second)
    }
    await world.run(5 * second)
    expect(ids.map((id) => from.peer.status(id))).not.toContain('no answer')
    expect(world.gateway.sessions.size).toBe(1)
    expect(world.meter.total('links_closed_total', { cause: 'slow-reader' })).toBe(1)
  })

  test('a gateway that gives no credit back is left for another link', async () => {
    const world = makeWorld({ pinned: ['z.example'] })
    const bob = await world.attached()
    bob.message({ reference: 0, sequence: 0, to: 'zoe@z.example' })
    const far = await world.accepted()
    for (let n = 0; n < 30; n++) {
      bob.message({
        ...{ reference: 0, sequence: 0, to: `zoe${n}@z.example`, id: messageId(`to ${n}`) },
      })
    }
    await pass(world, 55, bob, far)
    expect(far.release).toBeUndefined()
    await pass(world, 10, bob, far)
    expect(far.release?.reason).toBe('slow-reader')
  })
})
