/** What a store keeps of messages that wait for another domain. */
import { describe, expect, test } from 'vitest'
import { type Status, statuses } from '../../../src/errors.ts'
import { limitsWith } from '../../../src/limits.ts'
import { outcomeOf } from '../../../src/operation/call.ts'
import type { Queued } from '../../../src/operation/store.ts'
import { caller, meanwhile, type Node, nameOf, nodeOf, type OpenWorld, Site } from './world.ts'

const dan = 'dan@b.example'
const carol = 'carol@c.example'
const { duplicateMs } = limitsWith()

const namesOf = (items: readonly Queued[]): readonly string[] => items.map(nameOf)

export function queueContract(name: string, open: OpenWorld): void {
  const site = new Site(open)
  const queues = async (node: Node, ids: readonly number[], to?: string): Promise<void> => {
    for (const id of ids) node.enqueue(to === undefined ? { id } : { id, to })
    expect(await node.told(ids.length)).toEqual(ids.map((id) => `queued m${id}`))
  }
  const again = (node: Node, item: Queued | undefined, inMs: number, via?: string) =>
    node.store.attempted(item as Queued, outcomeOf('remote-unreachable'), { inMs, via })
  const over = (node: Node, item: Queued | undefined, status: Status = 'delivered') =>
    node.store.attempted(item as Queued, outcomeOf(status), undefined)

  describe(`enqueue, by ${name}`, () => {
    test('answers in the order of the calls, after the commit', async () => {
      const [a, b] = await site.two()
      a.opened.hold()
      a.enqueue({ id: 1 })
      a.accept({ id: 2, to: carol })
      a.enqueue({ id: 3, to: dan })
      await meanwhile(b)
      expect(a.log).toEqual([])
      expect(await b.claim()).toEqual([])
      a.opened.release()
      expect(await a.told(3)).toEqual(['queued m1', 'kept m2', 'queued m3'])
    })

    test('one failure fails the later ones of its lane under way', async () => {
      const node = await site.one()
      node.opened.hold()
      for (const id of [1, 2]) node.enqueue({ id })
      node.opened.release('fails')
      expect(await node.told(2)).toEqual(['failed m1 internal', 'failed m2 internal'])
      expect(await node.claim()).toEqual([])
      await queues(node, [1, 2])
      expect(namesOf(await node.claim())).toEqual(['m1', 'm2'])
    })

    test('a repetition is queued already, and is there once', async () => {
      const [a, b] = await site.two()
      await queues(a, [1])
      await queues(a, [1])
      await queues(b, [1])
      b.accept({ id: 1 })
      expect(await b.told(1)).toEqual(['known m1 queued'])
      expect(namesOf(await a.claim())).toEqual(['m1'])
    })

    test('an id for another content is a conflict, and what follows it under way is out of order', async () => {
      const node = await site.one()
      await queues(node, [1])
      node.opened.hold()
      node.enqueue({ id: 1, body: 'other' })
      node.enqueue({ id: 2 })
      node.opened.release()
      expect(await node.told(2)).toEqual(['conflict other', 'failed m2 order'])
    })

    test('a full queue to a domain is busy, which troubles no other domain', async () => {
      const node = await site.one({ limits: { queueMessages: 2 } })
      await queues(node, [1, 2])
      node.enqueue({ id: 3 })
      node.enqueue({ id: 4, to: carol })
      expect(await node.told(2)).toEqual(['failed m3 busy', 'queued m4'])
      const { meter } = node.world
      expect(meter.total('limit_hits_total', { limit: 'queueMessages' })).toBe(1)
    })
  })

  describe(`claim, by ${name}`, () => {
    test('gives each lane in order, to that domain alone, and at most so many', async () => {
      const node = await site.one()
      await queues(node, [1])
      await queues(node, [2], dan)
      await queues(node, [3], carol)
      await queues(node, [4])
      expect(namesOf(await node.claim(2))).toEqual(['m1', 'm2'])
      expect(namesOf(await node.claim(9, carol))).toEqual(['m3'])
    })

    test('gives the message as it came with whose word it is, and nothing of a lane', async () => {
      const node = await site.one()
      const sent = node.message({ id: 1 })
      await queues(node, [1])
      const [item] = (await node.claim()) as [Queued]
      const { buffer, fieldsAt, end, from, to, hops, place, call } = item.message
      const bytes = sent.buffer.subarray(sent.fieldsAt, sent.end)
      expect(buffer.subarray(fieldsAt, end).equals(bytes)).toBe(true)
      expect([from.text, to.text, hops]).toEqual([sent.from.text, sent.to.text, sent.hops])
      expect(place).toEqual({ epoch: 0, sequence: 0, settled: 0 })
      expect(call).toBeUndefined()
      const { attempts, cause, via } = item
      expect(item.caller).toEqual(caller)
      expect({ attempts, cause, via }).toEqual({
        attempts: 1,
        cause: 'remote-unreachable',
        via: undefined,
      })
    })

    test('gives nothing behind what is claimed, of any node', async () => {
      const [a, b] = await site.two()
      await queues(a, [1])
      const [first] = await a.claim()
      await queues(a, [2])
      await queues(a, [3], dan)
      expect(namesOf(await b.claim())).toEqual(['m3'])
      expect(await a.claim()).toEqual([])
      expect(await over(a, first)).toBe(true)
      expect(namesOf(await b.claim())).toEqual(['m2'])
    })

    test('what one node claims is its own until its lease ends', async () => {
      const world = await site.world()
      const [a, b] = [await nodeOf(world, 'a', 10_000), await nodeOf(world, 'b')]
      await queues(a, [1, 2])
      const [first, second] = await a.claim()
      await world.advance(9999)
      expect(await b.claim()).toEqual([])
      expect(await over(b, second)).toBe(false)
      expect(await again(a, second, 0)).toBe(true)
      await world.advance(2)
      const taken = await b.claim()
      expect(namesOf(taken)).toEqual(['m1', 'm2'])
      // The send of the lost node counts.
      expect(taken.map(({ attempts }) => attempts)).toEqual([2, 2])
      expect(await over(a, first)).toBe(false)
      expect(await over(b, taken[0])).toBe(true)
    })

    test('two nodes never get the same', async () => {
      const [a, b] = await site.two()
      const ids = Array.from({ length: 20 }, (_, i) => i + 1)
      for (const id of ids) a.enqueue({ id, to: `u${id}@b.example` })
      await a.told(20)
      for (const node of [a, b]) node.opened.hold()
      const claims = [a.claim(12), b.claim(12)]
      for (const node of [b, a]) node.opened.release()
      const names = (await Promise.all(claims)).flatMap(namesOf)
      expect([...names].sort()).toEqual(ids.map((id) => `m${id}`).sort())
    })
  })

  describe(`attempted, by ${name}`, () => {
    test('to be tried again: not before its time, and by the way by which it may have gone out', async () => {
      const [a, b] = await site.two()
      await queues(a, [1])
      const [first] = await a.claim()
      expect(await again(a, first, 5000, 'native')).toBe(true)
      await a.world.advance(4999)
      expect(await b.claim()).toEqual([])
      await a.world.advance(1)
      const [second] = await b.claim()
      expect([second?.via, second?.attempts]).toEqual(['native', 2])
      // It surely did not go out this time, but it may have done so before.
      expect(await again(b, second, 0)).toBe(true)
      const [third] = await a.claim()
      expect([third?.via, third?.attempts]).toEqual(['native', 3])
    })

    test('a lane waits for its head, however early what is behind it is due', async () => {
      const node = await site.one()
      await queues(node, [1, 2, 3])
      const [first, second, third] = await node.claim()
      await again(node, first, 5000)
      await again(node, second, 0)
      await again(node, third, 9000)
      expect(await node.claim()).toEqual([])
      await node.world.advance(5000)
      expect(namesOf(await node.claim())).toEqual(['m1', 'm2'])
    })

    test.for(['delivered', 'refused', 'expired'] as const)(
      'ended: the row goes, and a repetition gets the same answer: %s',
      async (status) => {
        const [a, b] = await site.two()
        await queues(a, [1, 2])
        const [first] = await a.claim(1)
        expect(await over(a, first, status)).toBe(true)
        b.enqueue({ id: 1 })
        b.accept({ id: 1 }, false)
        expect(await b.told(2)).toEqual([`known m1 ${status}`, `known m1 ${status}`])
        expect(namesOf(await b.claim())).toEqual(['m2'])
      },
    )

    test('ended for a time: the sender tries it anew', async () => {
      const node = await site.one()
      await queues(node, [1])
      const [first] = await node.claim()
      expect(statuses['remote-unreachable'].retry).toBe('later')
      expect(await over(node, first, 'remote-unreachable')).toBe(true)
      expect(await node.claim()).toEqual([])
      await queues(node, [1])
      expect(namesOf(await node.claim())).toEqual(['m1'])
    })

    test('only once, and without effect if its commit fails', async () => {
      const [a, b] = await site.two()
      await queues(a, [1])
      const [first] = await a.claim()
      a.opened.hold()
      const failing = over(a, first)
      a.opened.release('fails')
      await expect(failing).rejects.toMatchObject({ code: 'internal' })
      b.accept({ id: 1 })
      expect(await b.told(1)).toEqual(['known m1 queued'])
      expect(await over(a, first)).toBe(true)
      expect(await over(a, first)).toBe(false)
      expect(await again(a, first, 0)).toBe(false)
      expect(await a.claim()).toEqual([])
    })

    test('what is queued outlives the time of its record; its outcome does not', async () => {
      const node = await site.one()
      await queues(node, [1])
      await node.world.advance(duplicateMs + 2000)
      node.store.sweep(node.world.now())
      await queues(node, [1])
      const [first] = await node.claim()
      await over(node, first)
      node.store.sweep(node.world.now())
      node.accept({ id: 1 }, false)
      expect(await node.told(1)).toEqual(['out of order m1'])
    })
  })
}
