import { describe, expect, test } from 'vitest'
import type { Service } from '../../../src/address/address.ts'
import type { Domain } from '../../../src/address/domain.ts'
import { GatewayError, type Status } from '../../../src/errors.ts'
import type { Limits } from '../../../src/limits.ts'
import type { Outgoing } from '../../../src/link/outgoing.ts'
import type { JournalEvent } from '../../../src/operation/journal.ts'
import { ownRequest } from '../../../src/peer/own-requests.ts'
import { Pool } from '../../../src/peer/pool.ts'
import type { Session } from '../../../src/peer/session.ts'
import { domain } from '../../support/middle/calls.ts'
import { roomEnv, settle } from '../../support/middle/env.ts'
import { openProven, type SessionWish, type TestSession } from '../../support/middle/sessions.ts'

const [local, remote] = [domain('b.example'), domain('a.example')]

type Dial = {
  readonly what: string
  readonly connect: (session: Session) => void
  readonly fail: (code: Status) => void
}

function makePool(limits: Partial<Limits> = {}) {
  const env = roomEnv(limits)
  const dials: Dial[] = []
  const events: JournalEvent[] = []
  const journal = {
    note: (event: JournalEvent): undefined => {
      events.push(event)
    },
  }
  const pool = new Pool(env, journal, (from, to, service) => {
    const { promise, resolve, reject } = Promise.withResolvers<Session>()
    const fail = (code: Status): void => reject(new GatewayError(code, `no way: ${code}`))
    dials.push({ what: `${from} ${to} ${service}`, connect: resolve, fail })
    return promise
  })
  const told: string[] = []
  const request = (name: string, user: string): Outgoing => ({
    ...ownRequest(
      'renew',
      Buffer.alloc(0),
      () => undefined,
      (code, sent) => {
        told.push(`${name} ${code} ${sent}`)
      },
    ),
    user,
  })
  /** A request that says by which session it goes. */
  const send = (name: string, service: Service = 'im', to: Domain = remote, user = ''): undefined =>
    pool.send(local, to, service, request(name, user), (session) => {
      told.push(`${name} by ${session.pairs[Symbol.iterator]().next().value?.remote ?? 'nobody'}`)
    })
  const open = (wish: SessionWish & { services?: readonly Service[] } = {}) => openProven(env, wish)
  const list = ({ session }: TestSession, services: readonly Service[] = ['im', 'pres']) =>
    pool.list(session, local, remote, services)
  const state = (service: Service = 'im') => {
    for (const one of pool.states()) if (one.service === service) return one
    return undefined
  }
  /** The dial that was begun last fails; the pool has heard of it. */
  const fail = async (code: Status = 'remote-unreachable'): Promise<void> => {
    dials.at(-1)?.fail(code)
    await settle()
  }
  return { env, pool, dials, events, told, send, open, list, state, fail, request }
}

describe('a link that is there', () => {
  test('is found for the pair and the services that its far side offers', async () => {
    const { pool, open, list, dials } = makePool()
    const opened = await open()
    list(opened, ['im'])
    expect(pool.find(local, remote, 'im')).toBe(opened.session)
    expect(pool.find(local, remote, 'pres')).toBe(undefined)
    expect(pool.find(remote, local, 'im')).toBe(undefined)
    expect(dials).toEqual([])
  })

  test('takes a request at once', async () => {
    const { send, open, list, told, dials } = makePool()
    list(await open())
    send('one')
    expect([told, dials]).toEqual([['one by a.example'], []])
  })

  test('that lets go is not found any more', async () => {
    const { pool, open, list, state } = makePool()
    const opened = await open()
    list(opened)
    opened.session.link.release('idle-release')
    expect([pool.find(local, remote, 'im'), state()?.links]).toEqual([undefined, 0])
    list(opened)
    expect(state()?.links).toBe(0)
  })

  test('is listed once, however often it is told', async () => {
    const { open, list, state } = makePool()
    const opened = await open()
    list(opened)
    list(opened)
    expect(state()?.links).toBe(1)
  })
})

