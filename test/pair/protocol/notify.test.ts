/** Sections 6.13 and 6.14 of `docs/protocol.md`: NOTIFY, and what follows an outage. */
import { describe, expect, test } from 'vitest'
import type { Status } from '../../../src/errors.ts'
import { forgeKey } from '../../support/forge.ts'
import * as wire from '../../support/script/codec.ts'
import { messageId, type ScriptedPeer } from '../../support/script/peer.ts'
import { World, type WorldWish } from '../../support/script/world.ts'

const { type, command, tag } = wire

const document = (note: string): string => `{"tuples":{"t":{"note":"${note}"}}}`
const quiet = { pingMs: 1e9, idleMs: 1e12, linkAgeMs: 1e12 } as const

// The gateway as the presentity's side.

let published = 0
const publish = (client: ScriptedPeer, note: string): number =>
  client.ask(wire.pres, {
    command: command.publish,
    fields: [
      [tag.entityTag, messageId(`etag ${++published}`)],
      ...(published > 1 && lastTag.has(client)
        ? ([[tag.ifMatch, lastTag.get(client) as Buffer]] as const)
        : []),
    ],
    body: remember(client, document(note)),
  })
const lastTag = new Map<ScriptedPeer, Buffer>()
function remember(client: ScriptedPeer, body: string): Buffer {
  lastTag.set(client, messageId(`etag ${published}`))
  return Buffer.from(body)
}

async function watched(
  wish: WorldWish = {},
): Promise<readonly [World, ScriptedPeer, ScriptedPeer]> {
  const world = new World({ ...wish, limits: { ...quiet, ...wish.limits } })
  const bob = await world.attached()
  const peer = await world.provenPeer()
  peer.show(1, 'alice@a.example')
  peer.ask(wire.pres, {
    command: command.subscribe,
    hops: 1,
    reference: 1,
    fields: [
      [tag.to, 'bob@b.example'],
      [tag.subscription, messageId('of alice')],
    ],
  })
  await world.run(3000)
  return [world, peer, bob]
}

const notes = (peer: ScriptedPeer): readonly string[] =>
  peer
    .requestsOf(command.notify)
    .map(({ body }) => JSON.parse(body.toString()).tuples.t?.note ?? 'nothing')

// The gateway as the watcher's side.

type Watch = {
  readonly world: World
  readonly bob: ScriptedPeer
  readonly far: ScriptedPeer
  /** The id that the gateway chose. */
  readonly subscription: Buffer
}

const watchZoe = (bob: ScriptedPeer): number =>
  bob.ask(wire.pres, {
    command: command.subscribe,
    fields: [
      [tag.to, 'zoe@z.example'],
      [tag.subscription, messageId('of bob')],
    ],
  })

async function watching(wish: WorldWish = {}): Promise<Watch> {
  const world = new World({ pinned: ['z.example'], ...wish, limits: { ...quiet, ...wish.limits } })
  const bob = await world.attached()
  watchZoe(bob)
  const far = await world.accepted({ state: 'first' })
  const [asked] = far.requestsOf(command.subscribe)
  far.respond(asked?.id ?? 0, 'ok', [[tag.lease, 3600]])
  far.show(1, 'zoe@z.example', { claims: { scope: 'pres.notify' } })
  await world.run()
  if (wish.pinned?.length === 0) await world.tellKeysOn(far, 'z.example')
  return { world, bob, far, subscription: asked?.fields.get(tag.subscription) ?? Buffer.alloc(16) }
}

type Notice = {
  readonly reference?: number
  readonly subscription?: Buffer
  readonly version?: readonly [number, number]
  readonly state?: number
  readonly event?: number
  readonly note?: string
}

function notify({ far, subscription }: Watch, notice: Notice): number {
  const { reference = 1, version, state = 1, event, note } = notice
  return far.ask(wire.pres, {
    command: command.notify,
    hops: 1,
    reference,
    fields: [
      [tag.subscription, notice.subscription ?? subscription],
      ...(version === undefined ? [] : ([[tag.version, wire.u32(...version)]] as const)),
      [tag.state, Buffer.of(state)],
      ...(event === undefined ? [] : ([[tag.event, Buffer.of(event)]] as const)),
    ],
    body: Buffer.from(note === undefined ? '' : document(note)),
  })
}

