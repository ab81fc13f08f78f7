/**
 * Two ends of a channel in memory, moved by the clock alone: the same run every time.
 *
 * In:    facts for both ends. A simulator turns the knobs of each direction (`Flow`) whenever it likes, and cuts.
 * Out:   the two ends, which pass the same contract as channels over sockets.
 *
 * Within a channel nothing is ever reordered; two channels with different `latencyMs` overtake each other.
 */
import { createHash } from 'node:crypto'
import type { Cancel, Clock } from '../../src/lib/clock.ts'
import { limitTable } from '../../src/limits.ts'
import type { Channel, ChannelEvents, ChannelFacts } from '../../src/link/channel.ts'

/** One direction. */
export type Flow = {
  /** From leaving to arriving; a smaller value later lets nothing overtake. */
  latencyMs: number
  /** `Infinity`: no throttle. */
  bytesPerMs: number
  /** Longest chunk that arrives at once; asked for each chunk. */
  pieceBytes: () => number
  /** What both systems hold for a far side that does not read; the rest counts as `queued`. */
  bufferBytes: number
  /** Nothing moves, and nobody is told: half-open. What is under way goes on when it is false again. */
  isHeld: boolean
  /** Bytes written by the sending end, and bytes handed to the receiving end, so far. */
  readonly sent: number
  readonly arrived: number
}

export type MemoryPair = {
  readonly initiating: Channel
  readonly receiving: Channel
  readonly toReceiving: Flow
  readonly toInitiating: Flow
  /** Loses what is under way in both directions. Who is not told believes that the channel lives. */
  readonly cut: (tell: 'both' | 'initiating' | 'receiving' | 'nobody', detail?: string) => undefined
}

export type MemoryPairOptions = {
  readonly clock: Clock
  readonly initiating: ChannelFacts
  readonly receiving: ChannelFacts
}

/**
 * Facts of two ends as TLS would give them: the certificate of the receiving side, and a binding that is made of
 * `name`, which is to be another one for each channel.
 */
export function tlsLikeFacts(
  certificate: ChannelFacts['certificate'],
  name: string,
): Pick<MemoryPairOptions, 'initiating' | 'receiving'> {
  const binding = createHash('sha256').update(name).digest()
  const showedFor: ChannelFacts['showedFor'] = (domain) =>
    certificate !== undefined &&
    (certificate.covers(domain, 'im') || certificate.covers(domain, 'pres'))
  return {
    initiating: { binding, certificate, showedFor: () => false, remote: '192.0.2.2:5279' },
    receiving: { binding, certificate: undefined, showedFor, remote: '192.0.2.1:40000' },
  }
}

/** Facts as of a plain TCP connection. */
export const plainFacts = (): Pick<MemoryPairOptions, 'initiating' | 'receiving'> => {
  const bare = { binding: undefined, certificate: undefined, showedFor: () => false }
  return {
    initiating: { ...bare, remote: '192.0.2.2:5279' },
    receiving: { ...bare, remote: '192.0.2.1:40000' },
  }
}

export function memoryChannelPair(options: MemoryPairOptions): MemoryPair {
  const { clock } = options
  const toReceiving = new Pipe(clock)
  const toInitiating = new Pipe(clock)
  const initiating = new MemoryChannel(options.initiating, clock, toReceiving, toInitiating)
  const receiving = new MemoryChannel(options.receiving, clock, toInitiating, toReceiving)
  return {
    initiating,
    receiving,
    toReceiving,
    toInitiating,
    cut: (tell, detail = 'cut') => {
      toReceiving.lose()
      toInitiating.lose()
      if (tell === 'both' || tell === 'initiating') initiating.close(detail)
      if (tell === 'both' || tell === 'receiving') receiving.close(detail)
    },
  }
}

type Piece = { readonly bytes: Buffer; readonly at: number }

