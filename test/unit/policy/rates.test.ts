import { expect, test } from 'vitest'
import { limitsWith } from '../../../src/limits.ts'
import { Rates } from '../../../src/policy/rates.ts'
import { alice, bob } from '../../support/middle/calls.ts'
import { laneOf } from '../../support/middle/messages.ts'

const slow = {
  ...{ peerPerSecond: 1, peerBurst: 2, peerNotifyPerSecond: 2, peerNotifyBurst: 1, peers: 2 },
  ...{ senderPerSecond: 4, senderBurst: 1, lanePerSecond: 5, laneBurst: 1 },
  ...{ watchesPerSecond: 10, watchesBurst: 1 },
}

const makeRates = (): Rates => new Rates(limitsWith(slow))

test('each bucket says that it is empty, and for how long', () => {
  const rates = makeRates()
  const lane = laneOf(alice, bob)
  const take = [
    () => rates.takePeer('a.example', 0),
    () => rates.takeNotify('a.example', 0),
    () => rates.takeSender(lane.sender, 0),
    () => rates.takeLane(lane, 0),
    () => rates.takeWatch(lane.sender, 0),
  ]
  rates.takePeer('a.example', 0)
  expect(take.map((one) => one())).toEqual(Array(5).fill(undefined))
  expect(take.map((one) => one())).toEqual([
    { limit: 'peerPerSecond', waitMs: 1000 },
    { limit: 'peerNotifyPerSecond', waitMs: 500 },
    { limit: 'senderPerSecond', waitMs: 250 },
    { limit: 'lanePerSecond', waitMs: 200 },
    { limit: 'watchesPerSecond', waitMs: 100 },
  ])
})

test('whoever waits so long may pass', () => {
  const rates = makeRates()
  const { sender } = laneOf(alice, bob)
  expect(rates.takeSender(sender, 0)).toBe(undefined)
  expect(rates.takeSender(sender, 125)?.waitMs).toBe(125)
  expect(rates.takeSender(sender, 250)).toBe(undefined)
})

test('a flood of names takes nobody his own share for good', () => {
  const rates = makeRates()
  for (let n = 0; n < 100; n++) rates.takePeer(`${n}.example`, 0)
  expect(rates.takePeer('a.example', 0)).toBe(undefined)
  expect(rates.takePeer('a.example', 0)).toBe(undefined)
  expect(rates.takePeer('a.example', 0)?.limit).toBe('peerPerSecond')
  expect(rates.takePeer('a.example', 1000)).toBe(undefined)
})

test('a sweep forgets what is full again, and nothing that is owed', () => {
  const rates = makeRates()
  rates.takeNotify('a.example', 0)
  for (let n = 0; n < 3; n++) rates.takePeer('a.example', 0)
  rates.sweep(0)
  expect(rates.takePeer('a.example', 0)?.waitMs).toBe(1000)
  expect(rates.takeNotify('a.example', 0)?.waitMs).toBe(500)
  rates.sweep(10_000)
  expect(rates.takePeer('a.example', 10_000)).toBe(undefined)
})
