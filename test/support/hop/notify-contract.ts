/** What a hop keeps of notifications, and of what it says about its way. */
import { describe, expect, test } from 'vitest'
import { later, outcomeOf } from '../../../src/operation/call.ts'
import { alice, bob, idOf, Watched } from '../operations.ts'
import { type HopWorld, long, type OpenHop, soon } from './world.ts'

export function notifyContract(name: string, open: OpenHop): void {
  describe(`notify, by ${name}`, () => {
    const watched = (world: HopWorld, names: readonly string[]): Watched =>
      new Watched(world.name, names)
    /** Ends of what b.example was told of one subscription. */
    const seen = ({ far }: HopWorld, name: string): readonly string[] =>
      far.heardOf('notify').flatMap((line) => {
        const head = `${idOf(name)} `
        return line.startsWith(head) ? [line.slice(head.length)] : []
      })
    /** There is a way, and it is known on both sides. */
    const opened = async (): Promise<HopWorld> => {
      const world = open()
      world.far.reply = () => outcomeOf('ok')
      const first = new Watched(world.name, ['first'])
      world.hop.notify(first, undefined)
      await world.run(soon)
      world.hop.notify(first, undefined)
      await world.run(soon)
      expect(seen(world, 'first')).toContain('nothing yet')
      world.near.refusals.splice(0)
      return world
    }

    test('notify: reaches each subscription of the audience, or the one that is named', async () => {
      const world = await opened()
      const audience = watched(world, ['s1', 's2', 's3'])
      audience.show('open')
      world.hop.notify(audience, undefined)
      await world.run(soon)
      world.hop.notify(audience, idOf('s2'))
      await world.run(soon)
      expect(['s1', 's2', 's3'].map((id) => seen(world, id))).toEqual([
        ['open'],
        ['open', 'open'],
        ['open'],
      ])
      const { caller } = world.far.calls.at(-1) ?? {}
      expect(caller).toMatchObject({ door: 'domain', via: world.name, domain: 'a.example' })
      expect(caller?.may('pres.notify', alice, bob.domain)).toBeUndefined()
      expect(world.near.refusals).toEqual([])
    })

    test('notify: the last value wins: what waits for its turn is told once, with that', async () => {
      const world = await opened()
      const audience = watched(world, ['s1'])
      await crowd(world)
      for (const value of ['one', 'two', 'three']) {
        audience.show(value)
        world.hop.notify(audience, undefined)
      }
      await clear(world)
      expect(seen(world, 's1')).toEqual(['three'])
    })

    test('notify: latest is read when the turn comes', async () => {
      const world = await opened()
      const audience = watched(world, ['s1'])
      await crowd(world)
      audience.show('when it was asked for')
      world.hop.notify(audience, undefined)
      audience.show('when its turn came')
      await clear(world)
      expect(seen(world, 's1')).toEqual(['when its turn came'])
    })

    test.for(['subscription', 'presence'] as const)(
      'notify: nothing follows the end of the %s',
      async (what) => {
        const world = await opened()
        const audience = watched(world, ['s1'])
        await crowd(world)
        world.hop.notify(audience, undefined)
        if (what === 'subscription') audience.watchers.clear()
        else audience.show(undefined)
        await clear(world)
        expect(seen(world, 's1')).toEqual([])
        expect(world.near.refusals).toEqual([])
      },
    )

    test('notify: what is refused comes back by Core.refused, and is not repeated by the hop', async () => {
      const world = await opened()
      const audience = watched(world, ['s1', 's2', 's3'])
      world.far.reply = ({ operation }) =>
        operation.kind !== 'notify' || operation.subscription === idOf('s2')
          ? outcomeOf('ok')
          : operation.subscription === idOf('s1')
            ? outcomeOf('lease-unknown')
            : later('rate-limited', 1500)
      world.hop.notify(audience, undefined)
      await world.run(long)
      expect(world.near.refusals.toSorted()).toEqual([
        `${world.name} b.example ${idOf('s1')} lease-unknown`,
        `${world.name} b.example ${idOf('s3')} rate-limited`,
      ])
      expect(world.far.heardOf('notify').filter((line) => line.startsWith('s'))).toHaveLength(3)
    })

    test('notify: what is refused comes back by Core.refused, perhaps long after', async () => {
      const world = await opened()
      world.far.reply = ({ operation }) =>
        operation.kind === 'notify' && operation.subscription === idOf('s1')
          ? undefined
          : outcomeOf('ok')
      world.hop.notify(watched(world, ['s1']), undefined)
      await world.run(soon)
      const others = watched(world, ['o1', 'o2', 'o3', 'o4', 'o5'])
      for (let n = 0; n < 40; n++) {
        others.show(`${n}`)
        world.hop.notify(others, undefined)
        await world.run(1000)
      }
      expect(seen(world, 'o1')).toHaveLength(40)
      world.far.answer('nothing yet', 'lease-unknown')
      await world.run(soon)
      expect(world.near.refusals).toEqual([`${world.name} b.example ${idOf('s1')} lease-unknown`])
    })

    test('notify: what did not get through comes back by Core.refused, too', async () => {
      const world = await opened()
      world.far.reply = () => undefined
      world.hop.notify(watched(world, ['s1']), undefined)
      await world.run(soon)
      expect(seen(world, 's1')).toEqual(['nothing yet'])
      world.lose()
      await world.run(0)
      const before = [...world.near.refusals]
      world.hop.notify(watched(world, ['s2']), undefined)
      await world.run(soon)
      world.restore()
      await world.run(long)
      const refused = (id: string, list: readonly string[]) =>
        list.filter((line) => line.startsWith(`${world.name} b.example ${idOf(id)} `))
      expect(refused('s1', before)).toHaveLength(1)
      expect(refused('s2', world.near.refusals)).toHaveLength(1)
      expect(seen(world, 's2')).toEqual([])
    })

    test('reachable: is told by the name of the adapter, on both sides, at the loss and at the return', async () => {
      const world = await opened()
      const [near, far] = [`${world.name} a.example b.example`, `${world.name} b.example a.example`]
      expect([world.near.reached.at(-1), world.far.reached.at(-1)]).toEqual([
        `${near} up`,
        `${far} up`,
      ])
      world.lose()
      await world.run(soon)
      expect([world.near.reached.at(-1), world.far.reached.at(-1)]).toEqual([
        `${near} down`,
        `${far} down`,
      ])
      world.restore()
      world.hop.notify(watched(world, ['s1']), undefined)
      await world.run(soon)
      expect([world.near.reached.at(-1), world.far.reached.at(-1)]).toEqual([
        `${near} up`,
        `${far} up`,
      ])
    })
  })
}

/** Others are told so much that what comes now waits for its turn, if the way has an end. */
async function crowd(world: HopWorld): Promise<void> {
  world.far.reply = () => undefined
  const names = Array.from({ length: 100 }, (_, i) => `crowd ${i}`)
  world.hop.notify(new Watched(world.name, names), undefined)
  await world.run(soon)
}

/** They are taken. */
async function clear({ far, run }: HopWorld): Promise<void> {
  far.reply = () => outcomeOf('ok')
  far.answerAll('ok')
  await run(soon)
}
