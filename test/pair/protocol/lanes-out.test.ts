/** Section 6.7 of `docs/protocol.md`: MESSAGE of users of the gateway to other domains. */
import { describe, expect, test } from 'vitest'
import * as wire from '../../support/script/codec.ts'
import { messageId, type ScriptedPeer } from '../../support/script/peer.ts'
import { World } from '../../support/script/world.ts'

const { type, command, tag } = wire

const say = (bob: ScriptedPeer, n: number, body = `${n}`): number =>
  bob.message({
    reference: 0,
    hops: 0,
    sequence: 0,
    id: messageId(`out ${n}`),
    to: 'zoe@z.example',
    body,
  })

/** [epoch, sequence, body] of each MESSAGE that came. */
const places = (far: ScriptedPeer): readonly (readonly [number, number, string])[] =>
  far.requestsOf(command.message).map(({ fields, body }) => {
    const lane = fields.get(tag.lane) ?? wire.u32(0, 0)
    return [lane.readUInt32BE(0), lane.readUInt32BE(4), body.toString()]
  })

const answerAll = (far: ScriptedPeer, from = 0): undefined => {
  for (const { id } of far.requestsOf(command.message).slice(from)) far.respond(id, 'delivered')
}

const release = (last: number): Buffer =>
  wire.frame(type.release, 0, 0, Buffer.concat([Buffer.of(1, 7), wire.u32(0, last)]))

