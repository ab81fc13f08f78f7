import { once } from 'node:events'
import {
  type AddressInfo,
  createServer as createTcpServer,
  type Server,
  type Socket,
} from 'node:net'
import { createSecureContext, createServer, TLSSocket, type TlsOptions } from 'node:tls'
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import type { Service } from '../../src/address/address.ts'
import type { Status } from '../../src/errors.ts'
import { limitsWith } from '../../src/limits.ts'
import { dialPlain, type TlsDial } from '../../src/link/dial-socket.ts'
import { shownCertificate, trustIn } from '../../src/link/tls.ts'
import { start } from '../support/channel-contract.ts'
import {
  dialBasics,
  dialDoor,
  domain,
  makePki,
  openDoor,
  type Pki,
  until,
} from '../support/door.ts'
import { ManualClock } from '../support/manual-clock.ts'
import {
  clientAuth,
  dnsName,
  type Issued,
  issue,
  makeRoot,
  onlyUnder,
  srvName,
  uriName,
  type Wish,
} from '../support/pki.ts'

let pki: Pki
beforeAll(async () => {
  pki = await makePki()
})

const listen = async (server: Server): Promise<{ readonly port: number }> => {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => sockets.add(socket))
  onTestFinished(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  return { port: (server.address() as AddressInfo).port }
}

/** A TLS server that shows whatever it is told. */
const serve = (leaf: Issued, options: TlsOptions = {}): Promise<{ readonly port: number }> => {
  const server = createServer({
    cert: leaf.chain,
    key: leaf.key,
    ALPNProtocols: ['pitp-mitp/1'],
    ...options,
  })
  server.on('tlsClientError', () => undefined)
  server.on('secureConnection', (socket) => socket.on('error', () => undefined))
  return listen(server)
}

const raw = (accept: (socket: Socket) => void): Promise<{ readonly port: number }> =>
  listen(
    createTcpServer((socket) => {
      socket.on('error', () => undefined)
      accept(socket)
    }),
  )

const expectFault = async (
  dialled: Promise<unknown>,
  code: Status,
  message: RegExp,
): Promise<void> => {
  const fault = await dialled.then(
    () => undefined,
    (error: unknown) => error,
  )
  expect(fault).toMatchObject({ name: 'GatewayError', code })
  expect((fault as Error).message).toMatch(message)
}

const hoursFromNow = (hours: number) => new Date(Date.now() + hours * 3_600_000)

describe('A014: a certificate that does not hold', () => {
  const cases: readonly (readonly [string, Wish, RegExp])[] = [
    [
      'expired',
      { notBefore: hoursFromNow(-48), notAfter: hoursFromNow(-1) },
      /the leaf expired \d{4}-/,
    ],
    ['not valid yet', { notBefore: hoursFromNow(1) }, /the leaf is not valid before \d{4}-/],
    ['of an authority', { ca: true, usages: [] }, /the leaf is that of an authority \(CA:TRUE\)/],
    ['meant for clients', { usages: [clientAuth] }, /not meant for TLS servers/],
  ]
  test.for(cases)('%s is refused', async ([, wish, message]) => {
    const leaf = await issue({ issuer: pki.root, names: [dnsName('b.example')], ...wish })
    await expectFault(dialDoor(await serve(leaf), pki.trust), 'tls-failed', message)
  })

  test('with an intermediate that has expired, or is missing, is refused, and it is named', async () => {
    const middle = (wish: Wish) =>
      issue({ subject: 'CN=middle', ca: true, issuer: pki.root, ...wish })
    const names = [dnsName('b.example')]
    const old = await issue({
      issuer: await middle({ notBefore: hoursFromNow(-48), notAfter: hoursFromNow(-1) }),
      names,
    })
    await expectFault(
      dialDoor(await serve(old), pki.trust),
      'tls-failed',
      /: intermediate 1 expired \d{4}-[^;]*$/,
    )
    const leaf = await issue({ issuer: await middle({}), names })
    await expectFault(
      dialDoor(await serve({ ...leaf, chain: leaf.cert }), pki.trust),
      'tls-failed',
      /the authority is unknown, or an intermediate is missing: the leaf is signed by "middle"$/,
    )
  })

  test('signed by itself is refused', async () => {
    const leaf = await issue({ names: [dnsName('b.example')] })
    await expectFault(dialDoor(await serve(leaf), pki.trust), 'tls-failed', /signed by itself/)
  })

  test('of an unknown authority is refused', async () => {
    const leaf = await issue({ issuer: await makeRoot('CN=other'), names: [dnsName('b.example')] })
    await expectFault(dialDoor(await serve(leaf), pki.trust), 'tls-failed', /authority is unknown/)
  })

  test('of an authority with the same name and another key is refused', async () => {
    const root = await makeRoot(pki.root.subject)
    const leaf = await issue({ issuer: root, names: [dnsName('b.example')] })
    await expectFault(
      dialDoor(await serve(leaf), pki.trust),
      'tls-failed',
      /CERT_SIGNATURE_FAILURE/,
    )
  })

  test('with an RSA key of 1024 bits is refused', async () => {
    const algorithm = {
      name: 'RSASSA-PKCS1-v1_5',
      hash: 'SHA-256',
      modulusLength: 1024,
      publicExponent: new Uint8Array([1, 0, 1]),
    }
    const leaf = await issue({ issuer: pki.root, names: [dnsName('b.example')], algorithm })
    const weak = await serve(leaf, { ciphers: 'DEFAULT:@SECLEVEL=0' })
    await expectFault(
      dialDoor(weak, pki.trust),
      'tls-failed',
      /the leaf has an RSA key of 1024 bits/,
    )
  })
})

