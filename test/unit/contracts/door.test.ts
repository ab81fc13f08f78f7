/** The contract of a door, by everything that is one. */
import type { Status } from '../../../src/errors.ts'
import { type DoorWorld, doorContract } from '../../support/door-contract.ts'
import { FakeCore } from '../../support/fake-core.ts'
import { LonePeer } from '../../support/lone-peer.ts'
import { Loopback } from '../../support/loopback-adapter.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { alice, bob, Ends, Letters } from '../../support/operations.ts'
import * as wire from '../../support/script/codec.ts'
import type { ScriptedPeer } from '../../support/script/peer.ts'

/** A scripted far end sends messages; what it is told is what it reads. */
function scripted(
  lone: LonePeer,
  far: ScriptedPeer,
  more: Pick<DoorWorld, 'speaker'> & { readonly send: (body: string) => number },
): DoorWorld {
  const { peer, core, clock } = lone
  const asked: { readonly id: number; readonly told: Status[] }[] = []
  return {
    door: peer,
    core,
    speaker: more.speaker,
    send: (body) => {
      const told: Status[] = []
      asked.push({ id: more.send(body), told })
      return told
    },
    faults: () => lone.faults,
    run: async (ms) => {
      await clock.advance(ms)
      for (const { id, told } of asked) told.splice(0, told.length, ...far.statuses(id))
    },
  }
}

doorContract('links of other domains', async () => {
  const clock = new ManualClock()
  const lone = new LonePeer({ clock, domain: 'b.example' })
  const far = lone.dialIn('gateway', 'a.example')
  far.sayHello()
  far.prove()
  await clock.advance(100)
  for (const { id } of far.requestsOf(wire.command.prove)) far.respond(id, 'ok')
  far.show(1, alice.text)
  let sequence = 0
  return scripted(lone, far, {
    speaker: {
      ...{ door: 'domain', domain: 'a.example', user: alice.text },
      ...{ from: alice.text, to: bob.text },
    },
    send: (body) => far.message({ body, sequence: ++sequence }),
  })
})

doorContract('links of our clients', async () => {
  const clock = new ManualClock()
  const lone = new LonePeer({ clock, domain: 'b.example' })
  const client = await lone.attached(bob)
  let count = 0
  return scripted(lone, client, {
    speaker: {
      ...{ door: 'user', domain: 'b.example', user: bob.text },
      ...{ from: bob.text, to: alice.text },
    },
    send: (body) =>
      client.message({
        ...{ body, reference: 0, hops: 0, sequence: 0, to: alice.text },
        id: Buffer.alloc(16, ++count),
      }),
  })
})

doorContract('loopback', async () => {
  const clock = new ManualClock()
  const way = new Loopback(clock, bob.domain, alice.domain)
  const core = new FakeCore()
  way.a.start(core)
  way.b.start(new FakeCore())
  await clock.advance(0)
  const letters = new Letters()
  return {
    door: way.a,
    core,
    speaker: {
      ...{ door: 'domain', domain: 'a.example', user: undefined },
      ...{ from: alice.text, to: bob.text },
    },
    send: (body) => {
      const told: Status[] = []
      const ends = new Ends(() => body)
      ends.onEnd = (_, status) => {
        told.push(status)
      }
      way.b.deliver(letters.make({ body }), ends)
      return told
    },
    faults: () => way.a.faults,
    run: (ms) => clock.advance(ms),
  }
})
