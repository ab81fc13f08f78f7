/** What a store keeps besides messages: numbers, records, and that others are told of a change. */
import { describe, expect, test } from 'vitest'
import { outcomeOf } from '../../../src/operation/call.ts'
import { type Queued, topics } from '../../../src/operation/store.ts'
import { address, bob, meanwhile, type Node, type OpenWorld, Site } from './world.ts'

type Value = { readonly n: number; readonly words?: readonly string[] }

export function recordContract(name: string, open: OpenWorld): void {
  const site = new Site(open)

  describe(`reserve, by ${name}`, () => {
    test('no number is given twice, over both nodes', async () => {
      const nodes = await site.two()
      const runs = await Promise.all(
        Array.from({ length: 40 }, async (_, i) => {
          const count = (i % 5) + 1
          const first = await (nodes[i % 2] as Node).store.reserve('n', count)
          return Array.from({ length: count }, (_, j) => first + j)
        }),
      )
      const numbers = runs.flat()
      expect(new Set(numbers).size).toBe(numbers.length)
      expect(numbers.every((n) => Number.isSafeInteger(n) && n > 0)).toBe(true)
    })

    test('a counter is one of many', async () => {
      const node = await site.one()
      expect(await node.store.reserve('m', 5)).toBe(await node.store.reserve('n', 5))
    })

    test('nobody is told a number whose commit failed', async () => {
      const [a, b] = await site.two()
      a.opened.hold()
      const failing = a.store.reserve('n', 5)
      a.opened.release('fails')
      await expect(failing).rejects.toMatchObject({ code: 'internal' })
      const first = await a.store.reserve('n', 5)
      expect(await b.store.reserve('n', 1)).toBeGreaterThanOrEqual(first + 5)
    })
  })

  describe(`records, by ${name}`, () => {
    test('what one node puts the other gets, in its room alone, until it is deleted', async () => {
      const [a, b] = await site.two()
      const value: Value = { n: 1, words: ['é', ''] }
      await a.store.records<Value>('rules').put('bob', value)
      expect(await b.store.records<Value>('rules').get('bob')).toEqual(value)
      expect(await b.store.records<Value>('keys').get('bob')).toBeUndefined()
      await b.store.records<Value>('rules').put('bob', { n: 2 })
      expect(await a.store.records<Value>('rules').get('bob')).toEqual({ n: 2 })
      await b.store.records<Value>('rules').delete('bob')
      expect(await a.store.records<Value>('rules').get('bob')).toBeUndefined()
      await b.store.records<Value>('rules').delete('nobody')
    })

    test('a value is a copy of its own', async () => {
      const { store, opened } = await site.one()
      const records = store.records<{ n: number }>('room')
      const value = { n: 1 }
      opened.hold()
      const put = records.put('k', value)
      value.n = 2
      opened.release()
      await put
      const got = (await records.get('k')) as { n: number }
      expect(got).toEqual({ n: 1 })
      got.n = 3
      expect(await records.scan('', 1)).toEqual([['k', { n: 1 }]])
    })

    test('scan goes by the bytes of the keys, from what is above one, and at most so many', async () => {
      const records = (await site.one()).store.records<number>('room')
      // In UTF-16, in which JavaScript compares, the last two stand the other way round.
      const keys = ['', 'Z', 'a', 'a ', 'aa', 'é', '\uff5e', '\u{1f600}']
      for (const [i, key] of [...keys.entries()].reverse()) await records.put(key, i)
      const all = await records.scan('', 100)
      expect(all).toEqual(keys.map((key, i) => [key, i]).slice(1))
      expect(await records.scan('a', 2)).toEqual([
        ['a ', 3],
        ['aa', 4],
      ])
      expect(await records.scan('b', 100)).toEqual(all.slice(4))
      expect(await records.scan('\uff5e', 100)).toEqual(all.slice(6))
    })

    test('without room a new one is busy, and the limit is hit', async () => {
      const node = await site.one({ limits: { storedRecords: 2 } })
      const records = node.store.records<number>('room')
      await records.put('a', 1)
      await records.put('b', 1)
      await expect(records.put('c', 1)).rejects.toMatchObject({ code: 'busy' })
      await records.put('b', 2)
      const { meter } = node.world
      expect(meter.total('limit_hits_total', { limit: 'storedRecords' })).toBe(1)
      await records.delete('a')
      await records.put('c', 1)
    })
  })

  describe(`wake, by ${name}`, () => {
    /** How often the node is woken; `until` waits for one more. */
    const ears = (node: Node, topic: string) => {
      let count = 0
      const stop = node.store.onWake(topic, () => {
        count++
        return undefined
      })
      const woken = async (act: () => unknown): Promise<void> => {
        const before = count
        await act()
        await node.world.until(() => count > before)
      }
      return { stop, woken, count: () => count }
    }

    test('a change of one node wakes the other', async () => {
      const [a, b] = await site.two()
      const inbox = ears(b, topics.inbox(address(bob)))
      await inbox.woken(() => a.accept({ id: 1 }))
      expect(await b.inbox()).toEqual(['m1'])
      await a.told(1)
      const queue = ears(b, topics.queue(address(bob).domain))
      await queue.woken(() => a.enqueue({ id: 2 }))
      const [item] = await b.claim()
      expect(await b.store.attempted(item as Queued, outcomeOf('delivered'), undefined)).toBe(true)
      const room = ears(b, topics.records('rules'))
      await room.woken(() => a.store.records('rules').put('k', 1))
      await room.woken(() => a.store.records('rules').delete('k'))
    })

    test('the node that keeps a message hears that another one has it confirmed', async () => {
      const [a, b] = await site.two()
      const inbox = ears(a, topics.inbox(address(bob)))
      a.accept({ id: 1 })
      await a.told(1)
      await inbox.woken(() => b.store.confirm(address(bob), a.seqOf('m1')))
      expect(await a.inbox()).toEqual([])
    })

    test('nobody is woken by a change of its own', async () => {
      const [a, b] = await site.two()
      const [own, other] = [a, b].map((node) => ears(node, topics.records('rules')))
      await other?.woken(() => a.store.records('rules').put('k', 1))
      await meanwhile(a)
      expect(own?.count()).toBe(0)
    })

    test('it comes after the commit', async () => {
      const [a, b] = await site.two()
      const inbox = ears(b, topics.inbox(address(bob)))
      a.opened.hold()
      a.accept({ id: 1 })
      await meanwhile(b)
      expect(inbox.count()).toBe(0)
      await inbox.woken(() => a.opened.release())
      expect(await b.inbox()).toEqual(['m1'])
    })

    test('it does not come once nobody listens, or to what is closed', async () => {
      const [a, b] = await site.two()
      const [stopped, closed] = [0, 1].map(() => ears(b, topics.records('rules')))
      const heard = ears(a, topics.records('rules'))
      const put = a.store.records('rules').put('k', 1)
      stopped?.stop()
      await put
      await b.store.records('rules').put('k', 2)
      await b.store.close()
      await a.world.until(() => heard.count() > 0)
      const before = closed?.count()
      await a.store.records('rules').put('k', 3)
      await meanwhile(a)
      expect(stopped?.count()).toBe(0)
      expect(closed?.count()).toBe(before)
    })
  })
}
