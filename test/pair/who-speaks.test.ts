/**
 * RFC 2779 §3.1.2, §4.1.3, §5.2.4, §5.3.3, §5.4.4: who is shown as a sender or as a presentity is that one, a reply to
 * what was shown reaches whoever wrote, and nobody else can speak of a presentity.
 */
import { describe, expect, test } from 'vitest'
import * as wire from '../support/script/codec.ts'
import { messageId, type ScriptedPeer } from '../support/script/peer.ts'
import { World } from '../support/script/world.ts'
import { openScene } from '../support/simulator/scene.ts'

const { command, tag } = wire

describe('a message', () => {
  test('is shown as from who wrote it, and a reply to what was shown reaches that one alone', async () => {
    const scene = await openScene({
      a: { domains: [{ name: 'a.example', users: ['alice', 'anna'] }] },
      b: { domains: [{ name: 'b.example', users: ['bob', 'bert'] }] },
    })
    const { world, alice, bob } = scene
    const [anna, bert] = [world.device('anna@a.example'), world.device('bert@b.example')]
    for (const device of [anna, bert]) await world.wait(device.attach())
    for (const [from, to] of [
      [alice, bob],
      [anna, bob],
      [bert, bob],
      [bob, anna],
    ] as const) {
      expect(await scene.send(from, to, `to ${to.name}`)).toBe('delivered')
      const shown = world.journal.showings.at(-1)
      expect([shown?.device, shown?.from]).toEqual([to.name, from.user.text])
      const before = world.journal.showings.length
      expect(await scene.send(to, shown?.from ?? '', 'a reply')).toBe('delivered')
      const replies = world.journal.showings.slice(before)
      expect(replies.map((one) => [one.device, one.from])).toEqual([[from.name, to.user.text]])
    }
  })

  test('that comes by one link from two senders, in turns, is never shown as from the other', async () => {
    const world = new World()
    const bob = await world.attached()
    const peer = await world.provenPeer()
    peer.show(1, 'alice@a.example')
    peer.show(2, 'anna@a.example')
    const names = ['alice', 'anna', 'anna', 'alice', 'anna', 'alice', 'alice']
    for (const [i, name] of names.entries()) {
      const id = messageId(`${i}`)
      const sequence = names.slice(0, i + 1).filter((one) => one === name).length
      peer.message({ reference: name === 'alice' ? 1 : 2, sequence, id, body: name })
    }
    await world.run()
    const shown = bob.requestsOf(command.message)
    expect(shown.map(({ body }) => `${body}`)).toEqual(names)
    expect(shown.map(({ fields }) => `${fields.get(tag.from)}`)).toEqual(
      names.map((name) => `${name}@a.example`),
    )
    expect(shown.map(({ fields }) => `${fields.get(tag.to)}`)).toEqual(
      names.map(() => 'bob@b.example'),
    )
  })
})

describe('a user who is away', () => {
  test('is looked for nowhere: whoever has the same network address now gets nothing', async () => {
    const world = new World()
    const bob = await world.attached()
    const carol = await world.attached('carol@b.example')
    const peer = await world.provenPeer()
    expect(
      new Set([...world.pairs.values()].map(({ receiving }) => receiving.facts.remote)).size,
    ).toBe(1)
    peer.show(1, 'alice@a.example')
    bob.channel.destroy()
    await world.run(1000)
    const erin = await world.attached('erin@b.example')
    const sent = peer.message({})
    await world.run(10_000)
    expect(peer.status(sent)).toBe('inbox-closed')
    expect([carol, erin].map((one) => one.requestsOf(command.message))).toEqual([[], []])
    expect(world.dialled).toEqual([])
    const back = await world.attached()
    peer.message({ id: messageId('again') })
    await world.run()
    expect(back.requestsOf(command.message).length).toBe(1)
  })
})

