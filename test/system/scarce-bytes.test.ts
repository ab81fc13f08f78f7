/**
 * Bytes that strangers hold of a real gateway with a small heap: bodies that want their second half, and answers that
 * nobody reads.
 */
import { randomBytes } from 'node:crypto'
import { createSecureContext } from 'node:tls'
import { expect, onTestFinished, test } from 'vitest'
import { encodePublish } from '../../src/command/publish.ts'
import { createLeaf } from '../../src/config/certificates.ts'
import { type Status, statusNumber } from '../../src/errors.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { encodeFields } from '../../src/wire/fields.ts'
import {
  classShift,
  commands,
  fields,
  flag,
  frame,
  type TrafficClass,
  trafficClass,
} from '../../src/wire/registry.ts'
import { makeSite } from '../bench/gateway-site.ts'
import { attach, makeFrame, requestPayload } from '../bench/gateway-user.ts'
import { type Arms, meet, openLinks, show } from '../bench/hostile-arms.ts'
import { type HostileLink, identityOf, serveKeys } from '../bench/hostile-peer.ts'
import { rssMiB } from '../bench/measure.ts'
import { main, start } from '../support/gatehouse.ts'
import { ports } from '../support/sites.ts'

const heapMiB = 256
const local = 'b.example'
const nothing = Buffer.alloc(0)
const bodyBytes = 60_000
const { im, pres } = trafficClass
/** Counts are not what this is about. */
const limits = {
  ...{ peerBurst: 100_000, senderBurst: 100_000, laneBurst: 100_000, windowRequests: 4096 },
}
const patience = { timeout: 20_000 }

type Stand = Awaited<ReturnType<typeof stand>>

/** A gateway of which one user has the longest presence there may be; attackers in four networks, a newcomer in another. */
async function stand() {
  const site = await makeSite(1)
  onTestFinished(() => site.remove())
  const [keysPort = 0] = await ports(1)
  const identities = Array.from({ length: 5 }, (_, n) =>
    identityOf(`d${n}.hostile.example`, `127.100.${n}.1`),
  )
  const places = identities.map(({ domain, address }) => [domain, [`${address}:${keysPort}`]])
  const routes = Object.fromEntries(places) as Readonly<Record<string, readonly string[]>>
  const config = await site.configure('b', {
    ...{ domains: [local], port: 0, dnsServer: undefined, pinned: {}, routes, limits },
  })
  const node = [process.execPath, `--max-old-space-size=${heapMiB}`, main] as const
  const gateway = start(['run', '--config', config], node)
  const started = await gateway.line(({ event }) => event === 'gateway.started')
  const portOf = (name: string): number => Number(String(started[name]).split(':').at(-1))
  const leaf = await createLeaf(site.ca, ['*.hostile.example'], {
    ...{ days: 2, wall: systemClock.wall },
  })
  await serveKeys(identities, keysPort, { cert: leaf.certificatePem, key: leaf.keyPem })
  const [user] = site.users
  const [newcomer, ...attackers] = identities
  if (user === undefined || newcomer === undefined) throw new Error('there is one of each')
  const client = await attach(portOf('clients'), user.name, local, user.keyPem, () => true)
  onTestFinished(() => {
    client.destroy()
  })
  client.write(makeFrame(frame.request, pres << classShift, 3, longPresence()))
  const arms: Arms = {
    target: { domain: local, address: '127.0.0.1', port: portOf('peers') },
    trust: createSecureContext({ ca: site.ca.certificatePem }),
    presentity: `${user.name}@${local}`,
    ...{ identities, networks: [], admin: { address: '', port: 0 } },
  }
  await meet(arms)
  const open = async (identities: Arms['identities'], each: number) => {
    const links = await openLinks({ ...arms, identities }, identities.length, each)
    for (const link of links) show(arms, link, 1)
    await expect.poll(() => count(links, 'ok')).toBe(links.length)
    return links
  }
  /** Bytes that are in the accounts of strangers. */
  const held = async (): Promise<number> => {
    const text = await (await fetch(`http://${started['admin']}/metrics`)).text()
    const [, value] = /share_used\{resource="bytes",class="strangers"\} (\d+)/.exec(text) ?? []
    return Number(value)
  }
  const to = encodeFields([[fields.to.tag, arms.presentity]])
  const question = requestPayload(commands.fetch.number, to, nothing)
  question.writeUInt32BE(1, 2)
  return { gateway, held, newcomer, attackers, open, question }
}

function longPresence(): Buffer {
  const document = JSON.stringify({ tuples: { t1: { basic: 'open', note: 'x'.repeat(8100) } } })
  const wish = { entityTag: randomBytes(16).toString('latin1'), ifMatch: undefined }
  const head = encodePublish({ ...wish, leaseSeconds: 3600 })
  return requestPayload(commands.publish.number, head, Buffer.from(document))
}

