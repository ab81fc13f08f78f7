/** A certificate that names a domain for one service alone, by an SRV-ID: what it proves, and what it does not. */
import { describe, expect, test } from 'vitest'
import * as wire from '../../support/script/codec.ts'
import { messageId } from '../../support/script/peer.ts'
import { World } from '../../support/script/world.ts'

const { command, tag } = wire
const subscription = messageId('a subscription')

/** bob watches alice: the gateway dials for presence, and finds a certificate for presence alone. */
async function watching(pinned: readonly string[] = ['a.example']) {
  const world = new World({ pinned })
  world.certified = ['pres']
  const bob = await world.attached()
  bob.ask(wire.pres, {
    command: command.subscribe,
    fields: [
      [tag.to, 'alice@a.example'],
      [tag.subscription, subscription],
    ],
  })
  const far = await world.accepted()
  return { world, bob, far }
}

const write = (sender: { message: World['dialled'][number]['message'] }) =>
  sender.message({ reference: 0, sequence: 0, to: 'alice@a.example' })

describe('[LINK-5.4-12] a certificate for presence alone', () => {
  test('proves its domain for presence', async () => {
    const { far } = await watching()
    expect(far.requestsOf(command.subscribe)).toHaveLength(1)
    far.show(1, 'alice@a.example', { flags: wire.pres })
    const fields: wire.FieldList = [
      [tag.to, 'bob@b.example'],
      [tag.subscription, messageId('another')],
    ]
    const asked = far.ask(wire.pres, { command: command.subscribe, reference: 1, fields })
    await far.settle()
    expect(far.status(asked)).toBe('ok')
  })

  test('gets no message: another link is dialled for it', async () => {
    const { world, bob, far } = await watching()
    world.certified = ['im']
    write(bob)
    await world.run()
    expect(world.dialled).toHaveLength(2)
    const other = await world.accepted()
    expect(far.requestsOf(command.message)).toEqual([])
    expect(other.requestsOf(command.message)).toHaveLength(1)
  })

  test('lets no message in, until a key has proven the domain there', async () => {
    const { world, bob, far } = await watching()
    far.show(1, 'alice@a.example')
    const early = far.message({})
    await world.run()
    expect(far.status(early)).toBe('domain-not-proven')
    expect(bob.requestsOf(command.message)).toEqual([])
    far.prove()
    const late = far.message({ sequence: 1, epoch: 2 })
    await world.run()
    expect(bob.requestsOf(command.message)).toHaveLength(1)
    bob.respond(bob.requestsOf(command.message)[0]?.id ?? 0, 'ok')
    await world.run()
    expect(far.status(late)).toBe('delivered')
    write(bob)
    await world.run()
    expect([world.dialled.length, far.requestsOf(command.message).length]).toEqual([1, 1])
  })

  test('for messages renews no subscription', async () => {
    const world = new World()
    world.certified = ['im']
    const bob = await world.attached()
    write(bob)
    const far = await world.accepted()
    const asked = far.ask(wire.pres, {
      command: command.renew,
      fields: [
        [tag.domain, 'a.example'],
        [tag.audience, 'b.example'],
        [tag.subscriptions, subscription],
      ],
    })
    await world.run()
    expect(far.status(asked)).toBe('domain-not-proven')
  })
})

describe('[LINK-6.2-1] keys are not taken from whoever shows a certificate for one service', () => {
  test('on a link that carries presence', async () => {
    const { world, far } = await watching([])
    const claimed = far.prove()
    await world.run(5000)
    expect(far.requestsOf(command.keys)).toEqual([])
    expect(far.status(claimed)).toBe('credential-unverifiable')
  })

  test.each([['im'], ['pres']] as const)(
    'on a link that was dialled for them (%s)',
    async (one) => {
      const world = new World({ pinned: [] })
      world.certified = [one]
      const peer = world.dialIn()
      peer.sayHello()
      const claimed = peer.prove()
      await world.run()
      expect(world.dialled.flatMap((far) => far.requestsOf(command.keys))).toEqual([])
      await world.run(5000)
      expect(peer.status(claimed)).toBe('credential-unverifiable')
    },
  )

  test('nor on plain TCP, where none is shown', async () => {
    const world = new World({ pinned: [] })
    world.isPlain = true
    const peer = world.dialIn()
    peer.sayHello()
    const claimed = peer.prove()
    await world.run()
    for (const far of world.dialled) far.sayHello()
    await world.run(5000)
    expect(world.dialled.flatMap((far) => far.requestsOf(command.keys))).toEqual([])
    expect(peer.status(claimed)).toBe('credential-unverifiable')
  })

  test('but where it names the domain for both', async () => {
    const world = new World({ pinned: [] })
    const peer = world.dialIn()
    peer.sayHello()
    const claimed = peer.prove()
    await world.tellKeys()
    expect(peer.status(claimed)).toBe('ok')
  })
})
