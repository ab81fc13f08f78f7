/**
 * Sockets of the admin port: each carries one request, has a time for its head and one for its answer, and gives way
 * when there are too many.
 *
 * In:    connections, as they are accepted.
 * Out:   a stream for each, for an HTTP server that sees one head on it and nothing behind: pipelining (RFC 9112
 *        §9.3.2) makes no queue, and what a far side leaves unread is one answer.
 * Fails: never; a socket that is slow, or too old when one more comes, is closed.
 */
import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import type { Clock } from '../lib/clock.ts'
import type { Meter } from '../lib/meter.ts'
import type { Limits } from '../limits.ts'

const headMs = 10_000
const answerMs = 15_000
/** Of what comes behind the head, so that a refusal is not lost with a body that nobody reads. */
const passedOverBytes = 65_536

export type SocketsNeeds = {
  readonly clock: Clock
  readonly limits: Pick<Limits, 'adminSockets'>
  readonly meter: Meter
}

export class Sockets {
  readonly #needs: SocketsNeeds
  /** The one that gives way first comes first: those whose request is whole stand behind those that wait for one. */
  readonly #open = new Set<Socket>()

  constructor(needs: SocketsNeeds) {
    this.#needs = needs
  }

  /** One more, as the stream that the HTTP server gets. */
  enter(socket: Socket): Duplex {
    const { clock, limits, meter } = this.#needs
    const [first] = this.#open
    if (this.#open.size >= limits.adminSockets && first !== undefined) {
      meter.hit('adminSockets')
      this.#cut(first)
    }
    this.#open.add(socket)
    const cut = (): undefined => this.#cut(socket)
    let cancel = clock.after(headMs, cut)
    socket.on('error', cut)
    socket.on('close', () => {
      cancel()
      this.#open.delete(socket)
    })
    return new OneRequest(socket, () => {
      cancel()
      cancel = clock.after(answerMs, cut)
      this.#open.delete(socket)
      this.#open.add(socket)
    })
  }

  close(): undefined {
    for (const socket of this.#open) this.#cut(socket)
  }

  #cut(socket: Socket): undefined {
    this.#open.delete(socket)
    socket.destroy()
  }
}

/** A socket up to the end of the first head that comes on it. */
class OneRequest extends Duplex {
  /** For the log. */
  readonly remoteAddress: string | undefined
  readonly #socket: Socket
  readonly #headCame: () => undefined
  /** The last bytes of a head that is not whole. */
  #tail = ''
  #isWhole = false
  #passedOver = 0

  constructor(socket: Socket, headCame: () => undefined) {
    super()
    this.remoteAddress = socket.remoteAddress
    this.#socket = socket
    this.#headCame = headCame
    socket.on('data', (chunk: Buffer) => this.#take(chunk))
    socket.on('end', () => this.push(null))
    socket.on('close', () => this.destroy())
  }

  override _read(): undefined {
    // A head is short: it is pushed as it comes.
  }

  override _write(chunk: Buffer, encoding: BufferEncoding, done: (error?: Error | null) => void) {
    this.#socket.write(chunk, encoding, done)
  }

  override _final(done: () => void): undefined {
    this.#socket.destroySoon()
    done()
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): undefined {
    this.#socket.destroySoon()
    done(error)
  }

  #take(chunk: Buffer): undefined {
    if (this.#isWhole) {
      this.#passedOver += chunk.length
      if (this.#passedOver > passedOverBytes) this.#socket.pause()
      return
    }
    const text = this.#tail + chunk.toString('latin1')
    const end = /\n\r?\n/.exec(text)
    if (end === null) {
      this.#tail = text.slice(-2)
      this.push(chunk)
      return
    }
    this.#isWhole = true
    this.#headCame()
    this.push(chunk.subarray(0, end.index + end[0].length - this.#tail.length))
  }
}
