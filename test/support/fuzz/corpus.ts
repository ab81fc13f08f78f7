/**
 * Valid traffic to start from: what two gateways and their users write when they do everything that there is.
 *
 * In:    nothing; a scene is played.
 * Out:   frames, by who writes them to a gateway.
 */
import { encodeIssue } from '../../../src/command/issue.ts'
import { userRequest } from '../simulator/request.ts'
import { Scene } from '../simulator/scene.ts'
import type { Frame } from '../simulator/tap.ts'

/** A peer that dialled, a peer that was dialled, a user. */
export type Writer = 'dialling' | 'dialled' | 'user'

export type Corpus = Readonly<Record<Writer, readonly Frame[]>>

let recorded: Promise<Corpus> | undefined

/** The same frames every time: they are recorded once. */
export const recordCorpus = (): Promise<Corpus> => {
  recorded ??= record()
  return recorded
}

async function record(): Promise<Corpus> {
  const corpus: Record<Writer, Frame[]> = { dialling: [], dialled: [], user: [] }
  const scene = new Scene({
    limits: { references: 2, windowRequests: 32, windowBytes: 131_072, linkAgeMs: 120_000 },
  })
  const { world } = scene
  const { onWire } = world.network
  world.network.onWire = (wire) => {
    onWire(wire)
    wire.onFrame = (end, { type, flags, id, payload }) => {
      const frame = { type, flags, id, payload: Buffer.from(payload) }
      if (!wire.isClient) corpus[end === 'initiating' ? 'dialling' : 'dialled'].push(frame)
      else if (end === 'initiating') corpus.user.push(frame)
    }
  }
  await scene.open()
  await play(scene)
  return corpus
}

/** Every command, both ways, with answers of each kind. */
async function play(scene: Scene): Promise<undefined> {
  const { world, alice, bob } = scene
  for (const [from, to] of [
    [alice, bob],
    [bob, alice],
  ] as const) {
    for (const size of [0, 20, 300, 20_000, 65_536, 65_537]) {
      await scene.send(from, to, 'x'.repeat(size))
    }
    await scene.send(from, `nobody@${to.user.domain}`)
    from.publisher.publish(true)
    to.watcher.subscribe(from.user.text)
    await world.run(3000)
    from.publisher.publish(true)
    await world.run(3000)
    to.watcher.fetch(from.user.text)
    to.watcher.renew()
    from.link?.ask(
      userRequest({
        command: 'issue',
        fields: encodeIssue(to.user.domain, ['im.send']),
        answered: () => undefined,
        failed: () => undefined,
      }),
    )
    await world.run(3000)
  }
  // Silence brings PING, age brings RELEASE, and a renewal of leases.
  await world.run(40 * 60_000)
  for (const { held } of scene.links(scene.b)) for (let n = 1; n < 9; n++) held.forget(n)
  await scene.send(alice, bob)
  for (const device of [alice, bob]) {
    for (const watched of device.watcher.watched.values()) device.watcher.unsubscribe(watched)
    device.publisher.publish(false)
  }
  await world.run(5000)
  alice.detach('release')
  await world.run(1000)
}
