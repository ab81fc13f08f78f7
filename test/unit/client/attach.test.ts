import { describe, expect, test } from 'vitest'
import { connect } from '../../../src/client/client.ts'
import type { ClientState, Connect } from '../../../src/client/connection.ts'
import { GatewayError, type Status } from '../../../src/errors.ts'
import type { Channel } from '../../../src/link/channel.ts'
import { fields } from '../../../src/wire/registry.ts'
import { alice, attached, setting, watched } from './support.ts'

const codeOf = (error: unknown): Status | undefined =>
  error instanceof GatewayError ? error.code : undefined

/** A token that says when it ends, as far as a client looks at it. */
const credential = (exp: number): string =>
  `e30.${Buffer.from(JSON.stringify({ exp })).toString('base64url')}.AA`

describe('attaching', () => {
  test('a client proves its user over TLS right behind HELLO', async () => {
    const { client, gateway } = await attached()
    expect(client.state).toBe('attached')
    expect(gateway.link.user?.text).toBe(alice)
    expect(gateway.link.credential).toBeUndefined()
    expect(gateway.link.link.hello).toMatchObject({ role: 'client', domain: 'a.example' })
    expect(gateway.requests.map(({ command }) => command)).toEqual(['prove'])
  })

  test('on a plain channel it proves once the gateway has said HELLO', async () => {
    const { gateway } = await attached({}, { plain: true })
    expect(gateway.link.user?.text).toBe(alice)
  })

  test('it shows the credential that names its key', async () => {
    const { gateway } = await attached({ credential: async () => 'made.for.this' })
    expect(gateway.link.credential).toBe('made.for.this')
  })

  test('a refusal of the gateway rejects with its code and leaves no timer', async () => {
    const { clock, gateway, options } = setting()
    gateway.attachAs = 'credential-missing'
    const opening = watched(connect(options))
    await clock.advance(10_000)
    expect(codeOf(opening.error())).toBe('credential-missing')
    expect(gateway.dials).toBe(1)
    expect(clock.pending).toBe(0)
  })

  test('a first dial that fails rejects with its code', async () => {
    const { clock, gateway, options } = setting()
    gateway.dialFault = new GatewayError('tls-failed', 'nobody vouches')
    const opening = watched(connect(options))
    await clock.advance(0)
    expect(codeOf(opening.error())).toBe('tls-failed')
    expect(clock.pending).toBe(0)
  })

  test('a fault that is no GatewayError is one for the caller', async () => {
    const { clock, gateway, options } = setting()
    gateway.dialFault = new TypeError('oops')
    const opening = watched(connect(options))
    await clock.advance(0)
    expect(codeOf(opening.error())).toBe('link-refused')
  })

  test('a dial that never ends is given up', async () => {
    const { clock, gateway, options } = setting()
    gateway.dialFault = 'hangs'
    const opening = watched(connect(options))
    await clock.advance(29_000)
    expect(opening.error()).toBeUndefined()
    await clock.advance(1000)
    expect(codeOf(opening.error())).toBe('link-refused')
  })

  test('a gateway that takes the connection and says nothing is given up in the time that was given', async () => {
    const { clock, gateway, options } = setting({ attachMs: 3000 })
    gateway.attachAs = 'never'
    const opening = watched(connect(options))
    await clock.advance(2999)
    expect(opening.error()).toBeUndefined()
    await clock.advance(1)
    expect(codeOf(opening.error())).toBe('remote-timeout')
  })

  test('the time to attach is no time to live', async () => {
    const { client, clock } = await attached({ attachMs: 3000 })
    await clock.advance(10_000)
    expect(client.state).toBe('attached')
  })

  test('a dial that ends after it was given up is closed', async () => {
    const { clock, gateway, options } = setting()
    const late = Promise.withResolvers<Channel>()
    const opening = watched(connect({ ...options, connect: () => late.promise }))
    await clock.advance(30_000)
    expect(codeOf(opening.error())).toBe('link-refused')
    late.resolve(await gateway.connect(new AbortController().signal))
    await clock.advance(100)
    expect(gateway.link.closedWith).toBe('link-lost')
  })

  test('a gateway that says nothing is given up', async () => {
    const { clock, gateway, options } = setting()
    gateway.isMute = true
    const opening = watched(connect(options))
    await clock.advance(20_000)
    expect(codeOf(opening.error())).toBe('proof-timeout')
  })

  test.for([
    [{ user: 'no address' }, 'bad-address'],
    [{ key: 'no key' }, 'credential-key'],
  ] as const)('options that cannot be used are refused: %o', async ([wrong, code]) => {
    const { options } = setting()
    const opening = connect({ ...options, ...wrong })
    await expect(opening).rejects.toMatchObject({ code })
  })
})