describe('where there is no link', () => {
  test('one is dialled, once for all who wait for it, who go in their order', async () => {
    const { send, dials, open, told, pool, state } = makePool()
    send('one')
    send('two')
    expect(dials.map(({ what }) => what)).toEqual(['b.example a.example im'])
    expect([state()?.state, pool.waiting('im').count, pool.waiting('pres').count]).toEqual([
      'connecting',
      2,
      0,
    ])
    const { session } = await open({ dialled: {} })
    dials[0]?.connect(session)
    await settle()
    expect(told).toEqual(['one by a.example', 'two by a.example'])
    expect([state()?.state, pool.waiting('im').count]).toEqual(['running', 0])
  })

  test('each service has a dial of its own', () => {
    const { send, dials } = makePool()
    send('one')
    send('two', 'pres')
    expect(dials.map(({ what }) => what)).toEqual([
      'b.example a.example im',
      'b.example a.example pres',
    ])
  })

  test('one that comes by itself takes what waits', async () => {
    const { env, send, open, list, told, fail, events, state } = makePool()
    send('one')
    list(await open())
    expect(told).toEqual(['one by a.example'])
    await fail()
    expect([told.length, events.length, env.lines]).toEqual([1, 1, []])
    expect(state()).toMatchObject({ state: 'running', code: undefined, retryAfterMs: 0 })
  })

  test('a dial whose far side proved nothing leaves nobody waiting', async () => {
    const { env, send, dials, told } = makePool()
    send('one')
    const unproven = (await openProven(env, { dialled: {}, remote: 'z.example' })).session
    dials[0]?.connect(unproven)
    await settle()
    expect(told).toEqual(['one remote-unreachable false'])
  })

  test('so many may wait and no more', () => {
    const { send, told, env } = makePool({ windowRequests: 2 })
    for (const name of ['one', 'two', 'three']) send(name)
    expect([told, env.hits('windowRequests')]).toEqual([['three busy false'], 1])
  })

  test('one user leaves room for others', () => {
    const { send, told } = makePool({ windowRequests: 80 })
    for (let n = 0; n < 60; n++) send(`${n}`, 'im', remote, 'alice')
    expect(told.length).toBe(20)
    for (let n = 0; n < 10; n++) send(`${n}`, 'im', remote, `user ${n}`)
    expect(told.length).toBe(20)
  })

  test('[LINK-6.5-6] nobody waits longer than a request may take', async () => {
    const { env, pool, send, told } = makePool()
    send('one')
    await env.clock.advance(20_000)
    send('two')
    await env.clock.advance(9999)
    pool.sweep(env.clock.now())
    expect(told).toEqual([])
    await env.clock.advance(1)
    pool.sweep(env.clock.now())
    expect([told, pool.waiting('im').count]).toEqual([['one remote-timeout false'], 1])
  })

  test('who waits longest is known', async () => {
    const { send, pool, env } = makePool()
    send('one')
    await env.clock.advance(700)
    send('two')
    expect(pool.waiting('im')).toEqual({ count: 2, since: 0 })
    expect(pool.waiting('pres')).toEqual({ count: 0, since: undefined })
  })

  test('one that is wanted is dialled, and nobody waits for it', () => {
    const { pool, dials } = makePool()
    pool.want(local, remote, 'pres')
    pool.want(local, remote, 'pres')
    expect([dials.map(({ what }) => what), pool.waiting('pres').count]).toEqual([
      ['b.example a.example pres'],
      0,
    ])
  })
})

