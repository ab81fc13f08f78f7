/**
 * The innocent pair of the hostile bench, in one process: ten users of one domain write to ten of another, and newcomers,
 * domains that nobody has met, make themselves known.
 */
import { randomBytes } from 'node:crypto'
import type { Socket } from 'node:net'
import { createSecureContext } from 'node:tls'
import { encodeMessage } from '../../src/command/message.ts'
import { encodePublish } from '../../src/command/publish.ts'
import { classShift, commands, frame, trafficClass } from '../../src/wire/registry.ts'
import { serveParent } from './children.ts'
import type { User } from './gateway-site.ts'
import { attach, makeFrame, putU32, requestPayload } from './gateway-user.ts'
import type { Found } from './hostile-attacker.ts'
import { HostileLink, identityOf, type Leaf, serveKeys, type Target } from './hostile-peer.ts'
import { monotonicUs, sleepMs } from './measure.ts'

export type Settings = {
  readonly users: readonly User[]
  /** Client ports. */
  readonly from: { readonly domain: string; readonly port: number }
  readonly to: { readonly domain: string; readonly port: number }
  readonly target: Target
  readonly ca: string
  readonly leaf: Leaf
  readonly port: number
  readonly newcomers: readonly Found[]
}

export type Order = {
  readonly ms: number
  /** Domains that make themselves known meanwhile. */
  readonly newcomers: number
}

export type Contact = {
  /** First try to proof; `undefined`: not before the end. */
  readonly ms: number | undefined
  readonly refusals: number
}

export type Measured = {
  readonly sent: number
  readonly received: number
  readonly unanswered: number
  /** Answers but `delivered`, by status. */
  readonly refused: Readonly<Record<number, number>>
  /** Sent to answered; what was not answered counts as the wait for it. */
  readonly latenciesMs: readonly number[]
  readonly contacts: readonly Contact[]
}

const perSecond = 20
const drainMs = 8000
const retryMs = 500
const delivered = Buffer.from([0, 1, 0, 0])

serveParent(async (settings: Settings) => {
  const { users, from, to, target, ca, leaf, port } = settings
  const trust = createSecureContext({ ca })
  const waiting = new Map<string, number>()
  let received = 0
  let latenciesMs: number[] = []
  let refused: Record<number, number> = {}
  const answered = (key: string, status: number): undefined => {
    const sentUs = waiting.get(key)
    if (sentUs === undefined) return
    waiting.delete(key)
    if (status === 1) latenciesMs.push((monotonicUs() - sentUs) / 1000)
    else refused[status] = (refused[status] ?? 0) + 1
  }

  const recipients: Socket[] = []
  for (const { name, keyPem } of users) {
    const socket = await attach(to.port, name, to.domain, keyPem, (type, _flags, id) => {
      if (type !== frame.request) return true
      received++
      socket.write(makeFrame(frame.response, 0, id, delivered))
      socket.write(grant)
      return true
    })
    recipients.push(socket)
  }
  publish(recipients[0])
  const senders: Socket[] = []
  for (const [i, { name, keyPem }] of users.entries()) {
    const onFrame = (type: number, _flags: number, id: number, buffer: Buffer, start: number) => {
      if (type === frame.response) answered(`${i} ${id}`, buffer.readUInt16BE(start))
      return true
    }
    senders.push(await attach(from.port, name, from.domain, keyPem, onFrame))
  }
  const ids = users.map(() => 1)
  const write = (i: number): undefined => {
    const id = (ids[i] ?? 1) + 2
    ids[i] = id
    const message = encodeMessage(
      `${users[i]?.name}@${to.domain}`,
      randomBytes(16),
      'text/plain;charset=utf-8',
    )
    const payload = requestPayload(commands.message.number, message, Buffer.from('hello'))
    waiting.set(`${i} ${id}`, monotonicUs())
    senders[i]?.write(makeFrame(frame.request, trafficClass.im << classShift, id, payload))
  }

  const newcomers = settings.newcomers.map(({ domain, address }) => identityOf(domain, address))
  await serveKeys(newcomers, port, leaf)
  let met = 0
  /** A newcomer asks again for a time, as a gateway does. */
  const meet = async (untilUs: number): Promise<Contact> => {
    const identity = newcomers[met++ % newcomers.length]
    const startedUs = monotonicUs()
    let refusals = 0
    while (identity !== undefined && monotonicUs() < untilUs) {
      try {
        const link = await HostileLink.open(identity, target, trust)
        const ms = (monotonicUs() - startedUs) / 1000
        link.close()
        return { ms, refusals }
      } catch {
        refusals++
        await sleepMs(retryMs)
      }
    }
    return { ms: undefined, refusals }
  }

  const measure = async (order: Order): Promise<Measured> => {
    waiting.clear()
    received = 0
    latenciesMs = []
    refused = {}
    const contacts: Promise<Contact>[] = []
    const startedUs = monotonicUs()
    const endUs = startedUs + order.ms * 1000
    let sent = 0
    while (monotonicUs() < endUs) {
      const share = (monotonicUs() - startedUs) / (order.ms * 1000)
      while (sent < Math.floor((share * order.ms * perSecond) / 1000)) write(sent++ % users.length)
      if (contacts.length < Math.ceil(share * order.newcomers)) contacts.push(meet(endUs))
      await sleepMs(2)
    }
    for (const lateUs = endUs + drainMs * 1000; waiting.size > 0 && monotonicUs() < lateUs; ) {
      await sleepMs(5)
    }
    for (const sentUs of waiting.values()) latenciesMs.push((monotonicUs() - sentUs) / 1000)
    return {
      ...{ sent, received, unanswered: waiting.size, refused, latenciesMs },
      contacts: await Promise.all(contacts),
    }
  }
  return { facts: {}, tasks: { measure } }
})

/** The longest presence that there may be. */
function publish(socket: Socket | undefined): undefined {
  const document = JSON.stringify({ tuples: { t1: { basic: 'open', note: 'x'.repeat(8100) } } })
  const wish = { entityTag: randomBytes(16).toString('latin1'), ifMatch: undefined }
  const payload = requestPayload(
    commands.publish.number,
    encodePublish({ ...wish, leaseSeconds: 3600 }),
    Buffer.from(document),
  )
  socket?.write(makeFrame(frame.request, trafficClass.pres << classShift, 3, payload))
}

/** One more message, and its bytes. */
const grant = (() => {
  const payload = Buffer.alloc(9)
  payload[0] = trafficClass.im
  putU32(payload, 1, 1)
  putU32(payload, 5, 1024)
  return makeFrame(frame.credit, 0, 0, payload)
})()