/** Half of a long message to nobody. */
function begin(link: HostileLink, of: TrafficClass): number {
  const lane = Buffer.alloc(8)
  lane.writeUInt32BE(link.sent + 1, 0)
  lane.writeUInt32BE(1, 4)
  const head = encodeFields([
    [fields.bodyLength.tag, bodyBytes],
    [fields.lane.tag, lane],
    [fields.to.tag, `nobody@${local}`],
    [fields.id.tag, randomBytes(16)],
  ])
  const payload = requestPayload(commands.message.number, head, nothing)
  payload.writeUInt32BE(1, 2)
  link.burst(of, payload, 1, flag.more)
  const id = 1 + 2 * link.sent
  pieces(link, id, [flag.more, flag.more, flag.more])
  return id
}

function pieces(link: HostileLink, id: number, flags: readonly number[]): undefined {
  const piece = Buffer.alloc(bodyBytes / 6)
  link.spend(im, 0, flags.length * piece.length)
  link.socket.write(Buffer.concat(flags.map((bits) => makeFrame(frame.chunk, bits, id, piece))))
}

/** The whole of it, once there is credit for it, and how long it takes then until the answer is here, in ms. */
async function say(link: HostileLink): Promise<number> {
  const before = count([link])
  await expect.poll(() => link.room(im, 2 * bodyBytes), patience).toBeGreaterThan(0)
  const sent = performance.now()
  pieces(link, begin(link, im), [flag.more, flag.more, 0])
  await expect.poll(() => count([link]), { ...patience, interval: 5 }).toBe(before + 1)
  return performance.now() - sent
}

/** Answers so far, or those of `status`. */
const count = (links: readonly HostileLink[], status?: Status): number =>
  links
    .flatMap(({ answers }) => [...answers])
    .filter(([number]) => status === undefined || number === statusNumber(status))
    .reduce((sum, [, times]) => sum + times, 0)

/** Two links of each attacker read none of the answers that they ask for, as many as make bytes scarce with the others. */
async function wave({ held, attackers, open, question }: Stand, room: number) {
  const links = await open(attackers, 16)
  const [slow, halves] = [links.slice(0, 8), links.slice(8)]
  for (const { socket } of slow) socket.pause()
  const ask = (times: number): undefined => {
    for (const link of slow)
      link.burst(pres, question, Math.min(times, link.room(pres, question.length)))
  }
  // The system takes some megabytes of each; who asks faster has no time left, and is answered in a few bytes.
  const askOn = () => held().finally(() => ask(25))
  await expect.poll(askOn, patience).toBeGreaterThan(room / 8)
  for (const link of halves) for (let n = 0; n < 32; n++) begin(link, n < 16 ? im : pres)
  await expect.poll(() => count(halves, 'busy'), patience).toBeGreaterThan(100)
  return { links, ask }
}

/** What it did counts for the memory of the process when its garbage is collected: that takes some work. */
async function work(innocent: HostileLink): Promise<undefined> {
  for (let n = 0; n < 300; n++) await say(innocent)
}

test('are busy to those who hold many of them, cost nobody else anything, and come back', {
  timeout: 120_000,
}, async () => {
  const place = await stand()
  const { gateway, held, newcomer, open } = place
  const lowered = gateway.lines.find(({ event }) => event === 'limits.lowered')
  expect(lowered?.['limit']).toBe('heldBytes')
  const room = Number(lowered?.['to'])
  expect(room).toBeLessThan((heapMiB / 2) * 2 ** 20)
  const [innocent] = await open([newcomer], 1)
  if (innocent === undefined) throw new Error('a link was opened')

  const first = await wave(place, room)
  const passed: number[] = []
  const isSlow = () => gateway.lines.some(({ cause }) => cause === 'slow-reader')
  // More answers cost them links, and a whole body finds room.
  while (passed.length < 10 || !isSlow()) {
    first.ask(10)
    passed.push(await say(innocent))
  }
  expect([count([innocent], 'refused'), count([innocent], 'busy')]).toEqual([passed.length, 0])
  expect(Math.max(...passed)).toBeLessThan(5000)
  for (const link of first.links) link.close()
  await expect.poll(held, patience).toBe(0)

  // The allocator of C keeps some of what it gets back: what counts is that the next wave finds room in that.
  await work(innocent)
  const before = rssMiB(gateway.pid)
  const second = await wave(place, room)
  for (const link of second.links) link.close()
  await expect.poll(held, patience).toBe(0)
  await work(innocent)
  expect(rssMiB(gateway.pid)).toBeLessThan(1.2 * before)
})