describe('staying attached', () => {
  test('a lost link is dialled again, twice as late each time up to two seconds', async () => {
    const states: ClientState[] = []
    const { clock, gateway } = await attached({ onState: (state) => states.push(state) })
    gateway.dialFault = new GatewayError('link-refused', 'down')
    gateway.link.pair.cut('both')
    const waits: number[] = []
    let last = 0
    for (let ms = 0; ms < 60_000; ms += 10) {
      await clock.advance(10)
      if (gateway.dials === waits.length + 2) {
        waits.push(ms - last)
        last = ms
      }
    }
    expect(waits.length).toBeGreaterThan(10)
    for (const [i, wait] of waits.entries()) {
      // One wait for the loss, then those between dials that fail.
      const middle = Math.min(200 * 2 ** Math.max(0, i - 1), 2000)
      expect(wait).toBeGreaterThan(middle * 0.75)
      expect(wait).toBeLessThan(middle * 1.45)
    }
    gateway.dialFault = undefined
    await clock.advance(90_000)
    expect(states.slice(0, 4)).toEqual(['connecting', 'attached', 'waiting', 'connecting'])
    expect(states.at(-1)).toBe('attached')
    expect(gateway.link.user?.text).toBe(alice)
  })

  test('a gateway that was away for long and is lost again soon is dialled at once', async () => {
    const { client, clock, gateway } = await attached()
    const away = async (ms: number): Promise<void> => {
      gateway.dialFault = new GatewayError('link-refused', 'down')
      gateway.link.pair.cut('both')
      await clock.advance(ms)
      gateway.dialFault = undefined
    }
    await away(3_600_000)
    await clock.advance(3000)
    expect(client.state).toBe('attached')
    await away(10)
    await clock.advance(1000)
    expect(client.state).toBe('attached')
  })

  test('a gateway that drops clients at once is not dialled in a hot loop', async () => {
    const { clock, gateway } = await attached()
    for (let i = 0; i < 3000; i++) {
      gateway.link.pair.cut('both')
      await clock.advance(100)
    }
    // 0.2, 0.4, … s, then a minute: ten dials and one for each minute left, not one each 0.2 s.
    expect(gateway.dials).toBeLessThan(20)
  })

  test('a refusal that would come again ends the client', async () => {
    const reasons: (Status | undefined)[] = []
    const { client, clock, gateway } = await attached({
      onState: (_, reason) => reasons.push(reason?.code),
    })
    gateway.attachAs = 'credential-key'
    gateway.link.pair.cut('both')
    await clock.advance(10_000)
    expect(client.state).toBe('closed')
    expect(reasons.at(-1)).toBe('credential-key')
    expect(gateway.dials).toBe(2)
    expect(clock.pending).toBe(0)
  })

  test('too many sessions of the user may be its own that died, so it tries again', async () => {
    const { client, clock, gateway } = await attached()
    gateway.attachAs = 'limit-reached'
    gateway.link.pair.cut('both')
    await clock.advance(3000)
    expect(gateway.dials).toBeGreaterThan(2)
    gateway.attachAs = 'ok'
    await clock.advance(20_000)
    expect(client.state).toBe('attached')
  })

  test('after RELEASE a new link takes over while the old one answers what is under way', async () => {
    const { client, clock, gateway } = await attached()
    gateway.reply = () => 'later'
    const early = watched(client.send({ to: 'bob@b.example', body: 'early' }))
    await clock.advance(0)
    const old = gateway.link
    old.link.release('shutdown')
    await clock.advance(500)
    expect(gateway.links.length).toBe(2)
    expect(client.state).toBe('attached')
    expect(old.closedWith).toBeUndefined()
    const [message] = gateway.asked('message')
    if (message !== undefined) gateway.answer(message, { status: 'delivered' })
    await clock.advance(100)
    expect(early.value()?.status).toBe('delivered')
    expect(old.closedWith).toBe('shutdown')
  })

  test('a link that is released and then lost is dialled again once', async () => {
    const { clock, gateway } = await attached()
    gateway.reply = () => 'later'
    gateway.link.link.release('shutdown')
    await clock.advance(10)
    gateway.link.pair.cut('both')
    await clock.advance(5000)
    expect(gateway.dials).toBe(2)
  })

  test('a link is renewed at its age', async () => {
    const { clock, gateway } = await attached({}, { limits: { linkAgeMs: 60_000 } })
    await clock.advance(125_000)
    expect(gateway.links.length).toBeGreaterThan(1)
    expect(gateway.links[0]?.closedWith).toBe('age-release')
  })

  test('a far side that falls silent is noticed', async () => {
    const { client, clock, gateway } = await attached()
    gateway.link.pair.toInitiating.isHeld = true
    await clock.advance(120_000)
    expect(gateway.dials).toBe(2)
    expect(client.state).toBe('attached')
  })
})