describe('[LINK-9.3-1] a dial that fails', () => {
  test('is told to all who wait, to the log and to the journal', async () => {
    const { send, fail, told, env, events, state } = makePool()
    send('one')
    send('two')
    await fail('dns-failed')
    expect(told).toEqual(['one dns-failed false', 'two dns-failed false'])
    expect(env.lines).toMatchObject([
      { event: 'peer.unreachable', local, remote, service: 'im', cause: 'dns-failed', failures: 1 },
    ])
    expect(events).toMatchObject([
      { kind: 'dial', direction: 'out', local, remote, service: 'im', cause: 'dns-failed' },
    ])
    expect(state()).toMatchObject({ state: 'backing-off', code: 'dns-failed', links: 0 })
  })

  test('rests twice as long each time, up to a cap, with some chance in it', async () => {
    const { pool, fail, env } = makePool({ redialMs: 100, redialCapMs: 800 })
    for (const ms of [100, 200, 400, 800, 800]) {
      pool.want(local, remote, 'im')
      await fail()
      const wait = pool.retryAfterMs(local, remote, 'im')
      expect(wait).toBeGreaterThanOrEqual(ms * 0.8)
      expect(wait).toBeLessThanOrEqual(ms * 1.4 + 1)
      await env.clock.advance(wait)
    }
  })

  test('is waited for if the rest is short, and told at once if it is long', async () => {
    const { send, fail, told, dials, pool, env } = makePool({ redialMs: 1000, restWaitMs: 1000 })
    send('one')
    await fail()
    const rest = pool.retryAfterMs(local, remote, 'im')
    expect(rest).toBeGreaterThan(1000)
    send('two')
    expect(told.at(-1)).toBe('two remote-unreachable false')
    await env.clock.advance(rest - 500)
    send('three')
    expect([told.length, dials.length]).toEqual([2, 1])
    await env.clock.advance(500)
    expect(dials).toHaveLength(2)
  })

  test('is begun anew at once when the operator wants it, and rests no longer than at first', async () => {
    const { send, fail, dials, pool, told, env } = makePool({ redialMs: 1000, redialCapMs: 60_000 })
    send('one')
    for (let i = 0; i < 6; i++) {
      await fail()
      await env.clock.advance(pool.retryAfterMs(local, remote, 'im'))
      send('next')
    }
    await fail()
    const other = domain('c.example')
    expect([pool.tryAgain(other), pool.tryAgain(remote), pool.tryAgain(undefined)]).toEqual([
      0, 1, 0,
    ])
    expect(pool.retryAfterMs(local, remote, 'im')).toBe(0)
    const before = dials.length
    send('two')
    expect(dials).toHaveLength(before + 1)
    await fail()
    expect(told.at(-1)).toBe('two remote-unreachable false')
    expect(pool.retryAfterMs(local, remote, 'im')).toBeLessThan(1500)
  })

  test('is begun once for what waits for it, when the operator wants it', async () => {
    const { send, fail, dials, pool, env } = makePool({ redialMs: 1000, restWaitMs: 2000 })
    send('one')
    await fail()
    send('two')
    expect(dials).toHaveLength(1)
    expect(pool.tryAgain(undefined)).toBe(1)
    expect(dials).toHaveLength(2)
    await env.clock.advance(5000)
    expect(dials).toHaveLength(2)
  })

  test('is not begun anew while it rests, for what only wants a link', async () => {
    const { pool, fail, dials, env } = makePool()
    pool.want(local, remote, 'im')
    await fail()
    pool.want(local, remote, 'im')
    expect(dials).toHaveLength(1)
    await env.clock.advance(pool.retryAfterMs(local, remote, 'im'))
    pool.want(local, remote, 'im')
    expect(dials).toHaveLength(2)
  })

  test('of a domain that was lost lately rests shortly, and longer the longer it is away', async () => {
    const limits = { redialMs: 1000, redialCapMs: 64_000, redialLostCapMs: 1000 }
    const { pool, open, list, fail, env } = makePool(limits)
    const opened = await open()
    list(opened)
    opened.session.link.break('link-lost', 'cut')
    pool.unlist(opened.session)
    const lostAt = env.clock.now()
    const waits: number[] = []
    for (let n = 0; n < 60; n++) {
      pool.want(local, remote, 'im')
      await fail()
      const cap = Math.min(64_000, Math.max(1000, (env.clock.now() - lostAt) / 10))
      const wait = pool.retryAfterMs(local, remote, 'im')
      expect(wait).toBeLessThanOrEqual(cap * 1.4 + 1)
      if (n > 10) expect(wait).toBeGreaterThanOrEqual(cap * 0.8)
      waits.push(wait)
      await env.clock.advance(wait)
    }
    // Half a minute in: a restart is found in seconds. An hour in: a minute.
    expect([Math.max(...waits.slice(0, 8)) < 1500, Math.max(...waits) > 45_000]).toEqual([
      true,
      true,
    ])
  })

  test('says nothing any more once a link is there, once ours is accepted, or the domain was heard of', async () => {
    const { pool, open, list, fail, state } = makePool()
    pool.want(local, remote, 'im')
    await fail()
    pool.wake(local, remote)
    expect(state()).toMatchObject({ state: 'idle', retryAfterMs: 0, code: 'remote-unreachable' })
    pool.works(local, remote)
    expect(state()?.code).toBe(undefined)
    pool.want(local, remote, 'im')
    await fail()
    list(await open())
    expect(state()).toMatchObject({ state: 'running', code: undefined, links: 1 })
  })
})

describe('[LINK-5.4-9] a claim of ours that is refused', () => {
  test('takes the link away from the pair, and rests as a dial that failed', async () => {
    const { pool, open, list, state, send, told } = makePool()
    const opened = await open({ dialled: {} })
    list(opened)
    pool.withdraw(opened.session, local, remote, 'credential-key')
    expect(pool.find(local, remote, 'im')).toBe(undefined)
    expect(state()).toMatchObject({ state: 'backing-off', code: 'credential-key' })
    pool.withdraw(opened.session, local, remote, 'credential-key')
    send('one')
    expect(told).toEqual([])
  })
})

describe('[LINK-8.2-6] a far side that wants to be left alone', () => {
  test('is not dialled before, and nobody is told longer than that', async () => {
    const { env, pool, open, list, send, told, dials } = makePool({ restWaitMs: 10 })
    const opened = await open()
    list(opened)
    const [restMs, lastTaken] = [5000, 0]
    const payload = Buffer.alloc(10)
    payload.writeUInt16BE(0x0109)
    payload.writeUInt32BE(restMs, 2)
    payload.writeUInt32BE(lastTaken, 6)
    opened.far.write(8, 0, 0, payload)
    await env.clock.advance(0)
    pool.unlist(opened.session)
    send('one')
    pool.want(local, remote, 'im')
    expect([told, dials]).toEqual([['one remote-unreachable false'], []])
    const wait = pool.retryAfterMs(local, remote, 'im')
    expect(wait).toBeGreaterThanOrEqual(restMs - 1)
    expect(wait).toBeLessThanOrEqual(restMs * 1.2 + 1)
    expect([pool.tryAgain(undefined), pool.retryAfterMs(local, remote, 'im')]).toEqual([0, wait])
  })
})

