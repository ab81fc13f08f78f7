/** What a store keeps of `accept` while commits take their time, and between two nodes. */
import { describe, expect, test } from 'vitest'
import { long, meanwhile, nodeOf, type OpenWorld, Site } from './world.ts'

const carol = 'carol@c.example'

export function commitContract(name: string, open: OpenWorld): void {
  const site = new Site(open)

  describe(`accept and the commit, by ${name}`, () => {
    test('answers in the order of the calls, after the commit', async () => {
      const [a, b] = await site.two()
      a.opened.hold()
      a.accept({ id: 1 })
      a.accept({ id: 2, to: carol })
      a.accept({ id: 3 }, false)
      a.accept({ id: 1, body: 'other' })
      a.accept({ id: 4, from: carol })
      await meanwhile(b)
      expect(a.log).toEqual([])
      expect(await b.inbox()).toEqual([])
      a.opened.release()
      expect(await a.told(5)).toEqual([
        'kept m1',
        'kept m2',
        'out of order m3',
        'conflict other',
        'kept m4',
      ])
      expect(await b.inbox()).toEqual(['m1', 'm4'])
    })

    test('one failure fails the later ones of its lane under way', async () => {
      const [a, b] = await site.two()
      a.opened.hold()
      for (const id of [1, 2, 3]) a.accept({ id })
      a.opened.release('fails')
      const failed = [1, 2, 3].map((id) => `failed m${id} internal`)
      expect(await a.told(3)).toEqual(failed)
      expect(await b.inbox()).toEqual([])
      for (const id of [1, 2, 3]) a.accept({ id })
      expect(await a.told(3)).toEqual(['kept m1', 'kept m2', 'kept m3'])
      expect(await b.inbox()).toEqual(['m1', 'm2', 'm3'])
    })

    test('one failure is told of each other lane as it is', async () => {
      const [a, b] = await site.two()
      a.opened.hold()
      a.accept({ id: 1 })
      a.accept({ id: 1, to: carol, from: carol, body: 'hers' })
      a.accept({ id: 2 })
      a.opened.release('fails')
      const told = await a.told(3)
      expect([told[0], told[2]]).toEqual(['failed m1 internal', 'failed m2 internal'])
      // A group commit takes it along.
      const isKept = (await b.inbox(carol)).length === 1
      expect(told[1]).toBe(isKept ? 'kept hers' : 'failed hers internal')
    })

    test('a repetition behind a failure is not told to be kept', async () => {
      const node = await site.one()
      node.opened.hold()
      node.accept({ id: 1 })
      node.accept({ id: 1 })
      node.opened.release('fails')
      expect(await node.told(2)).toEqual(['failed m1 internal', 'failed m1 internal'])
      expect(await node.inbox()).toEqual([])
    })

    test('a repetition behind a commit is answered by it', async () => {
      const node = await site.one()
      node.opened.hold()
      node.accept({ id: 1 })
      node.accept({ id: 1 })
      node.opened.release()
      expect(await node.told(2)).toEqual(['kept m1', 'under way m1'])
    })

    test('what follows a conflict under way is out of order', async () => {
      const node = await site.one()
      node.accept({ id: 1 })
      await node.told(1)
      node.opened.hold()
      node.accept({ id: 1, body: 'other', place: { sequence: 2 } })
      node.accept({ id: 3 })
      node.accept({ id: 1 })
      node.opened.release()
      const told = ['conflict other', 'out of order m3', 'under way m1']
      expect(await node.told(3)).toEqual(told)
      node.accept({ id: 3, place: { sequence: 2 } })
      expect(await node.told(1)).toEqual(['kept m3'])
    })

    test('a lane is not given up before its commits', async () => {
      const node = await site.one()
      const { lane } = node.message({ id: 1 })
      node.opened.hold()
      node.accept({ id: 1 })
      expect(node.store.giveUp(lane)).toBe(false)
      node.opened.release('fails')
      await node.told(1)
      expect(node.store.giveUp(lane)).toBe(true)
    })
  })

  describe(`credit, by ${name}`, () => {
    const body = 'b'.repeat(150)

    test('what waits for its commit holds bytes, and without room it is busy', async () => {
      const node = await site.one({ heldBytes: 250 })
      node.opened.hold()
      node.accept({ id: 1, body })
      node.accept({ id: 2, body })
      node.accept({ id: 3, to: carol, body: 'small' })
      node.opened.release()
      const [first, second, third] = await node.told(3)
      // Its own bytes and those of the inbox: a store in memory has both at once.
      expect(first).toMatch(/^(kept|failed) b{150}/)
      expect(second).toMatch(/^failed .* busy$/)
      expect(third).toBe('kept small')
    })

    test('what had no room when it came is not kept, even if there is room at the commit', async () => {
      const node = await site.one({ heldBytes: 250 })
      node.opened.hold()
      node.accept({ id: 1, body })
      node.accept({ id: 2, to: carol, body })
      node.opened.release('fails')
      const told = await node.told(2)
      expect(told[1]).toMatch(/^failed .* (busy|internal)$/)
      expect(await node.inbox(carol)).toEqual([])
    })

    test('what has ended gives its bytes back', async () => {
      const node = await site.one({ heldBytes: 500 })
      for (let id = 1; id < 10; id++) {
        const own = `${body}${id}`
        node.accept({ id, body: own })
        expect(await node.told(1)).toEqual([`kept ${own}`])
        node.settle(own, 'delivered')
      }
    })
  })

  describe(`settle and the commit, by ${name}`, () => {
    test('a repetition meanwhile is answered as it was settled', async () => {
      const node = await site.one()
      node.accept({ id: 1 })
      node.accept({ id: 2 })
      await node.told(2)
      node.opened.hold()
      node.accept({ id: 1 })
      node.accept({ id: 2 })
      node.settle('m1', 'refused')
      node.settle('m2', 'inbox-closed')
      node.opened.release()
      expect(await node.told(2)).toEqual(['known m1 refused', 'failed m2 inbox-closed'])
    })

    test('without the commit it is stored', async () => {
      const node = await site.one()
      node.accept({ id: 1 })
      await node.told(1)
      node.opened.hold()
      node.settle('m1', 'refused')
      node.opened.release('fails')
      node.accept({ id: 1 })
      expect(await node.told(1)).toEqual(['known m1 stored'])
      expect(await node.inbox()).toEqual(['m1'])
    })
  })

  describe(`accept on two nodes, by ${name}`, () => {
    test('one answer for each id: kept by one, elsewhere for the other, then known to both', async () => {
      const [a, b] = await site.two()
      a.accept({ id: 1 })
      expect(await a.told(1)).toEqual(['kept m1'])
      b.accept({ id: 1 })
      expect(await b.told(1)).toEqual(['elsewhere m1'])
      a.settle('m1', 'refused')
      await meanwhile(a)
      b.accept({ id: 1 })
      a.accept({ id: 1 })
      expect(await b.told(1)).toEqual(['known m1 refused'])
      expect(await a.told(1)).toEqual(['known m1 refused'])
    })

    test('one answer for each id, also at the same time', async () => {
      const [a, b] = await site.two()
      const ids = Array.from({ length: 20 }, (_, i) => i + 1)
      for (const node of [a, b]) node.opened.hold()
      for (const id of ids) for (const node of [a, b]) node.accept({ id })
      for (const node of [b, a]) node.opened.release()
      const told = [await a.told(20), await b.told(20)]
      for (const [i, id] of ids.entries()) {
        const both = told.map((lines) => lines[i]).sort()
        expect(both).toEqual([`elsewhere m${id}`, `kept m${id}`])
      }
      expect(await a.inbox()).toEqual(ids.map((id) => `m${id}`))
    })

    test('an id for another content is a conflict on each node', async () => {
      const [a, b] = await site.two()
      a.accept({ id: 1 })
      await a.told(1)
      b.accept({ id: 1, body: 'other' })
      expect(await b.told(1)).toEqual(['conflict other'])
    })

    test('the other node says what is settled', async () => {
      const [a, b] = await site.two({ limits: { duplicates: 2 } })
      for (const id of [1, 2]) a.accept({ id })
      await a.told(2)
      for (const id of [1, 2]) a.settle(`m${id}`, 'delivered')
      await meanwhile(a)
      b.accept({ id: 2, place: { settled: 2 } }, false)
      b.accept({ id: 3 })
      expect(await b.told(2)).toEqual(['known m2 delivered', 'kept m3'])
      expect(b.store.size).toBe(2)
    })

    test('what a node is at when its lease ends is stored, and it cannot say otherwise', async () => {
      const world = await site.world()
      const [a, b] = [await nodeOf(world, 'a', 10_000), await nodeOf(world, 'b')]
      a.accept({ id: 1 })
      a.accept({ id: 2 })
      await a.told(2)
      a.settle('m2', 'delivered')
      await world.advance(10_001)
      b.accept({ id: 1 })
      expect(await b.told(1)).toEqual(['known m1 stored'])
      a.settle('m1', 'refused')
      a.store.confirm(a.message({ id: 1 }).to, a.seqOf('m1'))
      a.store.sweep(long)
      await a.store.lease('x', 1)
      b.accept({ id: 1 })
      b.accept({ id: 2 })
      expect(await b.told(2)).toEqual(['known m1 stored', 'known m2 delivered'])
      expect(await b.inbox()).toEqual(['m1'])
    })
  })
}
