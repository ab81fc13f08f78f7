/** What a store keeps of `accept` on one node, whether it keeps messages or their records alone. */
import { describe, expect, test } from 'vitest'
import type { Status } from '../../../src/errors.ts'
import { limitsWith } from '../../../src/limits.ts'
import { seededRandom } from '../seeded-random.ts'
import { alice, bob, type Node, type OpenWorld, Site } from './world.ts'

const { duplicateMs, duplicateSettledMs } = limitsWith()
const carol = 'carol@c.example'

export function acceptContract(name: string, open: OpenWorld): void {
  const site = new Site(open)

  describe(`accept, by ${name}`, () => {
    test('a new message in its place is kept, and under way until it is settled', async () => {
      const node = await site.one()
      node.accept({ id: 1 })
      node.accept({ id: 1 })
      expect(await node.told(2)).toEqual(['kept m1', 'under way m1'])
      node.settle('m1', 'delivered')
      node.accept({ id: 1 })
      expect(await node.told(1)).toEqual(['known m1 delivered'])
    })

    test('the answers come in the order of the calls', async () => {
      const node = await site.one()
      const senders = Array.from({ length: 40 }, (_, i) => `u${i % 7}@a.example`)
      for (const [i, from] of senders.entries()) node.accept({ id: i, from, body: `${i}` })
      expect(await node.told(40)).toEqual(senders.map((_, i) => `kept ${i}`))
    })

    test.for(['delivered', 'stored', 'refused', 'too-large'] as const)(
      '[LINK-6.7-9] a repetition gets the same final answer again, whatever its place: %s',
      async (status) => {
        const node = await site.one()
        node.accept({ id: 1 })
        await node.told(1)
        node.settle('m1', status)
        node.accept({ id: 1, place: { epoch: 2, sequence: 1 } })
        node.accept({ id: 1, place: { sequence: 9 } }, false)
        expect(await node.told(2)).toEqual([`known m1 ${status}`, `known m1 ${status}`])
      },
    )

    test.for(['unknown-outcome', 'inbox-closed', 'busy'] as const)(
      '[LINK-6.7-9] what failed for a time leaves no record: %s',
      async (status) => {
        const node = await site.one()
        node.accept({ id: 1 })
        await node.told(1)
        node.settle('m1', status)
        node.accept({ id: 1 })
        expect(await node.told(1)).toEqual(['kept m1'])
        node.settle('m1', 'delivered')
        node.accept({ id: 1 })
        expect(await node.told(1)).toEqual(['known m1 delivered'])
      },
    )

    test('[LINK-6.7-10] an id for another content is a conflict, and the first one stays', async () => {
      const node = await site.one()
      node.accept({ id: 1 })
      node.accept({ id: 1, body: 'other' })
      node.accept({ id: 1, to: carol })
      expect(await node.told(3)).toEqual(['kept m1', 'conflict other', 'conflict m1'])
      node.settle('m1', 'delivered')
      node.accept({ id: 1, body: 'other' })
      node.accept({ id: 1 })
      expect(await node.told(2)).toEqual(['conflict other', 'known m1 delivered'])
    })

    test('an id is known by its sender: another one may use it, too', async () => {
      const node = await site.one()
      node.accept({ id: 1 })
      node.accept({ id: 1, from: carol, body: 'hers' })
      expect(await node.told(2)).toEqual(['kept m1', 'kept hers'])
    })

    test('what is new and out of its place is not kept', async () => {
      const node = await site.one()
      node.accept({ id: 2 }, false)
      expect(await node.told(1)).toEqual(['out of order m2'])
      expect(node.store.size).toBe(0)
      node.accept({ id: 2 })
      expect(await node.told(1)).toEqual(['kept m2'])
      expect(node.store.size).toBe(1)
    })

    test('a lane is not given up while a message of it is under way; its records stay', async () => {
      const node = await site.one()
      node.accept({ id: 1 })
      node.accept({ id: 2 })
      await node.told(2)
      const { lane } = node.message({ id: 1 })
      node.settle('m2', 'delivered')
      expect(node.store.giveUp(lane)).toBe(false)
      node.settle('m1', 'delivered')
      expect(node.store.giveUp(lane)).toBe(true)
      node.accept({ id: 1 })
      expect(await node.told(1)).toEqual(['known m1 delivered'])
    })
  })

  describe(`how long a record is kept, by ${name}`, () => {
    /** Which of the messages are still known after `ms`. */
    const knownAfter = async (
      node: Node,
      ms: number,
      ids: readonly number[],
    ): Promise<readonly number[]> => {
      await node.world.advance(ms)
      node.store.sweep(node.world.now())
      // Out of place, so that what is not known is not kept.
      for (const id of ids) node.accept({ id }, false)
      const told = await node.told(ids.length)
      return ids.filter((_, i) => !(told[i] as string).startsWith('out of order'))
    }
    const ended = async (
      node: Node,
      ids: readonly number[],
      status: Status = 'delivered',
    ): Promise<void> => {
      for (const id of ids) node.accept({ id })
      await node.told(ids.length)
      for (const id of ids) node.settle(`m${id}`, status)
    }

    test('[LINK-6.7-11] 73 h if the sender may not hold the answer', async () => {
      const node = await site.one()
      await ended(node, [1, 2])
      expect(await knownAfter(node, duplicateMs - 2000, [1, 2])).toEqual([1, 2])
      expect(await knownAfter(node, 4000, [1, 2])).toEqual([])
      expect(node.store.size).toBe(0)
    })

    test('[LINK-6.7-11] 15 min if it is settled: up to its place, in its epoch or before', async () => {
      const node = await site.one()
      await ended(node, [1, 2, 3])
      node.accept({ id: 4, place: { sequence: 4, settled: 2 } })
      await node.told(1)
      node.settle('m4', 'delivered')
      expect(await knownAfter(node, duplicateSettledMs - 2000, [1, 2, 3, 4])).toEqual([1, 2, 3, 4])
      expect(await knownAfter(node, 4000, [1, 2, 3, 4])).toEqual([3, 4])
      node.accept({ id: 5, place: { epoch: 2, sequence: 2, settled: 1 } })
      await node.told(1)
      expect(await knownAfter(node, 0, [3, 4, 5])).toEqual([5])
    })

    test('[LINK-6.7-11] a repetition says what is settled, too', async () => {
      const node = await site.one()
      await ended(node, [1, 2])
      node.accept({ id: 2, place: { sequence: 2, settled: 1 } })
      await node.told(1)
      expect(await knownAfter(node, duplicateSettledMs + 2000, [1, 2])).toEqual([2])
    })

    test('what is under way stays, and is not settled whatever the sender says', async () => {
      const node = await site.one()
      node.accept({ id: 1 })
      node.accept({ id: 2, place: { settled: 1 } })
      expect(await node.told(2)).toEqual(['kept m1', 'kept m2'])
      expect(await knownAfter(node, duplicateMs + 2000, [1, 2])).toEqual([1, 2])
    })

    test('[LINK-6.7-11] what was under way then is kept 73 h', async () => {
      const node = await site.one()
      node.accept({ id: 1 })
      node.accept({ id: 2, place: { settled: 1 } })
      await node.told(2)
      node.settle('m1', 'delivered')
      expect(await knownAfter(node, duplicateSettledMs + 2000, [1])).toEqual([1])
      expect(await knownAfter(node, duplicateMs, [1])).toEqual([])
    })

    test('[LINK-6.7-11] what is settled in an epoch says nothing of a later one', async () => {
      const node = await site.one()
      node.accept({ id: 1, place: { epoch: 2, sequence: 1 } })
      await node.told(1)
      node.settle('m1', 'delivered')
      node.accept({ id: 2, place: { epoch: 1, settled: 9 } }, false)
      await node.told(1)
      expect(await knownAfter(node, duplicateSettledMs + 2000, [1])).toEqual([1])
    })
  })

  describe(`no room for a record, by ${name}`, () => {
    const full = { limits: { duplicates: 4 } }
    const hits = (node: Node): number =>
      node.world.meter.total('limit_hits_total', { limit: 'duplicates' })

    test('the oldest settled record goes first', async () => {
      const node = await site.one(full)
      for (const id of [1, 2, 3, 4]) {
        node.accept({ id })
        await node.told(1)
        node.settle(`m${id}`, 'delivered')
      }
      node.accept({ id: 5, place: { settled: 2 } })
      expect(await node.told(1)).toEqual(['kept m5'])
      for (const id of [1, 2]) node.accept({ id }, false)
      expect(await node.told(2)).toEqual(['out of order m1', 'known m2 delivered'])
    })

    test('then the oldest of the domain that holds most', async () => {
      const node = await site.one(full)
      const from = [carol, alice, alice, alice]
      for (const [id, sender] of from.entries()) {
        node.accept({ id, from: sender })
        await node.told(1)
        node.settle(`m${id}`, 'delivered')
        await node.world.advance(5000)
      }
      node.accept({ id: 9, from: carol })
      expect(await node.told(1)).toEqual(['kept m9'])
      for (const [id, sender] of from.entries()) node.accept({ id, from: sender }, false)
      const told = await node.told(4)
      expect(told.filter((line) => line.startsWith('out'))).toEqual(['out of order m1'])
      expect(hits(node)).toBe(0)
    })

    test('there are never more of them, whatever ends and however it is settled', async () => {
      const node = await site.one(full)
      const random = seededRandom(3)
      const open = new Set<number>()
      for (let id = 1; id < 400; id++) {
        node.accept({ id, place: { settled: Math.max(0, id - Math.floor(random.number() * 12)) } })
        const [told] = await node.told(1)
        expect(told).toBe(open.size < 4 ? `kept m${id}` : `failed m${id} busy`)
        if (open.size < 4) open.add(id)
        expect(node.store.size).toBeLessThanOrEqual(4)
        for (const one of open) {
          if (random.number() < 0.6) continue
          node.settle(`m${one}`, random.number() < 0.5 ? 'delivered' : 'inbox-closed')
          open.delete(one)
        }
        await node.world.advance(random.number() * 2 * duplicateSettledMs)
        if (random.number() < 0.3) node.store.sweep(node.world.now())
      }
    })

    test('while all are under way the answer is busy, and the limit is hit', async () => {
      const node = await site.one(full)
      for (const id of [1, 2, 3, 4, 5]) node.accept({ id, to: id < 3 ? bob : carol })
      const kept = [1, 2, 3, 4].map((id) => `kept m${id}`)
      expect(await node.told(5)).toEqual([...kept, 'failed m5 busy'])
      expect(hits(node)).toBe(1)
      node.settle('m1', 'delivered')
      await node.world.advance(2000)
      node.accept({ id: 5 })
      expect(await node.told(1)).toEqual(['kept m5'])
    })
  })
}
