/** A gateway whose directory takes 50 ms, or fails: what waits for it, what does not, and in which order. */

import { describe, expect, test } from 'vitest'
import type { Address } from '../../src/address/address.ts'
import { encodeFetch } from '../../src/command/fetch.ts'
import { limitTable } from '../../src/limits.ts'
import type { Question } from '../../src/operation/ports.ts'
import { linkStand, loopbackStand, type OpenStand, type Stand } from '../support/directory-stand.ts'
import { alice, anna, bob, carol, idOf } from '../support/operations.ts'
import { World } from '../support/script/world.ts'
import { SlowDirectory } from '../support/slow-directory.ts'

const second = 1000
const minute = 60 * second

/** The directory does not know her. */
const zoe: Address = { ...bob, user: 'zoe', text: 'zoe@b.example' }

const subscribe = (presentity: Address, id = 's1', watcher = alice): Question => ({
  ...{ kind: 'subscribe', id: idOf(id), watcher, presentity, leaseSeconds: 600, hops: 1 },
})

const unsubscribe = (presentity: Address, id = 's1'): Question => ({
  ...{ kind: 'unsubscribe', id: idOf(id), watcher: alice, presentity },
  ...{ leaseSeconds: undefined, hops: 1 },
})

const renew = (...ids: readonly string[]): Question => ({
  ...{ kind: 'renew', local: alice.domain, remote: bob.domain, watcher: undefined },
  ...{ ids: ids.map(idOf), leaseSeconds: 600 },
})

const fetch = (presentity: Address): Question => ({
  ...{ kind: 'fetch', watcher: alice, presentity, hops: 1, unknownField: 0 },
  fields: encodeFetch(presentity.text),
})

const by = (from: Address, ...bodies: readonly string[]) =>
  bodies.map((body) => `${from.text} ${body}`)

const stands: readonly (readonly [string, OpenStand])[] = [
  ['links', linkStand],
  ['loopback', loopbackStand],
]

