/** Sections 5.1 to 5.3 of `docs/protocol.md`: the life of a link, HELLO, channel binding. */
import { describe, expect, test } from 'vitest'
import * as wire from '../../support/script/codec.ts'
import { World } from '../../support/script/world.ts'

const { type, command, tag } = wire

describe('life', () => {
  test('[LINK-5.1-1] goes from greeting over unproven and open to draining and closed', async () => {
    const world = new World()
    const peer = world.dialIn()
    await world.run()
    const [session] = world.gateway.sessions.all
    const states = [session?.link.state]
    peer.sayHello()
    await world.run()
    states.push(session?.link.state)
    peer.prove()
    await world.run()
    states.push(session?.link.state)
    const waits = peer.requestsOf(command.prove)[0]?.id ?? 0
    peer.write(type.release, 0, 0, Buffer.concat([Buffer.of(1, 7), wire.u32(0, waits)]))
    await world.run()
    states.push(session?.link.state)
    expect(peer.isClosed).toBe(false)
    peer.respond(waits, 'ok')
    await world.run()
    states.push(session?.link.state)
    expect(states).toEqual(['greeting', 'unproven', 'open', 'draining', 'closed'])
    expect(peer.isClosed).toBe(true)
  })

  test.for(['nothing', 'HELLO', 'HELLO and KEYS'])(
    '[LINK-5.1-2] ends after 15 s without a proof: %s',
    async (said) => {
      const world = new World()
      const peer = world.dialIn()
      if (said !== 'nothing') peer.sayHello()
      if (said === 'HELLO and KEYS') {
        peer.ask(wire.control, { command: command.keys, fields: [[tag.domain, 'b.example']] })
      }
      await world.run(14_900)
      expect(peer.release).toBeUndefined()
      if (said !== 'nothing') peer.write(type.ping, 0, 0, wire.u32(0, 1))
      await world.run(2000)
      expect(peer.release?.reason).toBe('proof-timeout')
      expect(peer.isClosed).toBe(true)
    },
  )
})

describe('HELLO', () => {
  test('[LINK-5.2-1] is sent at once by both sides, before anything is heard', async () => {
    const world = new World()
    const bob = await world.attached()
    const peer = world.dialIn()
    bob.message({ reference: 0, sequence: 0, to: 'zoe@z.example' })
    await world.run()
    const [far] = world.dialled
    expect(peer.frames.map(({ type: of }) => of)).toEqual([type.hello])
    expect(far?.frames[0]?.type).toBe(type.hello)
    // What the gateway has to say comes right behind it.
    expect(far?.requests.map(({ command: of }) => of)).toEqual([
      command.prove,
      command.credential,
      command.message,
    ])
  })

  test.for([
    ['version', 2],
    ['version', '1'],
    ['version', undefined],
    ['role', 'server'],
    ['role', undefined],
    ['domain', 'B.EXAMPLE'],
    ['domain', 'b.example.'],
    ['domain', 'bücher.example'],
    ['domain', 'localhost'],
    ['domain', '192.0.2.1'],
    ['domain', undefined],
    ['boot', ''],
    ['boot', 'b'.repeat(65)],
    ['boot', 7],
    ['nonce', 'n'.repeat(42)],
    ['nonce', 'n'.repeat(44)],
    ['nonce', 'é'.repeat(43)],
    ['nonce', 'n'.repeat(43)],
    ['nonce', undefined],
  ] as const)('[LINK-5.2-2] [LINK-5.2-4] with %s %s is refused', async ([member, value]) => {
    const world = new World()
    const peer = world.dialIn()
    peer.sayHello({ [member]: value })
    await world.run()
    expect(peer.release?.reason).toBe(member === 'version' ? 'version-unsupported' : 'bad-frame')
  })

  test.for([
    ['4096 bytes', (text: string) => text.padEnd(4096), undefined],
    ['4097 bytes', (text: string) => text.padEnd(4097), 'bad-frame'],
    ['a byte order mark', (text: string) => `\ufeff${text}`, 'bad-frame'],
    ['a fraction', (text: string) => text.replace('65536', '65536.5'), 'bad-frame'],
    ['a list', (text: string) => `[${text}]`, 'bad-frame'],
    ['five levels', (text: string) => text.replace('[]', '[[[[]]]]'), 'bad-frame'],
    ['something behind it', (text: string) => `${text}{}`, 'bad-frame'],
  ] as const)('[LINK-5.2-2] of %s', async ([, change, expected]) => {
    const world = new World()
    const peer = world.dialIn()
    const other = world.dialIn()
    other.sayHello()
    const text = JSON.stringify({
      version: 1,
      role: 'gateway',
      domain: 'a.example',
      boot: 'b',
      nonce: peer.nonce,
      limits: { messageBytes: 65_536 },
      extensions: [],
    })
    peer.write(type.hello, 0, 0, Buffer.from(change(text)))
    await world.run()
    expect(peer.release?.reason).toBe(expected)
  })

  test('[LINK-5.2-2] of the gateway has all members', async () => {
    const world = new World()
    const peer = world.dialIn()
    await world.run()
    const { boot, state, nonce, ...rest } = peer.hello
    expect(rest).toEqual({
      version: 1,
      role: 'gateway',
      domain: 'b.example',
      software: 'under test',
      services: ['im', 'pres'],
      limits: { messageBytes: 65_536, references: 16_384, subjects: 64 },
      extensions: [],
    })
    expect([boot, state, nonce].map((value) => String(value).length)).toEqual([22, 22, 43])
  })

  test('[LINK-5.2-3] may hold what nobody knows, and members of another type', async () => {
    const world = new World()
    const peer = world.dialIn()
    peer.sayHello({
      mood: { deep: [1] },
      services: ['im', 'smell'],
      extensions: ['x-later', 7],
      software: 9,
      state: null,
      limits: 'none',
    })
    peer.prove()
    await world.run()
    expect(peer.status(1)).toBe('ok')
  })

  test('[LINK-5.2-4] of another version ends the link with its own reason', async () => {
    const world = new World()
    const peer = world.dialIn()
    peer.sayHello({ version: 2, role: 'something new', domain: undefined })
    await world.run()
    expect(peer.release?.reason).toBe('version-unsupported')
  })

  test('[LINK-5.2-5] has a nonce of its own on each link, and one boot', async () => {
    const world = new World()
    const peers = [world.dialIn(), world.dialIn(), world.dialIn('client', 'b.example')]
    await world.run()
    expect(new Set(peers.map(({ hello }) => hello['nonce'])).size).toBe(3)
    expect(new Set(peers.map(({ hello }) => hello['boot'])).size).toBe(1)
    const another = new World({ domains: ['c.example'] }).dialIn()
    await another.settle()
    expect(Buffer.from(String(peers[0]?.hello['nonce']), 'base64url').length).toBe(32)
  })

  test('[LINK-5.2-6] with our own boot ends the link', async () => {
    const world = new World()
    const peer = world.dialIn()
    await world.run()
    peer.sayHello({ boot: peer.hello['boot'] })
    await world.run()
    expect(peer.release?.reason).toBe('loop')
  })

  test.for([
    ['gateway', 'client'],
    ['client', 'gateway'],
  ] as const)(
    '[LINK-5.2-7] at the door for a %s with the role %s is refused',
    async ([door, role]) => {
      const world = new World()
      const peer = world.dialIn(door)
      peer.sayHello({ role })
      await world.run()
      expect(peer.release?.reason).toBe('protocol-state')
    },
  )

  test('[LINK-5.2-7] of who was dialled has the role gateway', async () => {
    const world = new World()
    const bob = await world.attached()
    bob.message({ reference: 0, sequence: 0, to: 'zoe@z.example' })
    await world.run()
    world.dialled[0]?.sayHello({ role: 'client' })
    await world.run()
    expect(world.dialled[0]?.release?.reason).toBe('protocol-state')
  })

  test('[LINK-5.2-8] proves nothing', async () => {
    const world = new World()
    const peer = world.dialIn()
    peer.sayHello({ domain: 'a.example' })
    const shown = peer.show(1, 'alice@a.example')
    const sent = peer.message({})
    await world.run(1000)
    expect([peer.status(shown), peer.status(sent)]).toEqual(['no answer', 'no answer'])
    expect([...world.gateway.sessions.all].flatMap(({ pairs }) => [...pairs])).toEqual([])
  })
})

