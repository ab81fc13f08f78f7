import { beforeEach, expect, test } from 'vitest'
import { type Labels, Meter } from '../../../src/lib/meter.ts'
import { limitsWith } from '../../../src/limits.ts'
import { PeerMetrics, placeOf } from '../../../src/observe/peer-metrics.ts'
import type { Shares } from '../../../src/shares/shares.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { roomShares } from '../../support/room-shares.ts'

const ok = placeOf('in', 'ok')

let meter: Meter
let up: Set<string>
let known: Set<string>
let failing: Set<string>
let clock: ManualClock
let shares: Shares
beforeEach(() => {
  clock = new ManualClock()
  shares = roomShares(limitsWith(), clock, ['a.test'])
  meter = new Meter()
  known = new Set()
  failing = new Set()
  up = new Set(['a.test', 'b.test', 'c.test', 'd.test'])
})

const tallyOf = (metricPeers: number, peers = 100): PeerMetrics =>
  new PeerMetrics({
    limits: limitsWith({ metricPeers, peers }),
    meter,
    shares,
    isUp: (domain) => up.has(domain),
    isKnown: (domain) => known.has(domain),
    isFailing: (domain) => failing.has(domain),
  })

const messages = (peer: string): number => meter.total('peer_messages_total', { peer })
const gauge = (name: string, labels: string): number =>
  meter.gauges.get(name)?.get(labels)?.value() ?? Number.NaN
const send = (tally: PeerMetrics, domain: string, times: number): undefined => {
  for (let i = 0; i < times; i++) tally.ended(domain, ok)
}

test('a message counts for its peer, its direction and how it ended', () => {
  const tally = tallyOf(2)
  tally.ended('a.test', placeOf('out', 'temporary'))
  expect(
    meter.total('peer_messages_total', { peer: 'a.test', direction: 'out', outcome: 'temporary' }),
  ).toBe(1)
  expect(meter.total('peer_messages_total')).toBe(1)
})

test('peers beyond the limit are folded into one, and how many they are is told', () => {
  const tally = tallyOf(2)
  for (const domain of ['a.test', 'b.test', 'c.test', 'd.test']) send(tally, domain, 3)
  expect([messages('a.test'), messages('b.test'), messages('_other')]).toEqual([3, 3, 6])
  expect(gauge('metric_peers', 'kind=named')).toBe(2)
  expect(gauge('metric_peers', 'kind=folded')).toBe(2)
  expect(gauge('metric_peers_limit', '')).toBe(2)
})

test('a domain that no link was proven with never becomes a label', () => {
  const tally = tallyOf(2)
  send(tally, 'invented.test', 5)
  tally.turn()
  send(tally, 'invented.test', 5)
  expect(messages('invented.test')).toBe(0)
  expect(messages('_other')).toBe(10)
})

test('watched peers come first, from the first moment and with zeros', () => {
  const tally = tallyOf(1)
  send(tally, 'a.test', 5)
  tally.watch(['w.test'])
  send(tally, 'a.test', 2)
  expect(meter.counters.get('peer_messages_total')?.size).toBe(16)
  expect([messages('w.test'), messages('a.test'), messages('_other')]).toEqual([0, 0, 2])
  expect(gauge('peer_link_up', 'peer=w.test')).toBe(0)
  expect(gauge('peer_link_up', 'peer=a.test')).toBeNaN()
})

test('a watched peer keeps its name whatever others do', () => {
  const tally = tallyOf(1)
  tally.watch(['w.test'])
  send(tally, 'a.test', 1000)
  tally.turn()
  tally.turn()
  expect(gauge('peer_link_up', 'peer=w.test')).toBe(0)
  expect(messages('a.test')).toBe(0)
})

test('more watched peers than there is room for are folded, too', () => {
  const tally = tallyOf(2)
  tally.watch(['1.test', '2.test', '3.test'])
  expect(gauge('metric_peers', 'kind=named')).toBe(2)
})

test('a peer that is no longer watched gives its name to a busier one', () => {
  const tally = tallyOf(1)
  tally.watch(['w.test'])
  send(tally, 'a.test', 10)
  tally.watch([])
  tally.turn()
  expect(gauge('peer_link_up', 'peer=a.test')).toBe(1)
  expect(gauge('peer_link_up', 'peer=w.test')).toBeNaN()
})

test('a name goes to a peer that is more than twice as busy, and not before', () => {
  const tally = tallyOf(1)
  send(tally, 'a.test', 10)
  send(tally, 'b.test', 20)
  tally.turn()
  expect(gauge('peer_link_up', 'peer=b.test')).toBeNaN()
  send(tally, 'b.test', 20)
  tally.turn()
  expect(gauge('peer_link_up', 'peer=b.test')).toBe(1)
  expect(gauge('peer_link_up', 'peer=a.test')).toBeNaN()
})

