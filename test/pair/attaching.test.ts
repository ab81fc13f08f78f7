/**
 * A session of a user stands in two tables: of the links, and of the sessions at home. Whatever ends, and whenever, it
 * stands in both or in neither.
 */
import { describe, expect, test } from 'vitest'
import * as wire from '../support/script/codec.ts'
import { messageId, type ScriptedPeer } from '../support/script/peer.ts'
import { World, type WorldWish } from '../support/script/world.ts'

const { command } = wire

/** A world whose directory answers when a test lets it, one question after the other. */
function slowWorld(wish: WorldWish = {}) {
  const asked: { answer: () => void; fail: () => void; gone: () => void }[] = []
  let isSlow = false
  const world: World = new World({
    ...wish,
    // Facts are stale at once: the link asks who it is, and home asks once more.
    limits: { ...wish.limits, ownerMs: -1 },
    directory: (listed) => ({
      find: (user) => {
        if (!isSlow) return listed.find(user)
        return new Promise((resolve, reject) => {
          const answer = (): void => resolve(listed.find(user))
          const fail = (): void => reject(new Error('away'))
          asked.push({ answer, fail, gone: () => resolve(undefined) })
        })
      },
    }),
  })
  const slow = (value: boolean): void => {
    isSlow = value
  }
  /** The directory answers the first question that has none. */
  const answer = async (): Promise<void> => {
    asked.shift()?.answer()
    await world.run()
  }
  const gauge = (): number =>
    [...(world.meter.gauges.get('client_sessions')?.values() ?? [])][0]?.value() ?? -1
  /** Sessions at home, links of clients, and what becomes of a message to bob. */
  const state = async () => {
    slow(false)
    const carol = await world.attached('carol@b.example')
    const id = carol.message({ reference: 0, sequence: 0, id: messageId('to bob') })
    await world.run()
    const found = [gauge() - 1, [...world.gateway.sessions.all].length - 1, carol.status(id)]
    carol.channel.destroy()
    await world.run()
    return found
  }
  /** A client that has said who it is. */
  const attaching = async () => {
    const bob = world.dialIn('client', 'b.example')
    bob.sayHello({ role: 'client' })
    await world.run()
    slow(true)
    const id = world.attach(bob)
    await world.run()
    return { bob, id }
  }
  return { world, asked, slow, answer, gauge, state, attaching }
}

type End = (world: World, bob: ScriptedPeer) => void

const ends: readonly (readonly [string, End])[] = [
  ['the connection is cut', (world, bob) => world.pairs.get(bob)?.cut('both')],
  ['the client lets go', (_, bob) => bob.write(wire.type.release, 0, 0, Buffer.alloc(10))],
  ['the client breaks a rule', (_, bob) => bob.write(wire.type.hello, 0, 0)],
  [
    'the gateway lets go',
    ({ gateway }) => {
      for (const { link } of gateway.sessions.all) link.release('resource-shortage')
    },
  ],
  [
    'the gateway ends the link',
    ({ gateway }) => {
      for (const { link } of gateway.sessions.all) link.break('internal', 'a test')
    },
  ],
]

describe.each(ends)('where %s', (_, end) => {
  test.each([
    ['before the directory has said who the user is', 0],
    ['while home asks it once more', 1],
    ['once the user is attached', 2],
  ] as const)('%s, nothing is left of the session', async (__, answers) => {
    const { world, answer, state, attaching } = slowWorld()
    const { bob } = await attaching()
    for (let n = 0; n < answers; n++) await answer()
    end(world, bob)
    await world.run()
    for (let n = answers; n < 2; n++) await answer()
    // A link that is let go of waits for the answers to what is under way.
    await world.run(world.limits.drainMs + 1000)
    expect(await state()).toEqual([0, 0, 'inbox-closed'])
  })
})

test('a session that is attached stands in both tables', async () => {
  const { answer, state, attaching } = slowWorld()
  const { bob, id } = await attaching()
  await answer()
  await answer()
  expect(bob.status(id)).toBe('ok')
  expect(await state()).toEqual([1, 1, 'no answer'])
})

