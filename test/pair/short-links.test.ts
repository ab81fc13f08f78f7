/** Draft §5.1.1 and §5.2.1.8: a link may last for hours or for one exchange, and both are the same link. */
import { describe, expect, test } from 'vitest'
import * as wire from '../support/script/codec.ts'
import { messageId, type ScriptedPeer } from '../support/script/peer.ts'
import { World } from '../support/script/world.ts'

const { command, type } = wire

/** RELEASE by whoever wants nothing more: `idle-release`, and everything that comes back is taken. */
const letGo = (peer: ScriptedPeer): undefined =>
  peer.write(type.release, 0, 0, Buffer.concat([Buffer.of(1, 7), wire.u32(0, 0xffff_ffff)]))

describe('a link for one exchange', () => {
  test('is taken from a peer that says everything at once and lets go', async () => {
    const world = new World()
    const bob = await world.attached()
    for (let n = 1; n <= 3; n++) {
      const peer = world.dialIn()
      peer.sayHello()
      peer.prove()
      peer.show(1, 'alice@a.example')
      const sent = peer.message({ epoch: n, id: messageId(`${n}`), body: `${n}` })
      letGo(peer)
      await world.run()
      const got = bob.requestsOf(command.message)
      expect(got.map(({ body }) => `${body}`).at(-1)).toBe(`${n}`)
      expect([peer.status(sent), peer.isClosed]).toEqual(['no answer', false])
      bob.respond(got.at(-1)?.id ?? 0, 'ok')
      // What the other side asked before it was let go of is answered, too: here its own proof.
      world.answerClaims(peer)
      await world.run()
      expect([peer.status(sent), peer.isClosed]).toEqual(['delivered', true])
    }
  })

  test('is taken from a client, too', async () => {
    const world = new World()
    const carol = await world.attached('carol@b.example')
    const bob = world.dialIn('client', 'b.example')
    bob.sayHello({ role: 'client' })
    world.attach(bob)
    const sent = bob.message({ reference: 0, sequence: 0, to: 'carol@b.example' })
    letGo(bob)
    await world.run()
    carol.respond(carol.requestsOf(command.message)[0]?.id ?? 0, 'ok')
    await world.run()
    expect([bob.status(sent), bob.isClosed]).toEqual(['delivered', true])
  })
})

/** Answers all that `peer` was asked and has not answered. */
function answerAll(peer: ScriptedPeer, answered: Set<number>): undefined {
  for (const { id, command: asked } of peer.requests) {
    if (!answered.has(id)) peer.respond(id, asked === command.message ? 'delivered' : 'ok')
    answered.add(id)
  }
}

/** Links that the gateway dials for three messages to one domain, ten seconds apart. */
async function dialsFor(limits: { readonly idleMs?: number }): Promise<number> {
  const world = new World({ limits })
  const bob = await world.attached()
  const sent: number[] = []
  const answered = new Map<ScriptedPeer, Set<number>>()
  for (let n = 1; n <= 3; n++) {
    const wish = { reference: 0, sequence: 0, id: messageId(`${n}`), to: 'zoe@z.example' }
    sent.push(bob.message(wish))
    await world.run()
    const far = world.dialled.at(-1) as ScriptedPeer
    if (!answered.has(far)) far.sayHello()
    answered.set(far, answered.get(far) ?? new Set())
    for (let turn = 0; turn < 3; turn++) {
      await world.run()
      answerAll(far, answered.get(far) as Set<number>)
    }
    await world.run(10_000)
  }
  expect(sent.map((id) => bob.status(id))).toEqual(['delivered', 'delivered', 'delivered'])
  expect(world.dialled.slice(0, -1).every(({ isClosed }) => isClosed)).toBe(true)
  return world.dialled.length
}

describe('a gateway', () => {
  test('keeps a link for what follows', async () => {
    expect(await dialsFor({})).toBe(1)
  })

  test('that is to keep none has one for each exchange', async () => {
    expect(await dialsFor({ idleMs: 1000 })).toBe(3)
  })
})
