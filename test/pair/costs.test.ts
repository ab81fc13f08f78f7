/**
 * What it costs, in what can be counted: bytes and frames on a link, links, and ways from one host to the next. Draft
 * §5.1 (efficiency), §5.2.1.1, §5.2.1.4, §5.2.1.5, §5.2.2.2, §5.2.2.3; RFC 2779 §2 and §4.3.1. Time here is simulated:
 * every way takes 10 ms, and whatever waits for a timer is seen.
 */
import { describe, expect, test } from 'vitest'
import type { Device } from '../support/simulator/device.ts'
import { oneWayMs, Scene, type SceneWish } from '../support/simulator/scene.ts'
import type { Wire } from '../support/simulator/wire.ts'

type Meter = { bytes: number; frames: number }

class Metered {
  readonly scene: Scene
  readonly #meters = new Map<Wire, Meter>()

  constructor(wish: SceneWish) {
    this.scene = new Scene(wish)
    const { network } = this.scene.world
    const { onWire } = network
    network.onWire = (wire) => {
      onWire(wire)
      const meter = { bytes: 0, frames: 0 }
      this.#meters.set(wire, meter)
      const { onFrame } = wire
      wire.onFrame = (end, frame) => {
        onFrame(end, frame)
        meter.frames++
      }
      wire.onBytes = (_end, part) => {
        meter.bytes += part.length
      }
    }
  }

  /** Both directions of all links between gateways, or of the links of `device`, so far. */
  count(device?: Device): Meter {
    const wires = [...this.#meters].filter(([{ isClient, from }]) =>
      device === undefined ? !isClient : from === device.name,
    )
    return {
      bytes: wires.reduce((sum, [, { bytes }]) => sum + bytes, 0),
      frames: wires.reduce((sum, [, { frames }]) => sum + frames, 0),
    }
  }

  /** What `act` adds. */
  async during(act: () => Promise<unknown>, device?: Device): Promise<Meter> {
    const before = this.count(device)
    await act()
    const after = this.count(device)
    return { bytes: after.bytes - before.bytes, frames: after.frames - before.frames }
  }
}

const fast = {
  lanePerSecond: 1000,
  laneBurst: 1000,
  senderPerSecond: 1000,
  senderBurst: 1000,
} as const

/** Two domains between which a message was delivered, so that nothing has to be found or proven any more. */
async function openWarm(wish: SceneWish = {}): Promise<Metered> {
  const metered = new Metered({ limits: fast, ...wish })
  const { scene } = metered
  await scene.open()
  expect(await scene.send(scene.alice, scene.bob)).toBe('delivered')
  expect(await scene.send(scene.bob, scene.alice)).toBe('delivered')
  await scene.world.run(1000)
  return metered
}

/** Bob sees alice, and nothing is held back for the pace of changes. */
async function openWatching(): Promise<Metered> {
  const metered = await openWarm()
  const { scene } = metered
  scene.bob.watcher.subscribe('alice@a.example')
  scene.alice.publisher.publish(true)
  expect(await scene.sees(scene.bob, scene.alice)).toEqual({ alice: 1 })
  return metered
}