/** What bob was told: notes, or the number of another state. */
const told = (bob: ScriptedPeer): readonly (string | number)[] =>
  bob.requestsOf(command.notify).map(({ fields, body }) => {
    const state = fields.get(tag.state)?.[0] ?? 0
    return state === 1 ? (JSON.parse(body.toString()).tuples.t?.note ?? '') : state
  })

describe('NOTIFY', () => {
  test('[LINK-6.13-1] that is taken is not answered, one that is not is', async () => {
    const watch = await watching()
    const { world, bob, far } = watch
    const ids = [
      notify(watch, { version: [1, 1], note: 'a' }),
      notify(watch, { version: [1, 1], note: 'a' }),
      notify(watch, { state: 2 }),
      notify(watch, { version: [1, 2] }),
      notify(watch, { note: 'without a version' }),
      notify(watch, { version: [1, 3], state: 3 }),
      notify(watch, { state: 9 }),
    ]
    await world.run()
    expect(ids.map((id) => far.status(id))).toEqual([
      'no answer',
      'no answer',
      'no answer',
      'bad-request',
      'bad-request',
      'bad-request',
      'bad-request',
    ])
    expect(told(bob)).toEqual(['a'])
    const [shown] = bob.requestsOf(command.notify)
    expect(shown?.fields.get(tag.from)?.toString()).toBe('zoe@z.example')
    expect(shown?.fields.get(tag.subscription)).toEqual(messageId('of bob'))
  })

  test.for<readonly [string, Readonly<Record<string, unknown>> | undefined, Status]>([
    ['no credential', undefined, 'credential-missing'],
    [
      'a credential for other things',
      { scope: 'im.send pres.watch pres.publish' },
      'credential-scope',
    ],
    ['a credential of somebody else', { sub: 'yan@z.example' }, 'lease-unknown'],
  ])('[LINK-6.13-2] with %s shows nothing', async ([, claims, expected]) => {
    const watch = await watching()
    const { world, bob, far } = watch
    if (claims !== undefined) {
      far.show(2, 'zoe@z.example', { claims: { scope: 'pres.notify', ...claims } })
    }
    const id = notify(watch, {
      reference: claims === undefined ? 0 : 2,
      version: [1, 1],
      note: 'x',
    })
    await world.run()
    expect(far.status(id)).toBe(expected)
    expect(told(bob)).toEqual([])
  })

  test('[LINK-6.12-1] that crosses UNSUBSCRIBE is refused and not shown', async () => {
    const watch = await watching()
    const { world, bob, far } = watch
    bob.ask(wire.pres, {
      command: command.unsubscribe,
      fields: [
        [tag.to, 'zoe@z.example'],
        [tag.subscription, messageId('of bob')],
      ],
    })
    await world.run(1000)
    expect(far.requestsOf(command.unsubscribe).length).toBe(1)
    const id = notify(watch, { version: [1, 1], note: 'late' })
    await world.run()
    expect(far.status(id)).toBe('lease-unknown')
    expect(told(bob)).toEqual([])
  })

  test('[LINK-6.5-5] is counted, and what is too much comes again', async () => {
    const watch = await watching({
      pinned: [],
      limits: { peerNotifyPerSecond: 0.001, peerNotifyBurst: 1 },
    })
    const { world, bob, far, subscription } = watch
    const ids = [
      notify(watch, { version: [1, 1], note: 'a' }),
      notify(watch, { version: [1, 2], note: 'b' }),
    ]
    await world.run()
    expect(ids.map((id) => far.status(id))).toEqual(['no answer', 'rate-limited'])
    const { fields } = far.answer(ids[1] ?? 0) ?? {}
    expect(fields?.get(tag.subscription)).toEqual(subscription)
    expect(fields?.get(tag.retryAfter)?.readUInt32BE(0)).toBeGreaterThan(0)
    expect(told(bob)).toEqual(['a'])
  })

  test.for([
    ['of an unknown field of this hop', [[0x05, 1]], 'feature-required'],
    ['of an unknown number', [], 'credential-ref-unknown'],
  ] as const)(
    '[LINK-6.13-6] is refused with its subscription because %s',
    async ([, more, code]) => {
      const watch = await watching()
      const { world, far, subscription } = watch
      const id = far.ask(wire.pres, {
        command: command.notify,
        hops: 1,
        reference: 77,
        fields: [...more, [tag.subscription, subscription], [tag.state, Buffer.of(2)]],
      })
      await world.run()
      expect(far.status(id)).toBe(code)
      const { fields } = far.answer(id) ?? {}
      expect(fields?.get(tag.subscription)).toEqual(subscription)
      expect(fields?.get(tag.reporter)?.toString()).toBe('b.example')
    },
  )

  test('[LINK-6.13-2] with a credential for another of our domains shows nothing', async () => {
    const watch = await watching({ domains: ['b.example', 'c.example'] })
    const { world, bob, far } = watch
    far.prove({ claims: { aud: 'c.example' } })
    const shown = far.show(2, 'zoe@z.example', {
      claims: { scope: 'pres.notify', aud: 'c.example' },
    })
    const id = notify(watch, { reference: 2, version: [1, 1], note: 'x' })
    await world.run()
    expect([far.status(shown), far.status(id)]).toEqual(['ok', 'credential-audience'])
    expect(told(bob)).toEqual([])
  })

  test('[LINK-6.13-2] of the gateway refers to a credential of the presentity', async () => {
    const [, peer] = await watched()
    const shown = peer.requestsOf(command.credential).map(({ reference, fields }) => {
      const [, claims = ''] = fields.get(tag.token)?.toString().split('.') ?? []
      const { sub, aud, scope } = JSON.parse(Buffer.from(claims, 'base64url').toString())
      return [reference, sub, aud, scope]
    })
    const [notice] = peer.requestsOf(command.notify)
    expect(shown).toEqual([[notice?.reference, 'bob@b.example', 'a.example', 'pres.notify']])
  })

  test('[LINK-6.13-3] comes once in 2 s, and the last value comes', async () => {
    const [world, peer, bob] = await watched()
    for (let i = 0; i < 50; i++) {
      publish(bob, `${i}`)
      await world.run(100)
    }
    await world.run(5000)
    expect(notes(peer).length).toBeLessThanOrEqual(1 + 5)
    expect(notes(peer).at(-1)).toBe('49')
  })

  test('[LINK-6.13-4] with an old version is not shown', async () => {
    const watch = await watching({ limits: { notifyMs: 0 } })
    const { world, bob, far } = watch
    const steps: readonly (readonly [number, number, string])[] = [
      [7, 5, 'first'],
      [7, 4, 'lower'],
      [7, 5, 'the same'],
      [7, 9, 'higher'],
      [3, 1, 'another epoch'],
      [7, 10, 'the epoch before'],
      [3, 2, 'the last'],
    ]
    for (const [epoch, sequence, note] of steps) notify(watch, { version: [epoch, sequence], note })
    await world.run()
    expect(told(bob)).toEqual(['first', 'higher', 'another epoch', 'the last'])
    expect(far.answers.length).toBe(far.answers.filter(({ status }) => status === 0).length)
  })

  test('[LINK-6.13-2] with an old version is ignored, whatever its document', async () => {
    const watch = await watching()
    const { world, bob, far } = watch
    notify(watch, { version: [7, 5], note: 'first' })
    const ids = [notify(watch, { version: [7, 4] }), notify(watch, { version: [7, 6] })]
    await world.run()
    expect(ids.map((id) => far.status(id))).toEqual(['no answer', 'bad-request'])
    expect(told(bob)).toEqual(['first'])
  })

  test('[LINK-6.13-4] of the gateway rises with each change', async () => {
    const [world, peer, bob] = await watched()
    for (const note of ['a', 'b', 'c']) {
      publish(bob, note)
      await world.run(3000)
    }
    const versions = peer
      .requestsOf(command.notify)
      .map(({ fields }) => fields.get(tag.version) ?? wire.u32(0, 0))
    const sequences = versions.map((version) => version.readUInt32BE(4))
    expect(new Set(versions.map((version) => version.readUInt32BE(0))).size).toBe(1)
    expect(sequences).toEqual(sequences.toSorted((a, b) => a - b))
    expect(new Set(sequences).size).toBe(4)
  })

  test('[LINK-6.13-5] keeps no log of what could not be sent', async () => {
    const [world, peer, bob] = await watched()
    peer.channel.destroy()
    world.dialFault = 'remote-unreachable'
    await world.run(1000)
    for (const note of ['a', 'b', 'c']) {
      publish(bob, note)
      await world.run(5000)
    }
    const back = await world.provenPeer()
    await world.run(10_000)
    expect(notes(back)).toEqual(['c'])
  })

  test('[LINK-6.13-5] that finds only a link that was let go of goes out by the next one at once', async () => {
    const [world, peer, bob] = await watched({ limits: { confirmMs: 25_000 } })
    // Nobody confirms it: the link stays for the sake of its answer.
    peer.message({})
    await world.run()
    peer.raw(release(0))
    world.dialFault = 'remote-unreachable'
    await world.run()
    publish(bob, 'a')
    await world.run(8000)
    expect(peer.isClosed).toBe(false)
    const next = await world.provenPeer()
    await world.run(100)
    expect(notes(next)).toEqual(['a'])
  })

  /** Everything that alice's gateway takes without giving credit is used up, and three more values were told. */
  async function stuck(): Promise<readonly [World, ScriptedPeer, ScriptedPeer]> {
    const [world, peer, bob] = await watched()
    for (let n = 1; n <= 17; n++) {
      publish(bob, `${n}`)
      await world.run(3000)
    }
    expect(notes(peer)).toEqual(['nothing', ...Array.from({ length: 14 }, (_, n) => `${n + 1}`)])
    return [world, peer, bob]
  }
  const moreCredit = (of = 2): Buffer =>
    wire.frame(type.credit, 0, 0, Buffer.concat([Buffer.of(of), wire.u32(100, 100_000)]))

  test('[LINK-6.13-5] that waits for credit tells the last value, once', async () => {
    const [world, peer] = await stuck()
    peer.raw(moreCredit())
    await world.run(10_000)
    expect(notes(peer).slice(15)).toEqual(['17'])
  })

  test('[LINK-6.12-1] that waits for credit does not outlive its subscription', async () => {
    const [world, peer] = await stuck()
    peer.ask(wire.pres, {
      command: command.unsubscribe,
      hops: 1,
      reference: 1,
      fields: [
        [tag.to, 'bob@b.example'],
        [tag.subscription, messageId('of alice')],
      ],
    })
    await world.run()
    peer.raw(moreCredit())
    await world.run(10_000)
    expect(notes(peer).slice(15)).toEqual([])
    expect(peer.release).toBeUndefined()
  })

  test.for<readonly [string, (watch: Watch) => number, Status]>([
    [
      'an unknown number',
      (watch) => notify(watch, { reference: 77, version: [1, 1], note: 'x' }),
      'credential-ref-unknown',
    ],
    [
      'a refused credential',
      (watch) => {
        watch.far.show(5, 'zoe@z.example', {
          key: forgeKey('a liar'),
          header: { kid: watch.far.key.kid },
        })
        return notify(watch, { reference: 5, version: [1, 1], note: 'x' })
      },
      'credential-signature',
    ],
    [
      'a subscription that is not there',
      (watch) => notify(watch, { subscription: messageId('none'), version: [1, 1], note: 'x' }),
      'lease-unknown',
    ],
    [
      'a field that has to be understood',
      ({ far, subscription }) =>
        far.ask(wire.pres, {
          command: command.notify,
          reference: 1,
          fields: [
            [tag.subscription, subscription],
            [tag.state, Buffer.of(3)],
            [0x71, 'x'],
          ],
        }),
      'feature-required',
    ],
  ])('[LINK-6.13-6] refused because of %s names its subscription', async ([, say, expected]) => {
    const watch = await watching()
    const id = say(watch)
    await watch.world.run()
    expect(watch.far.status(id)).toBe(expected)
    expect(watch.far.answer(id)?.fields.get(tag.subscription)?.length).toBe(16)
  })

  test('[LINK-6.13-6] refused before a proof names its subscription, too', async () => {
    const world = new World({ limits: { waitingFrames: 1 } })
    const peer = world.dialIn()
    peer.sayHello()
    const ask = (): number =>
      peer.ask(wire.pres, {
        command: command.notify,
        reference: 1,
        fields: [
          [tag.subscription, messageId('early')],
          [tag.state, Buffer.of(3)],
        ],
      })
    const ids = [ask(), ask()]
    peer.prove({ claims: { aud: 'c.example' } })
    await world.run()
    expect(ids.map((id) => peer.status(id))).toEqual(['credential-audience', 'busy'])
    expect(ids.map((id) => peer.answer(id)?.fields.get(tag.subscription))).toEqual(
      Array(2).fill(messageId('early')),
    )
  })

  test('[LINK-6.13-6] of the gateway that is refused for a time comes again; lease-unknown ends it', async () => {
    const [world, peer, bob] = await watched()
    publish(bob, 'a')
    await world.run(3000)
    const refuse = (status: Status): undefined => {
      const last = peer.requestsOf(command.notify).at(-1)
      peer.respond(last?.id ?? 0, status, [[tag.subscription, messageId('of alice')]])
    }
    refuse('credential-ref-unknown')
    await world.run(5000)
    expect(notes(peer)).toEqual(['nothing', 'a', 'a'])
    expect(peer.requestsOf(command.credential).length).toBe(2)
    refuse('lease-unknown')
    await world.run()
    publish(bob, 'b')
    await world.run(5000)
    expect(notes(peer)).toEqual(['nothing', 'a', 'a'])
  })

  test('[LINK-6.13-6] of the gateway that is refused again and again comes less and less often', async () => {
    const [world, peer] = await watched()
    // FORGET takes credit, too.
    peer.raw(moreCredit(), moreCredit(0))
    const refused = new Set<number>()
    const refuseFor = async (seconds: number): Promise<number> => {
      const before = refused.size
      for (let second = 0; second < seconds; second++) {
        for (const { id } of peer.requestsOf(command.notify)) {
          if (refused.has(id)) continue
          peer.respond(id, 'credential-ref-unknown', [[tag.subscription, messageId('of alice')]])
          refused.add(id)
        }
        await world.run(1000)
      }
      return refused.size - before
    }
    expect(await refuseFor(70)).toBeLessThanOrEqual(7)
    expect(await refuseFor(600)).toBeLessThanOrEqual(11)
    expect(refused.size).toBeGreaterThan(12)
    await world.run(200_000)
    // It was taken for a while: the next refusal is the first one.
    const taken = peer.requestsOf(command.notify).length
    peer.respond(peer.requestsOf(command.notify).at(-1)?.id ?? 0, 'busy', [
      [tag.subscription, messageId('of alice')],
    ])
    await world.run(1500)
    expect(peer.requestsOf(command.notify).length).toBe(taken + 1)
  })

  test('[LINK-6.13-6] of the gateway that was lost with its link, or refused for good, comes again', async () => {
    const [world, peer, bob] = await watched()
    publish(bob, 'a')
    await world.run(3000)
    const last = peer.requestsOf(command.notify).at(-1)
    peer.respond(last?.id ?? 0, 'credential-scope', [[tag.subscription, messageId('of alice')]])
    await world.run(50_000)
    expect(notes(peer)).toEqual(['nothing', 'a'])
    await world.run(15_000)
    expect(notes(peer)).toEqual(['nothing', 'a', 'a'])
    const other = await world.provenPeer()
    peer.channel.destroy()
    await world.run(5000)
    expect(notes(other)).toEqual(['a'])
  })

  test.for([
    ['deactivated', 3, 1000, 2],
    ['timeout', 6, 1000, 2],
    ['probation', 4, 200_000, 1],
    ['probation', 4, 310_000, 2],
    ['giveup', 7, 310_000, 2],
    ['rejected', 5, 310_000, 1],
    ['noresource', 8, 310_000, 1],
    ['an event that nobody knows', 9, 310_000, 1],
  ] as const)('[LINK-6.13-7] terminated with %s ends it', async ([, event, ms, subscribes]) => {
    const watch = await watching()
    const { world, bob, far } = watch
    notify(watch, { state: 3, event })
    await world.run(ms)
    expect(far.requestsOf(command.subscribe).length).toBe(subscribes)
    const isOver = event === 5 || event > 7
    expect(told(bob)).toEqual(isOver ? [3] : [])
    const late = notify(watch, { version: [1, 1], note: 'late' })
    await world.run()
    if (isOver) expect(far.status(late)).toBe('lease-unknown')
  })

  test('[LINK-6.13-7] terminated again and again is no stream of SUBSCRIBEs', async () => {
    const watch = await watching()
    const { world, far } = watch
    for (let n = 0; n < 50; n++) {
      notify(watch, { state: 3, event: 3 })
      await world.run(100)
      for (const { id } of far.requestsOf(command.subscribe).slice(1)) {
        if (far.status(id) === 'no answer') far.respond(id, 'ok', [[tag.lease, 3600]])
      }
      await world.run(100)
    }
    expect(far.requestsOf(command.subscribe).length).toBeLessThan(4)
  })

  test('[LINK-6.13-8] for somebody else’s subscription is refused', async () => {
    const watch = await watching({ pinned: ['z.example', 'd.example'] })
    const { world, bob, subscription } = watch
    const other = await world.provenPeer('d.example')
    other.show(1, 'dora@d.example', { claims: { scope: 'pres.notify' } })
    const id = notify({ ...watch, far: other }, { subscription, version: [1, 1], note: 'x' })
    await world.run()
    expect(other.status(id)).toBe('lease-unknown')
    expect(told(bob)).toEqual([])
  })

  test('[LINK-6.13-8] of another domain goes to all sessions of the watcher, also if an old one speaks late', async () => {
    const watch = await watching()
    const { world, bob } = watch
    const next = await world.attached()
    for (const session of [next, bob]) {
      session.ask(wire.pres, {
        command: command.subscribe,
        fields: [
          [tag.to, 'zoe@z.example'],
          [tag.subscription, messageId('of bob')],
        ],
      })
      await world.run()
    }
    notify(watch, { version: [1, 1], note: 'a' })
    await world.run()
    expect([told(bob), told(next)]).toEqual([['a'], ['a']])
    notify(watch, { state: 3, event: 8 })
    await world.run()
    expect([told(bob), told(next)]).toEqual([
      ['a', 3],
      ['a', 3],
    ])
  })

  test('[LINK-6.13-8] that a session does not know does no harm', async () => {
    const watch = await watching({ limits: { notifyMs: 0 } })
    const { world, bob } = watch
    notify(watch, { version: [1, 1], note: 'a' })
    await world.run()
    const [shown] = bob.requestsOf(command.notify)
    bob.respond(shown?.id ?? 0, 'lease-unknown', [[tag.subscription, messageId('of bob')]])
    notify(watch, { version: [1, 2], note: 'b' })
    await world.run()
    expect(told(bob)).toEqual(['a', 'b'])
  })
})

