import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { silentLog } from '../../src/lib/log.ts'
import { limitsWith } from '../../src/limits.ts'
import { listenPlain } from '../../src/link/listen-socket.ts'
import { shownCertificate } from '../../src/link/tls.ts'
import { type ContractPair, channelContract, start } from '../support/channel-contract.ts'
import {
  clientHello,
  type DoorWish,
  dialDoor,
  dialDoorPlain,
  domain,
  faultOfTls,
  hearOut,
  helloFor,
  knock,
  makePki,
  type OpenDoor,
  openDoor,
  openLimits,
  type Pki,
  rawTls,
  until,
} from '../support/door.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { dnsName, issue } from '../support/pki.ts'

let pki: Pki
let hello: Buffer
beforeAll(async () => {
  pki = await makePki()
  hello = await clientHello()
})

const onlyB = (name: string) => (name === 'b.example' ? pki.shown : undefined)

const opened = async (wish: DoorWish = {}): Promise<OpenDoor> => {
  const door = await openDoor({ certificates: onlyB, ...wish })
  onTestFinished(async () => {
    await door.close()
  })
  return door
}

/** The door still does its work. */
const sentinel = async (door: OpenDoor): Promise<void> => {
  const before = door.came.length
  const channel = await dialDoor(door, pki.trust)
  const there = start(await door.channel(before))
  const here = start(channel)
  channel.write([Buffer.from('still there?')])
  await until(() => there.text === 'still there?')
  channel.destroy()
  await until(() => here.closed === 1 && there.closed === 1)
}

const pairAt = async (door: OpenDoor, plain: boolean): Promise<ContractPair> => {
  const before = door.came.length
  const initiating = plain ? await dialDoorPlain(door) : await dialDoor(door, pki.trust)
  const receiving = await door.channel(before)
  return { initiating, receiving, until, stop: async () => initiating.destroy() }
}

channelContract('TLS', async () => pairAt(await opened(), false))
channelContract('plain TCP', async () => pairAt(await opened({ plain: true }), true))

/** `undefined`: closed without one. */
const firstAnswer = (socket: Socket): Promise<string | undefined> =>
  new Promise((resolve) => {
    socket.once('close', () => resolve(undefined))
    socket.once('data', (bytes) => {
      resolve(String(bytes))
      socket.destroy()
    })
  })

/** More than two systems hold between them. */
const tooMuch = Buffer.alloc(48 * 1024 * 1024)

test('[LINK-6.1-4] a handshake begins, and signs, when it is the turn of where it comes from', async () => {
  const waiting: (() => undefined)[] = []
  const remotes = new Set<string>()
  const inTurn = (remote: string, work: () => undefined): undefined => {
    remotes.add(remote)
    waiting.push(work)
  }
  const door = await opened({ inTurn })
  const dialled = dialDoor(door, pki.trust)
  await until(() => waiting.length === 1)
  waiting[0]?.()
  await until(() => waiting.length === 2)
  expect(door.came).toEqual([])
  waiting[1]?.()
  await dialled
  await door.channel(0)
  expect([...remotes]).toEqual([expect.stringMatching(/^127\.0\.0\.1:\d+$/)])
})

describe('a channel whose far side does not read', () => {
  test('is given up five seconds after its end', async () => {
    const clock = new ManualClock(Date.now())
    const door = await opened()
    const channel = await dialDoor(door, pki.trust, { clock })
    const here = start(channel)
    await door.channel(0)
    channel.write([tooMuch])
    channel.end()
    await clock.advance(limitsWith().lingerMs - 1)
    await sentinel(door)
    expect(here.closed).toBe(0)
    await clock.advance(1)
    await until(() => here.closed > 0)
    expect([here.details, clock.pending]).toEqual([['ended by this side'], 0])
  })

  test('is closed at once when that side ends: nobody will read what is left', async () => {
    const door = await opened({ plain: true, clock: new ManualClock() })
    const client = await knock(door.port, '')
    const there = start(await door.channel(0))
    const channel = await door.channel(0)
    channel.write([tooMuch])
    client.end()
    await until(() => there.closed > 0)
    expect(there.log).toEqual(['closed'])
    client.destroy()
  })
})

