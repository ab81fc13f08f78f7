/**
 * A listening door for tests, with everything that it needs, and the hostile ways to knock at it.
 *
 * In:    what a test wants to differ.
 * Out:   the door, the channels that came in, its numbers; sockets that send what they are told.
 */
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls'
import type { Domain } from '../../src/address/domain.ts'
import { type Clock, systemClock } from '../../src/lib/clock.ts'
import type { Facts, Log } from '../../src/lib/log.ts'
import { Meter } from '../../src/lib/meter.ts'
import { type Limits, limitsWith } from '../../src/limits.ts'
import { AcceptGate, type Admission } from '../../src/link/accept-gate.ts'
import type { Channel } from '../../src/link/channel.ts'
import { dialPlain, dialTls, type TlsDial } from '../../src/link/dial-socket.ts'
import { listenPlain, listenTls, type TlsListen } from '../../src/link/listen-socket.ts'
import { type ShownCertificate, shownCertificate, type Trust, trustIn } from '../../src/link/tls.ts'
import { dnsName, type Issued, issue, makeRoot } from './pki.ts'

export const domain = (text: string): Domain => text as Domain

/** Limits that let a test knock as often as it likes. */
export const openLimits = (overrides: Partial<Limits> = {}): Limits =>
  limitsWith({
    unprovenLinksPerAddress: 1000,
    unprovenLinks: 1000,
    handshakesPerAddress: 1_000_000,
    handshakesPerAddressBurst: 1_000_000,
    ...overrides,
  })

export type Pki = { readonly root: Issued; readonly trust: Trust; readonly shown: ShownCertificate }

/** An authority, and a certificate of it for `b.example`. */
export async function makePki(): Promise<Pki> {
  const root = await makeRoot()
  const leaf = await issue({ issuer: root, names: [dnsName('b.example')] })
  return { root, trust: trustIn([root.cert]), shown: shownCertificate(leaf.chain, leaf.key) }
}

export type DoorWish = {
  readonly certificates?: (name: string) => ShownCertificate | undefined
  readonly inTurn?: TlsListen['inTurn']
  readonly limits?: Limits
  readonly clock?: Clock
  readonly plain?: boolean
  readonly address?: string
  /** Told of each channel as it comes in. */
  readonly each?: (channel: Channel) => undefined
}

export type Came = { readonly channel: Channel; readonly admission: Admission }

export type OpenDoor = {
  readonly port: number
  readonly came: readonly Came[]
  /** The channel that came in as number `index`, once it is there. */
  readonly channel: (index: number) => Promise<Channel>
  readonly gate: AcceptGate
  readonly meter: Meter
  readonly lines: readonly (readonly [event: string, facts: Facts | undefined])[]
  /** Arrivals that ended so. */
  readonly count: (result: string) => number
  /** Stops listening; the channels live on. */
  readonly shut: () => Promise<undefined>
  readonly close: () => Promise<undefined>
}

export async function openDoor(wish: DoorWish): Promise<OpenDoor> {
  const { clock = systemClock, limits = openLimits(), plain = false, address = '127.0.0.1' } = wish
  const meter = new Meter()
  const came: Came[] = []
  const lines: [string, Facts | undefined][] = []
  const write = (event: string, facts?: Facts): undefined => {
    lines.push([event, facts])
  }
  const log: Log = { debug: write, info: write, warn: write, error: write }
  const gate = new AcceptGate({ limits, meter })
  const onChannel = (channel: Channel, admission: Admission): undefined => {
    came.push({ channel, admission })
    wish.each?.(channel)
  }
  const options = { address, port: 0, onChannel, gate, limits, clock, meter, log }
  const { certificates = () => undefined, inTurn = (_remote, work) => work() } = wish
  const door = plain
    ? await listenPlain(options)
    : await listenTls({ ...options, certificates, inTurn })
  return {
    port: door.port,
    shut: door.close,
    came,
    channel: async (index) => {
      await until(() => came.length > index)
      return (came[index] as Came).channel
    },
    gate,
    meter,
    lines,
    count: (result) => meter.total('link_accepts_total', { result }),
    close: async () => {
      await door.close()
      for (const { channel } of came) channel.destroy()
    },
  }
}

/** What a dial needs that no test cares about. */
export const dialBasics = () => ({
  ip: '127.0.0.1',
  limits: limitsWith(),
  clock: systemClock,
  signal: new AbortController().signal,
})

export const dialDoor = (
  door: { readonly port: number },
  trust: Trust,
  overrides: Partial<TlsDial> = {},
): Promise<Channel> =>
  dialTls({
    ...dialBasics(),
    port: door.port,
    domain: domain('b.example'),
    service: 'im',
    trust,
    ...overrides,
  })

export const dialDoorPlain = (door: { readonly port: number }): Promise<Channel> =>
  dialPlain({ ...dialBasics(), port: door.port })

/** Turns the event loop until `condition` holds; the test's own time-out ends what never does. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve))
}

/** A connection that sends `first` and then does nothing. */
export async function knock(port: number, first: Buffer | string): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  if (first.length > 0) socket.write(first)
  return socket
}

/** A TLS client without our checks. */
export function rawTls(port: number, options: ConnectionOptions): TLSSocket {
  const socket = connectTls({
    port,
    host: '127.0.0.1',
    ALPNProtocols: ['pitp-mitp/1'],
    rejectUnauthorized: false,
    ...options,
  })
  socket.on('error', () => undefined)
  return socket
}

/** The error code with which a TLS client is turned away. */
export async function faultOfTls(port: number, options: ConnectionOptions): Promise<string> {
  const socket = rawTls(port, options)
  const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException]
  return error.code ?? error.message
}

/** Everything that comes back until the far side closes. */
export async function hearOut(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = []
  socket.on('data', (chunk) => chunks.push(chunk))
  // Not `once`, which takes a reset for a fault of the test.
  if (!socket.closed) await new Promise((resolve) => socket.once('close', resolve))
  return Buffer.concat(chunks)
}

/** The first flight of a TLS client that asks for `b.example` with our protocol name. */
export async function clientHello(): Promise<Buffer> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const client = connectTls({
    port,
    host: '127.0.0.1',
    servername: 'b.example',
    ALPNProtocols: ['pitp-mitp/1'],
  })
  client.on('error', () => undefined)
  const [socket] = (await once(server, 'connection')) as [Socket]
  let hello = Buffer.alloc(0)
  while (hello.length < 5 || hello.length < 5 + hello.readUInt16BE(3)) {
    const [chunk] = (await once(socket, 'data')) as [Buffer]
    hello = Buffer.concat([hello, chunk])
  }
  client.destroy()
  socket.destroy()
  server.close()
  return hello
}

/** The same hello, asking for other bytes: every length around the name is put right. */
export function helloFor(hello: Buffer, name: Buffer): Buffer {
  const at = hello.indexOf('b.example')
  const more = name.length - 'b.example'.length
  const made = Buffer.concat([hello.subarray(0, at), name, hello.subarray(at + 'b.example'.length)])
  const sessionEnd = 44 + (hello[43] as number)
  const suitesEnd = sessionEnd + 2 + hello.readUInt16BE(sessionEnd)
  const extensionsAt = suitesEnd + 1 + (hello[suitesEnd] as number)
  for (const length of [at - 2, at - 5, at - 7, extensionsAt, 7, 3]) {
    made.writeUInt16BE(made.readUInt16BE(length) + more, length)
  }
  return made
}
