import { describe, expect, test } from 'vitest'
import { GatewayError, type Status } from '../../../src/errors.ts'
import type { Channel } from '../../../src/link/channel.ts'
import { type Connected, Dialler } from '../../../src/peer/dialler.ts'
import type { Proof } from '../../../src/peer/pair.ts'
import type { Session } from '../../../src/peer/session.ts'
import { domain } from '../../support/middle/calls.ts'
import { roomEnv, settle } from '../../support/middle/env.ts'
import {
  openProven,
  openSession,
  proveBy,
  type SessionWish,
} from '../../support/middle/sessions.ts'
import { roomShares } from '../../support/room-shares.ts'

const [local, other, remote] = ['b.example', 'b2.example', 'a.example'].map(domain) as [
  ReturnType<typeof domain>,
  ReturnType<typeof domain>,
  ReturnType<typeof domain>,
]

const open = new AbortController().signal
const payer = roomShares().tree.user('alice@b.example')

function makeDialler() {
  const env = roomEnv()
  const all = new Set<Session>()
  const told: string[] = []
  const dials: { found: (wish?: SessionWish) => Connected; fail: (code: Status) => void }[] = []
  const destroyed: string[] = []
  const adding = new Map<Channel, ReturnType<typeof openSession>>()
  const dialler = new Dialler(
    (to, service, signal, who) => {
      told.push(`connect ${to} ${service}`)
      expect(who).toBe(payer)
      const { promise, resolve, reject } = Promise.withResolvers<Connected>()
      const stop = (): void => reject(new Error('called off'))
      signal.addEventListener('abort', stop)
      dials.push({
        found: (wish = {}) => {
          const opened = openSession(env, { remote: to, dialled: { service }, ...wish })
          const { channel } = opened.session.link
          adding.set(channel, opened)
          const destroy = (): undefined => {
            destroyed.push(`${to}`)
          }
          const connected: Connected = {
            ...{ channel: Object.assign(channel, { destroy }), host: `gate.${to}`, port: 5279 },
            needsKnownKey: wish.dialled?.needsKnownKey === true,
          }
          resolve(connected)
          return connected
        },
        fail: (code) => reject(new GatewayError(code, 'no way')),
      })
      return promise
    },
    {
      all,
      add: (channel) => {
        const session = (adding.get(channel) as ReturnType<typeof openSession>).session
        session.link.start = () => undefined
        all.add(session)
        return session
      },
    },
    {
      claim: (_session, from, to) => {
        told.push(`claim ${from} ${to}`)
      },
    },
    {
      proven: (session, { local: from, remote: to, kinds }: Proof) => {
        told.push(`proven ${from} ${to} ${[...kinds]}`)
        proveBy(session, from, to, [...kinds])
      },
    },
  )
  return { env, all, told, dials, destroyed, dialler }
}

describe('a link that this side opens', () => {
  test('[LINK-5.4-2] is proven by the certificate of its far end, and claimed', async () => {
    const { dialler, dials, told, all } = makeDialler()
    const dialling = dialler.dial(local, remote, 'im', payer)
    dials[0]?.found()
    const session = await dialling
    expect(told).toEqual([
      'connect a.example im',
      'claim b.example a.example',
      'proven b.example a.example certificate',
    ])
    expect([all.has(session), session.dialled?.service]).toEqual([true, 'im'])
  })

  test('waits for a key, where the certificate does not say who it is', async () => {
    const { dialler, dials, told, all } = makeDialler()
    const dialling = dialler.dial(local, remote, 'im', payer)
    dials[0]?.found({ certified: ['z.example'] })
    await settle()
    expect(told.some((line) => line.startsWith('proven'))).toBe(false)
    const [session] = all as Set<Session>
    dialler.proven(session as Session)
    expect(await dialling).toBe(session)
  })

  test('waits for a key that was known, on a host that was found by fallback', async () => {
    const { dialler, dials, told, all } = makeDialler()
    const dialling = dialler.dial(local, remote, 'im', payer)
    dials[0]?.found({ dialled: { needsKnownKey: true } })
    await settle()
    expect(told.some((line) => line.startsWith('proven'))).toBe(false)
    dialler.proven([...all][0] as Session)
    await dialling
  })

  test.each([
    ['link-lost', 'remote-unreachable'],
    ['domain-not-proven', 'remote-untrusted'],
  ] as const)('that ends unproven (%s) fails as %s', async (reason, code) => {
    const { dialler, dials, all } = makeDialler()
    const dialling = dialler.dial(local, remote, 'im', payer)
    dials[0]?.found({ certified: [] })
    await settle()
    dialler.closed([...all][0] as Session, reason, 'the end')
    await expect(dialling).rejects.toMatchObject({ code, message: 'the end' })
  })

  test('fails with the code of the search', async () => {
    const { dialler, dials } = makeDialler()
    const dialling = dialler.dial(local, remote, 'im', payer)
    dials[0]?.fail('dns-failed')
    await expect(dialling).rejects.toMatchObject({ code: 'dns-failed' })
  })

  test('is called off once this gateway stops, and what is found then is closed', async () => {
    const { dialler, dials, destroyed } = makeDialler()
    const [first, second] = [
      dialler.dial(local, remote, 'im', payer),
      dialler.dial(local, other, 'im', payer),
    ]
    dials[1]?.found()
    dialler.stop()
    await expect(first).rejects.toMatchObject({ code: 'link-stopped' })
    await expect(second).rejects.toMatchObject({ code: 'link-stopped' })
    expect([destroyed, dialler.isStopped]).toEqual([['b2.example'], true])
  })
})