describe('a door that is knocked at', () => {
  test('a good dial gives both sides the same binding, and each what it may know', async () => {
    const door = await opened()
    const channel = await dialDoor(door, pki.trust)
    const there = await door.channel(0)
    expect(there.facts.binding).toEqual(channel.facts.binding)
    expect(channel.facts.certificate?.fingerprint).toBe(pki.shown.fingerprint)
    expect(channel.facts.certificate?.covers(domain('b.example'), 'pres')).toBe(true)
    expect(channel.facts.showedFor(domain('b.example'))).toBe(false)
    expect(there.facts.certificate).toBeUndefined()
    expect(there.facts.showedFor(domain('b.example'))).toBe(true)
    expect(there.facts.showedFor(domain('c.example'))).toBe(false)
    expect(channel.facts.remote).toBe(`127.0.0.1:${door.port}`)
    expect(there.facts.remote).toMatch(/^127\.0\.0\.1:\d+$/)
    expect(door.count('ok')).toBe(1)
    channel.destroy()
  })

  test('A001: silent sockets are gone when the handshake time is over', async () => {
    const clock = new ManualClock()
    const door = await opened({ clock })
    const sockets = await Promise.all(Array.from({ length: 100 }, () => knock(door.port, '')))
    await until(() => door.gate.inside.total === 100)
    await clock.advance(limitsWith().tlsHandshakeMs - 1)
    expect(door.gate.inside.total).toBe(100)
    await clock.advance(1)
    await Promise.all(sockets.map(hearOut))
    await until(() => door.gate.inside.total === 0)
    expect(door.count('timeout')).toBe(100)
    expect(door.meter.total('limit_hits_total', { limit: 'tlsHandshakeMs' })).toBe(100)
    expect(clock.pending).toBe(0)
  })

  test('A002: a hello that trickles in does not lengthen the time', async () => {
    const clock = new ManualClock()
    const door = await opened({ clock })
    const socket = await knock(door.port, '')
    const closed = hearOut(socket)
    await until(() => door.gate.inside.total === 1)
    for (let i = 0; i < 5; i++) {
      socket.write(hello.subarray(i, i + 1))
      await clock.advance(1000)
    }
    await closed
    expect(door.count('timeout')).toBe(1)
  })

  test('A003: other protocols are closed and counted, and the log has where they came from', async () => {
    const clock = new ManualClock()
    const door = await opened({ clock })
    const junk = ['GET / HTTP/1.1\r\n\r\n', 'SSH-2.0-OpenSSH_9.9\r\n', Buffer.alloc(400, 7)]
    for (let i = 0; i < 10; i++) {
      for (const bytes of junk) await hearOut(await knock(door.port, bytes))
    }
    expect(door.count('not-tls')).toBe(30)
    const peer = expect.stringMatching(/^127\.0\.0\.1:\d+$/)
    expect(door.lines).toHaveLength(30)
    for (const line of door.lines) {
      expect(line).toMatchObject(['link.refused', { result: 'not-tls', peer }])
    }
  })

  test('A004: a reset at any step of the handshake hurts nobody', async () => {
    const door = await opened()
    for (const length of [0, 1, 5, 60, hello.length - 1, hello.length]) {
      for (let i = 0; i < 10; i++) {
        const socket = await knock(door.port, hello.subarray(0, length))
        if (i % 2 === 0) await until(() => door.gate.inside.total > 0)
        socket.resetAndDestroy()
      }
    }
    await until(() => door.gate.inside.total === 0)
    await sentinel(door)
  })

  test('A004: a reset right after the handshake ends in one closed', async () => {
    const door = await opened()
    const wire = await knock(door.port, '')
    await once(rawTls(door.port, { servername: 'b.example', socket: wire }), 'secureConnect')
    const channel = await door.channel(0)
    wire.resetAndDestroy()
    const there = start(channel)
    await until(() => there.closed > 0)
    await sentinel(door)
    expect(there.details).toEqual(['ECONNRESET'])
  })

  test('A005: TLS 1.2 is refused with an alert', async () => {
    const door = await opened()
    const fault = await faultOfTls(door.port, {
      servername: 'b.example',
      minVersion: 'TLSv1.2',
      maxVersion: 'TLSv1.2',
    })
    expect(fault).toBe('ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION')
    expect(door.count('version')).toBe(1)
  })

  const odd: readonly (readonly [string, Buffer])[] = [
    ['an unknown name', Buffer.from('c.example')],
    ['a name with another one in front', Buffer.from('a.b.example')],
    ['a dot at the end', Buffer.from('b.example.')],
    ['no letter of ASCII', Buffer.from('b.exampl\xe9', 'latin1')],
    ['the Kelvin sign', Buffer.from('b.example\u212a')],
    ['a name on which the look-up throws', Buffer.from('throw.example')],
  ]
  test.for(odd)('A006: %s is answered with unrecognized_name', async ([, name]) => {
    const door = await opened({
      certificates: (asked) => {
        if (asked === 'throw.example') throw new TypeError('a fault of ours')
        return onlyB(asked)
      },
    })
    const answer = await hearOut(await knock(door.port, helloFor(hello, name)))
    expect(answer.toString('hex')).toBe('15030300020270')
    expect(door.count('name')).toBe(1)
    await sentinel(door)
  })

  const broken: readonly (readonly [string, Buffer])[] = [
    ['a NUL inside', Buffer.from('b.\0xample')],
    ['256 bytes', Buffer.alloc(256, 'b')],
    ['nothing', Buffer.alloc(0)],
  ]
  test.for(broken)('A006: a server name with %s is refused', async ([, name]) => {
    const door = await opened()
    const answer = await hearOut(await knock(door.port, helloFor(hello, name)))
    // A fatal alert, whichever OpenSSL finds fit.
    expect(answer.subarray(0, 6).toString('hex')).toBe('150303000202')
    expect(door.came).toHaveLength(0)
    await sentinel(door)
  })

  test('A006: without a server name there is an alert and no certificate', async () => {
    const door = await opened()
    const fault = await faultOfTls(door.port, { servername: '' })
    expect(fault).toMatch(/ALERT/)
    expect(door.count('name')).toBe(1)
    await sentinel(door)
  })

  test('a server name in capitals is the same name', async () => {
    const door = await opened()
    const client = rawTls(door.port, { servername: 'B.Example' })
    await once(client, 'secureConnect')
    await until(() => door.came.length === 1)
    client.destroy()
  })

  test('A007: a foreign protocol name gets an alert, none at all gets nothing', async () => {
    const door = await opened()
    const foreign = await faultOfTls(door.port, { servername: 'b.example', ALPNProtocols: ['h2'] })
    expect(foreign).toBe('ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL')
    const none = rawTls(door.port, { servername: 'b.example', ALPNProtocols: [] })
    none.resume()
    await once(none, 'close')
    expect(door.count('alpn')).toBe(2)
    expect(door.came).toHaveLength(0)
    await until(() => door.gate.inside.total === 0)
  })

  test('A008: beyond its burst a network is reset at accept, before any TLS', async () => {
    const limits = openLimits({ handshakesPerAddress: 1, handshakesPerAddressBurst: 3 })
    const door = await opened({ limits, clock: new ManualClock() })
    const sockets = await Promise.all(Array.from({ length: 10 }, () => knock(door.port, hello)))
    await until(() => door.count('gate') === 7)
    expect(door.gate.inside.total).toBe(3)
    expect(door.meter.total('limit_hits_total', { limit: 'handshakesPerAddress' })).toBe(7)
    for (const socket of sockets) socket.destroy()
  })

  test('A013: the ninth unproven link of one address costs it the first, until one is proven or gone', async () => {
    const limits = openLimits({ unprovenLinksPerAddress: 8 })
    const door = await opened({ limits })
    for (let i = 0; i < 8; i++) await dialDoor(door, pki.trust)
    await until(() => door.came.length === 8)
    door.came[0]?.admission.proven()
    await dialDoor(door, pki.trust)
    await until(() => door.came.length === 9)
    expect(door.gate.inside).toEqual({ total: 9, unproven: 8 })
    const ended: number[] = []
    for (const [i, { channel }] of door.came.entries()) {
      const closed = () => void ended.push(i)
      channel.start({ data: () => undefined, drained: () => undefined, closed })
    }
    await dialDoor(door, pki.trust)
    await until(() => door.came.length === 10)
    await until(() => ended.length > 0)
    expect(ended).toEqual([1])
    expect(door.gate.inside).toEqual({ total: 9, unproven: 8 })
  })

  test('A013: what makes room for another network is closed, in the handshake and after it', async () => {
    const door = await opened({ limits: openLimits({ unprovenLinks: 2 }) })
    const inHandshake = await knock(door.port, '')
    await until(() => door.gate.inside.total === 1)
    await dialDoor(door, pki.trust)
    await until(() => door.came.length === 1)
    const closed: string[] = []
    door.came[0]?.channel.start({
      data: () => undefined,
      drained: () => undefined,
      closed: (detail) => {
        closed.push(detail)
      },
    })
    expect(door.gate.admit('192.0.2.1', 0)).toBe(true)
    await until(() => inHandshake.closed && door.count('closed') === 1)
    expect(closed).toEqual([])
    expect(door.gate.admit('198.51.100.1', 0)).toBe(true)
    await until(() => closed.length === 1)
    expect(door.gate.inside).toEqual({ total: 2, unproven: 2 })
    expect(door.meter.total('limit_hits_total', { limit: 'unprovenLinks' })).toBe(2)
  })

  test('A022, A023: no session can be resumed, under the same name or another', async () => {
    const other = await issue({ issuer: pki.root, names: [dnsName('c.example')] })
    const shown = shownCertificate(other.chain, other.key)
    const door = await opened({
      certificates: (name) => (name === 'c.example' ? shown : pki.shown),
    })
    const first = rawTls(door.port, { servername: 'b.example' })
    const [session] = (await once(first, 'session')) as [Buffer]
    first.destroy()
    // Node wraps a session in the name that it is for, and a client of ours would then not offer it.
    const bare = session.subarray(session.indexOf('b.example') + 'b.example'.length)
    for (const servername of ['b.example', 'c.example']) {
      const again = rawTls(door.port, { servername, session: bare })
      await once(again, 'secureConnect')
      expect(again.isSessionReused()).toBe(false)
      again.destroy()
    }
  })

  test('a certificate is changed under a running door', async () => {
    let shown = pki.shown
    const door = await opened({ certificates: () => shown })
    const before = await dialDoor(door, pki.trust)
    const renewed = await issue({ issuer: pki.root, names: [dnsName('b.example')] })
    shown = shownCertificate(renewed.chain, renewed.key)
    const after = await dialDoor(door, pki.trust)
    expect(after.facts.certificate?.fingerprint).toBe(shown.fingerprint)
    expect(before.facts.certificate?.fingerprint).toBe(pki.shown.fingerprint)
  })

  test('a closed door takes nobody, drops those in the handshake and lets channels live', async () => {
    const door = await opened()
    const channel = await dialDoor(door, pki.trust)
    await until(() => door.came.length === 1)
    const waiting = await knock(door.port, '')
    await until(() => door.gate.inside.total === 2)
    await Promise.all([hearOut(waiting), door.shut()])
    await expect(dialDoor(door, pki.trust)).rejects.toMatchObject({ code: 'link-refused' })
    const there = start(await door.channel(0))
    channel.write([Buffer.from('alive')])
    await until(() => there.text === 'alive')
  })

  test('a door for both families shows an IPv4 address as one', async () => {
    const door = await opened({ address: '::', plain: true })
    const client = await knock(door.port, '')
    const channel = await door.channel(0)
    expect(channel.facts.remote).toBe(`127.0.0.1:${client.localPort}`)
    client.destroy()
  })

  test('a port that is taken is told as such', async () => {
    const door = await opened()
    const { gate, meter } = door
    const again = listenPlain({
      address: '127.0.0.1',
      port: door.port,
      onChannel: () => undefined,
      gate,
      meter,
      limits: limitsWith(),
      clock: new ManualClock(),
      log: silentLog,
    })
    await expect(again).rejects.toMatchObject({ code: 'port-unavailable' })
  })

  test('garbage inside an established link ends it, and only it', async () => {
    const door = await opened()
    const wire = await knock(door.port, '')
    const client = rawTls(door.port, { servername: 'b.example', socket: wire })
    await once(client, 'secureConnect')
    const there = start(await door.channel(0))
    // Past TLS, onto the wire: a record that no key fits.
    wire.write(Buffer.from(`1703030013${'00'.repeat(19)}`, 'hex'))
    await until(() => there.closed > 0)
    expect(there.log).toEqual(['closed'])
    await sentinel(door)
  })

  test('A015: without files for more connections, the door lives and opens again', async () => {
    const file = fileURLToPath(new URL('../support/echo-door.ts', import.meta.url))
    const child = spawn('sh', ['-c', 'ulimit -n 64; exec "$0" "$1"', process.execPath, file], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    onTestFinished(() => {
      child.kill()
    })
    const [line] = (await once(child.stdout, 'data')) as [Buffer]
    const port = Number(line)
    const sockets = await Promise.all(Array.from({ length: 150 }, () => knock(port, 'x')))
    const ends = sockets.map((socket) => hearOut(socket))
    // Those that found no file are closed by the system's own reserve; the others hear their echo.
    await until(() => sockets.filter(({ destroyed }) => destroyed).length > 50)
    for (const socket of sockets) socket.destroy()
    await Promise.all(ends)
    // The files of those that left are free once that process has seen them leave.
    let answer: string | undefined
    while (answer === undefined) answer = await firstAnswer(await knock(port, 'still there?'))
    expect([answer, child.exitCode]).toEqual(['still there?', null])
  })
})