/** RELEASE with `shutdown`. */
const release = (retryMs: number): Buffer =>
  wire.frame(type.release, 0, 0, Buffer.concat([Buffer.of(1, 9), wire.u32(retryMs, 0xffff)]))

test('[LINK-6.10-7] NOTIFY that comes by another link, before the answer to SUBSCRIBE, is shown', async () => {
  const world = new World({ pinned: ['z.example'], limits: quiet })
  const bob = await world.attached()
  watchZoe(bob)
  const asked = await world.accepted({ services: ['pres'] })
  const [{ id, fields } = { id: 0, fields: new Map<number, Buffer>() }] = asked.requestsOf(
    command.subscribe,
  )
  const far = await world.provenPeer('z.example')
  far.show(1, 'zoe@z.example', { claims: { scope: 'pres.notify' } })
  const subscription = fields.get(tag.subscription) ?? Buffer.alloc(16)
  const early = notify({ world, bob, far, subscription }, { version: [1, 1], note: 'early' })
  await world.run()
  expect([far.status(early), told(bob)]).toEqual(['no answer', ['early']])
  asked.respond(id, 'ok', [[tag.lease, 3600]])
  await world.run()
  expect(told(bob)).toEqual(['early'])
})

describe('after an outage', () => {
  test('[LINK-6.14-1] another state means that everything is asked for again', async () => {
    const watch = await watching()
    const { world, bob, far } = watch
    // The old process still drains when the new one takes the next link.
    const open = far.ask(wire.control, {
      command: command.keys,
      fields: [[tag.domain, 'b.example']],
    })
    far.raw(release(0))
    await world.run()
    expect(far.status(open)).toBe('domain-not-hosted')
    bob.message({ reference: 0, sequence: 0, to: 'zoe@z.example' })
    const next = await world.accepted({ state: 'second', boot: 'another process' })
    await world.run(1000)
    expect(next.requestsOf(command.subscribe).length).toBe(1)
  })

  test('[LINK-6.14-1] the same state does not', async () => {
    const watch = await watching()
    const { world, far } = watch
    const second = world.dialIn('gateway', 'z.example')
    second.sayHello({ state: 'first' })
    second.prove()
    await world.run(1000)
    expect(second.requestsOf(command.subscribe)).toEqual([])
    const third = world.dialIn('gateway', 'z.example')
    third.sayHello({ state: 'second' })
    third.prove()
    await world.run(1000)
    const all = [far, second, third].flatMap((peer) => peer.requestsOf(command.subscribe))
    expect(all.length).toBe(2)
  })

  test.each([
    [['im', 'pres'], 1],
    [['im'], 0],
  ] as const)(
    '[LINK-9.1-7] [LINK-6.14-1] of a link that offers %j it is asked for again %i times',
    async (services, times) => {
      const { world, far } = await watching()
      // Another host has the messages, and knows of no subscription.
      const second = world.dialIn('gateway', 'z.example')
      second.sayHello({ services, state: 'of another store' })
      second.prove()
      await world.run(1000)
      const again = [far, second].flatMap((peer) => peer.requestsOf(command.subscribe)).slice(1)
      expect([again.length, world.dialled.length]).toEqual([times, 1])
    },
  )

  test('[LINK-6.14-2] of the link everything is asked for again, with the same id', async () => {
    const watch = await watching()
    const { world, far, subscription } = watch
    far.channel.destroy()
    await world.run(1000)
    const next = await world.accepted({ state: 'first' })
    await world.run(1000)
    const asked = next.requestsOf(command.subscribe)
    expect(asked.length).toBe(1)
    for (const { fields } of asked) expect(fields.get(tag.subscription)).toEqual(subscription)
  })

  test.for([
    ['a minute', 60_000],
    ['an hour', 3_600_000],
  ] as const)(
    '[LINK-6.14-2] of the link for %s and of the store, each subscription is asked for once',
    async ([, ms]) => {
      const watch = await watching()
      const { world, bob, far } = watch
      for (const name of ['of a session before', 'of another session']) {
        bob.ask(wire.pres, {
          command: command.subscribe,
          fields: [
            [tag.to, 'zoe@z.example'],
            [tag.subscription, messageId(name)],
            [tag.lease, 86_400],
          ],
        })
      }
      await world.run(1000)
      bob.channel.destroy()
      world.dialFault = 'remote-unreachable'
      far.channel.destroy()
      await world.run(ms)
      world.dialFault = undefined
      const before = world.dialled.length
      while (world.dialled.length === before) await world.run(1000)
      const next = await world.accepted({ state: 'second', boot: 'another process' })
      await world.run(5000)
      expect(next.requestsOf(command.subscribe).length).toBe(1)
    },
  )

  test.for([
    ['a lost link', undefined, 44_000, 46_500],
    ['RELEASE without a retry time', 0, 44_000, 46_500],
    ['RELEASE with a retry time of 60 s', 60_000, 104_000, 106_500],
  ] as const)(
    '[LINK-6.14-3] unknown is told some time after %s',
    async ([, retryMs, before, after]) => {
      const watch = await watching()
      const { world, bob, far } = watch
      notify(watch, { version: [1, 1], note: 'a' })
      await world.run()
      world.dialFault = 'remote-unreachable'
      if (retryMs === undefined) far.channel.destroy()
      else {
        for (const { id } of far.requestsOf(command.credential)) far.respond(id, 'ok')
        far.raw(release(retryMs))
      }
      await world.run(before)
      expect(told(bob)).toEqual(['a'])
      await world.run(after - before)
      expect(told(bob)).toEqual(['a', 4])
    },
  )
})
