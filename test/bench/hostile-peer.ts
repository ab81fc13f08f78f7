/**
 * A domain of the hostile bench and its links: real TLS and good proofs, from an address of its own; what it says after
 * that is its own affair.
 *
 * In:    a domain, the address that it comes from, the gateway that it dials.
 * Out:   links on which the domain is proven; credit as the far side gives it; answers, counted by their status.
 * Fails: `open` rejects when the claim is refused, with the status in the text. Links that end later only say so.
 */
import { createHash, randomBytes } from 'node:crypto'
import { connect as connectTcp } from 'node:net'
import { connect, createServer, type SecureContext, type Server, type TLSSocket } from 'node:tls'
import { encodeProve } from '../../src/command/prove.ts'
import { generateKeyPair } from '../../src/credential/ed25519.ts'
import { keySetOf } from '../../src/credential/publish-keys.ts'
import { createSigner, type Signer } from '../../src/credential/sign.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { systemRandom } from '../../src/lib/random.ts'
import { limitsWith } from '../../src/limits.ts'
import { alpn } from '../../src/link/tls.ts'
import { FrameReader } from '../../src/wire/reader.ts'
import { classShift, commands, flag, frame, type TrafficClass } from '../../src/wire/registry.ts'
import { makeFrame, putU32, requestPayload } from './gateway-user.ts'

/** A domain with its keys; `address` is where it comes from and where it is found. */
export type Identity = {
  readonly domain: string
  readonly address: string
  readonly signer: Signer
  readonly keySet: Buffer
}

/** The gateway under attack. */
export type Target = { readonly domain: string; readonly address: string; readonly port: number }

export type Leaf = { readonly cert: string; readonly key: string }

const limits = limitsWith()
const nothing = Buffer.alloc(0)
const ok = Buffer.from([0, 0, 0, 0])
const boot = randomBytes(16).toString('base64url')
/** A claim is answered within 5 s; a gateway that is busy may take longer to begin. */
const patienceMs = 12_000
const startRequests = 16
const startBytes = 65_536

export function identityOf(domain: string, address: string): Identity {
  const pair = generateKeyPair(systemRandom)
  const common = { clock: systemClock, random: systemRandom, limits }
  const signer = createSigner({ domain, linkKey: pair, userKey: pair, ...common })
  const now = Math.floor(systemClock.wall() / 1000)
  const facts = keySetOf({ link: pair, user: pair, others: [] }, [], now)
  return { domain, address, signer, keySet: signer.signKeySet(facts) }
}

const helloOf = (domain: string): Buffer =>
  makeFrame(
    frame.hello,
    0,
    0,
    Buffer.from(
      JSON.stringify({
        version: 1,
        role: 'gateway',
        domain,
        software: 'bench',
        boot,
        state: '',
        nonce: randomBytes(32).toString('base64url'),
      }),
    ),
  )

/** The claim was answered with a failure. */
export class Unproven extends Error {
  readonly status: number

  constructor(status: number) {
    super(`PROVE was answered with 0x${status.toString(16)}`)
    this.status = status
  }
}

export class HostileLink {
  readonly identity: Identity
  readonly socket: TLSSocket
  /** What may still be sent, by class. */
  readonly requests = [startRequests, startRequests, startRequests]
  readonly bytes = [startBytes, startBytes, startBytes]
  /** Answers by status. */
  readonly answers = new Map<number, number>()
  isOpen = true
  /** Why the far side let go. */
  released: number | undefined
  sent = 0
  #lastId = 1

  private constructor(identity: Identity, socket: TLSSocket) {
    this.identity = identity
    this.socket = socket
  }

  /** Resolves once `identity` is proven. */
  static open(identity: Identity, target: Target, trust: SecureContext): Promise<HostileLink> {
    const { promise, resolve, reject } = Promise.withResolvers<HostileLink>()
    const { address: host, port } = target
    const raw = connectTcp({ host, port, localAddress: identity.address, noDelay: true })
    const socket = connect({
      socket: raw,
      servername: target.domain,
      secureContext: trust,
      ALPNProtocols: [alpn],
      checkServerIdentity: () => undefined,
    })
    const link = new HostileLink(identity, socket)
    const late = setTimeout(() => fail(new Error('no answer in time')), patienceMs)
    const fail = (why: Error): undefined => {
      clearTimeout(late)
      link.isOpen = false
      reject(why)
      raw.destroy()
      socket.destroy()
      return undefined
    }
    const reader = new FrameReader(limits.frameBytes, (type, flags, id, buffer, start, end) => {
      if (type === frame.response && id === 1) {
        const status = buffer.readUInt16BE(start)
        clearTimeout(late)
        if (status === 0) resolve(link)
        else fail(new Unproven(status))
        return true
      }
      return link.#take(type, flags, id, buffer, start, end)
    })
    for (const each of [raw, socket]) each.on('error', fail)
    socket.on('close', () => fail(new Error(`closed: ${link.released ?? ''}`)))
    socket.on('data', (chunk: Buffer) => {
      reader.push(chunk)
    })
    socket.once('secureConnect', () => {
      const value = socket.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', nothing)
      const cb = createHash('sha256').update(value).digest('base64url')
      const proof = encodeProve(identity.signer.signLink({ aud: target.domain, cb }))
      socket.write(helloOf(identity.domain))
      const payload = requestPayload(commands.prove.number, proof, nothing)
      socket.write(makeFrame(frame.request, 0, 1, payload))
    })
    return promise
  }

