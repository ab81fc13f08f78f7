/** What one peer domain does costs the others nothing: records and lanes are shared by domain. */
import { describe, expect, test } from 'vitest'
import * as wire from '../../support/script/codec.ts'
import { messageId, type ScriptedPeer } from '../../support/script/peer.ts'
import { World, type WorldWish } from '../../support/script/world.ts'

const { command } = wire

/** bob, a peer that says that it holds no answer ever, and one that behaves. */
async function meet(
  limits: NonNullable<WorldWish['limits']>,
  pinned: readonly string[] = ['a.example', 'z.example'],
) {
  const world = new World({ pinned, limits })
  const bob = await world.attached()
  const flooder = await world.provenPeer('a.example')
  flooder.show(1, 'alice@a.example')
  const other = await world.provenPeer('z.example')
  other.show(1, 'zoe@z.example')
  await world.run()
  /** Lets bob confirm what came since `from`. */
  const confirm = async (from: number) => {
    await world.run()
    for (const { id } of bob.requestsOf(command.message).slice(from)) bob.respond(id, 'ok')
    await world.run(1000)
  }
  const say = async (peer: ScriptedPeer, sequence: number, to = 'bob@b.example') => {
    const from = bob.requestsOf(command.message).length
    const epoch = to === 'bob@b.example' ? 1 : 2
    const sent = peer.message({ sequence, to, epoch, id: messageId(`${to} ${sequence}`) })
    await confirm(from)
    return peer.status(sent)
  }
  return { world, bob, flooder, other, say }
}

const lanesOf = ({ meter }: World): number | undefined =>
  meter.gauges.get('lanes')?.values().next().value?.value()

describe('duplicate records', () => {
  test('of a domain that settles none make room for another domain, and for itself', async () => {
    const { flooder, other, say } = await meet({ duplicates: 4 })
    for (const n of [1, 2, 3, 4, 5, 6]) expect(await say(flooder, n)).toBe('delivered')
    for (const n of [1, 2]) expect(await say(other, n)).toBe('delivered')
  })

  test('of a domain that holds few of them stay', async () => {
    const { bob, flooder, other, say } = await meet({ duplicates: 4 })
    await say(other, 1)
    for (const n of [1, 2, 3, 4, 5, 6]) await say(flooder, n)
    expect(bob.requestsOf(command.message).length).toBe(7)
    expect(await say(other, 1)).toBe('delivered')
    expect(bob.requestsOf(command.message).length).toBe(7)
  })
})

describe('lanes', () => {
  const users = Array.from({ length: 8 }, (_, n) => `nobody${n}@b.example`)

  test('of a domain that settles none make room for another domain, and for itself', async () => {
    const { world, flooder, other, say } = await meet({ lanes: 8 })
    for (const user of users) expect(await say(flooder, 1, user)).not.toBe('busy')
    expect(await say(other, 1)).toBe('delivered')
    expect(lanesOf(world)).toBeGreaterThan(4)
    expect(lanesOf(world)).toBeLessThan(8)
  })

  test('of refused messages are not remembered', async () => {
    const { world, flooder } = await meet({ peerBurst: 2, peerPerSecond: 1 }, [])
    for (const to of users) flooder.message({ to, id: messageId(to) })
    await world.run()
    expect(lanesOf(world)).toBe(2)
  })
})

describe('signatures that are checked', () => {
  const meetAll = async (limits: NonNullable<WorldWish['limits']>) => {
    const world = new World({ pinned: ['a.example', 'z.example'], limits })
    const links = [await world.provenPeer(), await world.provenPeer()] as const
    return { world, links, other: await world.provenPeer('z.example') }
  }
  /** How each of three credentials that nobody has seen is answered. */
  const show = async (world: World, peer: ScriptedPeer, user: string) => {
    const ids = [1, 2, 3].map((n) => peer.show(n, `${user}${n}@${peer.domain}`))
    await world.run()
    return ids.map((id) => peer.status(id))
  }

  test('[LINK-6.3-9] of one domain have one rate, by whatever links they come', async () => {
    const { world, links, other } = await meetAll({ verificationsPerSecond: 4 })
    expect(await show(world, links[0], 'alice')).toEqual(['ok', 'ok', 'ok'])
    expect(await show(world, links[1], 'anna')).toEqual(['ok', 'rate-limited', 'rate-limited'])
    expect(await show(world, other, 'zoe')).toEqual(['ok', 'ok', 'ok'])
    expect(world.meter.total('limit_hits_total', { limit: 'verificationsPerSecond' })).toBe(2)
  })

  test('[LINK-6.3-9] of all domains have a rate, too, and claims of domains do not wait for it', async () => {
    const { world, links, other } = await meetAll({ verificationsInAll: 4 })
    expect(await show(world, links[0], 'alice')).toEqual(['ok', 'ok', 'ok'])
    expect(await show(world, other, 'zoe')).toEqual(['ok', 'rate-limited', 'rate-limited'])
    expect(world.meter.total('limit_hits_total', { limit: 'verificationsInAll' })).toBe(2)
    const later = await world.provenPeer()
    expect(later.release).toBeUndefined()
    expect(later.granted[1]?.[0]).toBeGreaterThan(0)
  })

  test('[LINK-6.1-4] of claims have a rate for each network', async () => {
    const world = new World({
      pinned: ['a.example'],
      limits: { claimVerificationsPerNetwork: 2 },
    })
    const claim = async (remote: string) => {
      const peer = world.dialIn('gateway', 'a.example', false, remote)
      peer.sayHello()
      await world.run()
      const id = peer.prove()
      await world.run()
      return peer.status(id)
    }
    const near = ['192.0.2.1:1', '192.0.2.2:1', '192.0.2.3:1', '198.51.100.1:1']
    const statuses: string[] = []
    for (const remote of near) statuses.push(await claim(remote))
    expect(statuses).toEqual(['ok', 'ok', 'rate-limited', 'ok'])
  })
})
