/** What many watchers cost is paid by their domain, and nobody waits behind them. */
import { describe, expect, test } from 'vitest'
import type { Address } from '../../../src/address/address.ts'
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

const many = 5000
const bea = address('bea@a.example')
const known = address('ken@known.example')
const hostile = (n: number): Address => address(`eve${n % 50}@hostile.example`)

/** Alice, whom many of one domain watch, and bea, whom a known peer watches. */
async function makeCrowd() {
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
    expect(theirs / its).toBeCloseTo(many)
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
    expect(sent).toHaveLength(many + 2)
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
    expect(told).toHaveLength(many)
    expect(new Set(told)).toEqual(new Set([toldTo(known.text).at(-1)]))
  })
})
