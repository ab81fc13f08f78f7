/** What a hop keeps of messages. */
import { describe, expect, test } from 'vitest'
import { isTemporary, type Status } from '../../../src/errors.ts'
import { outcomeOf } from '../../../src/operation/call.ts'
import { dose } from '../dose.ts'
import { alice, anna, bob, carol } from '../operations.ts'
import { type Event, turmoil } from './turmoil.ts'
import { long, type OpenHop, Post, soon } from './world.ts'

export function deliverContract(name: string, open: OpenHop): void {
  describe(`deliver, by ${name}`, () => {
    test('deliver: messages of a lane leave in the order of the calls', async () => {
      const post = new Post(open())
      const { world } = post
      world.far.reply = () => outcomeOf('delivered')
      const lanes = [{}, { to: carol }, { from: anna }]
      const names = Array.from({ length: 60 }, (_, i) => `m${i}`)
      for (const [i, body] of names.slice(0, 30).entries()) post.give({ body, ...lanes[i % 3] })
      await world.run(soon)
      for (const [i, body] of names.slice(30).entries()) post.give({ body, ...lanes[i % 3] })
      await world.run(soon)
      const inLane = (lane: number) => names.filter((_, i) => i % 3 === lane)
      expect(post.heard('alice@a.example bob@b.example')).toEqual(inLane(0))
      expect(post.heard('alice@a.example carol@b.example')).toEqual(inLane(1))
      expect(post.heard('anna@a.example bob@b.example')).toEqual(inLane(2))
    })

    test('deliver: each ends once, as the far side says', async () => {
      const post = new Post(open())
      const { world, ends } = post
      const said: readonly Status[] = ['delivered', 'refused', 'stored', 'too-large', 'queued']
      for (const body of said) post.give({ body })
      await world.run(soon)
      for (const body of said.toReversed()) world.far.answer(body, body)
      await world.run(soon)
      expect(ends.log.toSorted()).toEqual(said.map((body) => `${body} ${body}`).toSorted())
      world.lose()
      await world.run(long)
      expect(ends.log).toHaveLength(said.length)
    })

    test('deliver: each ends once, also if its answer comes after the loss of the way', async () => {
      const post = new Post(open())
      const { world, ends } = post
      for (const body of ['m1', 'm2']) post.give({ body })
      await world.run(soon)
      world.lose()
      await world.run(0)
      world.far.answerAll('delivered')
      await world.run(soon)
      world.restore()
      await world.run(long)
      expect(ends.log).toEqual(['m1 unknown-outcome', 'm2 unknown-outcome'])
    })

    test('deliver: each ends once, also at the end of the hop', async () => {
      const post = new Post(open())
      const { world, ends } = post
      post.give({ body: 'm1' })
      await world.run(soon)
      world.stall()
      await world.run(soon)
      post.give({ body: 'm2' })
      world.hop.close()
      await world.run(soon)
      post.give({ body: 'm3' })
      post.give({ body: 'to carol', to: carol })
      await world.run(long)
      expect(ends.log.toSorted()).toEqual([
        'm1 unknown-outcome',
        expect.stringMatching(/^m2 (order|remote-unreachable)$/),
        'm3 remote-unreachable',
        'to carol remote-unreachable',
      ])
    })

    test('deliver: each ends once, also at the end of a hop that has not found its way yet', async () => {
      const post = new Post(open())
      const { world, ends } = post
      post.give({ body: 'm1' })
      world.hop.close()
      await world.run(long)
      expect(ends.log).toEqual(['m1 remote-unreachable'])
      expect(post.heard()).toEqual([])
    })

    test('deliver: each ends in its time, also if the far side says nothing', async () => {
      const post = new Post(open())
      const { world, ends } = post
      post.give({ body: 'm0' })
      await world.run(soon)
      // More than a link takes at once.
      const names = Array.from({ length: 100 }, (_, i) => `m${i + 1}`)
      for (const body of names) post.give({ body })
      await world.run(long)
      const bodies = ends.log.map((line) => line.split(' ')[0] ?? '')
      expect(bodies.toSorted()).toEqual(['m0', ...names].toSorted())
      const denied = ends.log.filter((line) => !line.endsWith(' unknown-outcome'))
      expect(denied.every((line) => isTemporary(line.split(' ')[1] as Status))).toBe(true)
      expect(post.heard()).toHaveLength(bodies.length - denied.length)
    })

    test('deliver: one that cannot be carried ends for a time', async () => {
      const post = new Post(open())
      const { world, ends } = post
      world.far.reply = () => outcomeOf('delivered')
      post.give({ body: 'm1' })
      await world.run(soon)
      world.lose()
      await world.run(0)
      post.give({ body: 'm2' })
      await world.run(long)
      world.restore()
      await world.run(long)
      post.give({ body: 'm3' })
      await world.run(soon)
      expect(ends.log).toEqual(['m1 delivered', 'm2 remote-unreachable', 'm3 delivered'])
      expect(world.far.heard).toHaveLength(2)
    })

    test('deliver: once one ends for a time, later ones that were not taken end for a time', async () => {
      const post = new Post(open())
      const { world, ends } = post
      post.give({ body: 'm1' })
      await world.run(soon)
      world.stall()
      for (const body of ['m2', 'm3']) post.give({ body })
      post.give({ body: 'to carol', to: carol })
      await world.run(soon)
      world.far.answer('m1', 'busy')
      await world.run(soon)
      world.resume()
      await world.run(soon)
      world.far.answer('to carol', 'delivered')
      await world.run(soon)
      expect(ends.log).toEqual(['m1 busy', 'm2 order', 'm3 order', 'to carol delivered'])
      expect(post.heard()).toEqual(['m1', 'to carol'])
      // All have ended: the lane goes on.
      post.give({ body: 'm1' })
      await world.run(soon)
      world.far.answer('m1', 'delivered')
      await world.run(soon)
      expect(ends.log.slice(4)).toEqual(['m1 delivered'])
    })

    test('deliver: once one ends after an unknown outcome, later ones that were not taken end for a time', async () => {
      const post = new Post(open())
      const { world, ends } = post
      post.give({ body: 'm1' })
      await world.run(soon)
      world.stall()
      for (const body of ['m2', 'm3']) post.give({ body })
      await world.run(100)
      world.lose()
      await world.run(soon)
      world.resume()
      world.restore()
      await world.run(long)
      expect(ends.log[0]).toBe('m1 unknown-outcome')
      const rest = ends.log.slice(1).map((line) => line.split(' '))
      expect(rest.map(([body]) => body)).toEqual(['m2', 'm3'])
      expect(rest.every(([, status]) => isTemporary(status as Status))).toBe(true)
      expect(rest.some(([, status]) => status === 'unknown-outcome')).toBe(false)
      expect(post.heard()).toEqual(['m1'])
    })

    test('deliver: a lane stays where something of it is unanswered', async () => {
      const post = new Post(open())
      const { world, ends } = post
      post.give({ body: 'm1' })
      await world.run(soon)
      world.stall()
      await world.run(soon)
      for (const body of ['m2', 'm3']) post.give({ body })
      await world.run(soon)
      expect(post.heard()).toEqual(['m1'])
      world.far.answer('m1', 'delivered')
      world.resume()
      await world.run(soon)
      world.far.answerAll('delivered')
      await world.run(soon)
      expect(ends.log).toEqual(['m1 delivered', 'm2 delivered', 'm3 delivered'])
    })

    test('deliver: repeats only what was surely not taken', async () => {
      const post = new Post(open())
      const { world, ends } = post
      post.give({ body: 'm1' })
      await world.run(soon)
      world.stall()
      // It may be on its way already, and has not arrived.
      post.give({ body: 'm2' })
      await world.run(soon)
      for (const body of ['m3', 'm4']) post.give({ body })
      await world.run(soon)
      expect(post.heard()).toEqual(['m1'])
      world.far.answer('m1', 'delivered')
      world.resume()
      await world.run(soon)
      expect(post.heard()).toEqual(['m1', 'm2', 'm3', 'm4'])
      world.far.answerAll('delivered')
      await world.run(long)
      expect(ends.log).toEqual(['m1', 'm2', 'm3', 'm4'].map((body) => `${body} delivered`))
      expect(post.heard()).toHaveLength(4)
    })

    test.for([1, 2, 3, 4, 5, 6, 7, 8].slice(0, dose(8, 3)))(
      'deliver: nothing is lost, repeated or overtaken, whatever happens to the way: %i',
      async (seed) => {
        const events = await turmoil(new Post(open()), seed)
        const of = (what: Event['what']) => events.filter((event) => event.what === what)
        const given = of('given').map(({ body }) => body)
        expect(
          of('ended')
            .map(({ body }) => body)
            .toSorted(),
        ).toEqual(given.toSorted())
        for (const { body, status } of of('ended')) {
          const times = of('taken').filter((event) => event.body === body).length
          // Else it is the word of the hop, and the far side has taken nothing.
          const isTaken = status === 'delivered' || status === 'inbox-full'
          const isTrue = status === 'unknown-outcome' ? times <= 1 : times === (isTaken ? 1 : 0)
          expect({ body, status, times, isTrue }).toEqual({ body, status, times, isTrue: true })
        }
        expect(overtakers(events)).toEqual([])
        for (const { user } of [alice, anna]) {
          const order = of('taken').flatMap(({ lane, body }) => (lane === user ? [body] : []))
          expect(order).toEqual(given.filter((body) => order.includes(body)))
        }
      },
    )

    test('deliver: the bytes are lent for the time of the call', async () => {
      const post = new Post(open())
      const { world } = post
      post.give({ body: 'before there is a way' })
      await world.run(soon)
      post.give({ body: 'at once' })
      world.stall()
      post.give({ body: 'while nothing is taken' })
      await world.run(soon)
      world.far.answerAll('delivered')
      world.resume()
      await world.run(soon)
      expect(post.heard()).toEqual(['before there is a way', 'at once', 'while nothing is taken'])
    })

    test('deliver: comes on the word of the domain of its sender, one hop further', async () => {
      const post = new Post(open())
      const { world } = post
      post.give({ body: 'm1' })
      await world.run(soon)
      const [call] = world.far.calls
      expect(call?.caller).toMatchObject({ door: 'domain', via: world.name, domain: 'a.example' })
      expect(call?.caller.may('im.send', alice, bob.domain)).toBeUndefined()
      expect(call?.operation).toMatchObject({ from: alice, to: bob, hops: 2 })
    })
  })
}

/** What was taken although one before it in its lane had failed for a time by then, and has to come again. */
const overtakers = (events: readonly Event[]): readonly string[] =>
  events.flatMap(({ what, lane, body, status }, at) => {
    if (what !== 'failed' && (what !== 'ended' || !isTemporary(status))) return []
    const toldAt = events.findIndex((event) => event.what === 'ended' && event.body === body)
    const given = events.slice(0, toldAt).filter((event) => event.what === 'given')
    const own = given.filter((event) => event.lane === lane).map((event) => event.body)
    const behind = own.slice(own.indexOf(body) + 1)
    return events
      .slice(at)
      .filter((event) => event.what === 'taken' && behind.includes(event.body))
      .map((event) => `${event.body} has overtaken ${body}`)
  })
