/** Draft §5.5.1: what happens to a link says nothing about presence; who wants that says it with PUBLISH. */
import { describe, expect, test } from 'vitest'
import * as wire from '../support/script/codec.ts'
import { messageId, type ScriptedPeer } from '../support/script/peer.ts'
import { World } from '../support/script/world.ts'

const { command, tag, type } = wire

const nothing = '{"tuples":{"default":{"basic":"closed"}}}'
const open = '{"tuples":{"desk":{"basic":"open"}}}'
const hour = 3_600_000

type Scene = {
  readonly world: World
  /** Watches bob from a.example. */
  readonly far: ScriptedPeer
  /** Watches bob from his own domain. */
  readonly carol: ScriptedPeer
  /** What FETCH answers to each of both. */
  readonly fetched: () => Promise<readonly string[]>
  /** How often each of both was told something. */
  readonly told: () => readonly number[]
}

const subscribe = (asker: ScriptedPeer, reference: number): number =>
  asker.ask(wire.pres, {
    command: command.subscribe,
    hops: reference,
    reference,
    fields: [
      [tag.to, 'bob@b.example'],
      [tag.subscription, messageId(`of ${asker.domain}`)],
      [tag.lease, 86_400],
    ],
  })

/** Bob is watched from here and from elsewhere, and is not there himself. */
async function openScene(): Promise<Scene> {
  const world = new World({ limits: { linkAgeMs: 1e12 } })
  const carol = await world.attached('carol@b.example')
  const far = await world.provenPeer()
  far.show(1, 'alice@a.example')
  await world.run()
  const watchers = [
    [far, 1],
    [carol, 0],
  ] as const
  for (const [watcher, reference] of watchers) subscribe(watcher, reference)
  await world.run(3000)
  const fetched = async (): Promise<readonly string[]> => {
    far.show(1, 'alice@a.example')
    const ids = watchers.map(([watcher, reference]) =>
      watcher.ask(wire.pres, {
        command: command.fetch,
        hops: reference,
        reference,
        fields: [[tag.to, 'bob@b.example']],
      }),
    )
    await world.run()
    return watchers.map(([watcher], i) => `${watcher.answer(ids[i] as number)?.body}`)
  }
  const told = () => watchers.map(([watcher]) => watcher.requestsOf(command.notify).length)
  return { world, far, carol, fetched, told }
}

/** The links of all who watch are kept up, for `ms`. */
async function pass({ world, far, carol }: Scene, ms: number, also: readonly ScriptedPeer[] = []) {
  for (let at = 0; at < ms; at += 20_000) {
    for (const end of [far, carol, ...also]) end.write(type.ping, 0, 0, wire.u32(0, at))
    await world.run(20_000)
  }
}

/** Everything that can happen to a link of bob, in order; `true`: the link still stands. */
const events: readonly (readonly [what: string, act: (scene: Scene) => Promise<void>])[] = [
  [
    'a connection and a HELLO',
    async ({ world }) => {
      world.dialIn('client', 'b.example').sayHello({ role: 'client' })
      await world.run()
    },
  ],
  [
    'an attachment that is refused',
    async ({ world }) => {
      const client = world.dialIn('client', 'b.example')
      client.sayHello({ role: 'client' })
      const id = client.prove({ claims: { iss: 'bob@b.example' } })
      await world.run()
      expect(client.status(id)).not.toBe('ok')
    },
  ],
  ['an attachment', async ({ world }) => void (await world.attached())],
  [
    'a second device',
    async ({ world }) => {
      await world.attached()
      await world.attached()
    },
  ],
  [
    'an hour of PING, by which a client says that it is there',
    async (scene) => {
      const bob = await scene.world.attached()
      await pass(scene, hour, [bob])
      expect(bob.isClosed).toBe(false)
    },
  ],
  [
    'a link that falls silent',
    async (scene) => {
      const bob = await scene.world.attached()
      await pass(scene, 200_000)
      expect(bob.release?.reason).toBe('peer-silent')
    },
  ],
  [
    'RELEASE',
    async ({ world }) => {
      const bob = await world.attached()
      bob.write(type.release, 0, 0, Buffer.concat([Buffer.of(1, 7), wire.u32(0, 0xffff)]))
      await world.run()
      expect(bob.isClosed).toBe(true)
    },
  ],
  [
    'a connection that is lost',
    async ({ world }) => {
      const bob = await world.attached()
      bob.channel.destroy()
      await world.run()
    },
  ],
  [
    'a message that he sends, one that he gets, and what he looks at',
    async ({ world, carol }) => {
      const bob = await world.attached()
      bob.message({ reference: 0, sequence: 0, to: 'carol@b.example' })
      carol.message({ reference: 0, sequence: 0, to: 'bob@b.example' })
      bob.ask(wire.pres, { command: command.fetch, fields: [[tag.to, 'carol@b.example']] })
      await world.run()
      bob.respond(bob.requestsOf(command.message)[0]?.id ?? 0, 'ok')
      await world.run()
    },
  ],
]

describe('whoever has published nothing', () => {
  test.for(events)('is shown as before after %s', async ([, act]) => {
    const scene = await openScene()
    const told = scene.told()
    expect(await scene.fetched()).toEqual([nothing, nothing])
    await act(scene)
    await pass(scene, 60_000)
    expect(await scene.fetched()).toEqual([nothing, nothing])
    expect(scene.told()).toEqual(told)
  })
})

describe('what was published', () => {
  /** By a device that goes on being there, for at least `seconds`. */
  async function publish({ world }: Scene, seconds: number): Promise<ScriptedPeer> {
    const laptop = await world.attached()
    const published = laptop.ask(wire.pres, {
      command: command.publish,
      fields: [
        [tag.lease, seconds],
        [tag.entityTag, messageId('desk')],
      ],
      body: Buffer.from(open),
    })
    await world.run(3000)
    expect(laptop.status(published)).toBe('ok')
    return laptop
  }

  test.for(events)('is shown as before after %s', async ([, act]) => {
    const scene = await openScene()
    const laptop = await publish(scene, 86_400)
    laptop.channel.destroy()
    await scene.world.run()
    const told = scene.told()
    expect(await scene.fetched()).toEqual([open, open])
    await act(scene)
    await pass(scene, 60_000)
    expect(await scene.fetched()).toEqual([open, open])
    expect(scene.told()).toEqual(told)
  })

  test('ends with its lease, however alive the link of its device is', async () => {
    const scene = await openScene()
    const laptop = await publish(scene, 300)
    await pass(scene, 280_000, [laptop])
    expect(await scene.fetched()).toEqual([open, open])
    await pass(scene, 40_000, [laptop])
    expect(laptop.isClosed).toBe(false)
    expect(await scene.fetched()).toEqual([nothing, nothing])
  })
})
