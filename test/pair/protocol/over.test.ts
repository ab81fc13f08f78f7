/** A domain that floods us, and yet answers what our users ask: its answers, and its links. */
import { describe, expect, test } from 'vitest'
import * as wire from '../../support/script/codec.ts'
import type { ScriptedPeer } from '../../support/script/peer.ts'
import { framesTake } from '../../support/script/stopwatch.ts'
import { World } from '../../support/script/world.ts'

const { type, command } = wire

/** A window of 64 frames of 24 µs is one of 512 frames of 3 µs. */
const frameMs = 0.024
const windowRequests = 64
const rates = { laneBurst: 1000, senderBurst: 1000 }

/** Refused: it names a credential that nobody showed. */
const shortest = wire.requestPayload({ command: command.message, hops: 1, reference: 1 })

/** A link that sends as many requests as its credit allows, and answers behind them what it is asked. */
class Flooder {
  readonly peer: ScriptedPeer
  readonly #now: () => number
  readonly #credit = [16, 16, 16]
  #id: number
  /** When a message was answered, by its number. */
  readonly answeredAt: number[] = []
  /** How long each PING waited for its answer. */
  readonly pings: number[] = []
  #pingAt = Number.NEGATIVE_INFINITY
  #isPinged = false
  sent = 0

  constructor(peer: ScriptedPeer, now: () => number) {
    this.peer = peer
    this.#now = now
    this.#id = peer.nextId
    peer.grant(1, 10_000, 10_000_000)
  }

  /** Takes what came, and sends what it may. */
  turn(): undefined {
    const asked: wire.Frame[] = []
    for (const frame of this.peer.frames.splice(0)) {
      if (frame.type === type.credit) this.#granted(frame.payload)
      else if (frame.type === type.request) asked.push(frame)
      else if (frame.type === type.ping && (frame.flags & wire.ack) !== 0) {
        this.pings.push(this.#now() - this.#pingAt)
        this.#isPinged = false
      }
    }
    this.#flood()
    for (const { id, payload } of asked) {
      if (payload[0] === command.credential) this.peer.respond(id, 'ok')
      if (payload[0] !== command.message) continue
      this.peer.respond(id, 'delivered')
      this.answeredAt.push(this.#now())
    }
    if (this.#isPinged || this.#now() - this.#pingAt < 1000) return
    this.peer.write(type.ping, 0, 0, Buffer.alloc(8))
    this.#pingAt = this.#now()
    this.#isPinged = true
  }

  /** How long the gateway says nothing to a PING. */
  get silentMs(): number {
    return Math.max(this.#isPinged ? this.#now() - this.#pingAt : 0, ...this.pings)
  }

  #granted(payload: Buffer): undefined {
    const of = payload[0] as number
    this.#credit[of] = (this.#credit[of] as number) + payload.readUInt32BE(1)
  }

  #flood(): undefined {
    const frames: Buffer[] = []
    for (const [of, count] of this.#credit.entries()) {
      for (let n = 0; n < count; n++) {
        frames.push(wire.frame(type.request, of << 4, this.#id, shortest))
        this.#id += 2
      }
      this.sent += count
      this.#credit[of] = 0
    }
    if (frames.length > 0) this.peer.raw(Buffer.concat(frames))
  }
}

/** Bob, who writes to alice, whose domain floods by eight links. */
async function meet() {
  const world = new World({ limits: { windowRequests, ...rates } })
  const bob = await world.attached()
  const links: Flooder[] = []
  for (let n = 0; n < 8; n++) {
    links.push(new Flooder(await world.provenPeer(), () => world.clock.now()))
  }
  const { shares } = world.gateway
  const account = shares.domain('a.example', '')
  let isOver = false
  let asked = 0
  const waits: number[] = []
  /** So many ms, in which bob writes every 50 ms. */
  const run = async (ms: number): Promise<undefined> => {
    for (let end = world.clock.now() + ms, next = 0; world.clock.now() < end; ) {
      if (world.clock.now() >= next) {
        next = world.clock.now() + 50
        // The host is busy, too, so that time is scarce.
        world.clock.stall(14)
        bob.message({ reference: 0, to: 'alice@a.example', sequence: ++asked })
      }
      for (const link of links) link.turn()
      await world.run(1)
      isOver ||= shares.isOver(account, 'time')
      const now = world.clock.now()
      const answeredAt = links.flatMap((link) => link.answeredAt)
      // The first answer is that to its proof.
      for (let n = waits.length; n < bob.answers.length - 1; n++) {
        waits.push(now - (answeredAt[n] as number))
      }
    }
  }
  return { world, links, account, run, waits, isOver: () => isOver, asked: () => asked }
}

describe('a known domain that floods by eight links', () => {
  test('has its answers passed on within 100 ms, and its links are never silent', async () => {
    const { world, links, run, waits, isOver, asked } = await meet()
    framesTake(world, frameMs)
    await run(4000)
    expect(isOver()).toBe(true)
    expect(waits.length).toBeGreaterThan(asked() - 3)
    expect(Math.max(...waits)).toBeLessThan(100)
    expect(Math.max(...links.map(({ silentMs }) => silentMs))).toBeLessThan(1000)
  })

  test('has them within 100 ms beside a hundred strangers who do the same', async () => {
    const { world, links, run, waits, asked } = await meet()
    const nothing = wire.frame(type.credit, 0, 0, Buffer.alloc(9))
    const flood = Buffer.concat(Array.from({ length: 4000 }, () => nothing))
    for (let n = 0; n < 100; n++) {
      const stranger = world.dialIn('gateway', `s${n}.example`, false, `203.0.${n}.1:40000`)
      stranger.sayHello()
      stranger.raw(flood)
    }
    framesTake(world, frameMs)
    await run(4000)
    expect(world.gateway.shares.turns.links).toBeGreaterThan(50)
    expect(waits.length).toBeGreaterThan(asked() - 3)
    expect(Math.max(...waits)).toBeLessThan(100)
    expect(Math.max(...links.map(({ silentMs }) => silentMs))).toBeLessThan(1000)
  })
})