/** One direction: written, then under way, then arrived. */
class Pipe implements Flow {
  latencyMs = 0
  bytesPerMs = Number.POSITIVE_INFINITY
  pieceBytes = (): number => 65_536
  bufferBytes = 262_144
  sent = 0
  arrived = 0
  /** Set by the ends. */
  drained = (): undefined => undefined
  deliver: ((bytes: Buffer) => undefined) | undefined
  ended = (): undefined => undefined
  readonly #clock: Clock
  #isHeld = false
  #isLost = false
  #written: Buffer[] = []
  #writtenBytes = 0
  #isEnded = false
  #underWay: Piece[] = []
  #underWayBytes = 0
  #busyUntil = 0
  #arrivesAfter = 0
  #endTold = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get queued(): number {
    return this.#writtenBytes
  }

  get isHeld(): boolean {
    return this.#isHeld
  }

  set isHeld(value: boolean) {
    this.#isHeld = value
    if (!value) this.wake()
  }

  write(parts: readonly Buffer[]): undefined {
    // Copied: what is under way does not change with the sender's memory.
    const bytes = Buffer.concat(parts)
    if (bytes.length === 0) return
    this.sent += bytes.length
    this.#written.push(bytes)
    this.#writtenBytes += bytes.length
    this.wake()
  }

  end(): undefined {
    this.#isEnded = true
    this.wake()
  }

  /** What was not taken by the system is gone; what is under way arrives, then the end. */
  dropWritten(): undefined {
    this.#written = []
    this.#writtenBytes = 0
    this.end()
  }

  /** The line is dead. */
  lose(): undefined {
    this.#isLost = true
    this.#underWay = []
    this.#underWayBytes = 0
  }

  wake(): undefined {
    this.#clock.soon(() => this.#move())
  }

  #move(): undefined {
    if (this.#isHeld) return
    this.#arrive()
    const before = this.#writtenBytes
    while (this.#writtenBytes > 0 && (this.#isLost || this.#underWayBytes < this.bufferBytes)) {
      this.#send()
    }
    if (before > 0 && this.#writtenBytes === 0) this.drained()
    if (this.#isEnded && this.#writtenBytes === 0) this.#tellEnd()
  }

  /** One piece leaves. */
  #send(): undefined {
    const first = this.#written[0] as Buffer
    const bytes = first.subarray(0, Math.max(1, this.pieceBytes()))
    if (bytes.length === first.length) this.#written.shift()
    else this.#written[0] = first.subarray(bytes.length)
    this.#writtenBytes -= bytes.length
    if (this.#isLost) return
    const now = this.#clock.now()
    this.#busyUntil = Math.max(this.#busyUntil, now) + bytes.length / this.bytesPerMs
    const at = Math.max(this.#arrivesAfter, this.#busyUntil + this.latencyMs)
    this.#arrivesAfter = at
    this.#underWay.push({ bytes, at })
    this.#underWayBytes += bytes.length
    this.#clock.after(at - now, () => this.#move())
  }

  /** Hands over what is due, if somebody reads. */
  #arrive(): undefined {
    const now = this.#clock.now()
    for (;;) {
      const next = this.#underWay[0]
      if (next === undefined || next.at > now || this.deliver === undefined) return
      this.#underWay.shift()
      this.#underWayBytes -= next.bytes.length
      this.arrived += next.bytes.length
      this.deliver(next.bytes)
    }
  }

  #tellEnd(): undefined {
    if (this.#isLost || this.#endTold || this.#underWay.length > 0) return
    if (this.deliver === undefined) return
    this.#endTold = true
    this.#clock.after(this.latencyMs, () => this.ended())
  }
}

class MemoryChannel implements Channel {
  readonly facts: ChannelFacts
  readonly #clock: Clock
  readonly #out: Pipe
  readonly #in: Pipe
  #events: ChannelEvents | undefined
  #isEnding = false
  #isClosed = false
  #isTold = false
  #detail = ''
  #stopLingering: Cancel = () => undefined

  constructor(facts: ChannelFacts, clock: Clock, out: Pipe, incoming: Pipe) {
    this.facts = facts
    this.#clock = clock
    this.#out = out
    this.#in = incoming
    out.drained = () => (this.#isEnding ? undefined : this.#events?.drained())
    incoming.ended = () => {
      this.#note('ended by the far side')
      this.#isEnding = true
      out.dropWritten()
      this.close('')
    }
  }

  start(events: ChannelEvents): undefined {
    this.#events = events
    if (this.#isClosed) this.#clock.soon(() => this.#tell())
    else this.#read()
  }

  queued(): number {
    return this.#out.queued
  }

  write(parts: readonly Buffer[]): undefined {
    if (!this.#isEnding) this.#out.write(parts)
  }

  pause(): undefined {
    if (!this.#isEnding) this.#in.deliver = undefined
  }

  resume(): undefined {
    if (this.#events !== undefined) this.#read()
  }

  end(): undefined {
    if (this.#isEnding) return
    this.#note('ended by this side')
    this.#isEnding = true
    this.#read()
    this.#out.end()
    this.#stopLingering = this.#clock.after(limitTable.lingerMs.value, () => this.destroy())
  }

  destroy(): undefined {
    this.#note('destroyed by this side')
    this.#isEnding = true
    this.#read()
    this.#out.dropWritten()
    this.close('')
  }

  /** Tells the owner, once; the caller sees to the line. */
  close(detail: string): undefined {
    this.#note(detail)
    this.#isEnding = true
    if (this.#isClosed) return
    this.#isClosed = true
    this.#stopLingering()
    this.#clock.soon(() => this.#tell())
  }

  #tell(): undefined {
    if (this.#isTold || this.#events === undefined) return
    this.#isTold = true
    this.#events.closed(this.#detail)
  }

  #read(): undefined {
    this.#in.deliver = (bytes) => (this.#isEnding ? undefined : this.#events?.data(bytes))
    this.#in.wake()
  }

  #note(detail: string): undefined {
    if (this.#detail === '') this.#detail = detail
  }
}
