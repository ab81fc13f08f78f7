import { expect, test } from 'vitest'
import { Meter } from '../../../src/lib/meter.ts'
import { limitsWith } from '../../../src/limits.ts'
import { Outcomes } from '../../../src/observe/outcomes.ts'
import { PeerMetrics } from '../../../src/observe/peer-metrics.ts'
import type { Call } from '../../../src/operation/call.ts'
import type { Message } from '../../../src/operation/message.ts'
import { roomShares } from '../../support/room-shares.ts'

test('a message that is told to come again in its order failed for nobody', () => {
  const meter = new Meter()
  const peers = new PeerMetrics({
    ...{ limits: limitsWith(), meter, shares: roomShares(), isUp: () => true },
    ...{ isKnown: () => false, isFailing: () => false },
  })
  const ends = new Outcomes(meter, peers, { met: () => undefined }, () => 0)
  const call = {
    ...{ at: 0, caller: { door: 'domain' } },
    operation: { from: { domain: 'b.example' }, to: { domain: 'b.example' } },
  } as unknown as Call<Message>
  for (const status of ['order', 'delivered'] as const) {
    ends.inbound(call, status)
    ends.outbound(call, status)
  }
  expect(meter.total('messages_total')).toBe(2)
  expect(meter.total('messages_total', { result: 'order' })).toBe(0)
  expect(meter.total('peer_messages_total', { outcome: 'temporary' })).toBe(0)
  expect(meter.total('lane_repeats_total', { direction: 'in' })).toBe(1)
  expect(meter.total('lane_repeats_total', { direction: 'out' })).toBe(1)
})