describe('channel binding', () => {
  test('[LINK-5.3-1] on TLS is SHA-256 of the exporter value', async () => {
    const world = new World()
    const peer = world.dialIn()
    peer.sayHello()
    peer.prove()
    await world.run()
    expect(peer.status(1)).toBe('ok')
    // Both sides compute it: the claim of the gateway holds it, too.
    expect(claimsOf(peer.requestsOf(command.prove)[0]).cb).toBe(peer.binding)
  })

  test('[LINK-5.3-2] on plain TCP is made of both nonces', async () => {
    const world = new World()
    const peer = world.dialIn('gateway', 'a.example', true)
    peer.sayHello()
    await world.run()
    peer.prove()
    await world.run()
    expect(peer.status(1)).toBe('ok')
    expect(claimsOf(peer.requestsOf(command.prove)[0]).cb).toBe(peer.binding)
  })

  test('[LINK-5.3-2] a gateway that dialled plain TCP proves itself once it has the HELLO', async () => {
    const world = new World({ pinned: ['z.example'] })
    world.isPlain = true
    const bob = await world.attached()
    bob.message({ reference: 0, sequence: 0, to: 'zoe@z.example' })
    await world.run()
    const [far] = world.dialled
    expect(far?.requestsOf(command.prove)).toEqual([])
    far?.sayHello()
    await world.run()
    expect(claimsOf(far?.requestsOf(command.prove)[0]).cb).toBe(far?.binding)
  })

  test.for(['TLS', 'plain TCP'])(
    '[LINK-5.3-3] of another link over %s is refused',
    async (kind) => {
      const world = new World()
      const one = world.dialIn('gateway', 'a.example', kind !== 'TLS')
      const other = world.dialIn('gateway', 'a.example', kind !== 'TLS')
      one.sayHello()
      other.nonce = one.nonce.replace(/^./, 'x')
      other.sayHello()
      await world.run()
      const id = one.prove({ claims: { cb: other.binding } })
      await world.run()
      expect(one.status(id)).toBe('credential-binding')
    },
  )
})

/** The claims of the token of a PROVE. */
function claimsOf(request: wire.Request | undefined): { readonly cb?: string } {
  const token = request?.fields.get(tag.token)?.toString() ?? ''
  return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString() || '{}')
}