describe('whom a certificate names', () => {
  const good: readonly (readonly [string, readonly Buffer[], Service])[] = [
    ['the domain', [dnsName('b.example')], 'im'],
    ['the domain in capitals', [dnsName('B.EXAMPLE')], 'im'],
    ['the service at the domain', [srvName('_pres.b.example')], 'pres'],
  ]
  test.for(good)('%s is accepted', async ([, names, service]) => {
    const leaf = await issue({ issuer: pki.root, names })
    const channel = await dialDoor(await serve(leaf), pki.trust, { service })
    expect(channel.facts.certificate?.covers(domain('b.example'), service)).toBe(true)
    channel.destroy()
  })

  const bad: readonly (readonly [string, Wish])[] = [
    ['A016: a common name alone', { subject: 'CN=b.example' }],
    [
      'A017: a URI, beside a common name',
      { subject: 'CN=b.example', names: [uriName('im:b.example')] },
    ],
    [
      'A017: another service, beside a common name',
      { subject: 'CN=b.example', names: [srvName('_pres.b.example')] },
    ],
    ['A018: a part of a label and a wildcard', { names: [dnsName('b*.example')] }],
    ['A018: all of a top-level domain', { names: [dnsName('*.example')] }],
    ['A019: an organisational unit that looks like a name', { subject: 'OU="CN=b.example,"' }],
    ['A021: the host of the SRV record', { names: [dnsName('host.provider.example')] }],
  ]
  test.for(bad)('%s is refused', async ([, wish]) => {
    const leaf = await issue({ issuer: pki.root, ...wish })
    await expectFault(dialDoor(await serve(leaf), pki.trust), 'identity-mismatch', /does not name/)
  })

  const constrained = () =>
    issue({
      subject: 'CN=limited',
      ca: true,
      issuer: pki.root,
      extensions: [onlyUnder('mine.example')],
    })

  test('an SRV-ID is not believed under an authority that is limited to other names', async () => {
    const names = [dnsName('mine.example'), srvName('_im.b.example')]
    const leaf = await issue({ issuer: await constrained(), names })
    await expectFault(dialDoor(await serve(leaf), pki.trust), 'identity-mismatch', /does not name/)
  })

  test('nor if that authority is trusted itself and does not come along', async () => {
    const authority = await constrained()
    const leaf = await issue({ issuer: authority, names: [srvName('_im.b.example')] })
    const trust = trustIn([pki.root.cert, authority.cert])
    const server = await serve({ ...leaf, chain: leaf.cert })
    await expectFault(dialDoor(server, trust), 'identity-mismatch', /does not name/)
  })
})

