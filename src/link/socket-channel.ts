/**
 * Link: a channel over one socket, TLS or plain. On the hot road: nothing is made for a chunk or a write.
 *
 * In:    a connected socket that nobody reads yet, and what is known of its far side.
 * Out:   bytes both ways; `closed` once, last.
 * Fails: never throws; whatever happens to the socket ends in `closed`, with the reason for the log.
 */
import type { Socket } from 'node:net'
import type { Cancel, Clock } from '../lib/clock.ts'
import type { Channel, ChannelEvents, ChannelFacts } from './channel.ts'

const ignore = (): undefined => undefined

export class SocketChannel implements Channel {
  readonly facts: ChannelFacts
  readonly #socket: Socket
  readonly #clock: Clock
  readonly #lingerMs: number
  readonly #written: (error?: Error | null) => void
  #events: ChannelEvents | undefined
  /** No more is written: this side ended, or the far side did. */
  #isEnding = false
  #isClosed = false
  #detail = ''
  #stopLingering: Cancel = ignore

  /** `lingerMs`: what was written before `end` has this long to leave. */
  constructor(socket: Socket, facts: ChannelFacts, clock: Clock, lingerMs: number) {
    this.facts = facts
    this.#socket = socket
    this.#clock = clock
    this.#lingerMs = lingerMs
    // Called for each write, since Node's `drain` tells only of writes that were held back.
    this.#written = (error) => {
      if (!error && socket.writableLength === 0 && !this.#isEnding) this.#events?.drained()
    }
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.#note(error.code ?? error.message)
      // Node leaves a TLS socket open after an error inside an established connection.
      socket.destroy()
    })
    socket.on('end', () => this.#ended())
    socket.once('close', () => this.#closed())
  }

  start(events: ChannelEvents): undefined {
    this.#events = events
    if (this.#isClosed) this.#clock.soon(() => events.closed(this.#detail))
    else this.#socket.on('data', this.#isEnding ? ignore : events.data)
  }

  queued(): number {
    return this.#socket.writableLength
  }

  write(parts: readonly Buffer[]): undefined {
    const last = parts.length - 1
    if (this.#isEnding || last < 0) return
    const socket = this.#socket
    if (last === 0) {
      socket.write(parts[0] as Buffer, this.#written)
      return
    }
    // One call to the system, and under TLS full records, however many parts there are.
    socket.cork()
    for (let i = 0; i < last; i++) socket.write(parts[i] as Buffer)
    socket.write(parts[last] as Buffer, this.#written)
    socket.uncork()
  }

  pause(): undefined {
    this.#socket.pause()
  }

  resume(): undefined {
    this.#socket.resume()
  }

  end(): undefined {
    if (this.#isEnding) return
    this.#note('ended by this side')
    this.#isEnding = true
    // What still comes is read and thrown away: unread, it would make the system take back what was written.
    if (this.#events !== undefined) this.#socket.off('data', this.#events.data)
    this.#socket.on('data', ignore)
    this.#socket.resume()
    this.#socket.end()
    this.#linger()
  }

  destroy(): undefined {
    this.#note('destroyed by this side')
    this.#isEnding = true
    if (this.#events !== undefined) this.#socket.off('data', this.#events.data)
    this.#socket.destroy()
  }

  /** The far side will neither say nor, having ended, heed anything more; Node ends this side in turn. */
  #ended(): undefined {
    this.#note('ended by the far side')
    this.#isEnding = true
    if (this.#socket.writableLength > 0) this.#socket.destroy()
    else this.#linger()
  }

  #linger(): undefined {
    this.#stopLingering()
    this.#stopLingering = this.#clock.after(this.#lingerMs, () => {
      this.#socket.destroy()
    })
  }

  #closed(): undefined {
    this.#stopLingering()
    this.#note('closed')
    this.#isClosed = true
    this.#isEnding = true
    this.#events?.closed(this.#detail)
  }

  /** The first reason is the reason. */
  #note(detail: string): undefined {
    if (this.#detail === '') this.#detail = detail
  }
}