describe.each(stands)('by %s', (kind, open) => {
  /** [LINK-5.4-13] A door that strangers knock at does not say that there is no such user. */
  const unknown = kind === 'links' ? 'credential-key' : 'refused'

  /** Users who are attached; nobody's entry is remembered. */
  const withUsers = async (stand: Stand, ...users: readonly Address[]) => {
    const guests = users.map((user) => stand.attach(user))
    await stand.run(second)
    expect(guests.map(({ told }) => told)).toEqual(users.map(() => ['ok']))
    // What was learnt when they attached is believed no more.
    await stand.run(limitTable.ownerMs.value + second)
    stand.directory.asked.splice(0)
    return guests
  }

  describe('a directory that takes its time', () => {
    test('attach: waits for it, and a user whom it does not know is refused', async () => {
      const stand = await open()
      const guests = [stand.attach(bob), stand.attach(zoe)]
      await stand.run(40)
      expect(guests.map(({ told }) => told)).toEqual([[], []])
      await stand.run(100)
      expect(guests.map(({ told }) => told)).toEqual([['ok'], [unknown]])
    })

    test('gate: m1 misses, m2 hits, and m1 is shown first', async () => {
      const stand = await open()
      const [guest] = await withUsers(stand, bob)
      const told = [stand.send({ body: 'm1' })]
      await stand.run(20)
      // Whoever asked now would have the answer before m1 has its own.
      stand.directory.delayMs = 0
      told.push(stand.send({ body: 'm2' }))
      await stand.run(20)
      expect([guest?.messages, told]).toEqual([[], [[], []]])
      await stand.run(20)
      told.push(stand.send({ body: 'm3' }))
      await stand.run(20)
      expect(guest?.messages).toEqual(by(alice, 'm1', 'm2', 'm3'))
      expect(told).toEqual([['delivered'], ['delivered'], ['delivered']])
      expect(stand.directory.asked).toEqual([bob.text])
    })

    test('gate: an entry that is believed no more is asked for again, and nothing is overtaken', async () => {
      const stand = await open()
      const [guest] = await withUsers(stand, bob)
      stand.send({ body: 'm1' })
      await stand.run(minute)
      // At the very end of its time, and after it.
      for (const body of ['m2', 'm3', 'm4', 'm5', 'm6']) {
        stand.send({ body })
        await stand.run(25)
      }
      await stand.run(second)
      expect(guest?.messages).toEqual(by(alice, 'm1', 'm2', 'm3', 'm4', 'm5', 'm6'))
      expect(stand.directory.asked).toEqual([bob.text, bob.text])
    })

    test('gate: several lanes to one recipient keep their order, and wait for one question', async () => {
      const stand = await open()
      const [guest] = await withUsers(stand, bob)
      for (let n = 0; n < 10; n++) {
        stand.send({ body: `m${n}`, from: n % 3 === 0 ? anna : alice })
        await stand.run(8)
      }
      await stand.run(second)
      const all = Array.from({ length: 10 }, (_, n) => by(n % 3 === 0 ? anna : alice, `m${n}`))
      expect(guest?.messages).toEqual(all.flat())
      expect(stand.directory.asked).toEqual([bob.text])
    })

    test('gate: a recipient whose entry is fresh waits for no other one', async () => {
      const stand = await open()
      const [first, second_] = await withUsers(stand, bob, carol)
      stand.send({ body: 'm0' })
      await stand.run(second)
      const told = Array.from({ length: 8 }, (_, n) =>
        stand.send({ body: `m${n + 1}`, to: n % 2 === 0 ? carol : bob }),
      )
      await stand.run(20)
      expect([first?.messages, second_?.messages]).toEqual([
        by(alice, 'm0', 'm2', 'm4', 'm6', 'm8'),
        [],
      ])
      await stand.run(second)
      expect(second_?.messages).toEqual(by(alice, 'm1', 'm3', 'm5', 'm7'))
      expect(told).toEqual(Array(8).fill(['delivered']))
    })

    test('gate: a repetition that comes while the first one waits shares its outcome', async () => {
      const stand = await open()
      const [guest] = await withUsers(stand, bob)
      const place = { epoch: 1, sequence: 1, settled: 0 }
      const told = [stand.send({ body: 'm1', place }), stand.send({ body: 'm1', place })]
      await stand.run(second)
      expect([guest?.messages, told]).toEqual([by(alice, 'm1'), [['delivered'], ['delivered']]])
    })

    test('attach: a session that comes while a message waits for the directory gets it once', async () => {
      const stand = await open()
      const guest = stand.attach(bob)
      await stand.run(80)
      const told = stand.send({ body: 'm1' })
      await stand.run(second)
      expect([guest.told, guest.messages, told]).toEqual([['ok'], by(alice, 'm1'), ['delivered']])
    })

    test('attach: two sessions of a user, one of which comes while it waits, get it once each', async () => {
      const stand = await open()
      const [early] = await withUsers(stand, bob)
      const late = stand.attach(bob)
      await stand.run(80)
      const told = stand.send({ body: 'm1' })
      await stand.run(second)
      stand.send({ body: 'm2' })
      await stand.run(second)
      for (const guest of [early, late]) {
        expect(guest?.messages).toEqual(by(alice, 'm1', 'm2'))
      }
      expect([late.told, told]).toEqual([['ok'], ['delivered']])
    })

    test('attach: a session that comes too late for a message does not get it, and its sender is told', async () => {
      const stand = await open()
      const told = stand.send({ body: 'm1' })
      await stand.run(20)
      const guest = stand.attach(bob)
      await stand.run(second)
      expect([told, guest.told, guest.messages]).toEqual([['inbox-closed'], ['ok'], []])
    })

    test('attach: a session that is gone before the directory has answered is not attached', async () => {
      const stand = await open()
      const guest = stand.attach(bob)
      await stand.run(80)
      guest.leave()
      await stand.run(second)
      const told = stand.send({ body: 'm1' })
      await stand.run(second)
      expect([guest.messages, told, stand.sessions()]).toEqual([[], ['inbox-closed'], 0])
    })

    test('SUBSCRIBE and FETCH wait for it; whom it does not know nobody may watch', async () => {
      const stand = await open()
      const told = [bob, zoe].map((user) => [stand.ask(subscribe(user)), stand.ask(fetch(user))])
      await stand.run(40)
      expect(told.flat()).toEqual([[], [], [], []])
      await stand.run(second)
      expect(told.flat()).toEqual([['ok'], ['ok'], ['refused'], ['refused']])
      expect(stand.notified()).toEqual([idOf('s1')])
    })

    test.for([bob, carol, zoe])(
      'gate: an UNSUBSCRIBE that names $user does not overtake the SUBSCRIBE that waits for bob',
      async (to) => {
        const stand = await open()
        const told = [stand.ask(subscribe(bob)), stand.ask(unsubscribe(to))]
        await stand.run(minute)
        expect(told).toEqual([['ok'], ['ok']])
        expect(stand.notified()).toEqual([])
      },
    )

    test('gate: a SUBSCRIBE does not overtake the UNSUBSCRIBE that waits', async () => {
      const stand = await open()
      stand.ask(fetch(carol))
      await stand.run(second)
      // Nobody has to be asked about carol any more.
      const told = [bob, carol].flatMap((user) => [
        stand.ask(subscribe(user)),
        stand.ask(unsubscribe(user)),
      ])
      told.push(stand.ask(subscribe(bob)))
      await stand.run(minute)
      expect(told).toEqual(Array(5).fill(['ok']))
      expect(stand.notified()).toEqual([idOf('s1')])
    })

    test('gate: a RENEW waits for what came before it, and for nothing that comes later', async () => {
      const stand = await open()
      stand.ask(subscribe(bob))
      await stand.run(30)
      const told = stand.ask(renew('s1', 'u9'))
      // One after the other asks about somebody else, so that something always waits.
      for (let n = 0; n < 10; n++) {
        stand.ask(subscribe({ ...bob, user: `u${n}`, text: `u${n}@b.example` }, `u${n}`))
        await stand.run(30)
        if (n === 1) expect(told).toEqual(['ok 600,0'])
      }
    })
  })

  describe('a directory that fails', () => {
    test('attach: nobody can, known or not, and everybody can later', async () => {
      const stand = await open()
      stand.directory.isFailing = true
      const early = [bob, zoe].map((user) => stand.attach(user))
      await stand.run(second)
      expect(early.map(({ told }) => told)).toEqual([['busy'], ['busy']])
      stand.directory.isFailing = false
      const later = [bob, zoe].map((user) => stand.attach(user))
      await stand.run(second)
      expect(later.map(({ told }) => told)).toEqual([['ok'], [unknown]])
    })

    test('directory: an unknown user and a directory that fails look the same', async () => {
      const stand = await open()
      stand.directory.isFailing = true
      const answers = async (): Promise<readonly unknown[]> => {
        const asked = [bob, zoe].map((to) => [
          stand.send({
            body: 'm1',
            to,
            place: { epoch: stand.directory.asked.length + 1, sequence: 1, settled: 0 },
          }),
          stand.ask(subscribe(to, to.user)),
          stand.ask(fetch(to)),
        ])
        await stand.run(40)
        expect(asked.flat()).toEqual(Array(6).fill([]))
        await stand.run(15)
        return asked
      }
      expect(await answers()).toEqual(Array(2).fill(Array(3).fill(['busy'])))
      stand.directory.isFailing = false
      await stand.run(second)
      expect(await answers()).toEqual([
        [['inbox-closed'], ['ok'], ['ok']],
        Array(3).fill(['refused']),
      ])
    })

    test('gate: all that waits ends for a time, and comes again in its order', async () => {
      const stand = await open()
      const [guest] = await withUsers(stand, bob)
      stand.directory.isFailing = true
      const names = ['m1', 'm2', 'm3']
      const early = names.map((body) => stand.send({ body }))
      await stand.run(second)
      expect([early, guest?.messages]).toEqual([[['busy'], ['busy'], ['busy']], []])
      stand.directory.isFailing = false
      const again = names.map((body, i) =>
        stand.send({ body, place: { epoch: 2, sequence: i + 1, settled: 0 } }),
      )
      await stand.run(second)
      expect(again).toEqual([['delivered'], ['delivered'], ['delivered']])
      expect(guest?.messages).toEqual(by(alice, ...names))
    })

    test('what it said before is believed for its time', async () => {
      const stand = await open()
      const [guest] = await withUsers(stand, bob)
      stand.send({ body: 'm1' })
      await stand.run(second)
      stand.directory.isFailing = true
      const told = stand.send({ body: 'm2' })
      await stand.run(second)
      expect([guest?.messages, told]).toEqual([by(alice, 'm1', 'm2'), ['delivered']])
    })

    test('directory: one that takes too long has failed, and what it says then is too late', async () => {
      const stand = await open()
      const [guest] = await withUsers(stand, bob)
      stand.directory.delayMs = 20 * second
      const told = stand.send({ body: 'm1' })
      await stand.run(4 * second)
      expect(told).toEqual([])
      await stand.run(2 * second)
      expect(told).toEqual(['busy'])
      stand.directory.delayMs = 50
      const again = stand.send({ body: 'm1', place: { epoch: 2, sequence: 1, settled: 0 } })
      await stand.run(minute)
      expect([told, again, guest?.messages]).toEqual([['busy'], ['delivered'], by(alice, 'm1')])
    })
  })

  describe('what waits', () => {
    test('credit: is charged for its bytes, and refused when they are too many', async () => {
      const stand = await open({ heldBytes: 3000 })
      const [guest] = await withUsers(stand, bob)
      const long = (name: string): string => name.padEnd(1000, '.')
      const told = ['m1', 'm2', 'm3'].map((name) => stand.send({ body: long(name) }))
      await stand.run(second)
      expect(told.map((list) => list[0])).toEqual(['delivered', 'delivered', 'busy'])
      expect(guest?.messages).toEqual(by(alice, long('m1'), long('m2')))
      // What was charged is given back: as much can wait again.
      await stand.run(2 * minute)
      const place = (sequence: number) => ({ epoch: 2, sequence, settled: 0 })
      const again = ['m3', 'm4'].map((name, i) =>
        stand.send({ body: long(name), place: place(i + 1) }),
      )
      await stand.run(second)
      expect(again).toEqual([['delivered'], ['delivered']])
    })

    test('is counted, and too much is busy', async () => {
      // One domain has a third of it, or nearly all where the operator names it.
      const stand = await open({ ownersWaiting: kind === 'links' ? 3 : 8 })
      await withUsers(stand, bob)
      const told = [
        stand.send({ body: 'm1' }),
        stand.ask(subscribe(bob)),
        stand.send({ body: 'm2' }),
        stand.send({ body: 'm3' }),
        stand.ask(fetch(carol)),
      ]
      await stand.run(second)
      expect(told).toEqual([['delivered'], ['ok'], ['delivered'], ['busy'], ['busy']])
      expect(stand.meter.total('limit_hits_total', { limit: 'ownersWaiting' })).toBe(2)
    })
  })
})

test('credit: that of a request comes back with its answer, also if it waits for the directory', async () => {
  const world = new World({
    limits: { windowRequests: 16, windowBytes: 65_536 },
    directory: (listed, _domain, clock) => new SlowDirectory(listed, clock),
  })
  const peer = await world.provenPeer()
  peer.show(1, alice.text)
  await world.run(second)
  const before = peer.granted[1]?.[0]
  for (let sequence = 1; sequence <= 12; sequence++) peer.message({ sequence })
  await world.run(40)
  expect(peer.granted[1]?.[0]).toBe(before)
  await world.run(20)
  expect(peer.status(peer.nextId - 2)).not.toBe('no answer')
  expect(peer.granted[1]?.[0]).toBeGreaterThan(before ?? 0)
})