describe('a far side that is not there, or is something else', () => {
  test('nobody listens', async () => {
    const server = await raw(() => undefined)
    const port = await new Promise<number>((resolve) => {
      const gone = createTcpServer().listen(0, '127.0.0.1', () => {
        const { port } = gone.address() as AddressInfo
        gone.close(() => resolve(port))
      })
    })
    await expectFault(dialDoor({ port }, pki.trust), 'link-refused', /refused$/)
    expect(server.port).not.toBe(port)
  })

  test('it hangs up before a word of TLS', async () => {
    const server = await raw((socket) => socket.resetAndDestroy())
    await expectFault(dialDoor(server, pki.trust), 'link-refused', /closed by the far side/)
    const polite = await raw((socket) => socket.end())
    await expectFault(dialDoor(polite, pki.trust), 'link-refused', /closed by the far side/)
  })

  test('it says nothing: the handshake has its own end', async () => {
    const clock = new ManualClock()
    const asked: Socket[] = []
    const server = await raw((socket) => asked.push(socket))
    const dialled = dialDoor(server, pki.trust, { clock })
    const fault = expectFault(dialled, 'link-refused', /no answer in time, in the TLS handshake/)
    await until(() => asked.length === 1 && clock.pending === 2)
    await clock.advance(limitsWith().tlsHandshakeMs)
    await fault
    expect(clock.pending).toBe(0)
  })

  test('the whole attempt has an end that nothing lengthens', async () => {
    const clock = new ManualClock()
    const limits = limitsWith({ tlsHandshakeMs: 60_000 })
    const asked: Socket[] = []
    const server = await raw((socket) => asked.push(socket))
    const dialled = dialDoor(server, pki.trust, { clock, limits })
    const fault = expectFault(dialled, 'link-refused', /no answer in time/)
    await until(() => asked.length === 1 && clock.pending === 2)
    await clock.advance(limits.dialAddressMs)
    await fault
  })

  test('it speaks HTTP', async () => {
    const server = await raw((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'))
    await expectFault(dialDoor(server, pki.trust), 'tls-failed', /does not speak TLS/)
  })

  test('it knows TLS 1.2 only', async () => {
    const leaf = await issue({ issuer: pki.root, names: [dnsName('b.example')] })
    const server = await serve(leaf, { maxVersion: 'TLSv1.2' })
    await expectFault(dialDoor(server, pki.trust), 'tls-failed', /TLS 1\.3/)
  })

  test('A007: it speaks another protocol, or does not say which', async () => {
    const leaf = await issue({ issuer: pki.root, names: [dnsName('b.example')] })
    const other = await serve(leaf, { ALPNProtocols: ['h2'] })
    await expectFault(dialDoor(other, pki.trust), 'tls-failed', /does not speak pitp-mitp/)
    const silent = createServer({ cert: leaf.chain, key: leaf.key })
    silent.on('secureConnection', (socket) => socket.on('error', () => undefined))
    const none = await listen(silent)
    await expectFault(dialDoor(none, pki.trust), 'tls-failed', /does not speak pitp-mitp/)
  })

  test('it does not serve the domain', async () => {
    const door = await openDoor({ certificates: () => undefined })
    onTestFinished(async () => {
      await door.close()
    })
    await expectFault(dialDoor(door, pki.trust), 'tls-failed', /does not serve this domain/)
  })
})

test('garbage inside an established link closes the dialled channel', async () => {
  const leaf = await issue({ issuer: pki.root, names: [dnsName('b.example')] })
  const wires: Socket[] = []
  const server = await raw((wire) => {
    wires.push(wire)
    const secured = new TLSSocket(wire, {
      isServer: true,
      secureContext: createSecureContext({ cert: leaf.chain, key: leaf.key }),
      ALPNProtocols: ['pitp-mitp/1'],
    })
    secured.on('error', () => undefined)
  })
  const here = start(await dialDoor(server, pki.trust))
  wires[0]?.write(Buffer.from(`1703030013${'00'.repeat(19)}`, 'hex'))
  await until(() => here.closed > 0)
  expect(here.log).toEqual(['closed'])
  expect(here.details[0]).toMatch(/^ERR_SSL_/)
})

describe('a dial that is called off', () => {
  const pending = async (overrides: Partial<TlsDial>) => {
    const sockets: Socket[] = []
    const server = await raw((socket) => sockets.push(socket))
    return { sockets, dialled: dialDoor(server, pki.trust, overrides) }
  }

  test('closes its socket and says so', async () => {
    const control = new AbortController()
    const { sockets, dialled } = await pending({ signal: control.signal })
    const fault = expectFault(dialled, 'link-stopped', /called off/)
    await until(() => sockets.length === 1)
    const closed = once(sockets[0] as Socket, 'close')
    sockets[0]?.resume()
    control.abort()
    await fault
    await closed
  })

  test('before it began opens none', async () => {
    const { sockets, dialled } = await pending({ signal: AbortSignal.abort() })
    await expectFault(dialled, 'link-stopped', /called off/)
    expect(sockets).toHaveLength(0)
  })
})

test('a name is not dialled, whoever asks for it', async () => {
  const dialled = dialPlain({ ...dialBasics(), ip: 'localhost', port: 1 })
  await expectFault(dialled, 'internal', /not an address literal/)
})

test('what is no certificate is not trusted, and what is none cannot be shown', async () => {
  expect(() => trustIn(['nothing'])).toThrowError(
    expect.objectContaining({ code: 'certificate-unusable' }),
  )
  const [one, other] = [await issue({}), await issue({})]
  expect(() => shownCertificate(one.chain, other.key)).toThrowError(
    expect.objectContaining({ code: 'certificate-unusable' }),
  )
  expect(shownCertificate(one.chain, one.key).fingerprint).toMatch(/^[0-9a-f]{64}$/)
})
