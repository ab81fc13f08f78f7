/** Keep-alive: silence is asked after with PING, and two of them without an answer end the link. [LINK-8.3-2] */

/** PINGs that may stay without an answer. */
const mostPings = 2

export class KeepAlive {
  #pings = 0

  /** Any byte counts as an answer. */
  heard(): undefined {
    this.#pings = 0
  }

  /** After `silentMs` without a byte: the payload of a PING to send, `silent` for the end, nothing while it is well. */
  next(silentMs: number, pingMs: number): Buffer | 'silent' | undefined {
    if (silentMs < pingMs * (this.#pings + 1)) return undefined
    if (this.#pings === mostPings) return 'silent'
    this.#pings++
    const mark = Buffer.alloc(8)
    mark.writeUInt32BE(this.#pings, 4)
    return mark
  }
}
