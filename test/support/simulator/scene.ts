/**
 * Two domains as most scenarios want them: alice at a.example, bob at b.example, every way 10 ms long.
 *
 * In:    what a scenario wants to differ.
 * Out:   the world, both devices attached, and short words for what people do.
 */
import type { Limits } from '../../../src/limits.ts'
import type { Session } from '../../../src/peer/session.ts'
import { type CommandName, commandOf, frame } from '../../../src/wire/registry.ts'
import type { Device } from './device.ts'
import type { Attempt } from './journal.ts'
import type { Site } from './site.ts'
import type { Wire } from './wire.ts'
import { World, type WorldSite } from './world.ts'

export type SceneWish = {
  readonly a?: Partial<WorldSite>
  readonly b?: Partial<WorldSite>
  readonly others?: readonly WorldSite[]
  readonly limits?: Partial<Limits>
}

export type Asked = {
  readonly at: number
  readonly wire: Wire
  readonly from: string
  readonly command: CommandName | undefined
}

export const oneWayMs = 10

export class Scene {
  readonly world: World
  readonly alice: Device
  readonly bob: Device
  /** Every request between gateways and to them, in the order of writing. */
  readonly asked: Asked[] = []
  #messages = 0

  constructor({ a = {}, b = {}, others = [], limits = {} }: SceneWish) {
    this.world = new World({
      seed: 1,
      limits,
      sites: [
        { name: 'a', domains: [{ name: 'a.example', users: ['alice'] }], ...a },
        { name: 'b', domains: [{ name: 'b.example', users: ['bob'] }], ...b },
        ...others,
      ],
    })
    const { network, dns } = this.world
    network.latencyMs = [oneWayMs, oneWayMs]
    dns.latencyMs = 1
    network.onWire = (wire) => this.#listen(wire)
    this.alice = this.world.device('alice@a.example')
    this.bob = this.world.device('bob@b.example')
  }

  get a(): Site {
    return this.world.site('a')
  }

  get b(): Site {
    return this.world.site('b')
  }

  async open(): Promise<this> {
    this.world.start()
    for (const device of this.world.devices) await this.world.wait(device.attach())
    return this
  }

  /** A message with an id of its own; its answer. */
  async send(from: Device, to: Device | string, text = 'canary hello'): Promise<Attempt['answer']> {
    return (await this.world.wait(this.begin(from, to, text))).answer
  }

  /** The same, without waiting for the answer. */
  begin(from: Device, to: Device | string, text = 'canary hello'): Promise<Attempt> {
    const id = Buffer.alloc(16)
    id.writeUInt32BE(++this.#messages)
    return from.send(typeof to === 'string' ? to : to.user.text, id, Buffer.from(text))
  }

  /** How often `device` was shown a message. */
  shown(device: Device): number {
    return this.world.journal.showings.filter((showing) => showing.device === device.name).length
  }

  /** What `watcher` sees of `who`, once it has settled. */
  async sees(watcher: Device, who: Device): Promise<unknown> {
    await this.world.run(5000)
    const watched = [...watcher.watcher.watched.values()].find(({ to }) => to === who.user.text)
    const seen = watched?.seen
    return seen instanceof Map ? Object.fromEntries(seen) : seen
  }

  /** Links of `site` with other gateways. */
  links(site: Site): readonly Session[] {
    return [...(site.run?.gateway.sessions.all ?? [])].filter(({ role }) => role === 'gateway')
  }

  /** Wires between the two gateways. */
  get wires(): readonly Wire[] {
    return [...this.world.network.wires].filter(({ isClient, isOpen }) => !isClient && isOpen)
  }

  /** How often `command` was asked by the gateway `from` since `since`. */
  count(command: CommandName, from: string, since = 0): number {
    return this.asked.filter(
      (one) => one.command === command && one.from === from && one.at >= since,
    ).length
  }

  get now(): number {
    return this.world.scheduler.now
  }

  #listen(wire: Wire): undefined {
    wire.onFrame = (end, { type, payload }) => {
      if (type !== frame.request) return
      const from = end === 'initiating' ? wire.from : wire.to
      const command = commandOf(payload[0] as number)
      this.asked.push({ at: this.now, wire, from, command })
    }
  }
}

export const openScene = (wish: SceneWish = {}): Promise<Scene> => new Scene(wish).open()
