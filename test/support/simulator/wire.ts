/**
 * One connection between two processes: its two ends, listened to, and what can be done to it.
 */
import type { Channel } from '../../../src/link/channel.ts'
import type { Flow, MemoryPair } from '../memory-channel.ts'
import { Ledger } from './ledger.ts'
import { type Frame, Tap } from './tap.ts'

export type WireNeeds = {
  readonly name: string
  readonly from: string
  readonly to: string
  /** Whether one end is a client. */
  readonly isClient: boolean
  readonly pair: MemoryPair
  /** Neither end can be heard of any more. */
  readonly gone: (wire: Wire) => undefined
  readonly threw: (error: unknown) => undefined
}

export type End = 'initiating' | 'receiving'

export class Wire {
  readonly name: string
  readonly from: string
  readonly to: string
  readonly isClient: boolean
  readonly initiating: Channel
  readonly receiving: Channel
  readonly toReceiving: Flow
  readonly toInitiating: Flow
  /** Credit of what each side sends. */
  readonly ledgers: Readonly<Record<End, Ledger>> = {
    initiating: new Ledger(),
    receiving: new Ledger(),
  }
  /** Told of each frame that a side writes. */
  onFrame: (from: End, frame: Frame) => undefined = () => undefined
  onBytes: (from: End, part: Buffer) => undefined = () => undefined
  readonly #pair: MemoryPair
  readonly #needs: WireNeeds
  readonly #open = new Set<End>(['initiating', 'receiving'])
  isLost = false

  constructor(needs: WireNeeds) {
    const { name, from, to, isClient, pair } = needs
    this.#needs = needs
    this.name = name
    this.from = from
    this.to = to
    this.isClient = isClient
    this.#pair = pair
    this.toReceiving = pair.toReceiving
    this.toInitiating = pair.toInitiating
    this.initiating = this.#tap('initiating', pair.initiating)
    this.receiving = this.#tap('receiving', pair.receiving)
  }

  /** Both processes may still believe in it. */

  get isOpen(): boolean {
    return this.#open.size === 2 && !this.isLost
  }

  isEndOpen(end: End): boolean {
    return this.#open.has(end)
  }

  flow(from: End): Flow {
    return from === 'initiating' ? this.toReceiving : this.toInitiating
  }

  /** Nothing arrives any more, and who is told closes. */
  cut(tell: 'both' | 'initiating' | 'receiving' | 'nobody'): undefined {
    this.isLost = true
    this.#pair.cut(tell)
  }

  /** One end died; the other, `survivor`, is told or not. */
  lose(survivor: End, tell: boolean): undefined {
    this.cut(tell ? survivor : 'nobody')
    this.#closed(survivor === 'initiating' ? 'receiving' : 'initiating')
  }

  #tap(end: End, channel: Channel): Channel {
    const other = end === 'initiating' ? 'receiving' : 'initiating'
    return new Tap(channel, {
      wrote: (frame) => {
        this.ledgers[end].sent(frame)
        this.ledgers[other].granted(frame)
        this.onFrame(end, frame)
      },
      bytes: (part) => this.onBytes(end, part),
      closed: () => this.#closed(end),
      threw: (error) => this.#needs.threw(error),
    })
  }

  #closed(end: End): undefined {
    this.#open.delete(end)
    if (this.#open.size === 0) this.#needs.gone(this)
  }
}