describe('places', () => {
  test('[LINK-6.7-4] [LINK-6.7-6] count from 1 in an epoch that rises over restarts', async () => {
    const world = new World()
    const bob = await world.attached()
    for (const n of [1, 2, 3]) say(bob, n)
    const far = await world.accepted()
    const now = world.seconds
    expect(places(far)).toEqual([
      [now, 1, '1'],
      [now, 2, '2'],
      [now, 3, '3'],
    ])
  })

  test('[LINK-6.7-7] a lane stays on its link while anything of it is unanswered there', async () => {
    const world = new World()
    const bob = await world.attached()
    say(bob, 1)
    const far = await world.accepted()
    const first = far.requestsOf(command.message)[0]?.id ?? 0
    far.raw(release(first))
    say(bob, 2)
    await world.run()
    expect(world.dialled.slice(1)).toEqual([])
    answerAll(far)
    const next = await world.accepted()
    expect(places(next).map(([, , body]) => body)).toEqual(['2'])
  })

  test('[LINK-6.7-7] what never left takes another link, in order', async () => {
    const world = new World()
    const bob = await world.attached()
    const ids = Array.from({ length: 14 }, (_, i) => say(bob, i, `${i}`.padEnd(8000, '.')))
    const far = await world.accepted()
    const came = places(far).length
    expect(came).toBeLessThan(14)
    far.raw(release(far.requests.at(-1)?.id ?? 0))
    await world.run()
    for (const { id } of far.requestsOf(command.credential)) far.respond(id, 'ok')
    answerAll(far)
    await world.run()
    const next = await world.accepted()
    answerAll(next)
    await world.run()
    const shown = [...places(far), ...places(next)].map(([, , body]) => Number.parseInt(body, 10))
    expect(shown).toEqual(ids.map((_, i) => i))
    expect(new Set(ids.map((id) => bob.status(id)))).toEqual(new Set(['delivered']))
    const [epoch, sequence] = places(next)[0] ?? [0, 0]
    expect(sequence).toBe(1)
    expect(epoch).toBeGreaterThan(places(far)[0]?.[0] ?? 0)
  })

  test('[LINK-6.7-8] after order, where nothing failed, a new epoch begins with that message', async () => {
    const world = new World()
    const bob = await world.attached()
    const ids = [1, 2].map((n) => say(bob, n))
    const far = await world.accepted()
    const epoch = world.seconds
    for (const { id } of far.requestsOf(command.message)) far.respond(id, 'order')
    await world.run()
    expect(places(far).slice(2)).toEqual([
      [epoch + 1, 1, '1'],
      [epoch + 1, 2, '2'],
    ])
    answerAll(far, 2)
    await world.run()
    expect(ids.map((id) => bob.status(id))).toEqual(['delivered', 'delivered'])
  })

  /** Takes what a receiver takes that has seen this epoch of the lane; says `order` else. */
  const receive = async (world: World, far: ScriptedPeer, seen: number): Promise<string[]> => {
    const taken: string[] = []
    let [epoch, next] = [seen, 1]
    for (let at = 0; at < far.requestsOf(command.message).length; ) {
      for (const [n, { id }] of far.requestsOf(command.message).entries()) {
        if (n < at) continue
        const [of, sequence, body] = places(far)[n] ?? [0, 0, '']
        const isNext = of === epoch ? sequence === next : of > epoch && sequence === 1
        if (isNext) {
          epoch = of
          next = sequence + 1
          taken.push(body)
        }
        far.respond(id, isNext ? 'delivered' : 'order')
        at = n + 1
      }
      far.grant(1, 16, 16_384)
      await world.run()
    }
    return taken
  }

  test.each([26, 3600, 86_400])(
    '[LINK-6.7-18] whose first epoch is %i s behind the last one of before a restart cost a user nothing',
    async (behind) => {
      const world = new World()
      const bob = await world.attached()
      const ids = [1, 2, 3].map((n) => say(bob, n))
      const far = await world.accepted()
      expect(await receive(world, far, world.seconds + behind)).toEqual(['1', '2', '3'])
      expect(ids.map((id) => bob.status(id))).toEqual(['delivered', 'delivered', 'delivered'])
      expect(far.requestsOf(command.message).length).toBeLessThan(3 * 20)
    },
  )

  test('[LINK-6.7-18] that are refused whatever their epoch end with order', async () => {
    const world = new World()
    const bob = await world.attached()
    const ids = [1, 2].map((n) => say(bob, n))
    const far = await world.accepted()
    expect(await receive(world, far, 0xffffffff)).toEqual([])
    expect(ids.map((id) => bob.status(id))).toEqual(['order', 'order'])
    expect(far.requestsOf(command.message).length).toBeLessThan(2 * 24)
  })

  test('[LINK-6.7-8] nothing new goes out before what has to come again', async () => {
    const world = new World()
    const bob = await world.attached()
    for (const n of [1, 2]) say(bob, n)
    const far = await world.accepted()
    const [first, second] = far.requestsOf(command.message)
    far.respond(first?.id ?? 0, 'order')
    await world.run()
    say(bob, 3)
    await world.run()
    expect(places(far)).toHaveLength(2)
    far.respond(second?.id ?? 0, 'order')
    await world.run()
    expect(places(far).slice(2)).toEqual([1, 2, 3].map((n) => [world.seconds + 1, n, `${n}`]))
  })

  test('[LINK-6.5-6] what has to come again is told in time, whatever is under way', async () => {
    const world = new World()
    const bob = await world.attached()
    const ids = [say(bob, 1)]
    const far = await world.accepted()
    const wait = async (ms: number) => {
      await world.run(ms)
      for (const peer of [bob, far]) peer.pong()
    }
    await wait(25_000)
    ids.push(say(bob, 2))
    await wait(4000)
    far.respond(far.requestsOf(command.message)[0]?.id ?? 0, 'order')
    await wait(500)
    ids.push(say(bob, 3))
    await wait(1500)
    expect(ids.map((id) => bob.status(id))).toEqual(['order', 'no answer', 'order'])
    far.respond(far.requestsOf(command.message)[1]?.id ?? 0, 'order')
    await wait(100)
    const last = say(bob, 4)
    await wait(100)
    // Nothing overtakes what was told, and the next one begins anew.
    expect(ids.map((id) => bob.statuses(id))).toEqual([['order'], ['order'], ['order']])
    answerAll(far, 2)
    await wait(100)
    expect([bob.status(last), places(far).length]).toEqual(['delivered', 3])
  })

  test('[LINK-6.7-8] after a failure for a time it is told, and a new epoch begins', async () => {
    const world = new World()
    const bob = await world.attached()
    const ids = [1, 2].map((n) => say(bob, n))
    const far = await world.accepted()
    const [first, second] = far.requestsOf(command.message)
    far.respond(first?.id ?? 0, 'busy')
    far.respond(second?.id ?? 0, 'order')
    await world.run()
    expect(ids.map((id) => bob.status(id))).toEqual(['busy', 'order'])
    say(bob, 3)
    await world.run()
    expect(places(far).at(-1)).toEqual([world.seconds + 1, 1, '3'])
  })

  test('[LINK-6.7-11] settled is the place up to which all answers are here', async () => {
    const world = new World()
    const bob = await world.attached()
    for (const n of [1, 2, 3]) say(bob, n)
    const far = await world.accepted()
    const [first, second, third] = far.requestsOf(command.message)
    far.respond(first?.id ?? 0, 'delivered')
    far.respond(third?.id ?? 0, 'delivered')
    await world.run()
    say(bob, 4)
    await world.run()
    far.respond(second?.id ?? 0, 'refused')
    await world.run()
    say(bob, 5)
    await world.run()
    const settled = far
      .requestsOf(command.message)
      .map(({ fields }) => fields.get(tag.settled)?.readUInt32BE(0))
    expect(settled).toEqual([undefined, undefined, undefined, 1, 3])
  })

  test('[LINK-6.7-5] a client is held to the places that it gives', async () => {
    const world = new World()
    const bob = await world.attached()
    const ids = [1, 3, 2].map((sequence) =>
      bob.message({ reference: 0, sequence, id: messageId(`${sequence}`), to: 'zoe@z.example' }),
    )
    const far = await world.accepted()
    answerAll(far)
    await world.run()
    expect(ids.map((id) => bob.status(id))).toEqual(['delivered', 'order', 'delivered'])
  })
})