describe('a message on a link that stands', () => {
  test('is two frames between the gateways, and fewer than 90 bytes more than its text', async () => {
    const metered = await openWarm()
    const { scene } = metered
    const text = 'a line of text, as people write them'
    const count = 200
    const cost = await metered.during(async () => {
      for (let n = 0; n < count; n++) await scene.send(scene.alice, scene.bob, text)
    })
    // REQUEST: header 9, head 8, lane 11, settled 7, to 16, id 19. Its answer: 13. CREDIT comes after many.
    expect(cost.bytes / count).toBeLessThan(text.length + 90)
    expect(cost.bytes / count).toBeGreaterThan(text.length)
    expect(cost.frames / count).toBeLessThan(2.25)
  })

  test('takes the three ways there and its answer the three ways back, and waits for nothing', async () => {
    const { scene } = await openWarm()
    for (let n = 0; n < 20; n++) {
      const before = scene.now
      expect(await scene.send(scene.alice, scene.bob)).toBe('delivered')
      // The device takes a millisecond to answer; the world looks once in a while whether it is over.
      expect(scene.now - before).toBeLessThan(7 * oneWayMs)
      expect(scene.now - before).toBeGreaterThanOrEqual(6 * oneWayMs)
    }
  })

  test('needs no link, no look-up and no credential of its own, whoever writes to whom', async () => {
    const metered = await openWarm({
      a: { domains: [{ name: 'a.example', users: ['alice', 'anna'] }] },
      b: { domains: [{ name: 'b.example', users: ['bob', 'bert'] }] },
    })
    const { scene } = metered
    const { world, alice, bob } = scene
    const [anna, bert] = [world.device('anna@a.example'), world.device('bert@b.example')]
    for (const device of [anna, bert]) await world.wait(device.attach())
    const before = { dials: world.network.dials.length, asked: world.dns.asked.length }
    const since = scene.now
    for (let n = 0; n < 10; n++) {
      for (const [from, to] of [
        [alice, bob],
        [anna, bert],
        [bob, anna],
        [bert, alice],
      ] as const) {
        expect(await scene.send(from, to)).toBe('delivered')
      }
      alice.publisher.publish(true)
      bob.watcher.subscribe('alice@a.example')
      await world.run(100)
    }
    expect(world.network.dials.length).toBe(before.dials)
    expect(world.dns.asked.length).toBe(before.asked)
    expect(scene.wires).toHaveLength(1)
    // Of anna and bert, once each, and of alice for her presence: never one a message.
    expect(scene.count('credential', 'a', since)).toBeLessThanOrEqual(2)
    expect(scene.count('credential', 'b', since)).toBeLessThanOrEqual(2)
  })
})

describe('a change of presence', () => {
  test('is one frame between the gateways, and fewer than 70 bytes more than the document', async () => {
    const metered = await openWatching()
    const { scene } = metered
    const count = 20
    const document = '{"tuples":{"alice":{"basic":"open","note":"100"}}}'.length
    const cost = await metered.during(async () => {
      for (let n = 0; n < count; n++) {
        scene.alice.publisher.publish(true)
        await scene.world.run(3000)
      }
    })
    expect(await scene.sees(scene.bob, scene.alice)).toEqual({ alice: count + 1 })
    // Header 9, head 8, subscription 19, version 11, state 4, and no answer. In a minute there is a PING or two.
    expect(cost.bytes / count).toBeLessThan(document + 70)
    expect(cost.bytes / count).toBeGreaterThan(document)
    expect(cost.frames / count).toBeLessThan(1.5)
  })

  test('takes the three ways to who watches, and waits for nothing, if the one before is 2 s old', async () => {
    const { scene } = await openWatching()
    const { world, alice, bob } = scene
    const [watched] = bob.watcher.watched.values()
    for (let n = 0; n < 10; n++) {
      await world.run(3000)
      const [before, shows] = [scene.now, watched?.shows ?? 0]
      alice.publisher.publish(true)
      await world.until(() => (watched?.shows ?? 0) > shows)
      expect(scene.now - before).toBeLessThan(4 * oneWayMs)
      expect(scene.now - before).toBeGreaterThanOrEqual(3 * oneWayMs)
    }
  })
})

describe('a client', () => {
  test('attaches for fewer than 1500 bytes, both ways, and one round trip after TLS', async () => {
    const metered = new Metered({})
    const { scene } = metered
    scene.world.start()
    const before = scene.now
    const cost = await metered.during(() => scene.world.wait(scene.alice.attach()), scene.alice)
    expect(scene.alice.isAttached).toBe(true)
    expect(cost.bytes).toBeLessThan(1500)
    // TCP and TLS are two round trips of these.
    expect(scene.now - before).toBeLessThan(7 * oneWayMs)
  })

  test('that says nothing costs fewer than 5000 bytes an hour, both ways', async () => {
    const metered = await openWarm()
    const { scene } = metered
    const cost = await metered.during(() => scene.world.run(3_600_000), scene.alice)
    expect(scene.alice.isAttached).toBe(true)
    expect(cost.bytes).toBeLessThan(5000)
  })
})
