import { describe, expect, test } from 'vitest'
import type { Domain } from '../../../src/address/domain.ts'
import { Moves } from '../../../src/peer/moves.ts'
import type { Session } from '../../../src/peer/session.ts'
import { roomEnv, settle } from '../../support/middle/env.ts'
import { openProven } from '../../support/middle/sessions.ts'

/** One link that was dialled; whether DNS names its place is up to the test. */
async function setUp(forKeys = false) {
  const env = roomEnv()
  const dns = { isNamed: true, asked: 0, ageMs: 0 }
  const isNamed = async (ageMs: number): Promise<boolean> => {
    dns.asked++
    dns.ageMs = ageMs
    return dns.isNamed
  }
  const wish = { dialled: { host: 'old.a.example', isNamed, forKeys } }
  const old = await openProven(env, wish)
  const next = await openProven(env, { dialled: { host: 'new.a.example' } })
  const all = new Set([old.session])
  const dials: string[] = []
  const answer = { fails: false }
  const dial = async (
    local: Domain,
    remote: Domain,
    service: string,
    _p: unknown,
    not?: Session,
  ) => {
    dials.push(`${local} ${remote} ${service}`)
    expect(not).toBe(old.session)
    if (answer.fails) throw new Error('no way')
    return next.session
  }
  const moves = new Moves(env, { dial })
  const stop = moves.follow(all)
  const advance = async (ms: number): Promise<void> => {
    await env.clock.advance(ms)
    await settle()
  }
  return { env, dns, old, dials, moves, stop, answer, advance }
}

describe('a link that this side dialled', () => {
  test('stays as long as DNS names its place, which is looked at again and again', async () => {
    const { env, dns, old, dials, advance } = await setUp()
    await advance(60_000)
    expect(dns.asked).toBeGreaterThanOrEqual(60_000 / env.limits.dnsFollowMs)
    expect(dns.asked).toBeLessThan(20)
    expect([dials, old.session.link.isUsable]).toEqual([[], true])
    expect(dns.ageMs).toBeGreaterThan(40_000)
  })

  test('is replaced once DNS names another place, and goes when its successor is there', async () => {
    const { env, dns, old, dials, advance } = await setUp()
    await advance(5000)
    dns.isNamed = false
    await advance(env.limits.dnsFollowMs)
    expect(dials).toEqual(['b.example a.example im'])
    expect(old.session.link.isUsable).toBe(false)
    await advance(60_000)
    expect(dials).toHaveLength(1)
    expect(old.ended()).toBe('age-release')
  })

  test('stays where the successor cannot be had, and that is not tried all the time', async () => {
    const { dns, old, dials, answer, advance } = await setUp()
    dns.isNamed = false
    answer.fails = true
    await advance(50_000)
    expect([dials.length, old.session.link.isUsable]).toEqual([1, true])
    answer.fails = false
    await advance(60_000)
    expect([dials.length, old.session.link.isUsable]).toEqual([2, false])
  })

  test('is looked at at once when what DNS said before counts no more', async () => {
    const { dns, moves, advance } = await setUp()
    await advance(1000)
    const { asked } = dns
    moves.again()
    await advance(1000)
    expect(dns.asked).toBe(asked + 1)
  })

  test('is not looked at if it only asks for keys, nor once this gateway has stopped', async () => {
    const keys = await setUp(true)
    await keys.advance(5000)
    expect(keys.dns.asked).toBe(0)
    const { dns, stop, advance } = await setUp()
    stop()
    await advance(30_000)
    expect(dns.asked).toBe(0)
  })
})
