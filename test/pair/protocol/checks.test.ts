/** Sections 6.5 and 6.6 of `docs/protocol.md`: what every request passes; ISSUE. */
import { describe, expect, test } from 'vitest'
import { type Status, statuses } from '../../../src/errors.ts'
import { b64, forgeKey } from '../../support/forge.ts'
import * as wire from '../../support/script/codec.ts'
import { messageId } from '../../support/script/peer.ts'
import { userKey, World } from '../../support/script/world.ts'

const { command, tag } = wire

describe('every request', () => {
  test('[LINK-6.5-1] passes the checks in one order', async () => {
    // Its two credentials count, too.
    const peerRate = { peerPerSecond: 0.001, peerBurst: 11 }
    const senderRate = { senderPerSecond: 0.001, senderBurst: 1 }
    const limits = { ...peerRate, ...senderRate, messageBytes: 10 }
    const world = new World({
      limits,
      pinned: ['d.example'],
      domains: ['b.example', 'c.example'],
      services: { 'b.example': ['pres'], 'c.example': ['pres'] },
    })
    const peer = await world.provenPeer()
    peer.prove({ claims: { aud: 'c.example' } })
    peer.show(1, 'alice@a.example', { claims: { scope: 'pres.watch' } })
    peer.show(2, 'alice@a.example')
    await world.run()
    const message = (change: Partial<wire.RequestShape>): number =>
      peer.ask(wire.im, {
        command: command.message,
        hops: 4,
        reference: 1,
        body: Buffer.alloc(11),
        ...change,
      })
    const lane = [tag.lane, wire.u32(1, 1)] as const
    const id = [tag.id, Buffer.alloc(16)] as const
    const toC = [tag.to, 'bob@c.example'] as const
    const toB = [tag.to, 'bob@b.example'] as const
    const small = { body: Buffer.alloc(1) }
    // Each one is better than the one before in one thing, and has all faults that come later.
    const ids = [
      message({ reference: 9, fields: [] }),
      message({ fields: [] }),
      message({ fields: [lane, [tag.to, 'nobody'], id] }),
      message({ reference: 0, fields: [lane, toC, id] }),
      message({ fields: [lane, toC, id] }),
      message({ ...small, fields: [lane, toC, id] }),
      message({ ...small, fields: [lane, toB, id] }),
      message({ ...small, reference: 2, fields: [lane, toB, id] }),
      message({ ...small, reference: 2, hops: 3, fields: [lane, toB, id] }),
      message({ ...small, reference: 2, hops: 3, fields: [lane, toB, id] }),
      // What is malformed has used up the rate of the domain like the rest; beyond it nothing is read.
      message({ fields: [] }),
      message({ reference: 9, fields: [] }),
    ]
    await world.run()
    expect(ids.map((one) => peer.status(one))).toEqual([
      'credential-ref-unknown',
      'bad-request',
      'bad-address',
      'credential-missing',
      'too-large',
      'credential-audience',
      'credential-scope',
      'hop-limit',
      'service-not-offered',
      'rate-limited',
      'rate-limited',
      'credential-ref-unknown',
    ])
    for (const id of ids.slice(-3, -1)) {
      const wait = peer.answer(id)?.fields.get(tag.retryAfter)
      expect(wait?.readUInt32BE(0)).toBeGreaterThan(0)
    }
    expect(world.meter.total('limit_hits_total', { limit: 'senderPerSecond' })).toBe(1)
    expect(world.meter.total('limit_hits_total', { limit: 'peerPerSecond' })).toBe(1)
  })

  test('[LINK-6.5-1] of a log-on with 500 contacts costs no message, and a paste of 40 lines passes', async () => {
    const world = new World()
    const bob = await world.attached()
    const carol = await world.attached('carol@b.example')
    carol.raw(
      wire.frame(wire.type.credit, 0, 0, Buffer.concat([Buffer.of(1), wire.u32(100, 100_000)])),
    )
    const asked: number[] = []
    for (let n = 0; n < 500; n++) {
      const id = Buffer.alloc(16)
      id.writeUInt32BE(n)
      asked.push(
        bob.ask(wire.pres, {
          command: command.subscribe,
          fields: [
            [tag.to, 'carol@b.example'],
            [tag.subscription, id],
          ],
        }),
      )
      await world.run()
    }
    const lines: number[] = []
    for (let n = 0; n < 40; n++) {
      lines.push(
        bob.message({ reference: 0, sequence: 0, to: 'carol@b.example', id: messageId(`${n}`) }),
      )
      await world.run()
      carol.respond(carol.requestsOf(command.message).at(-1)?.id ?? 0, 'ok')
      await world.run()
    }
    expect(new Set(asked.map((id) => bob.status(id)))).toEqual(new Set(['ok']))
    expect(new Set(lines.map((id) => bob.status(id)))).toEqual(new Set(['delivered']))
  })

  test('[LINK-6.5-1] of one foreign domain to another is refused as relaying', async () => {
    const world = new World()
    const peer = await world.provenPeer()
    peer.show(1, 'alice@a.example')
    const id = peer.message({ to: 'zoe@z.example' })
    await world.run()
    expect(peer.status(id)).toBe('relaying')
    expect(world.dialled).toEqual([])
  })

  test('[LINK-6.5-1] of a client is judged by domain rules, too', async () => {
    const world = new World({ rules: { default: 'allow', allow: [], deny: ['z.example'] } })
    const bob = await world.attached()
    const id = bob.message({ reference: 0, sequence: 0, to: 'zoe@z.example' })
    await world.run()
    expect(bob.status(id)).toBe('domain-refused')
    expect(world.dialled).toEqual([])
  })

  test.for([
    ['FETCH', command.fetch, []],
    ['SUBSCRIBE', command.subscribe, [[tag.subscription, Buffer.alloc(16)]]],
    ['UNSUBSCRIBE', command.unsubscribe, [[tag.subscription, Buffer.alloc(16)]]],
  ] as const)('[LINK-6.5-1] %s needs the scope pres.watch', async ([, number, list]) => {
    const world = new World()
    const peer = await world.provenPeer()
    peer.show(1, 'alice@a.example', { claims: { scope: 'im.send pres.notify pres.publish' } })
    const ask = (reference: number): number =>
      peer.ask(wire.pres, {
        command: number,
        reference,
        fields: [[tag.to, 'bob@b.example'], ...list],
      })
    const ids = [ask(0), ask(1)]
    await world.run()
    expect(ids.map((id) => peer.status(id))).toEqual(['credential-missing', 'credential-scope'])
  })

  test('[LINK-6.5-1] has an effect only after the last check', async () => {
    const world = new World({ limits: { lanePerSecond: 0.001, laneBurst: 1 } })
    const bob = await world.attached()
    const peer = await world.provenPeer()
    peer.show(1, 'alice@a.example')
    peer.message({ sequence: 1 })
    const limited = peer.message({ sequence: 2 })
    await world.run()
    expect(peer.status(limited)).toBe('rate-limited')
    expect(bob.requestsOf(command.message).length).toBe(1)
  })

  test.each([
    ['FETCH', command.fetch],
    ['SUBSCRIBE', command.subscribe],
    ['UNSUBSCRIBE', command.unsubscribe],
  ])(
    '[LINK-6.5-1] that says who asks is malformed before its credential is missed: %s',
    async (_, of) => {
      const world = new World()
      const peer = await world.provenPeer()
      const fields = [
        [tag.from, 'alice@a.example'],
        [tag.to, 'bob@b.example'],
        [tag.subscription, Buffer.alloc(16)],
      ] as const
      const ids = [fields, fields.slice(1)].map((list) =>
        peer.ask(wire.pres, { command: of, hops: 1, fields: list }),
      )
      await world.run()
      expect(ids.map((id) => peer.status(id))).toEqual(['bad-request', 'credential-missing'])
    },
  )

  test('[LINK-6.5-2] comes from the subject of its credential, or from the attached user', async () => {
    const world = new World()
    const bob = await world.attached()
    const carol = await world.attached('carol@b.example')
    const peer = await world.provenPeer()
    peer.show(1, 'alice@a.example')
    const forged = peer.ask(wire.im, {
      command: command.message,
      reference: 1,
      fields: [
        [tag.lane, wire.u32(1, 1)],
        [tag.from, 'anna@a.example'],
        [tag.to, 'bob@b.example'],
        [tag.id, Buffer.alloc(16)],
      ],
    })
    const fetched = peer.ask(wire.pres, {
      command: command.fetch,
      reference: 1,
      fields: [
        [tag.from, 'anna@a.example'],
        [tag.to, 'bob@b.example'],
      ],
    })
    carol.message({ reference: 0, sequence: 0, to: 'bob@b.example' })
    await world.run()
    expect([forged, fetched].map((id) => peer.status(id))).toEqual(['bad-request', 'bad-request'])
    expect(bob.requests.map(({ fields }) => fields.get(tag.from)?.toString())).toEqual([
      'carol@b.example',
    ])
  })

  const stages: Readonly<Record<number, string>> = {
    1: 'link',
    2: 'request',
    3: 'proof',
    4: 'policy',
    5: 'way',
    6: 'state',
    7: 'capacity',
  }

  test('[LINK-6.5-3] that fails is answered with who found it and where', async () => {
    const world = new World({ rules: { default: 'allow', allow: [], deny: ['y.example'] } })
    const bob = await world.attached()
    const say = (to: string, n: number, sequence = 0): number =>
      bob.message({ reference: 0, sequence, id: Buffer.alloc(16, n), to })
    const ids = [
      say('nobody', 1),
      say('zoe@y.example', 2),
      say('carol@b.example', 3),
      say('eve@b.example', 4),
      say('bob@b.example', 5, 7),
    ]
    await world.run()
    const told = ids.map((id) => {
      const { status = 0, fields } = bob.answer(id) ?? {}
      return [
        bob.status(id),
        fields?.get(tag.reporter)?.toString(),
        fields?.get(tag.stage)?.toString() === stages[status >> 8],
      ]
    })
    expect(told).toEqual([
      ['bad-address', 'b.example', true],
      ['domain-refused', 'b.example', true],
      ['inbox-closed', 'b.example', true],
      ['refused', 'b.example', true],
      ['order', 'b.example', true],
    ])
    const groups = Object.values(statuses).map(({ number }) => (number ?? 0x0100) >> 8)
    expect(new Set(groups.filter((group) => group > 0)).size).toBe(7)
  })

  test('[LINK-6.5-3] whatever fails on a link says so, too', async () => {
    const world = new World()
    const peer = await world.provenPeer()
    const ids = [
      peer.prove({ claims: { iss: 'b.example' } }),
      peer.ask(wire.control, { command: command.keys, fields: [[tag.domain, 'z.example']] }),
      peer.show(0, 'alice@a.example'),
      peer.show(1, 'alice@z.example'),
      peer.message({ reference: 9 }),
      peer.ask(wire.control, { command: command.forget }),
      peer.ask(wire.im, { command: command.message, fields: [[0x05, 1]] }),
      peer.ask(wire.pres, { command: command.renew }),
      peer.ask(wire.im | wire.more, {
        command: command.message,
        fields: [[tag.bodyLength, 1_000_000]],
      }),
    ]
    await world.run()
    const told = ids.map((id) => {
      const { status = 0, fields } = peer.answer(id) ?? {}
      const stage = fields?.get(tag.stage)?.toString()
      return [peer.status(id), fields?.get(tag.reporter)?.toString(), stage === stages[status >> 8]]
    })
    expect(told).toEqual(
      [
        'credential-issuer',
        'domain-not-hosted',
        'bad-request',
        'credential-subject',
        'credential-ref-unknown',
        'bad-request',
        'feature-required',
        'bad-request',
        'too-large',
      ].map((status) => [status, 'b.example', true]),
    )
  })

  test('[LINK-6.5-3] that fails elsewhere keeps what is said there', async () => {
    const world = new World()
    const bob = await world.attached()
    const id = bob.message({ reference: 0, sequence: 0, to: 'zoe@z.example' })
    const far = await world.accepted()
    far.respond(far.requestsOf(command.message)[0]?.id ?? 0, 'inbox-full', [
      [tag.reporter, 'z.example'],
      [tag.stage, 'capacity'],
    ])
    await world.run()
    expect(bob.answer(id)?.fields.get(tag.reporter)?.toString()).toBe('z.example')
  })

  test.for([
    ['MESSAGE', command.message, [[tag.id, Buffer.alloc(16)]], true],
    ['FETCH', command.fetch, [], false],
    ['SUBSCRIBE', command.subscribe, [[tag.subscription, Buffer.alloc(16)]], false],
  ] as const)(
    '[LINK-6.5-4] [LINK-6.10-4] %s to nobody is refused',
    async ([, number, list, hasLane]) => {
      const world = new World()
      const peer = await world.provenPeer()
      peer.show(1, 'alice@a.example')
      const lane = hasLane ? ([[tag.lane, wire.u32(1, 1)]] as const) : []
      const id = peer.ask(wire.im, {
        command: number,
        reference: 1,
        fields: [...lane, [tag.to, 'eve@b.example'], ...list],
      })
      await world.run()
      expect(peer.status(id)).toBe('refused')
    },
  )
})

