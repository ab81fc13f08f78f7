/**
 * Relay B of the bare pair: the TLS link from relay A before it, 50 receiving users on TCP behind it.
 *
 * A request is parsed, its recipient and credential reference are looked up, and it goes to the recipient's connection
 * under that connection's own id. The recipient's confirmation finds its way back by that id, and is the answer.
 */
import { createServer as createTcpServer, type Socket } from 'node:net'
import { createServer as createTlsServer, type TLSSocket } from 'node:tls'
import { serveParent } from './children.ts'
import { Outbox, Turn } from './outbox.ts'
import * as wire from './relay-frame.ts'

export type Settings = { readonly cert: string; readonly key: string }
export type Facts = { readonly linkPort: number; readonly userPort: number }
export type Counts = { recipients: number; credentials: number; unknown: number }

/** More than any window: a slot is free again long before its turn comes. */
const slots = 65_536

class RelayB {
  readonly counts: Counts = { recipients: 0, credentials: 0, unknown: 0 }
  readonly #turn = new Turn()
  readonly #sessions = new Map<string, Outbox>()
  /** Who asked, and under which id, by the id that a recipient sees: ids count over all connections. */
  readonly #askers: (Outbox | undefined)[] = Array.from({ length: slots }, () => undefined)
  readonly #askedIds = new Uint32Array(slots)
  #lastId = 0

  attach(socket: Socket): undefined {
    const outbox = new Outbox(socket, this.#turn)
    socket.on('error', () => undefined)
    socket.on(
      'data',
      wire.frameReader((bytes, start, end) => {
        if (wire.typeOf(bytes, start) === wire.types.response) {
          return this.#confirmed(bytes, start, end)
        }
        this.#sessions.set(wire.textAt(bytes, start + wire.headBytes), outbox)
        const at = outbox.reserve(end - start)
        bytes.copy(outbox.slab, at, start, end)
      }),
    )
  }

  link(socket: TLSSocket): undefined {
    const link = new Outbox(socket, this.#turn)
    const credentials = new Map<number, string>()
    socket.on('error', () => undefined)
    socket.on(
      'data',
      wire.frameReader((bytes, start, end) => {
        if (wire.typeOf(bytes, start) === wire.types.request) {
          this.#request(link, credentials, bytes, start, end)
        } else {
          const sender = wire.textAt(bytes, start + wire.headBytes)
          credentials.set(wire.idOf(bytes, start), sender)
        }
      }),
    )
  }

  #request(
    link: Outbox,
    credentials: ReadonlyMap<number, string>,
    bytes: Buffer,
    start: number,
    end: number,
  ): undefined {
    const recipientAt = wire.checkRequest(bytes, start, end)
    const outbox = this.#sessions.get(wire.textAt(bytes, recipientAt))
    const sender = credentials.get(wire.referenceOf(bytes, start))
    this.counts.recipients++
    this.counts.credentials++
    if (outbox === undefined || sender === undefined) {
      this.counts.unknown++
      return
    }
    const at = outbox.reserve(end - start)
    bytes.copy(outbox.slab, at, start, end)
    this.#lastId += 2
    const id = this.#lastId >>> 0
    wire.putU32(outbox.slab, at + 5, id)
    const slot = (id >>> 1) & (slots - 1)
    this.#askers[slot] = link
    this.#askedIds[slot] = wire.idOf(bytes, start)
  }

  #confirmed(bytes: Buffer, start: number, end: number): undefined {
    const slot = (wire.idOf(bytes, start) >>> 1) & (slots - 1)
    const link = this.#askers[slot]
    if (link === undefined) {
      this.counts.unknown++
      return
    }
    const at = link.reserve(end - start)
    bytes.copy(link.slab, at, start, end)
    wire.putU32(link.slab, at + 5, this.#askedIds[slot] as number)
  }
}

serveParent(async ({ cert, key }: Settings) => {
  const relay = new RelayB()
  const linkServer = createTlsServer({ cert, key, minVersion: 'TLSv1.3' }, (socket) => {
    socket.setNoDelay(true)
    relay.link(socket)
  })
  const userServer = createTcpServer({ noDelay: true }, (socket) => relay.attach(socket))
  for (const server of [linkServer, userServer]) {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  }
  const [linkPort = 0, userPort = 0] = [linkServer, userServer].map((server) => {
    const address = server.address()
    return typeof address === 'object' ? (address?.port ?? 0) : 0
  })
  const facts: Facts = { linkPort, userPort }
  return { facts, tasks: { counts: () => relay.counts } }
})
