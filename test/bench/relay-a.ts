/**
 * Relay A of the bare pair: 50 sending users on TCP behind it, one TLS link to relay B before it.
 *
 * A request is parsed, its domain and credential reference are looked up, and it goes out under the link's own id and
 * reference; the answer finds its way back by that id. No check, no limit, no disk: this is the floor.
 */
import { connect as connectTcp, createServer, type Socket } from 'node:net'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { serveParent } from './children.ts'
import { Outbox, Turn } from './outbox.ts'
import * as wire from './relay-frame.ts'

export type Settings = {
  readonly linkPort: number
  readonly host: string
  readonly cert: string
  readonly domain: string
}
export type Facts = { readonly userPort: number }
export type Counts = { routes: number; credentials: number; unknown: number; linkBytes: number }

/** More than any window: a slot is free again long before its turn comes. */
const slots = 65_536

class RelayA {
  readonly counts: Counts = { routes: 0, credentials: 0, unknown: 0, linkBytes: 0 }
  readonly #turn = new Turn()
  readonly #routes = new Map<string, Outbox>()
  readonly #link: Outbox
  readonly #askers: (Outbox | undefined)[] = Array.from({ length: slots }, () => undefined)
  readonly #askedIds = new Uint32Array(slots)
  readonly #linkIds = new Uint32Array(slots)
  #lastId = -1
  #lastReference = 0

  constructor(link: TLSSocket, domain: string) {
    this.#link = new Outbox(link, this.#turn)
    this.#routes.set(domain, this.#link)
    link.on(
      'data',
      wire.frameReader((bytes, start, end) => this.#answer(bytes, start, end)),
    )
  }

  attach(socket: Socket): undefined {
    const user = new Outbox(socket, this.#turn)
    const references = new Map<number, number>()
    socket.on('error', () => undefined)
    socket.on(
      'data',
      wire.frameReader((bytes, start, end) => {
        if (wire.typeOf(bytes, start) === wire.types.request) {
          this.#request(user, references, bytes, start, end)
        } else {
          this.#hello(user, references, bytes, start, end)
        }
      }),
    )
  }

  /** The user's credential becomes a number on the link; relay B learns it before the first request that names it. */
  #hello(
    user: Outbox,
    references: Map<number, number>,
    bytes: Buffer,
    start: number,
    end: number,
  ): undefined {
    const reference = ++this.#lastReference
    references.set(wire.idOf(bytes, start), reference)
    const frame = wire.textFrame(
      wire.types.credential,
      reference,
      wire.textAt(bytes, start + wire.headBytes),
    )
    const at = this.#link.reserve(frame.length)
    frame.copy(this.#link.slab, at)
    const echo = user.reserve(end - start)
    bytes.copy(user.slab, echo, start, end)
  }

  #request(
    user: Outbox,
    references: Map<number, number>,
    bytes: Buffer,
    start: number,
    end: number,
  ): undefined {
    const recipientAt = wire.checkRequest(bytes, start, end)
    const link = this.#routes.get(wire.domainAt(bytes, recipientAt))
    const reference = references.get(wire.referenceOf(bytes, start))
    this.counts.routes++
    this.counts.credentials++
    if (link === undefined || reference === undefined) {
      this.counts.unknown++
      return
    }
    this.#lastId += 2
    const id = this.#lastId >>> 0
    const slot = (id >>> 1) & (slots - 1)
    this.#askers[slot] = user
    this.#askedIds[slot] = wire.idOf(bytes, start)
    this.#linkIds[slot] = id
    const at = link.reserve(end - start)
    const { slab } = link
    bytes.copy(slab, at, start, end)
    wire.putU32(slab, at + 5, id)
    wire.putU32(slab, at + 11, reference)
  }

  #answer(bytes: Buffer, start: number, end: number): undefined {
    const id = wire.idOf(bytes, start)
    const slot = (id >>> 1) & (slots - 1)
    const user = this.#askers[slot]
    if (user === undefined || this.#linkIds[slot] !== id) {
      this.counts.unknown++
      return
    }
    this.#askers[slot] = undefined
    const at = user.reserve(end - start)
    bytes.copy(user.slab, at, start, end)
    wire.putU32(user.slab, at + 5, this.#askedIds[slot] as number)
  }
}

serveParent(async ({ linkPort, host, cert, domain }: Settings) => {
  const raw = connectTcp({ port: linkPort, host: '127.0.0.1', noDelay: true })
  const link = connectTls({ socket: raw, servername: host, ca: cert, minVersion: 'TLSv1.3' })
  await new Promise<void>((resolve, reject) => {
    link.once('secureConnect', resolve)
    link.once('error', reject)
  })
  const relay = new RelayA(link, domain)
  const server = createServer({ noDelay: true }, (socket) => relay.attach(socket))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const userPort = typeof address === 'object' ? (address?.port ?? 0) : 0
  const facts: Facts = { userPort }
  // The TCP socket under the TLS one counts what TLS adds.
  const counts = (): Counts => ({
    ...relay.counts,
    linkBytes: raw.bytesWritten + raw.bytesRead,
  })
  return { facts, tasks: { counts } }
})
