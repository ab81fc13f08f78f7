/**
 * Resolve: a small authoritative DNS server, UDP and TCP on one port, for the demonstration and the tests.
 *
 * In:    records, an address and a port (0: any that is free).
 * Out:   where it listens; a way to change its records; a close that waits for nobody.
 * Fails: `port-unavailable`.
 * Spec:  RFC 1035 §4.2, RFC 6891. Not for the open Internet: no zone transfer, no DNSSEC, no rate limit.
 */
import { once } from 'node:events'
import { isIPv6, type Socket } from 'node:net'
import { createTCPServer, createUDPServer, Packet, type TCPServer, type UDPServer } from 'dns2'
import { GatewayError } from '../errors.ts'
import { formatEndpoint } from '../lib/ip.ts'
import { answerFrom, type ZoneRecord } from './zone.ts'

export type AuthorityOptions = {
  readonly address: string
  readonly port: number
  readonly zone: readonly ZoneRecord[]
}

export type Authority = {
  readonly address: string
  readonly port: number
  readonly replace: (zone: readonly ZoneRecord[]) => undefined
  readonly close: () => Promise<undefined>
}

/** Two sockets have to share a number that the system picks for the first of them. */
const portTries = 16

export async function startAuthority(options: AuthorityOptions): Promise<Authority> {
  let { zone } = options
  const answer = (request: Packet, send: Send): undefined => {
    void Promise.resolve(send(respond(request, zone))).catch(() => undefined)
  }
  for (let tries = 1; ; tries++) {
    const doors = new Doors(options.address, answer)
    try {
      const port = await doors.open(options.port)
      return {
        address: options.address,
        port,
        replace: (next) => {
          zone = next
        },
        close: () => doors.close(),
      }
    } catch (cause) {
      await doors.close()
      if (options.port !== 0 || tries === portTries) {
        const where = formatEndpoint(options.address, options.port)
        throw new GatewayError('port-unavailable', `DNS cannot listen at ${where}`, { cause })
      }
    }
  }
}

type Send = (response: Packet) => unknown

function respond(request: Packet, zone: readonly ZoneRecord[]): Packet {
  const response = Packet.createResponseFromRequest(request)
  const [question] = request.questions
  if (question === undefined || request.questions.length > 1) {
    response.header.rcode = Packet.RCODE.FORMERR
    return response
  }
  const found = answerFrom(zone, question.name, Packet.TYPE_NAME[question.type] ?? '')
  response.header.rcode = found.rcode
  response.header.aa = 1
  response.answers = found.answers.map(resourceOf)
  response.authorities = found.soa === undefined ? [] : [resourceOf(found.soa)]
  const hasOpt = request.additionals.some(({ type }) => type === Packet.TYPE.EDNS)
  response.additionals = hasOpt ? [Packet.Resource.EDNS([], { udpPayloadSize: 1232 })] : []
  return response
}

function resourceOf(record: ZoneRecord): Packet['answers'][number] {
  const base = { name: record.name, ttl: record.ttl, class: Packet.CLASS.IN }
  const type = Packet.TYPE[record.type]
  switch (record.type) {
    case 'CNAME':
      return new Packet.Resource({ ...base, type, domain: record.target })
    case 'SOA': {
      const { minimum } = record
      const times = { serial: 1, refresh: 3600, retry: 600, expiration: 86_400, minimum }
      const names = { primary: `ns.${record.name}`, admin: `hostmaster.${record.name}` }
      return new Packet.Resource({ ...base, ...names, ...times, type })
    }
    case 'SRV': {
      const { priority, weight, port, target } = record
      return new Packet.Resource({ ...base, type, priority, weight, port, target })
    }
    default:
      return new Packet.Resource({ ...base, type, address: record.address })
  }
}

/** The two listening sockets. */
class Doors {
  readonly #address: string
  readonly #udp: UDPServer
  readonly #tcp: TCPServer
  readonly #clients = new Set<Socket>()

  constructor(address: string, answer: (request: Packet, send: Send) => undefined) {
    this.#address = address
    this.#udp = createUDPServer({ type: isIPv6(address) ? 'udp6' : 'udp4' })
    this.#tcp = createTCPServer(answer)
    this.#udp.on('request', answer)
    for (const server of [this.#udp, this.#tcp]) server.on('error', () => undefined)
    this.#tcp.on('connection', (client: Socket) => {
      this.#clients.add(client)
      client.on('close', () => this.#clients.delete(client))
    })
  }

  async open(wanted: number): Promise<number> {
    const address = this.#address
    this.#udp.bind(wanted, address)
    await once(this.#udp, 'listening')
    const { port } = this.#udp.address()
    this.#tcp.listen(port, address)
    await once(this.#tcp, 'listening')
    return port
  }

  /** The codec's own close waits for every idle client. */
  async close(): Promise<undefined> {
    for (const client of this.#clients) client.destroy()
    await Promise.all([closed(this.#udp), closed(this.#tcp)])
  }
}

const closed = (server: UDPServer | TCPServer): Promise<undefined> =>
  new Promise((resolve) => {
    try {
      server.close(() => resolve(undefined))
    } catch {
      // Never opened.
      resolve(undefined)
    }
  })