describe('the credential', () => {
  test('is renewed long before its end and shown at the next attachment', async () => {
    const { clock, gateway } = await attached({ credential: credential(1_790_000_600) })
    gateway.reply = () => ({
      status: 'ok',
      fields: [[fields.token.tag, credential(1_790_000_960)]],
    })
    await clock.advance(350_000)
    expect(gateway.asked('issue').length).toBe(0)
    await clock.advance(20_000)
    const [issue] = gateway.asked('issue')
    expect(issue?.fields.get(fields.audience.tag)?.toString()).toBe('a.example')
    expect(issue?.fields.get(fields.scope.tag)?.toString()).toBe(
      'im.send pres.watch pres.publish pres.notify',
    )
    gateway.link.pair.cut('both')
    await clock.advance(1000)
    expect(gateway.link.credential).toBe(credential(1_790_000_960))
  })

  test('of a maker is asked for at each attempt', async () => {
    let made = 0
    const { clock, gateway } = await attached({ credential: async () => `c${++made}` })
    gateway.link.pair.cut('both')
    await clock.advance(1000)
    expect(gateway.links.map(({ credential: shown }) => shown)).toEqual(['c1', 'c2'])
    expect(gateway.asked('issue')).toEqual([])
  })
})

describe('closing', () => {
  test('twice is as once', async () => {
    const states: ClientState[] = []
    const { client, clock } = await attached({ onState: (state) => states.push(state) })
    const closing = Promise.all([client.close(), client[Symbol.asyncDispose]()])
    await clock.advance(100)
    await closing
    await client.close()
    expect(states).toEqual(['connecting', 'attached', 'closed'])
  })

  test('ends an attachment that is under way', async () => {
    const { client, clock, gateway } = await attached()
    gateway.isMute = true
    gateway.link.pair.cut('both')
    await clock.advance(1000)
    const closing = watched(client.close().then(() => 'closed'))
    await clock.advance(1000)
    gateway.link.pair.toInitiating.isHeld = false
    await clock.advance(1000)
    expect(client.state).toBe('closed')
    expect(closing.value()).toBe('closed')
    expect(clock.pending).toBe(0)
  })

  test('lets what is under way be answered, and leaves no timer', async () => {
    const { client, clock, gateway } = await attached()
    gateway.reply = () => 'later'
    const sent = watched(client.send({ to: 'bob@b.example', body: 'last' }))
    await clock.advance(0)
    const closing = watched(client.close().then(() => 'closed'))
    await clock.advance(100)
    expect(client.state).toBe('closed')
    expect(closing.value()).toBeUndefined()
    const [message] = gateway.asked('message')
    if (message !== undefined) gateway.answer(message, { status: 'stored' })
    await clock.advance(100)
    expect(sent.value()?.status).toBe('stored')
    expect(closing.value()).toBe('closed')
    expect(gateway.link.closedWith).toBe('shutdown')
    await clock.advance(10_000)
    expect(clock.pending).toBe(0)
    expect(gateway.dials).toBe(1)
  })

  test('takes nothing more', async () => {
    const { client, clock } = await attached()
    const closing = client.close()
    await clock.advance(100)
    await closing
    const sent = await client.send({ to: 'bob@b.example', body: 'late' })
    expect(sent.status).toBe('link-stopped')
    expect((await client.fetch('bob@b.example')).status).toBe('link-stopped')
    expect((await client.publish(null)).status).toBe('link-stopped')
  })

  test('calls a dial off', async () => {
    const { client, clock, gateway } = await attached()
    gateway.dialFault = 'hangs'
    gateway.link.pair.cut('both')
    await clock.advance(1000)
    expect(client.state).toBe('connecting')
    const closing = watched(client.close().then(() => 'closed'))
    await clock.advance(0)
    expect(closing.value()).toBe('closed')
    expect(clock.pending).toBe(0)
  })

  test('destroys the channel of a dial that ends after it', async () => {
    const late = Promise.withResolvers<Channel>()
    const { clock, gateway, options } = setting()
    let dials = 0
    const dial: Connect = (signal) => (++dials === 1 ? gateway.connect(signal) : late.promise)
    const opening = connect({ ...options, connect: dial })
    await clock.advance(0)
    const client = await opening
    gateway.link.pair.cut('both')
    await clock.advance(1000)
    const closing = client.close()
    late.resolve(await gateway.connect(new AbortController().signal))
    await clock.advance(1000)
    await closing
    expect(dials).toBe(2)
    expect(gateway.link.closedWith).toBe('link-lost')
    expect(clock.pending).toBe(0)
  })
})