test('no counter ever falls while names change hands', () => {
  const tally = tallyOf(1)
  send(tally, 'a.test', 10)
  send(tally, 'b.test', 50)
  const before = messages('_other')
  tally.turn()
  send(tally, 'b.test', 7)
  expect(messages('b.test')).toBe(7)
  expect(messages('_other')).toBe(before)
})

test('requests that were too much count for their peer', () => {
  const tally = tallyOf(1)
  tally.limitHit('a.test')
  tally.limitHit('b.test')
  expect(meter.total('peer_limit_hits_total', { peer: 'a.test' })).toBe(1)
  expect(meter.total('peer_limit_hits_total', { peer: '_other' })).toBe(1)
})

test('what is remembered is bounded, and who is silent is forgotten', () => {
  const tally = tallyOf(1, 3)
  for (let i = 0; i < 10; i++) send(tally, `${i}.test`, 1)
  expect(gauge('metric_peers', 'kind=folded')).toBe(3)
  expect(messages('_other')).toBe(10)
  for (let i = 0; i < 8; i++) tally.turn()
  expect(gauge('metric_peers', 'kind=folded')).toBe(0)
})

test('what a named peer uses is told, and nothing of one that has no name', () => {
  const tally = tallyOf(1)
  send(tally, 'a.test', 1)
  send(tally, 'b.test', 1)
  for (const [domain, ms] of [['a.test', 4] as const, ['b.test', 5] as const]) {
    shares.charge(shares.domain(domain, '192.0.2.0/24'), ms)
    shares.take(shares.domain(domain, '192.0.2.0/24'), 'lanes', 3)
  }
  expect(gauge('peer_share', 'peer=a.test,resource=time')).toBe(4)
  expect(gauge('peer_share', 'peer=a.test,resource=lanes')).toBe(3)
  expect(gauge('peer_share', 'peer=b.test,resource=time')).toBeNaN()
})

test('a watched peer that uses nothing, and has no account, uses nothing', () => {
  tallyOf(1).watch(['w.test'])
  expect(gauge('peer_share', 'peer=w.test,resource=time')).toBe(0)
  expect(gauge('peer_over', 'peer=w.test')).toBe(0)
  expect(shares.tree.find('w.test')).toBeUndefined()
})

test('a peer with more than its share is told from one with less', async () => {
  const tally = tallyOf(2)
  send(tally, 'a.test', 1)
  send(tally, 'b.test', 1)
  for (let turn = 0; turn < 5; turn++) {
    shares.charge(shares.domain('a.test', '192.0.2.0/24'), 70)
    shares.charge(shares.domain('b.test', '198.51.100.0/24'), 70)
    clock.stall(160)
    await clock.advance(0)
  }
  expect(gauge('peer_over', 'peer=a.test')).toBe(0)
  expect(gauge('peer_over', 'peer=b.test')).toBe(1)
})

test('with its name a peer loses all that is told of it', () => {
  const tally = tallyOf(1)
  send(tally, 'a.test', 1)
  tally.watch(['w.test'])
  const told = [...meter.gauges.values()].flatMap((series) => [...series.values()])
  expect(told.filter(({ labels }) => labels['peer'] === 'w.test').length).toBeGreaterThan(2)
  expect(told.filter(({ labels }) => labels['peer'] === 'a.test')).toEqual([])
})

test('what failed counts with the peer and the cause; what anybody claims to be, with all others', () => {
  const tally = tallyOf(2)
  const total = (labels: Labels) => meter.total('peer_failures_total', labels)
  known.add('k.test')
  tally.failed('k.test', 'dial', 'remote-unreachable')
  tally.failed('stranger.test', 'proof', 'credential-unverifiable')
  expect(total({ peer: 'k.test', what: 'dial', cause: 'remote-unreachable' })).toBe(1)
  expect(total({ peer: '_other', what: 'proof', cause: 'credential-unverifiable' })).toBe(1)
  expect(total({})).toBe(2)
  expect(gauge('metric_peers', 'kind=folded')).toBe(0)
})

test('the first failure of a peer that is known counts under its name', () => {
  const tally = tallyOf(2)
  known.add('k.test')
  tally.ended('k.test', placeOf('out', 'temporary'))
  expect([messages('k.test'), messages('_other')]).toEqual([1, 0])
})

test('an idle peer is up, and one that cannot be reached is not', () => {
  const tally = tallyOf(2)
  known.add('k.test')
  send(tally, 'k.test', 1)
  expect([gauge('peer_up', 'peer=k.test'), gauge('peer_link_up', 'peer=k.test')]).toEqual([1, 0])
  failing.add('k.test')
  expect(gauge('peer_up', 'peer=k.test')).toBe(0)
})

test('messages with a named peer are told by direction', () => {
  const tally = tallyOf(1)
  send(tally, 'a.test', 3)
  tally.ended('a.test', placeOf('out', 'permanent'))
  expect(tally.countsOf('a.test')).toEqual({ in: 3, out: 1, failed: 1 })
  send(tally, 'b.test', 1)
  expect(tally.countsOf('b.test')).toBeUndefined()
})
