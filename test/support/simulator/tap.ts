/**
 * A channel that is listened to: what leaves it is cut into frames, and its end is noticed.
 *
 * In:    a channel, and who wants to know.
 * Out:   the same channel, event by event.
 */
import type { Channel, ChannelEvents, ChannelFacts } from '../../../src/link/channel.ts'
import { headerBytes } from '../../../src/wire/registry.ts'

export type Frame = {
  readonly type: number
  readonly flags: number
  readonly id: number
  readonly payload: Buffer
}

export type TapNeeds = {
  readonly wrote: (frame: Frame) => undefined
  /** The raw bytes of one write, for those who keep them. */
  readonly bytes: (part: Buffer) => undefined
  readonly closed: (detail: string) => undefined
  /** An exception out of the owner of the channel: in a real process it would be the last thing that happens. */
  readonly threw: (error: unknown) => undefined
}

export class Tap implements Channel {
  readonly facts: ChannelFacts
  readonly #channel: Channel
  readonly #needs: TapNeeds
  #isStarted = false

  constructor(channel: Channel, needs: TapNeeds) {
    this.facts = channel.facts
    this.#channel = channel
    this.#needs = needs
  }

  start(events: ChannelEvents): undefined {
    this.#isStarted = true
    const { threw, closed } = this.#needs
    const guard = (act: () => undefined): undefined => {
      try {
        act()
      } catch (error) {
        threw(error)
      }
    }
    this.#channel.start({
      data: (chunk) => guard(() => events.data(chunk)),
      drained: () => guard(() => events.drained()),
      closed: (detail) => {
        closed(detail)
        guard(() => events.closed(detail))
      },
    })
  }

  queued(): number {
    return this.#channel.queued()
  }

  write(parts: readonly Buffer[]): undefined {
    for (const part of parts) {
      this.#needs.bytes(part)
      // A link writes whole frames.
      for (let at = 0; at < part.length; ) {
        const end = at + headerBytes + part.readUIntBE(at, 3)
        const [type, flags] = [part[at + 3] as number, part[at + 4] as number]
        const payload = part.subarray(at + headerBytes, end)
        this.#needs.wrote({ type, flags, id: part.readUInt32BE(at + 5), payload })
        at = end
      }
    }
    this.#channel.write(parts)
  }

  pause(): undefined {
    this.#channel.pause()
  }

  resume(): undefined {
    this.#channel.resume()
  }

  end(): undefined {
    this.#channel.end()
  }

  destroy(): undefined {
    this.#channel.destroy()
    // Nobody is there to be told.
    if (!this.#isStarted) this.#needs.closed('never started')
  }
}
