/**
 * Outbox: what one socket is to send, collected and written once per turn of the event loop.
 *
 * In:    `reserve(bytes)`; the caller fills `slab` from the offset it gets, in the same turn.
 * Out:   one write per socket and turn; one immediate per turn for all sockets of the process. A socket has a slab only
 *        while it has something to send: thousands of them share a few.
 * Fails: never by itself; the socket's own error handler does.
 */
import type { Socket } from 'node:net'

const slabBytes = 65_536

const none = Buffer.alloc(0)

/** The sockets that have something to send in this turn, and the slabs that are free. */
export class Turn {
  readonly #free: Buffer[] = []
  readonly #waiting: Outbox[] = []
  readonly #run = (): undefined => {
    for (const outbox of this.#waiting) outbox.flush()
    this.#waiting.length = 0
  }

  add(outbox: Outbox): undefined {
    if (this.#waiting.push(outbox) === 1) setImmediate(this.#run)
  }

  take(): Buffer {
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(slabBytes)
  }

  giveBack(slab: Buffer): undefined {
    if (slab.length === slabBytes) this.#free.push(slab)
  }
}

export class Outbox {
  slab: Buffer = none
  readonly #socket: Socket
  readonly #turn: Turn
  #from = 0
  #end = 0
  #isPlanned = false

  constructor(socket: Socket, turn: Turn) {
    this.#socket = socket
    this.#turn = turn
  }

  /** Where the next `bytes` bytes go in `slab`. */
  reserve(bytes: number): number {
    if (this.#end + bytes > this.slab.length) {
      this.#write()
      this.slab = bytes > slabBytes ? Buffer.allocUnsafeSlow(bytes) : this.#turn.take()
      this.#from = 0
      this.#end = 0
    }
    const at = this.#end
    this.#end += bytes
    if (!this.#isPlanned) {
      this.#isPlanned = true
      this.#turn.add(this)
    }
    return at
  }

  flush(): undefined {
    this.#isPlanned = false
    this.#write()
    // Nothing waits in the socket, so the kernel or TLS has its own copy: the slab is free again.
    if (this.#socket.writableLength === 0) {
      this.#turn.giveBack(this.slab)
      this.slab = none
      this.#from = 0
      this.#end = 0
    }
  }

  #write(): undefined {
    if (this.#end === this.#from) return
    this.#socket.write(this.slab.subarray(this.#from, this.#end))
    this.#from = this.#end
  }
}
