/** The scenarios of draft §6.7, between two whole gateways. */
import { describe, expect, test } from 'vitest'
import { oneWayMs, openScene } from '../support/simulator/scene.ts'

describe('logging on', () => {
  test('a user attaches with a key of its own, and this says nothing about its presence', async () => {
    const scene = await openScene()
    const { world, alice, bob } = scene
    expect([alice.isAttached, bob.isAttached]).toEqual([true, true])
    const fetch = bob.watcher.fetch('alice@a.example')
    await world.until(() => fetch.answers > 0)
    expect(fetch.answer).toBe('ok')
    bob.watcher.subscribe('alice@a.example')
    // Draft §5.5.1: what is shown is the default, and it has no number of hers.
    expect(await scene.sees(bob, alice)).toEqual({})
  })

  test('somebody with another key is not let in', async () => {
    const scene = await openScene()
    const { world } = scene
    const stranger = world.device('mallory@a.example', 'mallory')
    expect(await world.wait(stranger.attach())).toBe('credential-key')
    expect(stranger.isAttached).toBe(false)
  })
})

describe('adding users to a contact list', () => {
  test('shows their status as it is now', async () => {
    const scene = await openScene()
    const { world, alice, bob } = scene
    alice.publisher.publish(true)
    await world.run(1000)
    bob.watcher.subscribe('alice@a.example')
    expect(await scene.sees(bob, alice)).toEqual({ alice: 1 })
  })

  test('that do not exist shows nothing, whoever asks', async () => {
    const scene = await openScene()
    const { world, bob } = scene
    const watched = bob.watcher.subscribe('nobody@a.example')
    await world.run(5000)
    expect([watched.isLive, watched.seen]).toEqual([false, 'ended'])
    const fetch = bob.watcher.fetch('nobody@a.example')
    await world.until(() => fetch.answers > 0)
    expect(fetch.answer).toBe('refused')
  })
})

describe('maintaining up-to-date status', () => {
  test('each change is seen, and the end of it, too', async () => {
    const scene = await openScene()
    const { alice, bob } = scene
    bob.watcher.subscribe('alice@a.example')
    for (let count = 1; count <= 3; count++) {
      alice.publisher.publish(true)
      expect(await scene.sees(bob, alice)).toEqual({ alice: count })
    }
    alice.publisher.publish(false)
    expect(await scene.sees(bob, alice)).toEqual({})
  })

  test('what nobody keeps up is taken back when its lease is over', async () => {
    const scene = await openScene()
    const { world, alice, bob } = scene
    bob.watcher.subscribe('alice@a.example')
    alice.publisher.publish(true)
    expect(await scene.sees(bob, alice)).toEqual({ alice: 1 })
    alice.detach('drop')
    // Draft §6.6: the lease is an hour, and the end of the connection says nothing.
    await world.run(50 * 60_000)
    expect(await scene.sees(bob, alice)).toEqual({ alice: 1 })
    await world.run(15 * 60_000)
    expect(await scene.sees(bob, alice)).toEqual({})
  })

  test('a watcher that is away catches up when it comes back', async () => {
    const scene = await openScene()
    const { world, alice, bob } = scene
    bob.watcher.subscribe('alice@a.example')
    alice.publisher.publish(true)
    await world.run(40_000)
    bob.detach('drop')
    alice.publisher.publish(true)
    await world.run(10_000)
    await world.wait(bob.attach())
    expect(await scene.sees(bob, alice)).toEqual({ alice: 2 })
  })
})

describe('sending an instant message', () => {
  test('reaches the other user, and its sender is told so', async () => {
    const scene = await openScene()
    const { alice, bob, world } = scene
    expect(await scene.send(alice, bob)).toBe('delivered')
    expect(world.journal.showings).toMatchObject([
      { user: 'bob@b.example', from: 'alice@a.example', said: 'delivered' },
    ])
    expect(await scene.send(bob, alice)).toBe('delivered')
    expect(scene.wires).toHaveLength(1)
  })

  test('reaches every device of the other user', async () => {
    const scene = await openScene()
    const { world, alice, bob } = scene
    const tablet = world.device('bob@b.example', 'tablet')
    await world.wait(tablet.attach())
    expect(await scene.send(alice, bob)).toBe('delivered')
    await world.run(100)
    expect([scene.shown(bob), scene.shown(tablet)]).toEqual([1, 1])
  })

  test('to somebody who is not there is refused for now, to nobody for good', async () => {
    const scene = await openScene()
    const { world, alice, bob } = scene
    bob.detach('release')
    await world.run(1000)
    expect(await scene.send(alice, bob)).toBe('inbox-closed')
    expect(await scene.send(alice, 'nobody@b.example')).toBe('refused')
    expect(await scene.send(alice, 'bob@nowhere.example')).toBe('remote-not-found')
  })

  test('within the domain needs no link', async () => {
    const scene = await openScene({
      a: { domains: [{ name: 'a.example', users: ['alice', 'carol'] }] },
    })
    const { world, alice } = scene
    const carol = world.device('carol@a.example')
    await world.wait(carol.attach())
    expect(await scene.send(alice, carol)).toBe('delivered')
    expect(scene.wires).toHaveLength(0)
  })

  test('of the greatest length arrives whole; one byte more does not', async () => {
    const scene = await openScene()
    const { alice, bob, world } = scene
    expect(await scene.send(alice, bob, 'x'.repeat(65_536))).toBe('delivered')
    expect(world.journal.attempts[0]?.variant).toBe(world.journal.showings[0]?.variant)
    expect(await scene.send(alice, bob, 'x'.repeat(65_537))).toBe('too-large')
    expect(await scene.send(alice, bob)).toBe('delivered')
    expect(scene.shown(bob)).toBe(2)
  })
})

