/**
 * Thirty-two links of four domains with full sockets, before a real process: no turn of its event loop is long, and who
 * has nothing to do with it goes on being answered.
 */
import { randomBytes } from 'node:crypto'
import { createSecureContext } from 'node:tls'
import { describe, expect, onTestFinished, test } from 'vitest'
import { encodeMessage } from '../../src/command/message.ts'
import { createLeaf } from '../../src/config/certificates.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { encodeFields } from '../../src/wire/fields.ts'
import { commands, fields, flag, frame } from '../../src/wire/registry.ts'
import { makeSite } from '../bench/gateway-site.ts'
import { attach, makeFrame, requestPayload } from '../bench/gateway-user.ts'
import { type Arms, classes, openLinks, pour, show } from '../bench/hostile-arms.ts'
import { type HostileLink, identityOf, serveKeys } from '../bench/hostile-peer.ts'
import { sleepMs } from '../bench/measure.ts'
import { main, type Process, start } from '../support/gatehouse.ts'
import { freePort } from '../support/name-servers.ts'

const turnMs = 50
const floodMs = 3000
const nothing = Buffer.alloc(0)
const ours = 'b.example'

/**
 * Loaded before the program: at a signal it says how much CPU time one turn of the event loop took at most since the last
 * one. Not the time on the wall: others use this machine, too.
 */
const probe = `data:text/javascript,${encodeURIComponent(`
  let last = process.threadCpuUsage()
  let most = 0
  setInterval(() => {
    const now = process.threadCpuUsage()
    most = Math.max(most, now.user + now.system - last.user - last.system)
    last = now
  }, 1).unref()
  process.on('SIGUSR2', () => {
    console.log(JSON.stringify({ event: 'probe', ms: most / 1000 }))
    most = 0
  })
`)}`

class Stage {
  readonly gateway: Process
  /** Eight links of each of four domains, each of a network of its own. */
  readonly links: readonly HostileLink[]
  readonly arms: Arms
  readonly #innocent: HostileLink
  readonly #user: string
  #sent = 0

  constructor(
    gateway: Process,
    arms: Arms,
    links: readonly HostileLink[],
    innocent: HostileLink,
    user: string,
  ) {
    this.gateway = gateway
    this.arms = arms
    this.links = links
    this.#innocent = innocent
    this.#user = user
  }

  /** The longest turn since it was asked last, in ms. */
  async longestTurn(): Promise<number> {
    const said = () => this.gateway.lines.filter(({ event }) => event === 'probe')
    const before = said().length
    this.gateway.signal('SIGUSR2')
    const line = await this.gateway.until(() => said()[before])
    return Number(line['ms'])
  }