describe('[LINK-9.2-1] two links that were dialled at once', () => {
  test('the one of the lower name stays; its dialler lets go of the other', async () => {
    const { pool, open, list } = makePool()
    // We are b.example: the link of a.example is the one that stays.
    const [theirs, ours] = [await open(), await open({ dialled: {} })]
    list(ours)
    list(theirs)
    expect(pool.find(local, remote, 'im')).toBe(theirs.session)
    expect([ours.session.link.isUsable, theirs.session.link.isUsable]).toEqual([false, true])
  })

  test('ours goes on where the other one serves less', async () => {
    const { pool, open, list } = makePool()
    const theirs = await open({ services: ['pres'] })
    const ours = await open({ dialled: { service: 'im' } })
    list(theirs, ['pres'])
    list(ours)
    expect(pool.find(local, remote, 'im')).toBe(ours.session)
    expect(ours.session.link.isUsable).toBe(true)
  })
})

describe('once this gateway stops', () => {
  test('nothing is dialled, and what waits is told', async () => {
    const { pool, send, told, dials, env, events, fail } = makePool()
    send('one')
    pool.stop()
    expect(told).toEqual(['one link-stopped false'])
    send('two')
    pool.want(local, domain('z.example'), 'im')
    expect([told[1], dials.length]).toEqual(['two link-stopped false', 1])
    await fail('link-stopped')
    expect([env.lines, events]).toEqual([[], []])
  })

  test('a dial that was to begin later begins never', async () => {
    const { pool, send, fail, dials, env } = makePool()
    send('one')
    await fail()
    send('two')
    pool.stop()
    await env.clock.advance(60_000)
    expect([dials.length, env.clock.pending]).toEqual([1, 0])
  })
})

describe('so many destinations and no more', () => {
  test('one that nothing depends on makes room', async () => {
    const { pool, send, fail, told, dials, env } = makePool({ peers: 1 })
    send('one')
    send('two', 'im', domain('c.example'))
    send('three', 'pres', domain('c.example'))
    expect(told).toEqual(['three busy false'])
    await fail()
    send('three', 'im', domain('d.example'))
    expect(dials.map(({ what }) => what).at(-1)).toBe('b.example d.example im')
    expect(env.hits('peers')).toBe(1)
    expect([...pool.states()].map(({ remote: name }) => name)).toEqual(['a.example', 'd.example'])
  })

  test('one that only came to us makes room for one that we have to reach', async () => {
    const { pool, open, list, send, dials } = makePool({ peers: 1 })
    list(await open())
    send('one', 'im', domain('c.example'))
    expect(dials.map(({ what }) => what)).toEqual(['b.example c.example im'])
    expect([...pool.states()].map(({ remote: name }) => name)).toEqual(['c.example'])
  })
})

describe('what stays of a destination', () => {
  const names = ({ pool }: ReturnType<typeof makePool>) =>
    [...pool.states()].map(({ remote: name }) => name)
  const sweepAfter = async ({ env, pool }: ReturnType<typeof makePool>, ms: number) => {
    await env.clock.advance(ms)
    pool.sweep(env.clock.now())
  }

  test('to which there never was a link is nothing, some minutes after the last attempt', async () => {
    const made = makePool({ destinationMs: 600_000 })
    made.send('one', 'im', domain('mistyped.example'))
    await made.fail('remote-not-found')
    await sweepAfter(made, 500_000)
    expect(names(made)).toEqual(['mistyped.example'])
    made.send('two', 'im', domain('mistyped.example'))
    await made.fail('remote-not-found')
    await sweepAfter(made, 500_000)
    expect(names(made)).toEqual(['mistyped.example'])
    await sweepAfter(made, 200_000)
    expect(names(made)).toEqual([])
  })

  test('that was linked is that it fails, until there is a link again', async () => {
    const made = makePool({ destinationMs: 600_000 })
    const { pool, open, list, send, fail } = made
    const first = await open()
    list(first)
    expect([pool.isUp(remote), pool.isFailing(remote)]).toEqual([true, false])
    pool.unlist(first.session)
    expect([pool.isUp(remote), pool.isFailing(remote)]).toEqual([false, false])
    send('one')
    await fail()
    await sweepAfter(made, 3_600_000)
    expect([names(made), pool.isFailing(remote)]).toEqual([[remote, remote], true])
    list(await open())
    expect([pool.isUp(remote), pool.isFailing(remote)]).toEqual([true, false])
  })
})
