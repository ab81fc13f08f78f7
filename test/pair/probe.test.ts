/** What a gateway learns of itself when it asks: of a far side on a link, and of whoever answers at its own address. */
import { describe, expect, test } from 'vitest'
import type { Domain } from '../../src/address/domain.ts'
import { command } from '../support/script/codec.ts'
import { messageId } from '../support/script/peer.ts'
import { keySetOf, World, type WorldWish } from '../support/script/world.ts'

const b = 'b.example' as Domain
const c = 'c.example' as Domain

const claim = ({ gateway }: World) => gateway.sessions.probe.claim(b, c, 'im')
const self = ({ gateway }: World) =>
  gateway.sessions.probe.self(b, 'im', new AbortController().signal)

async function linked(): Promise<World> {
  const world = new World({ pinned: ['c.example'] })
  const bob = await world.attached()
  bob.message({ reference: 0, hops: 0, sequence: 0, id: messageId('x'), to: 'zoe@c.example' })
  await world.accepted()
  return world
}

describe('a claim that is asked about', () => {
  test('goes by the link that is there, once more, and nothing follows from a refusal', async () => {
    const world = await linked()
    const asked = claim(world)
    await world.run()
    const [far, ...others] = world.dialled
    const proves = far?.requestsOf(command.prove) ?? []
    expect([proves.length, others]).toEqual([2, []])
    far?.respond(proves[1]?.id ?? 0, 'domain-refused')
    await world.run()
    expect(await asked).toMatchObject({ isAsked: true, code: 'domain-refused' })
    expect(far?.release).toBeUndefined()
    expect(world.gateway.sessions.isUp('c.example')).toBe(true)
  })

  test('makes a link at once, however long the next dial was to wait', async () => {
    const world = new World({ limits: { redialMs: 60_000 }, pinned: ['c.example'] })
    world.dialFault = 'remote-unreachable'
    expect(await claim(world)).toMatchObject({ isAsked: false, code: 'remote-unreachable' })
    world.dialFault = undefined
    const asked = claim(world)
    await world.accepted()
    expect(await asked).toMatchObject({ isAsked: true, code: 'ok' })
  })
})

describe('at our own address', () => {
  test('we answer, and know ourselves by what we say in HELLO', async () => {
    const mirror: { world?: World } = {}
    const world = new World({ far: () => mirror.world } as WorldWish)
    mirror.world = world
    const asked = self(world)
    await world.run()
    expect(await asked).toMatchObject({ who: 'us', at: expect.stringContaining('gate.b.example') })
  })

  test.for([
    ['keys', undefined],
    ['other-keys', [{ name: 'another key' }]],
  ] as const)('a gateway answers with %s', async ([who, keys]) => {
    const world = new World()
    const asked = self(world)
    await world.run()
    const [far] = world.dialled
    far?.sayHello()
    await world.run()
    const set = keySetOf({ domain: 'b.example', seconds: world.seconds, ...(keys && { keys }) })
    far?.respond(far.requestsOf(command.keys)[0]?.id ?? 0, 'ok', [], set)
    await world.run()
    expect((await asked).who).toBe(who)
    expect(far?.release?.reason).toBe('idle-release')
  })

  test('nobody answers, and the dial says why', async () => {
    const world = new World()
    world.dialFault = 'remote-not-found'
    await expect(self(world)).rejects.toMatchObject({ code: 'remote-not-found' })
  })

  test('a certificate for one service alone is not enough for those who want our keys', async () => {
    const world = new World()
    world.certified = ['im']
    await expect(self(world)).rejects.toMatchObject({
      ...{ code: 'remote-untrusted' },
      message: 'gate.b.example is not certified for all of b.example',
    })
  })
})
