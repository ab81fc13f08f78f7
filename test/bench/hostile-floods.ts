/**
 * The floods of the hostile bench: each is one kind of what a far side may do to be a burden, within the credit that it
 * has and the limits that it can see.
 *
 * In:    what an attacker has: domains with good keys, addresses in networks of their own, the gateway that is meant.
 * Out:   `begin` opens what the flood needs and gives back `turn`, which does what is due now and says how much it was.
 * Fails: `begin` rejects when a link that it needs is not to be had.
 */
import { connect as connectTcp, type Socket } from 'node:net'
import { encodeFields } from '../../src/wire/fields.ts'
import { commands, fields, flag, frame } from '../../src/wire/registry.ts'
import { makeFrame, requestPayload } from './gateway-user.ts'
import {
  type Arms,
  type Attack,
  aheadBytes,
  classes,
  isFull,
  onEach,
  openLinks,
  pacer,
  pour,
  show,
} from './hostile-arms.ts'
import { HostileLink, identityOf, Unproven } from './hostile-peer.ts'
import { sleepMs } from './measure.ts'

export type Flood = {
  readonly name: string
  /** The rows of the list of attacks that it stands for. */
  readonly rows: string
  readonly says: string
  readonly ms: number
  readonly begin: (arms: Arms) => Promise<Attack>
}

const nothing = Buffer.alloc(0)
/** The shortest request there is: a MESSAGE that names a credential that nobody showed. */
const shortest = requestPayload(commands.message.number, nothing, nothing)
shortest.writeUInt32BE(1, 2)
/** A CREDENTIAL without a token. */
const empty = requestPayload(commands.credential.number, nothing, nothing)

/** Pipelined requests to the admin port, without a token. */
async function admin({ admin: { address, port } }: Arms): Promise<Attack> {
  const request = `GET / HTTP/1.1\r\nHost: ${address}:${port}\r\n\r\n`
  const block = Buffer.from(request.repeat(500))
  const sockets: Socket[] = []
  const open = (): undefined => {
    const socket = connectTcp({ host: address, port })
    socket.on('error', () => undefined)
    socket.on('data', () => undefined)
    socket.once('close', () => {
      const at = sockets.indexOf(socket)
      if (at >= 0) sockets.splice(at, 1)
    })
    sockets.push(socket)
  }
  return {
    links: [],
    turn: () => {
      while (sockets.length < 60) open()
      let bytes = 0
      for (const socket of sockets) {
        if (socket.writableLength > aheadBytes) continue
        socket.write(block)
        bytes += block.length
      }
      return bytes
    },
    end: () => {
      for (const socket of sockets.splice(0)) socket.removeAllListeners('close').destroy()
    },
  }
}

/** Good credentials of ever new users, 2 000 a second on each link. */
async function credentials(arms: Arms): Promise<Attack> {
  const links = await openLinks(arms, 4, 1)
  const paces = new Map(links.map((link) => [link, { due: pacer(2000), owed: 0, shown: 0 }]))
  return onEach(links, (link, ms) => {
    const pace = paces.get(link)
    if (pace === undefined) return 0
    pace.owed = Math.min(pace.owed + pace.due(ms), 512)
    let bytes = 0
    for (; pace.owed > 0 && link.room(1, 512) > 0; pace.owed--) {
      bytes += show(arms, link, ++pace.shown)
    }
    return bytes
  })
}

/** Requests that are refused, 9 000 a second on each of eight links of one domain. */
async function refused(arms: Arms): Promise<Attack> {
  const links = await openLinks(arms, 1, 8)
  const due = pacer(9000)
  let at = -1
  let count = 0
  return onEach(links, (link, ms) => {
    if (ms !== at) count = due(ms)
    at = ms
    return pour(link, shortest, count)
  })
}

/** Thirty-two links that send refused requests as fast as their credit comes back. */
async function crowd(arms: Arms): Promise<Attack> {
  return onEach(await openLinks(arms, 4, 8), (link) => pour(link, shortest))
}

/** Numbers for credentials that are none: each is refused, and kept. */
async function numbers(arms: Arms): Promise<Attack> {
  const links = await openLinks(arms, 8, 8)
  const shown = new Map<HostileLink, number>()
  return onEach(links, (link) => {
    let number = shown.get(link) ?? 0
    const count = Math.min(link.room(1, empty.length), 16_384 - number)
    for (let i = 0; i < count; i++) {
      const payload = Buffer.from(empty)
      payload.writeUInt32BE(++number, 2)
      link.burst(1, payload, 1)
    }
    shown.set(link, number)
    return count * empty.length
  })
}

/** CREDIT of nothing, as fast as it goes. */
async function credit(arms: Arms): Promise<Attack> {
  const one = makeFrame(frame.credit, 0, 0, Buffer.from([1, 0, 0, 0, 0, 0, 0, 0, 0]))
  const block = Buffer.concat(Array.from({ length: 3600 }, () => one))
  return onEach(await openLinks(arms, 1, 4), (link) => {
    if (isFull(link)) return 0
    link.socket.write(block)
    return block.length
  })
}

const bodyOf = (length: number): Buffer =>
  requestPayload(commands.message.number, encodeFields([[fields.bodyLength.tag, length]]), nothing)

