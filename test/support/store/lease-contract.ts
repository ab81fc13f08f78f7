/** What a store keeps of leases: fencing of a node that was lost, and what ends with it. */
import { describe, expect, test } from 'vitest'
import { outcomeOf } from '../../../src/operation/call.ts'
import type { Queued } from '../../../src/operation/store.ts'
import { bob, long, meanwhile, Node, nodeOf, type OpenWorld, Site } from './world.ts'

export function leaseContract(name: string, open: OpenWorld): void {
  const site = new Site(open)

  /** Every write of the node fails. */
  const isLost = async (node: Node): Promise<void> => {
    node.accept({ id: 91 })
    node.enqueue({ id: 92 })
    expect(await node.told(2)).toEqual(['failed m91 internal', 'failed m92 internal'])
    expect(await node.store.lease('x', 1000)).toBe(false)
    const records = node.store.records<number>('room')
    const lost = { code: 'internal' }
    await expect(node.store.reserve('n', 1)).rejects.toMatchObject(lost)
    await expect(node.store.claim(...pair(node), 1)).rejects.toMatchObject(lost)
    await expect(records.put('k', 1)).rejects.toMatchObject(lost)
    await expect(records.delete('k')).rejects.toMatchObject(lost)
  }
  const pair = (node: Node) => {
    const { from, to } = node.message({ id: 0 })
    return [from.domain, to.domain] as const
  }

  describe(`lease, by ${name}`, () => {
    test('one node holds a name, goes on holding it, and leaves it when its time is over', async () => {
      const [a, b] = await site.two()
      expect(await a.store.lease('link', 1000)).toBe(true)
      expect(await b.store.lease('link', 1000)).toBe(false)
      expect(await b.store.lease('other', 1000)).toBe(true)
      await a.world.advance(999)
      expect(await a.store.lease('link', 1000)).toBe(true)
      await a.world.advance(999)
      expect(await b.store.lease('link', 1000)).toBe(false)
      await a.world.advance(1)
      expect(await b.store.lease('link', 1000)).toBe(true)
      expect(await a.store.lease('link', 1000)).toBe(false)
    })

    test('two nodes never get the same at the same time', async () => {
      const [a, b] = await site.two()
      for (const node of [a, b]) node.opened.hold()
      const both = [a.store.lease('link', 1000), b.store.lease('link', 1000)]
      for (const node of [b, a]) node.opened.release()
      expect((await Promise.all(both)).sort()).toEqual([false, true])
    })

    test('there are only so many, until the time of one is over', async () => {
      const node = await site.one({ limits: { storedRecords: 2 } })
      expect(await node.store.lease('link', 1000)).toBe(true)
      expect(await node.store.lease('other', 1000)).toBe(false)
      expect(await node.store.lease('link', 2000)).toBe(true)
      await node.world.advance(2000)
      expect(await node.store.lease('other', 1000)).toBe(true)
    })

    test('before it holds the lease of its node an object writes nothing', async () => {
      const node = new Node(await site.world(), 'a')
      await node.open()
      await isLost(node)
      expect(await node.store.lease('node:a', 1000)).toBe(true)
      node.accept({ id: 1 })
      expect(await node.told(1)).toEqual(['kept m1'])
    })

    test('a lost lease makes every write fail, for good', async () => {
      const world = await site.world()
      const [a, b] = [await nodeOf(world, 'a', 10_000), await nodeOf(world, 'b')]
      await b.store.records('room').put('k', 7)
      a.enqueue({ id: 1 })
      await a.told(1)
      const [item] = await a.store.claim(...pair(a), 1)
      await world.advance(9999)
      expect(await a.store.lease('node:a', 10_000)).toBe(true)
      await world.advance(10_001)
      await isLost(a)
      expect(await a.store.attempted(item as Queued, outcomeOf('delivered'), undefined)).toBe(false)
      expect(await a.store.lease('node:a', 10_000)).toBe(false)
      await isLost(a)
      expect(await b.store.records('room').get('k')).toBe(7)
      expect(await b.inbox(bob)).toEqual([])
    })

    test('a commit that comes after the lease has ended fails', async () => {
      const world = await site.world()
      const [a, b] = [await nodeOf(world, 'a', 10_000), await nodeOf(world, 'b')]
      a.opened.hold()
      a.accept({ id: 1 })
      await world.advance(10_001)
      a.opened.release()
      expect(await a.told(1)).toEqual(['failed m1 internal'])
      expect(await b.inbox()).toEqual([])
    })

    test('what a node held is free as soon as its own lease ends', async () => {
      const world = await site.world()
      const [a, b] = [await nodeOf(world, 'a', 10_000), await nodeOf(world, 'b')]
      expect(await a.store.lease('link', long)).toBe(true)
      await world.advance(10_000)
      expect(await b.store.lease('link', 1000)).toBe(true)
    })

    test('a node that comes again takes over once the lease of the former has ended', async () => {
      const world = await site.world()
      const former = await nodeOf(world, 'a', 10_000)
      const next = new Node(world, 'a')
      await next.open()
      expect(await next.store.lease('node:a', 10_000)).toBe(false)
      former.accept({ id: 1 })
      await former.told(1)
      await world.advance(10_000)
      expect(await next.store.lease('node:a', 10_000)).toBe(true)
      await isLost(former)
      next.accept({ id: 1 })
      next.accept({ id: 2 })
      expect(await next.told(2)).toEqual(['known m1 stored', 'kept m2'])
    })
  })

  describe(`close, by ${name}`, () => {
    test('what is under way is told first', async () => {
      const node = await site.one()
      node.opened.hold()
      node.accept({ id: 1 })
      let isClosed = false
      const closing = node.store.close().then(() => {
        isClosed = true
      })
      await node.world.advance(0)
      expect([isClosed, node.log]).toEqual([false, []])
      node.opened.release()
      await closing
      expect(await node.told(1)).toEqual(['kept m1'])
    })

    test('what is closed is never opened again, even if it never held its lease', async () => {
      const node = new Node(await site.world(), 'a')
      await node.open()
      await node.store.close()
      expect(await node.store.lease('node:a', 1000)).toBe(false)
      await nodeOf(node.world, 'a')
    })

    test('then the leases are free, and writes fail', async () => {
      const [a, b] = await site.two()
      expect(await a.store.lease('link', long)).toBe(true)
      a.accept({ id: 1 })
      await a.told(1)
      await a.store.close()
      expect(await b.store.lease('link', 1000)).toBe(true)
      b.accept({ id: 1 })
      expect(await b.told(1)).toEqual(['known m1 stored'])
      await isLost(a)
      expect(await a.store.lease('node:a', 1000)).toBe(false)
      await meanwhile(await nodeOf(a.world, 'a'))
    })
  })
}
