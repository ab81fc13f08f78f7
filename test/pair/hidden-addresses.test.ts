/**
 * RFC 2779 §5.1.17, §5.1.18, §5.2.5, §5.2.6, §5.4.5: nobody learns from where somebody else is attached. Every byte that
 * is written on any link is searched for the network address of a device that is not at that link.
 */
import { describe, expect, test } from 'vitest'
import { Scene, type SceneWish } from '../support/simulator/scene.ts'

/** As text, as the bytes of a packet, and as hexadecimal. */
const formsOf = (ip: string): readonly Buffer[] => {
  const bytes = Buffer.from(ip.split('.').map(Number))
  const hex = bytes.toString('hex')
  return [Buffer.from(ip), bytes, Buffer.from(hex), Buffer.from(hex.toUpperCase())]
}

const holds = (bytes: Buffer, ip: string): boolean =>
  formsOf(ip).some((form) => bytes.includes(form))

/** What is written, and what its tokens and keys say when they are decoded, wherever in a word they begin. */
const unfolded = (bytes: Buffer): Buffer =>
  Buffer.concat([
    bytes,
    ...(bytes.toString('latin1').match(/[\w-]{16,}/g) ?? []).flatMap((word) =>
      [0, 1, 2, 3].map((at) => Buffer.from(word.slice(at), 'base64url')),
    ),
  ])

/** Each direction of each link: who reads it, and all bytes of it. */
type Direction = { readonly reader: string; readonly isClient: boolean; readonly parts: Buffer[] }

type Heard = { readonly scene: Scene; readonly directions: readonly Direction[] }

async function openHeard(wish: SceneWish = {}): Promise<Heard> {
  const scene = new Scene(wish)
  const directions: Direction[] = []
  const { network } = scene.world
  const { onWire } = network
  network.onWire = (wire) => {
    onWire(wire)
    const { isClient } = wire
    const there = { reader: wire.to, isClient, parts: [] as Buffer[] }
    const back = { reader: wire.from, isClient, parts: [] as Buffer[] }
    directions.push(there, back)
    wire.onBytes = (end, part) => {
      const { parts } = end === 'initiating' ? there : back
      parts.push(Buffer.from(part))
    }
  }
  await scene.open()
  return { scene, directions }
}

const places = { alice: '10.1.0.1', bob: '10.1.0.2' } as const

/** Who is told the place of `whose`, but for itself. */
const toldOf = ({ directions }: Heard, whose: keyof typeof places): readonly string[] =>
  directions
    .filter(({ parts }) => holds(unfolded(Buffer.concat(parts)), places[whose]))
    .map(({ reader }) => reader)
    .filter((reader) => reader !== whose)

const bytesTo = ({ directions }: Heard, reader: string): number =>
  directions
    .filter((one) => one.reader === reader)
    .reduce((sum, { parts }) => sum + Buffer.concat(parts).length, 0)

describe('the network address of a device', () => {
  test('of a sender is told to nobody, nor that of a recipient', async () => {
    const heard = await openHeard()
    const { scene } = heard
    const { alice, bob } = scene
    expect(await scene.send(alice, bob)).toBe('delivered')
    expect(await scene.send(bob, alice)).toBe('delivered')
    expect(await scene.send(alice, bob, 'x'.repeat(40_000))).toBe('delivered')
    expect(bytesTo(heard, 'bob')).toBeGreaterThan(40_000)
    expect([toldOf(heard, 'alice'), toldOf(heard, 'bob')]).toEqual([[], []])
  })

  test('of a watcher is told to nobody, nor that of whom it watches', async () => {
    const heard = await openHeard()
    const { scene } = heard
    const { world, alice, bob } = scene
    alice.publisher.publish(true)
    bob.watcher.subscribe('alice@a.example')
    expect(await scene.sees(bob, alice)).toEqual({ alice: 1 })
    alice.publisher.publish(true)
    expect(await scene.sees(bob, alice)).toEqual({ alice: 2 })
    const fetch = bob.watcher.fetch('alice@a.example')
    await world.until(() => fetch.answers > 0)
    alice.publisher.publish(false)
    expect(await scene.sees(bob, alice)).toEqual({})
    for (const watched of bob.watcher.watched.values()) bob.watcher.unsubscribe(watched)
    await world.run(5000)
    expect([toldOf(heard, 'alice'), toldOf(heard, 'bob')]).toEqual([[], []])
  })

  test('is in no refusal either, and in nothing that is said when links are lost', async () => {
    const heard = await openHeard({ limits: { laneBurst: 3 } })
    const { scene } = heard
    const { world, alice, bob } = scene
    expect(await scene.send(alice, 'nobody@b.example')).toBe('refused')
    expect(await scene.send(alice, 'bob@nowhere.example')).toBe('remote-not-found')
    expect(await scene.send(alice, bob, 'x'.repeat(65_537))).toBe('too-large')
    const all = await world.wait(Promise.all([1, 2, 3, 4, 5, 6].map(() => scene.begin(alice, bob))))
    expect(all.map(({ answer }) => answer)).toContain('rate-limited')
    bob.watcher.subscribe('nobody@a.example')
    bob.watcher.subscribe('alice@a.example')
    const fetch = bob.watcher.fetch('nobody@a.example')
    await world.until(() => fetch.answers > 0)
    await world.run(60_000)
    bob.reply = () => ({ status: 'unsupported-format', afterMs: 1 })
    expect(await scene.send(alice, bob)).toBe('unsupported-format')
    bob.detach('drop')
    await world.run(1000)
    expect(await scene.send(alice, bob)).toBe('inbox-closed')
    scene.b.kill(true)
    expect(await scene.send(alice, bob)).not.toBe('delivered')
    await world.run(60_000)
    scene.b.start()
    await world.wait(bob.attach())
    await world.run(120_000)
    expect([toldOf(heard, 'alice'), toldOf(heard, 'bob')]).toEqual([[], []])
  })

  test.for([
    ['as text', places.alice],
    ['as bytes', String.fromCharCode(10, 1, 0, 1)],
    ['in a token', `eyJ.${Buffer.from(`{"at":"${places.alice}"}`).toString('base64url')}.x`],
  ])('would be found where somebody tells it, %s', async ([, text]) => {
    const heard = await openHeard()
    const { scene } = heard
    expect(await scene.send(scene.alice, scene.bob, text)).toBe('delivered')
    // From alice to her gateway, to that of bob, to bob.
    expect(toldOf(heard, 'alice').toSorted()).toEqual(['a', 'b', 'bob'])
    expect(toldOf(heard, 'bob')).toEqual([])
  })
})
