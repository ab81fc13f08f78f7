/** A DNS server on loopback that says whatever it is told to, right or wrong, over UDP and TCP on one port. */
import { createSocket, type RemoteInfo } from 'node:dgram'
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { decode, encode, type WireMessage, type WireRecord } from 'dns-packet'
import type { DnsServer } from '../../src/resolve/exchange.ts'
import { freePort } from './name-servers.ts'

export type Question = { readonly name: string; readonly type: string }

export type Behaviour = {
  /** Datagrams to send for a query of `from`; `send` sends them at any later time. */
  readonly udp: (query: Buffer, from: RemoteInfo, send: Send) => readonly Buffer[]
  /** Bytes to write for a query, length included; `silent` holds the connection, `close` ends it. */
  readonly tcp: (query: Buffer) => Buffer | 'silent' | 'close'
}

export type Send = (datagram: Buffer) => void

export type HostileDns = {
  readonly server: DnsServer
  behaviour: Behaviour
  /** Queries seen. */
  readonly seen: { udp: number; tcp: number }
  /** From now on nobody listens for TCP. */
  readonly refuseTcp: () => Promise<undefined>
  readonly close: () => Promise<undefined>
}

export const silentBehaviour: Behaviour = { udp: () => [], tcp: () => 'silent' }

export async function startHostileDns(ip = '127.0.0.1'): Promise<HostileDns> {
  const port = await freePort(ip)
  const udp = createSocket(ip.includes(':') ? 'udp6' : 'udp4')
  const clients = new Set<Socket>()
  let isOpen = true
  const hostile: HostileDns = {
    server: { ip, port },
    behaviour: silentBehaviour,
    seen: { udp: 0, tcp: 0 },
    refuseTcp: async () => {
      for (const client of clients) client.destroy()
      if (!tcp.listening) return
      tcp.close()
      await once(tcp, 'close')
    },
    close: async () => {
      isOpen = false
      udp.close()
      return hostile.refuseTcp()
    },
  }
  udp.on('message', (query, from) => {
    hostile.seen.udp += 1
    const send = (datagram: Buffer) => {
      if (isOpen) udp.send(datagram, from.port, from.address)
    }
    for (const datagram of hostile.behaviour.udp(query, from, send)) send(datagram)
  })
  const tcp = createServer((client) => {
    clients.add(client)
    client.on('error', () => client.destroy())
    client.on('close', () => clients.delete(client))
    client.on('data', (bytes) => {
      hostile.seen.tcp += 1
      const answer = hostile.behaviour.tcp(bytes.subarray(2))
      if (answer === 'close') client.end()
      else if (answer !== 'silent') client.write(answer)
    })
  })
  udp.bind(port, ip)
  await once(udp, 'listening')
  tcp.listen(port, ip)
  await once(tcp, 'listening')
  return hostile
}

export const questionOf = (query: Buffer): Question =>
  decode(query).questions?.[0] ?? { name: '', type: '' }

/** An answer to `query`, right but for what `change` says. */
export const answerTo = (
  query: Buffer,
  answers: readonly WireRecord[],
  change: WireMessage = {},
): Buffer =>
  encode({
    type: 'response',
    id: query.readUInt16BE(0),
    questions: [questionOf(query)],
    answers,
    ...change,
  })

/** The same behaviour over both transports. */
export const both = (answer: (query: Buffer) => Buffer): Behaviour => ({
  udp: (query) => [answer(query)],
  tcp: (query) => framed(answer(query)),
})

export function framed(message: Buffer): Buffer {
  const length = Buffer.alloc(2)
  length.writeUInt16BE(message.length)
  return Buffer.concat([length, message])
}