  /** How many requests of `size` bytes of payload the credit allows. */
  room(trafficClass: TrafficClass, size: number): number {
    if (!this.isOpen) return 0
    const { [trafficClass]: requests = 0 } = this.requests
    const { [trafficClass]: bytes = 0 } = this.bytes
    return Math.min(requests, Math.floor(bytes / size))
  }

  /** `count` requests with the same payload in one write, without looking at the credit. */
  burst(trafficClass: TrafficClass, payload: Buffer, count: number, flags = 0): undefined {
    if (count <= 0 || !this.isOpen) return
    const one = makeFrame(frame.request, flags | (trafficClass << classShift), 0, payload)
    const frames = Buffer.allocUnsafe(one.length * count)
    for (let at = 0; at < frames.length; at += one.length) {
      one.copy(frames, at)
      putU32(frames, at + 5, this.nextId())
    }
    this.spend(trafficClass, count, payload.length * count)
    this.sent += count
    this.socket.write(frames)
  }

  spend(trafficClass: TrafficClass, requests: number, bytes: number): undefined {
    this.requests[trafficClass] = (this.requests[trafficClass] ?? 0) - requests
    this.bytes[trafficClass] = (this.bytes[trafficClass] ?? 0) - bytes
  }

  nextId(): number {
    this.#lastId += 2
    return this.#lastId
  }

  close(): undefined {
    this.isOpen = false
    this.socket.destroy()
  }

  #take(
    type: number,
    flags: number,
    id: number,
    buffer: Buffer,
    start: number,
    end: number,
  ): boolean {
    switch (type) {
      case frame.response: {
        const status = buffer.readUInt16BE(start)
        this.answers.set(status, (this.answers.get(status) ?? 0) + 1)
        return true
      }
      case frame.credit: {
        const trafficClass = buffer[start] as TrafficClass
        this.spend(trafficClass, -buffer.readUInt32BE(start + 1), -buffer.readUInt32BE(start + 5))
        return true
      }
      case frame.ping:
        if ((flags & flag.ack) === 0) {
          this.socket.write(
            makeFrame(frame.ping, flag.ack, 0, Buffer.from(buffer.subarray(start, end))),
          )
        }
        return true
      // Whatever is asked (the proof of the other direction) is granted.
      case frame.request:
        this.socket.write(makeFrame(frame.response, 0, id, ok))
        return true
      case frame.release:
        this.released = buffer.readUInt16BE(start)
        return true
      default:
        return true
    }
  }
}

/** Where domains are found: KEYS is answered, and nothing else is asked there. Resolves when all listen. */
export async function serveKeys(
  identities: readonly Identity[],
  port: number,
  { cert, key }: Leaf,
): Promise<readonly Server[]> {
  const servers: Server[] = []
  const addresses = new Map(identities.map((identity) => [identity.address, identity]))
  for (const [address, { domain }] of addresses) {
    const server = createServer({ cert, key, ALPNProtocols: [alpn], minVersion: 'TLSv1.3' })
    // The certificate names all of them, and so each may be asked for the keys of any.
    server.on('secureConnection', (socket) => answerKeys(socket, domain, identities))
    server.on('tlsClientError', () => undefined)
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(port, address, resolve)
    })
    servers.push(server)
  }
  return servers
}

function answerKeys(socket: TLSSocket, domain: string, identities: readonly Identity[]): undefined {
  socket.on('error', () => undefined)
  const reader = new FrameReader(limits.frameBytes, (type, _flags, id, buffer, start, end) => {
    if (type === frame.request) {
      const asked = identities.find((one) => buffer.subarray(start, end).includes(one.domain))
      const body = asked?.keySet ?? nothing
      socket.write(makeFrame(frame.response, 0, id, Buffer.concat([ok, body])))
    }
    return true
  })
  socket.on('data', (chunk: Buffer) => {
    reader.push(chunk)
  })
  socket.write(helloOf(domain))
}
