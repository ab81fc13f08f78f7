/** Messages while the directory is quick, slow and out of order at random: the same run for the same seed. */
import { describe, expect, test } from 'vitest'
import type { Address } from '../../src/address/address.ts'
import { isTemporary, type Status } from '../../src/errors.ts'
import { linkStand, loopbackStand, type OpenStand, type Stand } from '../support/directory-stand.ts'
import { dose } from '../support/dose.ts'
import { alice, anna, bob, carol } from '../support/operations.ts'
import { seededRandom } from '../support/seeded-random.ts'

/** Nobody asks for too much, and entries are believed for a short time only. */
const limits = {
  ...{ laneBurst: 10_000, lanePerSecond: 10_000, senderBurst: 10_000, senderPerSecond: 10_000 },
  ...{ peerBurst: 10_000, peerPerSecond: 10_000, ownerMs: 300 },
}

/** A sender with go-back-N, as the hop of another gateway: what failed for a time comes again, in its order. */
class Sender {
  readonly name: string
  readonly #stand: Stand
  readonly #from: Address
  readonly #to: Address
  #sent: { readonly number: number; readonly told: readonly string[] }[] = []
  #again: number[] = []
  #isFailing = false
  #epoch = 1
  #sequence = 0
  count = 0

  constructor(stand: Stand, from: Address, to: Address) {
    this.name = `${from.user}-${to.user}`
    this.#stand = stand
    this.#from = from
    this.#to = to
  }

  /** Sends what has to come again, or with `isNew` else one more. */
  send(isNew: boolean): undefined {
    if (this.#isFailing || this.#sent.length >= 10 || (this.#again.length === 0 && !isNew)) return
    const number = this.#again.shift() ?? this.count++
    const place = { epoch: this.#epoch, sequence: ++this.#sequence, settled: 0 }
    const body = `${this.name}-${number}`
    const told = this.#stand.send({ body, from: this.#from, to: this.#to, place })
    this.#sent.push({ number, told })
  }

  look(): undefined {
    const ended = this.#sent.filter(({ told }) => told.length > 0)
    this.#sent = this.#sent.filter(({ told }) => told.length === 0)
    for (const { number, told } of ended) {
      expect(told).toHaveLength(1)
      if (!isTemporary(told[0] as Status)) continue
      this.#isFailing = true
      this.#again.push(number)
    }
    if (!this.#isFailing || this.#sent.length > 0) return
    this.#isFailing = false
    this.#again.sort((a, b) => a - b)
    this.#epoch++
    this.#sequence = 0
  }
}

const stands: readonly (readonly [string, OpenStand])[] = [
  ['links', linkStand],
  ['loopback', loopbackStand],
]

describe.each(stands)('by %s', (_, open) => {
  test.for([1, 2, 3].slice(0, dose(3, 1)))(
    'gate: nothing is lost, shown twice or overtaken, whatever the directory does: %i',
    async (seed) => {
      const stand = await open(limits)
      const random = seededRandom(seed)
      const below = (count: number): number => Math.floor(random.number() * count)
      const guests = [stand.attach(bob), stand.attach(carol)]
      await stand.run(1000)
      const senders = [alice, anna].flatMap((from) =>
        [bob, carol].map((to) => new Sender(stand, from, to)),
      )
      for (let n = 0; n < 300; n++) {
        const act = below(10)
        if (act < 7) senders[below(senders.length)]?.send(true)
        else if (act === 7) stand.directory.delayMs = below(200)
        else if (act === 8) stand.directory.isFailing = below(2) === 0
        if (below(3) === 0) await stand.run(below(40))
        for (const sender of senders) sender.look()
      }
      stand.directory.isFailing = false
      for (let n = 0; n < 30; n++) {
        for (let times = 0; times < 10; times++) for (const sender of senders) sender.send(false)
        await stand.run(500)
        for (const sender of senders) sender.look()
      }
      const shown = guests.flatMap(({ messages }) => messages.map((line) => line.split(' ')[1]))
      for (const { name, count } of senders) {
        const own = shown.filter((body) => body?.startsWith(`${name}-`))
        expect(own).toEqual(Array.from({ length: count }, (_, i) => `${name}-${i}`))
      }
    },
  )
})