  /** Somebody of another domain writes to a user of ours; how long until it is delivered, in ms. */
  async say(): Promise<number> {
    const place = Buffer.alloc(8)
    place.writeUInt32BE(1, 0)
    place.writeUInt32BE(++this.#sent, 4)
    const head = Buffer.concat([
      encodeFields([[fields.lane.tag, place]]),
      encodeMessage(this.#user, randomBytes(16), 'text/plain;charset=utf-8'),
    ])
    const payload = requestPayload(commands.message.number, head, Buffer.from('hello'))
    payload[1] = 1
    payload.writeUInt32BE(1, 2)
    const answered = (): number => this.#innocent.answers.get(1) ?? 0
    const since = performance.now()
    this.#innocent.burst(1, payload, 1)
    while (answered() < this.#sent && performance.now() - since < 10_000) await sleepMs(1)
    return performance.now() - since
  }

  get isAnswered(): boolean {
    return this.#innocent.isOpen && (this.#innocent.answers.get(1) ?? 0) === this.#sent
  }
}

async function openStage(): Promise<Stage> {
  const site = await makeSite(1)
  onTestFinished(async () => {
    await site.remove()
  })
  const addresses = [1, 2, 3, 4, 5].map((n) => `127.100.${n}.1`)
  const identities = addresses.map((address, n) => identityOf(`d${n}.hostile.example`, address))
  const [peers, clients, keys] = [await freePort(), await freePort(), await freePort()]
  const routes = Object.fromEntries(
    identities.map(({ domain, address }) => [domain, [`${address}:${keys}`]]),
  )
  const config = await site.configure('b', {
    ...{ domains: [ours], address: '127.2.0.1', port: peers, clientPort: clients },
    ...{ routes, dnsServer: undefined, pinned: {} },
    limits: { laneBurst: 1000, senderBurst: 1000 },
  })
  const gateway = start(['run', '--config', config], [process.execPath, '--import', probe, main])
  await gateway.line(({ event }) => event === 'gateway.started')
  const leaf = await createLeaf(site.ca, ['*.hostile.example'], {
    ...{ days: 2, wall: systemClock.wall },
  })
  const servers = await serveKeys(identities, keys, { cert: leaf.certificatePem, key: leaf.keyPem })
  onTestFinished(() => {
    for (const server of servers) server.close()
  })
  const trust = createSecureContext({ ca: site.ca.certificatePem })
  const target = { domain: ours, address: '127.2.0.1', port: peers }
  const admin = { address: '127.0.0.1', port: 0 }
  const arms: Arms = { target, admin, trust, identities, presentity: '', networks: [] }
  const links = await openLinks(arms, 4, 8)
  const [innocent] = await openLinks({ ...arms, identities: identities.slice(4) }, 1, 1)
  if (innocent === undefined) throw new Error('no link')
  onTestFinished(() => {
    for (const link of [...links, innocent]) link.close()
  })
  show(arms, innocent, 1)
  const [user] = site.users
  if (user === undefined) throw new Error('no user')
  const socket = await attach(clients, user.name, ours, user.keyPem, (type, _flags, id) => {
    if (type !== frame.request) return true
    socket.write(makeFrame(frame.response, 0, id, Buffer.from([0, 1, 0, 0])))
    const credit = Buffer.from([1, 0, 0, 0, 1, 0, 0, 4, 0])
    socket.write(makeFrame(frame.credit, 0, 0, credit))
    return true
  })
  onTestFinished(() => {
    socket.destroy()
  })
  return new Stage(gateway, arms, links, innocent, `${user.name}@${ours}`)
}

/** A request that is refused: it names a credential that nobody showed. */
const shortest = requestPayload(commands.message.number, nothing, nothing)
shortest.writeUInt32BE(1, 2)

/** What is written on each link while the process stands still, and what is written again and again after that. */
type Flood = {
  readonly name: string
  readonly fill: (stage: Stage, link: HostileLink) => undefined
  readonly again?: (link: HostileLink) => undefined
}

const nothingGiven = makeFrame(frame.credit, 0, 0, Buffer.from([1, 0, 0, 0, 0, 0, 0, 0, 0]))
/** Nearly as many frames without effect as may come at once. */
const idle = 4000

const floods: readonly Flood[] = [
  {
    name: 'the shortest requests that are refused',
    fill: (_, link) => {
      pour(link, shortest)
    },
    again: (link) => {
      pour(link, shortest)
    },
  },
  {
    name: 'good credentials of ever new users',
    fill: ({ arms }, link) => {
      for (let user = 1; user <= 100; user++) show(arms, link, user)
    },
    again: (link) => {
      pour(link, shortest)
    },
  },
  {
    name: 'CREDIT of nothing',
    fill: (_, link) => {
      link.socket.write(Buffer.concat(Array.from({ length: idle }, () => nothingGiven)))
    },
  },
  {
    name: 'pieces of a body that is passed over',
    fill: (_, link) => {
      const length = encodeFields([[fields.bodyLength.tag, 2_000_000]])
      for (const trafficClass of classes) {
        const head = requestPayload(commands.message.number, length, nothing)
        link.burst(trafficClass, head, 1, flag.more)
        const [piece, count] = [Buffer.alloc(256), idle / 4]
        const one = makeFrame(frame.chunk, flag.more, 1 + 2 * link.sent, piece)
        link.spend(trafficClass, 0, piece.length * count)
        link.socket.write(Buffer.concat(Array.from({ length: count }, () => one)))
      }
    },
  },
]

describe('thirty-two links with full sockets of', () => {
  test.for(floods)(
    '$name hold no turn over 50 ms, and others are answered',
    {
      timeout: 60_000,
    },
    async ({ fill, again }) => {
      const stage = await openStage()
      const { gateway, links } = stage
      for (let n = 0; n < 20; n++) await stage.say()
      await stage.longestTurn()
      gateway.signal('SIGSTOP')
      for (const link of links) fill(stage, link)
      // What was written is in the sockets before anything of it is read.
      await sleepMs(200)
      gateway.signal('SIGCONT')
      const waits: number[] = []
      for (const end = performance.now() + floodMs; performance.now() < end; ) {
        for (const link of links) again?.(link)
        waits.push(await stage.say())
        await sleepMs(20)
      }
      const longest = await stage.longestTurn()
      const figures = JSON.stringify({ longest, waits: waits.map(Math.round) })
      expect(stage.isAnswered, figures).toBe(true)
      expect(
        links.map(({ isOpen }) => isOpen),
        figures,
      ).not.toContain(false)
      expect(longest, figures).toBeLessThan(turnMs)
      expect(Math.max(...waits), figures).toBeLessThan(1000)
    },
  )
})
