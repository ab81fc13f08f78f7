/** What a store keeps for the recipient. */
import { describe, expect, test } from 'vitest'
import { limitsWith } from '../../../src/limits.ts'
import type { Kept } from '../../../src/operation/store.ts'
import { address, bob, meanwhile, type Node, nameOf, type OpenWorld, Site } from './world.ts'

const carol = 'carol@c.example'
const { duplicateMs } = limitsWith()

export function inboxContract(name: string, open: OpenWorld): void {
  const site = new Site(open)
  const keeps = async (node: Node, ids: readonly number[]): Promise<void> => {
    for (const id of ids) node.accept({ id })
    expect(await node.told(ids.length)).toEqual(ids.map((id) => `kept m${id}`))
  }

  describe(`inbox, by ${name}`, () => {
    test('holds the messages of a user in order, from any place on, under the places told', async () => {
      const [a, b] = await site.two()
      await keeps(a, [1, 2, 3])
      a.accept({ id: 4, to: carol })
      await a.told(1)
      const kept = await b.store.inbox(address(bob), 0, 10)
      expect(kept.map(nameOf)).toEqual(['m1', 'm2', 'm3'])
      expect(kept.map(({ seq }) => seq)).toEqual(['m1', 'm2', 'm3'].map((m) => a.seqOf(m)))
      expect(await b.inbox(bob, a.seqOf('m1'))).toEqual(['m2', 'm3'])
      expect(await b.inbox(bob, 0, 2)).toEqual(['m1', 'm2'])
      expect(await b.inbox(bob, a.seqOf('m3'))).toEqual([])
    })

    test('what comes later has a higher place, whoever asked first', async () => {
      const [a, b] = await site.two()
      a.opened.hold()
      a.accept({ id: 1 })
      b.accept({ id: 2 })
      expect(await b.told(1)).toEqual(['kept m2'])
      expect(await b.inbox()).toEqual(['m2'])
      a.opened.release()
      expect(await a.told(1)).toEqual(['kept m1'])
      expect(await b.inbox(bob, b.seqOf('m2'))).toEqual(['m1'])
    })

    test('gives the message as it came, but for its place in a lane', async () => {
      const node = await site.one()
      const sent = node.message({ id: 1, body: 'hello' })
      const bytes = Buffer.from(sent.buffer.subarray(sent.fieldsAt, sent.end))
      node.accept({ id: 1, body: 'hello' })
      await node.told(1)
      const [kept] = await node.store.inbox(address(bob), 0, 1)
      const { message } = kept as Kept
      const { buffer, fieldsAt, idAt, bodyAt, end, from, to, hops, unknownField } = message
      expect(buffer.subarray(fieldsAt, end).equals(bytes)).toBe(true)
      expect([idAt - fieldsAt, bodyAt - fieldsAt]).toEqual([0, sent.bodyAt - sent.fieldsAt])
      expect([from.text, to.text]).toEqual([sent.from.text, sent.to.text])
      expect([hops, unknownField]).toEqual([sent.hops, sent.unknownField])
      expect(message.place).toEqual({ epoch: 0, sequence: 0, settled: 0 })
      expect(message.call).toBeUndefined()
    })

    test('a message that is confirmed leaves it, whoever kept it; what is answered stays', async () => {
      const [a, b] = await site.two()
      await keeps(a, [1, 2, 3])
      for (const m of ['m1', 'm2', 'm3']) a.settle(m, 'stored')
      await meanwhile(a)
      expect(await b.inbox()).toEqual(['m1', 'm2', 'm3'])
      b.store.confirm(address(bob), a.seqOf('m2'))
      await meanwhile(b)
      expect(await a.inbox()).toEqual(['m1', 'm3'])
      b.accept({ id: 2 })
      expect(await b.told(1)).toEqual(['known m2 stored'])
    })

    test('nobody confirms what is in the inbox of somebody else', async () => {
      const node = await site.one()
      await keeps(node, [1])
      node.store.confirm(address(carol), node.seqOf('m1'))
      await meanwhile(node)
      expect(await node.inbox()).toEqual(['m1'])
    })

    test('a message confirmed while it is under way is settled all the same', async () => {
      const node = await site.one()
      await keeps(node, [1])
      node.store.confirm(address(bob), node.seqOf('m1'))
      await node.world.advance(duplicateMs + 2000)
      node.store.sweep(node.world.now())
      node.accept({ id: 1 })
      expect(await node.told(1)).toEqual(['under way m1'])
      node.settle('m1', 'delivered')
      node.accept({ id: 1 })
      expect(await node.told(1)).toEqual(['known m1 delivered'])
    })

    test('only what is stored stays there once it is settled', async () => {
      const node = await site.one()
      await keeps(node, [1, 2, 3, 4])
      for (const [m, status] of [
        ['m1', 'delivered'],
        ['m2', 'refused'],
        ['m3', 'stored'],
        ['m4', 'busy'],
      ] as const) {
        node.settle(m, status)
      }
      await meanwhile(node)
      expect(await node.inbox()).toEqual(['m3'])
    })

    test('what is stored outlives the time of its record', async () => {
      const node = await site.one()
      await keeps(node, [1])
      node.settle('m1', 'stored')
      await node.world.advance(duplicateMs + 2000)
      node.store.sweep(node.world.now())
      await meanwhile(node)
      expect(await node.inbox()).toEqual(['m1'])
      node.store.confirm(address(bob), node.seqOf('m1'))
      node.store.sweep(node.world.now())
      await meanwhile(node)
      expect(node.store.size).toBe(0)
    })

    test('without room for records nothing that is stored goes', async () => {
      const node = await site.one({ limits: { duplicates: 2 } })
      await keeps(node, [1, 2])
      for (const m of ['m1', 'm2']) node.settle(m, 'stored')
      node.accept({ id: 3, place: { settled: 2 } })
      expect(await node.told(1)).toEqual(['failed m3 busy'])
      expect(await node.inbox()).toEqual(['m1', 'm2'])
    })

    test('a full one is inbox-full, which troubles nobody else', async () => {
      const node = await site.one({ limits: { inboxMessages: 2 } })
      await keeps(node, [1, 2])
      node.accept({ id: 3 })
      node.accept({ id: 4, to: carol })
      expect(await node.told(2)).toEqual(['failed m3 inbox-full', 'kept m4'])
      const { meter } = node.world
      expect(meter.total('limit_hits_total', { limit: 'inboxMessages' })).toBe(1)
      node.store.confirm(address(bob), node.seqOf('m1'))
      node.accept({ id: 3 })
      expect(await node.told(1)).toEqual(['kept m3'])
    })
  })
}
