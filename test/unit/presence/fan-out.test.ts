/** What many watchers cost is paid by their domain, and nobody waits behind them. */
import { describe, expect, test } from 'vitest'
import type { Address } from '../../../src/address/address.ts'
import { wayOf } from '../../../src/presence/ways.ts'
import {
  address,
  alice,
  id,
  makeAuthority,
  makeSubscribe,
  minute,
  open,
  publish,
  second,
  via,
} from './support.ts'

const crowd = 5000
const bea = address('bea@a.example')
const known = address('ken@known.example')
const hostile = (n: number): Address => address(`eve${n % 50}@hostile.example`)

/** Alice, whom many of one domain watch, and bea, whom a known peer watches. */
async function makeCrowd(many = crowd) {
  const authority = makeAuthority({ notifyMs: 2000 }, 1, true)
  const { clock, shares, presentities, sent, subscriptions } = authority
  const subscribe = (name: string, watcher: Address, presentity: Address): undefined => {
    const wish = makeSubscribe(name, { watcher, presentity })
    expect(subscriptions.subscribe(wish, via, 'active').status).toBe('ok')
  }
  for (let n = 0; n < many; n++) subscribe(`h${n}`, hostile(n), alice)
  for (const presentity of [alice, bea]) subscribe(presentity.user, known, presentity)
  await clock.advance(minute)
  sent.length = 0
  const [one, other] = [shares.domain('hostile.example', ''), shares.domain('known.example', '')]
  let made = 0
  const change = (presentity: Address): undefined => {
    made++
    const wish = { entityTag: id(`t${made}`), document: open(`t${made}`) }
    expect(publish(presentities, presentity, wish).status).toBe('ok')
  }
  /** The loop is late, and the hostile domain has used it up. */
  const starve = async (): Promise<undefined> => {
    for (let n = 0; n < 5; n++) {
      shares.charge(one, 150)
      shares.charge(other, 2)
      clock.stall(160)
      await clock.advance(0)
    }
    expect([shares.isOver(one, 'time'), shares.isOver(other, 'time')]).toEqual([true, false])
    return undefined
  }
  const toldTo = (watcher: string): readonly string[] =>
    sent.filter((one) => one.watcher.endsWith(watcher)).map(({ document }) => document)
  return { ...authority, hostile: one, known: other, change, starve, toldTo }
}

describe('a change that many of one domain watch', () => {
  test('is paid by that domain, so much for each of them and for its bytes', async () => {
    const { clock, shares, hostile, known, change } = await makeCrowd()
    const before = [hostile, known].map((one) => shares.used(one, 'time'))
    change(alice)
    await clock.advance(0)
    const [theirs = 0, its = 0] = [hostile, known].map(
      (one, at) => shares.used(one, 'time') - (before[at] ?? 0),
    )
    expect(theirs / its).toBeCloseTo(crowd)
    expect(its).toBeGreaterThan(0.005)
    expect(shares.used(shares.tree.ours, 'time')).toBe(0)
  })

  test('is told to whoever else watches before the crowd is through', async () => {
    const { clock, sent, change, toldTo } = await makeCrowd()
    change(alice)
    change(bea)
    expect(sent.length).toBeLessThan(2000)
    // One more turn.
    while (sent.length < 3000) await clock.advance(0)
    const at = sent.findIndex(({ watcher }) => watcher === known.text)
    expect(at).toBeLessThan(1024)
    expect(toldTo(known.text)).toHaveLength(2)
    await clock.advance(second)
    expect(sent).toHaveLength(crowd + 2)
  })

  test('comes later to a domain that has too much of the time, once and with the last value', async () => {
    const { clock, change, starve, toldTo } = await makeCrowd()
    await starve()
    change(alice)
    change(bea)
    await clock.advance(100)
    expect([toldTo(known.text).length, toldTo('hostile.example').length]).toEqual([2, 0])
    change(alice)
    await clock.advance(100)
    await starve()
    change(alice)
    await clock.advance(minute)
    const told = toldTo('hostile.example')
    expect(told).toHaveLength(crowd)
    expect(new Set(told)).toEqual(new Set([toldTo(known.text).at(-1)]))
  })

  test('is looked at for so many of them in one turn, and told to each with its last value', async () => {
    const many = 20_000
    const { clock, change, meter, sent } = await makeCrowd(many)
    const late = () => meter.total('presence_updates_total', { action: 'coalesced' })
    change(alice)
    await clock.advance(0)
    expect(sent).toHaveLength(many + 1)
    change(alice)
    change(alice)
    expect(late()).toBeLessThan(many / 2)
    await clock.advance(0)
    expect([late(), sent.length]).toEqual([many + 1, many + 1])
    const [first] = sent
    sent.length = 0
    await clock.advance(minute)
    expect(new Set(sent.map(({ id: name, document }) => `${name} ${document}`)).size).toBe(many + 1)
    expect(new Set(sent.map(({ document }) => document)).size).toBe(1)
    expect(sent[0]?.document).not.toBe(first?.document)
  })

  test('is told to fewer of them in one turn where that takes long', async () => {
    const { clock, change, sent } = await makeCrowd()
    const push = sent.push.bind(sent)
    sent.push = (...ones) => {
      clock.stall(0.05)
      return push(...ones)
    }
    change(alice)
    let most = 0
    for (let before = 0; sent.length > before; ) {
      most = Math.max(most, sent.length - before)
      before = sent.length
      await clock.advance(0)
    }
    expect(most * 0.05).toBeLessThan(8)
    expect(sent).toHaveLength(crowd + 1)
  })

  test('of a domain that was away is looked at in parts when it is back', async () => {
    const many = 20_000
    const { clock, change, subscriptions, sent } = await makeCrowd(many)
    const [far, way] = [hostile(0).domain, wayOf(via, alice.domain)]
    subscriptions.pause(far, way)
    change(alice)
    await clock.advance(second)
    expect(sent).toHaveLength(1)
    subscriptions.resume(far, way)
    expect(sent.length).toBeLessThan(1024)
    await clock.advance(0)
    expect(sent).toHaveLength(many + 1)
  })
})
