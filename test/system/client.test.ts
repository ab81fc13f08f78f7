import { beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { type Client, connectClient, type PlaceOptions } from '../../src/client/client.ts'
import { dialer } from '../../src/client/dial.ts'
import { generateKeyPair } from '../../src/credential/ed25519.ts'
import { GatewayError } from '../../src/errors.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { systemRandom } from '../../src/lib/random.ts'
import { limitsWith } from '../../src/limits.ts'
import { domain, makePki, type OpenDoor, openDoor, type Pki } from '../support/door.ts'
import { ScriptedGateway } from '../support/scripted-gateway.ts'

let pki: Pki
beforeAll(async () => {
  pki = await makePki()
})

const limits = limitsWith()

/** A door of b.example with a scripted gateway behind it. */
async function opened(plain: boolean): Promise<{ door: OpenDoor; gateway: ScriptedGateway }> {
  const certificates = (name: string) => (name === 'b.example' ? pki.shown : undefined)
  const door = await openDoor({ plain, certificates })
  const gateway = new ScriptedGateway({ clock: systemClock, limits, plain })
  const arrive = async (index: number): Promise<void> => {
    gateway.accept(await door.channel(index))
    return arrive(index + 1)
  }
  void arrive(0).catch(() => undefined)
  onTestFinished(() => door.close().then(() => undefined))
  return { door, gateway }
}

async function attach(options: Partial<PlaceOptions> & { port: number }): Promise<Client> {
  const key = generateKeyPair(systemRandom)
  const all = { user: 'bob@b.example', key, host: '127.0.0.1', ca: [pki.root.cert], ...options }
  const client = await connectClient(all)
  onTestFinished(() => client.close())
  return client
}

describe('connectClient', () => {
  test.for([
    ['TLS', false],
    ['plain TCP', true],
  ] as const)('attaches and sends over %s', async ([, plain]) => {
    const { door, gateway } = await opened(plain)
    gateway.reply = () => ({ status: 'delivered' })
    const client = await attach({ port: door.port, tls: !plain })
    expect(gateway.link.user?.text).toBe('bob@b.example')
    const { status } = await client.send({ to: 'alice@a.example', body: 'over sockets' })
    expect(status).toBe('delivered')
    expect(gateway.asked('message')[0]?.body).toBe('over sockets')
  })

  test.for([
    ['another domain', { user: 'bob@c.example' }, 'tls-failed'],
    ['an authority that nobody named', { ca: [] }, 'tls-failed'],
    ['a host that is not there', { host: 'no-such-host.invalid' }, 'link-refused'],
    ['a port where nobody listens', { port: 1 }, 'link-refused'],
    ['an authority that is none', { ca: ['none'] }, 'certificate-unusable'],
    ['a list that is none', { ca: 'PEM' as unknown as string[] }, 'certificate-unusable'],
  ] as const)('%s is refused', async ([, wrong, code]) => {
    const { door } = await opened(false)
    await expect(attach({ port: door.port, ...wrong })).rejects.toMatchObject({ code })
  })
})

describe('a dialer', () => {
  const place = (port: number) => {
    const basics = { limits, clock: systemClock, domain: domain('b.example') }
    return { ...basics, host: 'gate.b.example', port, tls: true, ca: [pki.root.cert] }
  }
  const { signal } = new AbortController()

  test('tries one address after the other', async () => {
    const { door } = await opened(false)
    const dial = dialer(place(door.port), async () => ['127.9.9.9', '127.0.0.1'])
    const channel = await dial(signal)
    expect(channel.facts.remote).toBe(`127.0.0.1:${door.port}`)
    channel.destroy()
  })

  test('says so where a host has no address', async () => {
    const dial = dialer(place(1), async () => [])
    await expect(dial(signal)).rejects.toBeInstanceOf(GatewayError)
    await expect(dial(signal)).rejects.toMatchObject({ code: 'link-refused' })
  })
})