describe('a link that is there serves as well', () => {
  const there = async (room: ReturnType<typeof makeDialler>, wish: SessionWish) => {
    const { session } = await openProven(room.env, wish)
    room.all.add(session)
    return session
  }

  test('for another domain of ours: one more claim is enough', async () => {
    const room = makeDialler()
    const session = await there(room, { dialled: {} })
    expect(await room.dialler.dial(other, remote, 'im', payer)).toBe(session)
    expect(room.told).toEqual([
      'claim b2.example a.example',
      'proven b2.example a.example certificate',
    ])
  })

  test.each([
    ['if it was accepted', {}],
    ['if it was dialled for another domain', { remote: 'c.example', dialled: {} }],
    ['if it was dialled for another service', { dialled: { service: 'pres' } }],
    ['if it only asks for keys', { dialled: { forKeys: true } }],
    ['if its certificate does not name the domain', { dialled: {}, certified: ['z.example'] }],
  ] as const)('but not %s', async (_, wish) => {
    const room = makeDialler()
    await there(room, wish)
    void room.dialler.dial(other, remote, 'im', payer).catch(() => undefined)
    await settle()
    expect(room.told).toEqual(['connect a.example im'])
  })

  test('but not if it lets go, or if the far side does not take us for our domain there', async () => {
    const room = makeDialler()
    const session = await there(room, { dialled: {} })
    session.withdraw(other, remote)
    void room.dialler.dial(other, remote, 'im', payer).catch(() => undefined)
    session.link.release('idle-release')
    void room.dialler.dial(local, remote, 'im', payer).catch(() => undefined)
    await settle()
    expect(room.told).toEqual(Array(2).fill('connect a.example im'))
  })

  test('for the other service at the same host and port', async () => {
    const room = makeDialler()
    const session = await there(room, { dialled: { service: 'im' } })
    const dialling = room.dialler.dial(local, remote, 'pres', payer)
    room.dials[0]?.found()
    expect(await dialling).toBe(session)
    expect(room.destroyed).toEqual([remote])
  })
})

describe('a link for keys', () => {
  test('is not dialled any longer than whoever asks has time, nor used when it comes later', async () => {
    const { dialler, dials, destroyed, all } = makeDialler()
    const [early, late] = [new AbortController(), new AbortController()]
    const calledOff = dialler.dialForKeys(local, remote, 'im', payer, early.signal)
    early.abort()
    await expect(calledOff).rejects.toMatchObject({ code: 'remote-timeout' })
    const tooLate = dialler.dialForKeys(local, remote, 'im', payer, late.signal)
    dials[1]?.found()
    late.abort()
    await expect(tooLate).rejects.toMatchObject({ code: 'remote-timeout' })
    expect([destroyed, all.size]).toEqual([[remote], 0])
  })

  test('claims nothing and proves nothing', async () => {
    const { dialler, dials, told } = makeDialler()
    const dialling = dialler.dialForKeys(local, remote, 'pres', payer, open)
    dials[0]?.found()
    await dialling
    expect(told).toEqual(['connect a.example pres'])
  })

  test('[LINK-9.1-5] is not opened to a host that was found by fallback: its keys would make it known', async () => {
    const { dialler, dials, destroyed } = makeDialler()
    const dialling = dialler.dialForKeys(local, remote, 'pres', payer, open)
    dials[0]?.found({ dialled: { needsKnownKey: true } })
    await expect(dialling).rejects.toMatchObject({ code: 'remote-untrusted' })
    expect(destroyed).toEqual([remote])
  })
})