test('a gateway that drains lets go of who is still attaching', async () => {
  const { world, answer, gauge, attaching } = slowWorld()
  const { bob, id } = await attaching()
  const drained = world.gateway.drain()
  await answer()
  await answer()
  await world.run(world.limits.drainMs + 1000)
  await drained
  expect([bob.status(id), gauge(), world.gateway.sessions.size]).toEqual(['ok', 0, 0])
})

test('a gateway that closes leaves nobody attached, whatever the directory says then', async () => {
  const { world, answer, gauge, attaching } = slowWorld()
  await attaching()
  world.gateway.close()
  await answer()
  await answer()
  expect([gauge(), world.gateway.sessions.size]).toEqual([0, 0])
})

test('of two sessions that attach at the same time each ends by itself', async () => {
  const { world, asked, answer, gauge, attaching } = slowWorld({ limits: { sessionsPerUser: 2 } })
  const [first, second] = [await attaching(), await attaching()]
  while (asked.length > 0) await answer()
  expect([first, second].map(({ bob, id }) => bob.status(id))).toEqual(['ok', 'ok'])
  const third = await attaching()
  while (asked.length > 0) await answer()
  expect([third.bob.status(third.id), gauge()]).toEqual(['limit-reached', 2])
  world.pairs.get(first.bob)?.cut('both')
  await world.run()
  expect(gauge()).toBe(1)
  world.pairs.get(third.bob)?.cut('both')
  await world.run()
  expect(gauge()).toBe(1)
})

test('a second user on the link is refused, while the first is asked about and after', async () => {
  const { world, asked, answer, gauge, attaching } = slowWorld()
  const { bob, id } = await attaching()
  const during = world.attach(bob, 'carol@b.example')
  await world.run()
  while (asked.length > 0) await answer()
  const after = world.attach(bob, 'carol@b.example')
  await world.run()
  expect([id, during, after].map((one) => bob.status(one))).toEqual([
    'ok',
    'limit-reached',
    'limit-reached',
  ])
  expect(gauge()).toBe(1)
})

test('a directory that fails in the middle leaves the link as it was: it may try again', async () => {
  const { world, asked, slow, gauge, attaching } = slowWorld()
  const { bob, id } = await attaching()
  asked.shift()?.answer()
  await world.run()
  asked.shift()?.fail()
  await world.run()
  expect([bob.status(id), gauge()]).toEqual(['busy', 0])
  slow(false)
  const again = world.attach(bob)
  await world.run()
  expect([bob.status(again), gauge()]).toEqual(['ok', 1])
  expect(bob.requestsOf(command.message)).toEqual([])
})

describe('who finds no place among the clients', () => {
  test('is never seen to be there, and gets the next place that is free', async () => {
    const { world, asked, slow, answer, gauge, attaching } = slowWorld({ limits: { clients: 1 } })
    const first = await attaching()
    while (asked.length > 0) await answer()
    const second = await attaching()
    await answer()
    // Nobody at home was asked to let it in.
    expect([second.bob.status(second.id), asked.length, gauge()]).toEqual(['busy', 0, 1])
    expect(second.bob.isClosed).toBe(false)
    world.pairs.get(first.bob)?.cut('both')
    await world.run()
    slow(false)
    const again = world.attach(second.bob)
    await world.run()
    expect([second.bob.status(again), gauge()]).toEqual(['ok', 1])
  })

  test.each([
    ['the directory failed', 'busy', (asked: { fail: () => void } | undefined) => asked?.fail()],
    ['the user is gone', 'refused', (asked: { gone: () => void } | undefined) => asked?.gone()],
  ] as const)('finds one that was taken in vain, since %s', async (_, code, end) => {
    const { world, asked, answer, gauge, attaching } = slowWorld({ limits: { clients: 1 } })
    const first = await attaching()
    await answer()
    end(asked.shift())
    await world.run()
    const second = await attaching()
    while (asked.length > 0) await answer()
    expect([first.bob.status(first.id), second.bob.status(second.id), gauge()]).toEqual([
      code,
      'ok',
      1,
    ])
  })

  test('takes none from others if its link ended while the directory was asked', async () => {
    const { world, asked, answer, attaching } = slowWorld({ limits: { clients: 1 } })
    const first = await attaching()
    world.pairs.get(first.bob)?.cut('both')
    await world.run()
    while (asked.length > 0) await answer()
    const { shares } = world.gateway
    expect(shares.used(shares.tree.all, 'clients')).toBe(0)
  })
})