/** The pieces of a body that was refused for its length, as fast as their credit comes back. */
async function chunks(arms: Arms): Promise<Attack> {
  const piece = Buffer.alloc(256)
  const links = await openLinks(arms, 1, 4)
  const blocks = new Map(
    links.map((link) => {
      link.burst(1, bodyOf(70_000), 1, flag.more)
      const one = makeFrame(frame.chunk, flag.more, 1 + 2 * link.sent, piece)
      return [link, Buffer.concat(Array.from({ length: 256 }, () => one))]
    }),
  )
  return onEach(links, (link) => {
    const block = blocks.get(link)
    let bytes = 0
    while (block !== undefined && !isFull(link) && (link.bytes[1] ?? 0) >= 65_536) {
      link.spend(1, 0, 65_536)
      link.socket.write(block)
      bytes += block.length
    }
    return bytes
  })
}

/** Sixty claims a second of domains that are not there, each from a network of its own. */
async function claims({ target, trust, networks }: Arms): Promise<Attack> {
  const due = pacer(60)
  const answers = new Map<number, number>()
  let count = 0
  const claim = async (): Promise<undefined> => {
    const address = networks[count % networks.length] ?? '127.0.0.1'
    const identity = identityOf(`x${++count}.nowhere.example`, address)
    try {
      const link = await HostileLink.open(identity, target, trust)
      link.close()
    } catch (cause) {
      const status = cause instanceof Unproven ? cause.status : 0
      answers.set(status, (answers.get(status) ?? 0) + 1)
    }
  }
  return {
    ...{ links: [], answers, end: () => undefined },
    turn: (ms) => {
      const now = due(ms)
      for (let i = 0; i < now; i++) void claim()
      return 0
    },
  }
}

/** Bodies that want nothing but their last byte: as many on each link as it may have. */
async function bodies(arms: Arms): Promise<Attack> {
  const links = await openLinks(arms, 4, 8)
  const piece = Buffer.alloc(1023)
  const left = new Map<HostileLink, { begun: number; pieces: number }>()
  return onEach(links, (link) => {
    const state = left.get(link) ?? { begun: 0, pieces: 0 }
    left.set(link, state)
    const trafficClass = classes[Math.floor(state.begun / 16)]
    if (trafficClass === undefined || isFull(link)) return 0
    const head = bodyOf(65_536)
    if (link.room(trafficClass, 65_536) === 0) return 0
    link.burst(trafficClass, head, 1, flag.more)
    const chunk = makeFrame(frame.chunk, flag.more, 1 + 2 * link.sent, piece)
    link.socket.write(Buffer.concat(Array.from({ length: 64 }, () => chunk)))
    link.spend(trafficClass, 0, 64 * piece.length)
    state.begun++
    return 64 * chunk.length
  })
}

/** Questions for the longest presence there is, on links that read none of the answers. */
async function unread(arms: Arms): Promise<Attack> {
  const links = await openLinks(arms, 8, 2)
  // A sender has a rate, a domain has another: so many senders that only that of the domain counts.
  for (const link of links) for (let user = 1; user <= senders; user++) show(arms, link, user)
  await sleepMs(500)
  for (const { socket } of links) socket.pause()
  const to = encodeFields([[fields.to.tag, arms.presentity]])
  const payload = requestPayload(commands.fetch.number, to, nothing)
  const paces = new Map(links.map((link) => [link, { due: pacer(100), asked: 0 }]))
  return onEach(links, (link, ms) => {
    const pace = paces.get(link)
    if (pace === undefined) return 0
    // Half of the burst of a domain at once; then twice its rate.
    const count = Math.min(
      pace.due(ms) + (pace.asked === 0 ? 400 : 0),
      link.room(2, payload.length),
    )
    for (let i = 0; i < count; i++) {
      payload.writeUInt32BE(1 + (pace.asked++ % senders), 2)
      link.burst(2, payload, 1)
    }
    return count * payload.length
  })
}

const senders = 20

/** Nothing at all: what the machine itself makes of the wait, with one core busy. */
async function busy(): Promise<Attack> {
  return { links: [], turn: spin, end: () => undefined }
}

function spin(): number {
  const until = performance.now() + 20
  while (performance.now() < until);
  return 1
}

export const floods: readonly Flood[] = [
  {
    name: 'busy',
    rows: '–',
    says: 'no attack: one core of the machine is busy',
    ms: 8000,
    begin: busy,
  },
  {
    name: 'admin',
    rows: '6',
    says: '60 connections with pipelined GET / and no token',
    ms: 8000,
    begin: admin,
  },
  {
    name: 'credentials',
    rows: '7',
    says: '4 domains show 2 000 good credentials a second each',
    ms: 8000,
    begin: credentials,
  },
  {
    name: 'refused',
    rows: '7',
    says: '8 links of one domain, 9 000 refused requests a second each',
    ms: 8000,
    begin: refused,
  },
  {
    name: 'crowd',
    rows: '7',
    says: '32 links, refused requests as fast as credit comes back',
    ms: 8000,
    begin: crowd,
  },
  { name: 'credit', rows: '8', says: '4 links, CREDIT of nothing', ms: 8000, begin: credit },
  {
    name: 'chunks',
    rows: '8',
    says: '4 links, pieces of a body that is passed over',
    ms: 8000,
    begin: chunks,
  },
  {
    name: 'claims',
    rows: '11',
    says: '60 invented claims a second from 60 networks',
    ms: 10_000,
    begin: claims,
  },
  {
    name: 'bodies',
    rows: '13',
    says: '32 links hold 48 bodies each without their last byte',
    ms: 8000,
    begin: bodies,
  },
  {
    name: 'unread',
    rows: '13',
    says: '16 links of 8 domains ask for 8 KiB of presence, answers unread',
    ms: 8000,
    begin: unread,
  },
  {
    name: 'numbers',
    rows: '3',
    says: '64 links of 8 domains, refused CREDENTIALs without a token',
    ms: 20_000,
    begin: numbers,
  },
]
