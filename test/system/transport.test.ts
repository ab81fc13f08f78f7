/** Section 3.1 of `docs/protocol.md`: TCP and TLS, over real sockets. */

import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { afterEach, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { GatewayError } from '../../src/errors.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { limitsWith } from '../../src/limits.ts'
import { Handshake, type HandshakeOptions } from '../../src/link/handshake.ts'
import { noCertificate, shownCertificate } from '../../src/link/tls.ts'
import {
  dialDoor,
  dialDoorPlain,
  domain,
  faultOfTls,
  makePki,
  type OpenDoor,
  openDoor,
  type Pki,
  rawTls,
  until,
} from '../support/door.ts'
import { dnsName, issue, srvName } from '../support/pki.ts'

let pki: Pki
const doors: OpenDoor[] = []

beforeAll(async () => {
  pki = await makePki()
})

afterEach(async () => {
  for (const door of doors.splice(0)) await door.close()
})

async function open(shown = pki.shown): Promise<OpenDoor> {
  const door = await openDoor({
    certificates: (name) => (name === 'b.example' ? shown : undefined),
  })
  doors.push(door)
  return door
}

const codeOf = (dial: Promise<unknown>): Promise<string> =>
  dial.then(
    () => 'a channel',
    (error: unknown) => (error instanceof GatewayError ? error.code : String(error)),
  )

describe('who was dialled', () => {
  test('[LINK-3.1-1] takes TLS 1.3 and nothing older', async () => {
    const door = await open()
    const old = { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2', servername: 'b.example' } as const
    expect(await faultOfTls(door.port, old)).toMatch(/PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL/)
    const socket = rawTls(door.port, { servername: 'b.example' })
    await once(socket, 'secureConnect')
    expect(socket.getProtocol()).toBe('TLSv1.3')
    socket.destroy()
  })

  test.for([
    ['another protocol', ['h2']],
    ['none', []],
  ] as const)('[LINK-3.1-2] refuses who offers %s', async ([, protocols]) => {
    const door = await open()
    rawTls(door.port, { servername: 'b.example', ALPNProtocols: [...protocols] })
    await until(() => door.count('alpn') === 1)
    expect(door.came).toEqual([])
  })

  test('[LINK-3.1-2] chooses the version that it speaks from a list with later ones', async () => {
    const door = await open()
    const ALPNProtocols = ['pitp-mitp/3', 'pitp-mitp/2', 'pitp-mitp/1']
    const socket = rawTls(door.port, { servername: 'b.example', ALPNProtocols })
    await once(socket, 'secureConnect')
    expect(socket.alpnProtocol).toBe('pitp-mitp/1')
    await door.channel(0)
    socket.destroy()
  })

  test.for([
    ['no name', ''],
    ['another name', 'c.example'],
    ['a name below', 'x.b.example'],
  ] as const)('[LINK-3.1-3] refuses %s', async ([, servername]) => {
    const door = await open()
    await faultOfTls(door.port, { servername })
    expect(door.came).toEqual([])
    expect(door.count('name')).toBe(1)
  })

  test('[LINK-3.1-5] resumes no session, whatever the TLS library gave out', async () => {
    const door = await open()
    const first = rawTls(door.port, { servername: 'b.example' })
    const [session] = (await once(first, 'session')) as [Buffer]
    const second = rawTls(door.port, { servername: 'b.example', session })
    await once(second, 'secureConnect')
    expect(second.isSessionReused()).toBe(false)
    await door.channel(1)
    for (const socket of [first, second]) socket.destroy()
  })

  test('[LINK-3.1-6] shows no certificate on plain TCP', async () => {
    const door = await openDoor({ plain: true })
    doors.push(door)
    const channel = await dialDoorPlain(door)
    const came = await door.channel(0)
    for (const { facts } of [channel, came]) {
      expect(facts.binding).toBeUndefined()
      expect(facts.certificate).toBeUndefined()
      expect(facts.showedFor(domain('b.example'))).toBe(false)
    }
    channel.destroy()
  })
})

describe('who dials', () => {
  test('[LINK-3.1-2] wants our protocol', async () => {
    const door = await open()
    const channel = await dialDoor(door, pki.trust)
    expect(channel.facts.binding?.length).toBe(32)
    // Both ends have the same value, which is what binds a proof.
    expect((await door.channel(0)).facts.binding?.equals(channel.facts.binding as Buffer)).toBe(
      true,
    )
    channel.destroy()
  })

  test('[LINK-3.1-3] [LINK-5.3-1] names the domain that it looks for', async () => {
    const door = await open()
    expect(await codeOf(dialDoor(door, pki.trust, { domain: domain('c.example') }))).toBe(
      'tls-failed',
    )
  })

  test.for([
    ['a DNS-ID', [dnsName('b.example')], 'im', 'a channel'],
    ['an SRV-ID of the service', [srvName('_im.b.example')], 'im', 'a channel'],
    ['an SRV-ID of the other service', [srvName('_pres.b.example')], 'im', 'identity-mismatch'],
    ['another name', [dnsName('c.example')], 'im', 'identity-mismatch'],
    ['the host below', [dnsName('gate.b.example')], 'im', 'identity-mismatch'],
    ['a part of a label', [dnsName('b*.example')], 'im', 'identity-mismatch'],
    ['all of a top-level domain', [dnsName('*.example')], 'im', 'identity-mismatch'],
  ] as const)('[LINK-3.1-4] a certificate with %s', async ([, names, service, expected]) => {
    const leaf = await issue({ issuer: pki.root, names: [...names] })
    const door = await open(shownCertificate(leaf.chain, leaf.key))
    expect(await codeOf(dialDoor(door, pki.trust, { service }))).toBe(expected)
  })

  test('[LINK-3.1-4] a common name does not count, nor does a stranger vouch', async () => {
    const named = await issue({ issuer: pki.root, subject: 'CN=b.example' })
    const door = await open(shownCertificate(named.chain, named.key))
    expect(await codeOf(dialDoor(door, pki.trust))).toBe('identity-mismatch')
    const other = await makePki()
    const good = await open()
    expect(await codeOf(dialDoor(good, other.trust))).toBe('tls-failed')
  })
})

/** What came in by TLS on a port of its own, and whoever came. */
async function secured(): Promise<{ readonly here: TLSSocket; readonly there: TLSSocket }> {
  const came = Promise.withResolvers<TLSSocket>()
  const options: HandshakeOptions = {
    ...{ limits: limitsWith(), clock: systemClock, nobody: noCertificate() },
    certificates: () => pki.shown,
    inTurn: (_remote, work) => work(),
    fault: (error) => {
      came.reject(error)
    },
  }
  const server = createServer((raw) => {
    new Handshake(options, raw, 'there', {
      secured: (socket) => {
        came.resolve(socket)
      },
      refused: (refusal) => {
        came.reject(new Error(refusal))
      },
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  const there = rawTls((server.address() as AddressInfo).port, { servername: 'b.example' })
  onTestFinished(() => void there.destroy())
  return { here: await came.promise, there }
}

test('of a link that is paused no more is decrypted than came with one read of the system', async () => {
  const { here, there } = await secured()
  here.pause()
  // Each a record of its own of some 42 bytes, more of them than Node reads ahead by itself.
  for (let n = 0; n < 5000; n++)
    await new Promise((done) => there.write('twenty bytes of text', done))
  for (let n = 0; n < 50; n++) await new Promise(setImmediate)
  expect(here.readableLength).toBeLessThan((65_536 / 42) * 20)
  here.resume()
  let bytes = 0
  here.on('data', ({ length }) => {
    bytes += length
  })
  await until(() => bytes === 100_000)
})
