/** Two sides that a hop joins, as its contract sees them. */
import type { Message } from '../../../src/operation/message.ts'
import type { Hop } from '../../../src/operation/ports.ts'
import type { FakeCore } from '../fake-core.ts'
import { Ends, type Letter, Letters } from '../operations.ts'

/** The hop leads from a.example to b.example. */
export type HopWorld = {
  /** As the adapter is named in `via`. */
  readonly name: string
  readonly hop: Hop & { readonly close: () => undefined }
  readonly near: FakeCore
  readonly far: FakeCore
  /** A lane of which something is unanswered takes nothing more until `resume`. */
  readonly stall: () => undefined
  readonly resume: () => undefined
  /** The way breaks, and both sides notice. */
  readonly lose: () => undefined
  readonly restore: () => undefined
  /** Lets everything happen that can happen within `ms`. */
  readonly run: (ms: number) => Promise<void>
}

export type OpenHop = () => HopWorld

/** Time enough for anything but a time-out; and for that, too. */
export const soon = 5000
export const long = 120_000

/** Messages for the hop of one world, how they ended, and which of them arrived. */
export class Post {
  readonly world: HopWorld
  readonly ends: Ends<Message>
  readonly #letters = new Letters()
  readonly #names = new Map<Message, string>()

  constructor(world: HopWorld) {
    this.world = world
    this.ends = new Ends((message) => this.#names.get(message) ?? '?')
  }

  /** The bytes are somebody else's after the call. */
  readonly give = (letter: Letter): undefined => {
    const message = this.#letters.make(letter)
    const { buffer } = message
    this.#names.set(message, letter.body)
    this.world.hop.deliver(message, this.ends)
    buffer.fill('x')
  }

  /** Bodies of what the far side took, of one lane or of all. */
  heard(lane = ''): readonly string[] {
    return this.world.far
      .heardOf('message')
      .filter((line) => line.startsWith(lane))
      .map((line) => line.split(' ').slice(2).join(' '))
  }
}