type Watching = {
  readonly world: World
  readonly bob: ScriptedPeer
  readonly far: ScriptedPeer
  /** By presentity, the id that the gateway gave the subscription at their domain. */
  readonly ids: ReadonlyMap<string, Buffer>
}

const watched = ['zoe@z.example', 'yan@z.example'] as const

/** Bob watches two people of z.example, whose gateway has granted both and may speak for both. */
async function watching(): Promise<Watching> {
  const world = new World({
    pinned: ['z.example', 'a.example'],
    limits: { pingMs: 1e9, notifyMs: 0 },
  })
  const bob = await world.attached()
  for (const to of watched) {
    bob.ask(wire.pres, {
      command: command.subscribe,
      fields: [
        [tag.to, to],
        [tag.subscription, messageId(to)],
      ],
    })
  }
  const far = await world.accepted()
  const ids = new Map<string, Buffer>()
  for (const [i, to] of watched.entries()) {
    far.show(i + 1, to, { claims: { scope: 'pres.notify' } })
  }
  for (const { id, fields } of far.requestsOf(command.subscribe)) {
    ids.set(`${fields.get(tag.to)}`, fields.get(tag.subscription) ?? Buffer.alloc(16))
    far.respond(id, 'ok', [[tag.lease, 3600]])
  }
  await world.run()
  expect([...ids.keys()]).toEqual([...watched])
  return { world, bob, far, ids }
}

let version = 0
const notify = (by: ScriptedPeer, reference: number, id: Buffer | undefined, note: string) =>
  by.ask(wire.pres, {
    command: command.notify,
    hops: 1,
    reference,
    fields: [
      [tag.subscription, id ?? Buffer.alloc(16)],
      [tag.version, wire.u32(1, ++version)],
      [tag.state, Buffer.of(1)],
    ],
    body: Buffer.from(`{"tuples":{"t":{"note":"${note}"}}}`),
  })

/** What bob is shown: whose presence, by which of his subscriptions, and what. */
const shownTo = (bob: ScriptedPeer): readonly (readonly unknown[])[] =>
  bob
    .requestsOf(command.notify)
    .map(({ fields, body }) => [
      `${fields.get(tag.from)}`,
      watched.find((one) => fields.get(tag.subscription)?.equals(messageId(one))),
      JSON.parse(`${body}`).tuples.t.note,
    ])

describe('presence', () => {
  test('is shown with whose it is', async () => {
    const { world, bob, far, ids } = await watching()
    for (const [i, who] of [...watched, ...watched].entries()) {
      notify(far, (i % 2) + 1, ids.get(who), `of ${who}, ${i}`)
    }
    await world.run()
    expect(shownTo(bob)).toEqual(
      [...watched, ...watched].map((who, i) => [who, who, `of ${who}, ${i}`]),
    )
  })

  test('that another one of the same domain tells is not shown', async () => {
    const { world, bob, far, ids } = await watching()
    const sent = notify(far, 2, ids.get('zoe@z.example'), 'made up')
    await world.run()
    expect([far.status(sent), shownTo(bob)]).toEqual(['lease-unknown', []])
  })

  test.for([
    ['of its own', 'alice@a.example', {}],
    ['of its own, in her name', 'zoe@z.example', { iss: 'a.example' }],
    ['that it made in the name of her domain', 'zoe@z.example', { iss: 'z.example' }],
  ] as const)(
    'that another domain tells with a credential %s is not shown',
    async ([, sub, claims]) => {
      const { world, bob, ids } = await watching()
      const other = await world.provenPeer('a.example')
      other.show(1, sub, { claims: { scope: 'pres.notify', ...claims } })
      const sent = [0, 1].map((reference) =>
        notify(other, reference, ids.get('zoe@z.example'), 'made up'),
      )
      await world.run()
      expect(sent.map((id) => other.status(id))).not.toContain('ok')
      expect(sent.map((id) => other.status(id))).not.toContain('no answer')
      expect(shownTo(bob)).toEqual([])
    },
  )
})
