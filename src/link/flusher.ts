/**
 * When what a link has to say goes to its channel: once per tick, and under load with as few writes as it takes.
 *
 * In:    frames in a writer.
 * Out:   one write for many frames; never so much at once that nobody could see whether some of it leaves. What is not
 *        out, whenever it may have changed much.
 */
import type { Clock } from '../lib/clock.ts'
import type { Counter } from '../lib/meter.ts'
import type { FrameWriter } from '../wire/writer.ts'
import type { Channel } from './channel.ts'

/** A link that wrote this lately is busy. */
const busyMs = 5

/** Ticks that a busy link waits at most. */
const mostWaits = 4

/** So much is worth a write of its own. */
const fullBytes = 16_384

/** So much is handed to the channel before what it has has left; a slow line takes it in a second. */
const mostAhead = 262_144

/** An idle link gives its memory for writing back. */
const restMs = 2000

export class Flusher {
  readonly #channel: Channel
  readonly #writer: FrameWriter
  readonly #clock: Pick<Clock, 'now'>
  readonly #ticks: Pick<Clock, 'soon'>
  readonly #bytes: Counter
  readonly #told: (waiting: number) => undefined
  readonly #spent: (ms: number) => undefined
  readonly #fill: () => undefined
  readonly #run: () => undefined
  #isPlanned = false
  #isStopped = false
  #waits = 0
  #seen = 0
  #flushedAt = Number.NEGATIVE_INFINITY
  /** Clock time of the last sweep: exact enough for what takes seconds, and costs nothing. */
  #now: number
  #wroteAt: number
  #progressAt: number
  /** What was taken from the writer and has to wait. */
  #rest: Buffer[] = []
  #restBytes = 0
  /** Bytes that were handed to the channel, and those of them that had left when that was last looked at. */
  #handed = 0
  #left = 0

  /**
   * `ticks`: when what is written in one turn of the loop is all there. `told`: so many bytes are written and not out. `spent`: so long a turn took, above all in the call to the system and
   * in encryption. `fill`: the last moment to write for this turn.
   */
  constructor(
    channel: Channel,
    writer: FrameWriter,
    clock: Clock,
    ticks: Pick<Clock, 'soon'>,
    bytes: Counter,
    told: (waiting: number) => undefined,
    spent: (ms: number) => undefined = () => undefined,
    fill: () => undefined = () => undefined,
  ) {
    this.#channel = channel
    this.#writer = writer
    this.#clock = clock
    this.#ticks = ticks
    this.#bytes = bytes
    this.#told = told
    this.#spent = spent
    this.#fill = fill
    this.#run = () => this.#turn()
    this.#now = clock.now()
    this.#wroteAt = this.#now
    this.#progressAt = this.#now
  }

  /** Bytes that are written, here or in the channel, and not out. */
  get waiting(): number {
    return this.#writer.length + this.#restBytes + this.#channel.queued()
  }

  /** Everything is out, and the memory for writing is given back. */
  get isResting(): boolean {
    return this.waiting === 0 && this.#now - this.#wroteAt > restMs
  }

  /** How long nothing of what is written has left, to a second. */
  get stuckMs(): number {
    return this.#now - this.#progressAt
  }

  /** Something is written: it goes out soon. */
  plan(): undefined {
    if (this.#isPlanned) return
    this.#isPlanned = true
    this.#ticks.soon(this.#run)
  }

  /** Hands over what has collected; the channel calls back when it has drained. */
  flush(): undefined {
    const { length } = this.#writer
    if (this.#isStopped || length === 0) return
    this.#wroteAt = this.#now
    this.#bytes.n += length
    const parts = this.#writer.take()
    if (this.#restBytes === 0 && this.#channel.queued() + length <= mostAhead) {
      return this.#hand(parts, length)
    }
    this.#rest.push(...parts)
    this.#restBytes += length
    this.#goOn(mostAhead)
  }

  /** Everything that was handed over has left. */
  drained(): undefined {
    if (this.#restBytes > 0) this.#goOn(mostAhead)
    this.#told(this.waiting)
  }

  /** Time went on. */
  wake(now: number): undefined {
    this.#now = now
  }

  /** Once a second, unless it rests. */
  sweep(now: number): undefined {
    this.wake(now)
    if (now - this.#wroteAt > restMs) this.#writer.rest()
    const queued = this.#channel.queued()
    const left = this.#handed - queued
    if (queued === 0 || left > this.#left) this.#progressAt = now
    this.#left = left
    this.#told(this.waiting)
  }

  /** What was not handed over is thrown away: a far side that does not read would never get it. */
  drop(): undefined {
    this.#writer.take()
    this.#rest = []
    this.#restBytes = 0
    this.#told(this.waiting)
  }

  /** Nothing more is written. */
  stop(): undefined {
    this.flush()
    this.#goOn(Number.POSITIVE_INFINITY)
    this.#isStopped = true
  }

  /** What is written goes out, then the channel is closed. */
  end(): undefined {
    this.stop()
    this.#told(this.waiting)
    this.#channel.end()
  }

  /** Of what waits so much as makes `most` with what the channel has. */
  #goOn(most: number): undefined {
    let room = most - this.#channel.queued()
    const parts: Buffer[] = []
    let bytes = 0
    for (let part = this.#rest[0]; part !== undefined && room > 0; part = this.#rest[0]) {
      this.#rest.shift()
      parts.push(part)
      bytes += part.length
      room -= part.length
    }
    this.#restBytes -= bytes
    if (bytes > 0) this.#hand(parts, bytes)
  }

  #hand(parts: readonly Buffer[], bytes: number): undefined {
    this.#handed += bytes
    this.#channel.write(parts)
  }

  /**
   * A link that wrote a moment ago waits while more comes in, a few ticks at most: under load much goes with one call
   * to the system, and a link that was quiet never waits.
   */
  #turn(): undefined {
    if (this.#isStopped) return
    const now = this.#clock.now()
    this.#fill()
    const { length } = this.#writer
    const isBusy = now - this.#flushedAt < busyMs && length < fullBytes
    if (isBusy && this.#waits < mostWaits && length > this.#seen) {
      this.#waits++
      this.#seen = length
      this.#ticks.soon(this.#run)
      return
    }
    this.#waits = 0
    this.#seen = 0
    this.#isPlanned = false
    this.#flushedAt = now
    this.flush()
    this.#told(this.waiting)
    this.#spent(this.#clock.now() - now)
  }
}