describe('ISSUE', () => {
  const ask = (audience: string, scope: string): wire.RequestShape => ({
    command: command.issue,
    fields: [
      [tag.audience, audience],
      [tag.scope, scope],
    ],
  })

  test('[LINK-6.6-1] gives the attached user a credential bound to its key', async () => {
    const world = new World()
    const bob = await world.attached()
    const id = bob.ask(wire.control, ask('z.example', 'im.send pres.watch'))
    await world.run()
    const token = bob.answer(id)?.fields.get(tag.token)?.toString() ?? ''
    const [head = '', claims = ''] = token.split('.')
    const { kid, typ } = JSON.parse(Buffer.from(head, 'base64url').toString())
    const { iss, sub, aud, scope, cnf, iat, exp } = JSON.parse(
      Buffer.from(claims, 'base64url').toString(),
    )
    expect([kid, typ]).toEqual([forgeKey('script: b.example').kid, 'pitp-cred+jwt'])
    expect([iss, sub, aud, scope]).toEqual([
      'b.example',
      'bob@b.example',
      'z.example',
      'im.send pres.watch',
    ])
    expect(cnf).toEqual({ jkt: userKey('bob@b.example').kid })
    expect(exp - iat).toBe(600)
    expect(b64(head)).not.toBe(head)
  })

  test.for([
    ['im.sing im.send', 'ok', 'im.send'],
    ['im.sing', 'credential-scope', undefined],
  ] as const)('[LINK-6.6-2] of the scope "%s": %s', async ([scope, expected, granted]) => {
    const world = new World()
    const bob = await world.attached()
    const id = bob.ask(wire.control, ask('z.example', scope))
    await world.run()
    expect(bob.status(id)).toBe(expected)
    const token = bob.answer(id)?.fields.get(tag.token)?.toString() ?? '..'
    const claims = Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()
    expect(JSON.parse(claims || '{}').scope).toBe(granted)
  })

  test.for<readonly [string, readonly string[] | undefined, Status]>([
    ['whose key the directory has put others in place of', ['x'], 'credential-key'],
    ['whom the directory does not list any more', undefined, 'refused'],
  ])('[LINK-6.6-3] gives nothing to a user %s', async ([, keys, expected]) => {
    const world = new World()
    const bob = await world.attached()
    if (keys === undefined) world.users.delete('bob')
    else world.users.set('bob', keys)
    const ids = ['b.example', 'z.example'].map((audience) =>
      bob.ask(wire.control, ask(audience, 'im.send')),
    )
    await world.run()
    expect(ids.map((id) => bob.status(id))).toEqual([expected, expected])
  })

  test.for<readonly [string, wire.RequestShape, Status]>([
    ['a domain in capitals', ask('Z.example', 'im.send'), 'bad-request'],
    ['no domain', { command: command.issue, fields: [[tag.scope, 'im.send']] }, 'bad-request'],
    ['an empty scope', ask('z.example', ''), 'bad-request'],
    ['a scope that is no ASCII', ask('z.example', 'im.send \u00e4'), 'bad-request'],
    ['no scope', { command: command.issue, fields: [[tag.audience, 'z.example']] }, 'bad-request'],
  ])('[LINK-6.6-1] with %s is refused', async ([, shape, expected]) => {
    const world = new World()
    const bob = await world.attached()
    const id = bob.ask(wire.control, shape)
    await world.run()
    expect(bob.status(id)).toBe(expected)
  })

  test('[LINK-6.5-5] is counted', async () => {
    const world = new World({ limits: { senderPerSecond: 0.001, senderBurst: 1 } })
    const bob = await world.attached()
    const ids = [1, 2].map(() => bob.ask(wire.control, ask('z.example', 'im.send')))
    await world.run()
    expect(ids.map((id) => bob.status(id))).toEqual(['ok', 'rate-limited'])
  })

  test('[LINK-6.6-1] is not for gateways', async () => {
    const world = new World()
    const peer = await world.provenPeer()
    const id = peer.ask(wire.control, ask('z.example', 'im.send'))
    await world.run()
    expect(peer.status(id)).toBe('bad-request')
  })
})