describe('a domain that offers one service only', () => {
  const only = (service: 'im' | 'pres') => ({
    b: { domains: [{ name: 'b.example', users: ['bob'], services: [service] }] as const },
  })

  test('instant messages go without presence', async () => {
    const scene = await openScene(only('im'))
    const { world, alice, bob } = scene
    expect(await scene.send(alice, bob)).toBe('delivered')
    expect(await scene.send(bob, alice)).toBe('delivered')
    const fetch = alice.watcher.fetch('bob@b.example')
    await world.until(() => fetch.answers > 0)
    expect(fetch.answer).toBe('service-not-offered')
  })

  test('presence goes without instant messages', async () => {
    const scene = await openScene(only('pres'))
    const { alice, bob } = scene
    bob.publisher.publish(true)
    alice.watcher.subscribe('bob@b.example')
    expect(await scene.sees(alice, bob)).toEqual({ bob: 1 })
    expect(await scene.send(alice, bob)).toBe('service-not-offered')
  })

  test('DNS can say so, too, and then nobody is dialled', async () => {
    const scene = await openScene(only('im'))
    const { world, alice, bob } = scene
    world.dns.remove('_pres._pitp.b.example')
    world.dns.add('_pres._pitp.b.example 60 SRV 0 0 0 .')
    const fetch = alice.watcher.fetch('bob@b.example')
    await world.until(() => fetch.answers > 0)
    expect(fetch.answer).toBe('remote-declines')
    expect(world.network.dials.filter(({ from }) => from === 'a')).toEqual([])
    expect(await scene.send(alice, bob)).toBe('delivered')
  })
})

describe('first contact', () => {
  test('without any key in the cache takes one link for keys and no wait', async () => {
    const scene = await openScene()
    const { alice, bob, world } = scene
    const before = scene.now
    expect(await scene.send(alice, bob)).toBe('delivered')
    // Clients 4, DNS, dial 4, PROVE and MESSAGE 1; meanwhile the key: DNS, dial 4, KEYS 2; then 2 and 2 more.
    expect(scene.now - before).toBeLessThan(24 * oneWayMs)
    const places = world.network.dials.filter(({ from }) => from === 'a' || from === 'b')
    expect(places.map(({ from }) => from)).toEqual(['a', 'b'])
    await world.run(1000)
    expect(scene.wires).toHaveLength(1)
  })

  test('with keys in the cache takes one link, and the message goes right behind the proof', async () => {
    const scene = await openScene()
    const { alice, bob, world } = scene
    expect(await scene.send(alice, bob)).toBe('delivered')
    for (const { link } of scene.links(scene.a)) link.channel.destroy()
    await world.run(1000)
    const [before, dials] = [scene.now, world.network.dials.length]
    expect(await scene.send(alice, bob)).toBe('delivered')
    expect(scene.now - before).toBeLessThan(16 * oneWayMs)
    expect(world.network.dials.slice(dials).map(({ from }) => from)).toEqual(['a'])
    const wire = scene.wires[0]
    const first = scene.asked.filter((one) => one.wire === wire && one.from === 'a').slice(0, 3)
    expect(first.map(({ command }) => command)).toEqual(['prove', 'credential', 'message'])
    expect(new Set(first.map(({ at }) => at)).size).toBe(1)
  })

  test('of two that dial each other at the same moment ends with one link and no wait', async () => {
    const scene = await openScene()
    const { alice, bob, world } = scene
    const before = scene.now
    const both = [scene.begin(alice, bob), scene.begin(bob, alice)]
    const [there, back] = await world.wait(Promise.all(both))
    expect([there?.answer, back?.answer]).toEqual(['delivered', 'delivered'])
    expect(scene.now - before).toBeLessThan(24 * oneWayMs)
    await world.run(1000)
    expect(scene.wires).toHaveLength(1)
    expect(scene.links(scene.a)).toHaveLength(1)
    expect(scene.links(scene.b)).toHaveLength(1)
    // [LINK-9.2-1] The lower name dialled it.
    expect(scene.wires[0]?.from).toBe('a')
    expect(await scene.send(alice, bob)).toBe('delivered')
    expect(await scene.send(bob, alice)).toBe('delivered')
    expect(scene.wires).toHaveLength(1)
  })

  test('of two that dial each other again and again never ends with two links', async () => {
    const scene = await openScene()
    const { alice, bob, world } = scene
    for (let apart = 0; apart <= 120; apart += 4) {
      const there = scene.begin(alice, bob)
      await world.run(apart)
      const back = scene.begin(bob, alice)
      const answers = await world.wait(Promise.all([there, back]))
      expect(answers.map(({ answer }) => answer)).toEqual(['delivered', 'delivered'])
      await world.run(1000)
      expect(scene.wires.length).toBe(1)
      for (const { link } of scene.links(scene.a)) link.channel.destroy()
      await world.run(1000)
    }
  })
})
