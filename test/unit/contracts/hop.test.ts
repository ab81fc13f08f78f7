/** The contract of a hop, by everything that is one. */

import { FakeCore } from '../../support/fake-core.ts'
import { hopContract } from '../../support/hop-contract.ts'
import { JoinedPeers } from '../../support/lone-peer.ts'
import { Loopback } from '../../support/loopback-adapter.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { alice, bob } from '../../support/operations.ts'

hopContract('links', () => {
  const joined = new JoinedPeers({ windowRequests: 64, lentRequests: 0 })
  const { a, b, clock } = joined
  return {
    name: a.peer.name,
    hop: a.peer,
    near: a.core,
    far: b.core,
    // A link takes nothing more once its far side lets go of it; the next one does.
    stall: () => {
      for (const { link } of b.peer.all) link.release('age-release')
    },
    resume: () => undefined,
    lose: () => joined.cut(),
    restore: () => {
      joined.isUp = true
    },
    run: (ms) => clock.advance(ms),
  }
})

hopContract('loopback', () => {
  const clock = new ManualClock()
  const way = new Loopback(clock, alice.domain, bob.domain)
  const [near, far] = [new FakeCore(), new FakeCore()]
  way.a.start(near)
  way.b.start(far)
  return {
    name: way.a.name,
    hop: way.a,
    near,
    far,
    stall: () => way.stall(),
    resume: () => way.resume(),
    lose: () => way.lose(),
    restore: () => way.restore(),
    run: (ms) => clock.advance(ms),
  }
})
