import { beforeEach, expect, test } from 'vitest'
import { observeRunning } from '../../../src/admin/gauges.ts'
import { Meter } from '../../../src/lib/meter.ts'
import { limitsWith } from '../../../src/limits.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import {
  destination,
  link,
  ownDomain,
  quietConfig,
  runningWith,
  vitalsWith,
  type Wish,
} from './support.ts'

let meter: Meter
let clock: ManualClock
let delays: { seconds: number; resets: number }
beforeEach(() => {
  meter = new Meter()
  clock = new ManualClock()
  delays = { seconds: 0, resets: 0 }
})

const observe = (wish: Wish, ready = true) =>
  observeRunning({
    running: runningWith(wish),
    config: { ...quietConfig, ...wish.config },
    ...{
      meter,
      clock,
      limits: limitsWith({ lanes: 77 }),
      software: 'gatehouse/1.2.3',
      startedAt: 0,
    },
    clockWatch: { driftMs: () => 1500, jumpMs: () => 0, stop: () => undefined },
    readiness: () => ({ ready, reasons: [], warnings: [] }),
    vitals: vitalsWith(delays),
  })

const read = (name: string, labels = ''): number =>
  meter.gauges.get(name)?.get(labels)?.value() ?? Number.NaN

test('destinations are counted by state, and a state without any is 0', () => {
  observe({
    destinations: [
      destination('b.test', 'running'),
      destination('c.test', 'running'),
      destination('d.test', 'backing-off'),
    ],
  })
  expect(read('peer_state', 'state=running')).toBe(2)
  expect(read('peer_state', 'state=backing-off')).toBe(1)
  expect(read('peer_state', 'state=idle')).toBe(0)
})

test('how full something is can be told by the bound beside it', () => {
  observe({})
  expect(read('limit', 'limit=lanes')).toBe(77)
  expect(read('limit', 'limit=links')).toBe(limitsWith().links)
})

test('links are counted by role and by who dialled', () => {
  observe({
    links: [
      link('b.test'),
      link('c.test', { dialled: undefined }),
      link('', { role: 'client', dialled: undefined }),
    ],
  })
  expect(read('link_connections', 'direction=in,role=gateway')).toBe(1)
  expect(read('link_connections', 'direction=out,role=gateway')).toBe(1)
  expect(read('link_connections', 'direction=in,role=client')).toBe(1)
})

test('the age of the oldest waiting request rises, and is 0 without any', async () => {
  const queued = (count: number, since: number | undefined) =>
    link('b.test', {
      link: {
        ...link('b.test').link,
        queue: (number) => (number === 2 ? { count, since } : { count: 0, since: undefined }),
      },
    })
  observe({
    links: [queued(5, 3000), queued(0, undefined), queued(1, 2000)],
    waiting: (service) =>
      service === 'im' ? { count: 3, since: 1000 } : { count: 0, since: undefined },
  })
  await clock.advance(5000)
  expect(read('waiting_oldest_seconds', 'class=im')).toBe(4)
  expect(read('waiting_requests', 'class=im')).toBe(3)
  expect(read('waiting_oldest_seconds', 'class=pres')).toBe(3)
  expect(read('waiting_requests', 'class=pres')).toBe(6)
  expect(read('waiting_oldest_seconds', 'class=control')).toBe(0)
})

test('certificates and keys run out, and go below 0', async () => {
  observe({ domains: [ownDomain('a.example', clock.wall() + 10_000)] })
  expect(read('certificate_expiry_seconds', 'domain=a.example')).toBe(10)
  await clock.advance(15_000)
  expect(read('key_expiry_seconds', 'domain=a.example')).toBe(-5)
})

test('the process tells version, time and readiness', async () => {
  observe({}, false)
  await clock.advance(2000)
  expect(read('build_info', 'node=v24.0.0,version=1.2.3')).toBe(1)
  expect(read('uptime_seconds')).toBe(2)
  expect(read('clock_drift_seconds')).toBe(1.5)
  expect([read('process_open_fds'), read('process_max_fds')]).toEqual([90, 100])
  expect(read('ready')).toBe(0)
})

test('a slow turn of the event loop is told for one more window, then forgotten', async () => {
  observe({})
  delays.seconds = 2
  await clock.advance(15_000)
  expect(delays.resets).toBe(1)
  expect(read('event_loop_delay_seconds', 'at=max')).toBe(2)
  expect(read('event_loop_delay_seconds', 'at=p50')).toBe(1)
  await clock.advance(15_000)
  expect(read('event_loop_delay_seconds', 'at=max')).toBe(0)
})

test('a list that many gauges share is gathered once', () => {
  let gathered = 0
  const running = runningWith()
  const { sessions } = running.gateway
  const counting = {
    ...running,
    gateway: {
      ...running.gateway,
      sessions: {
        ...sessions,
        pool: {
          ...sessions.pool,
          states: () => {
            gathered++
            return []
          },
        },
      },
    },
  }
  observeRunning({
    running: counting,
    config: quietConfig,
    ...{ meter, clock, limits: limitsWith(), software: 'x', startedAt: 0 },
    clockWatch: { driftMs: () => 0, jumpMs: () => 0, stop: () => undefined },
    readiness: () => ({ ready: true, reasons: [], warnings: [] }),
    vitals: vitalsWith(delays),
  })
  for (const { value } of meter.gauges.get('peer_state')?.values() ?? []) value()
  expect(gathered).toBe(1)
})

test('a reload that was refused is 0, and the time of the last good one stays', () => {
  observe({ config: { takenAt: 1_790_000_000_000 } })
  const both = () => [
    read('config_last_reload_successful'),
    read('config_last_reload_success_timestamp_seconds'),
  ]
  expect(both()).toEqual([1, 1_790_000_000])
  observe({ config: { takenAt: 1_790_000_000_000, refused: 'no' } })
  expect(both()).toEqual([0, 1_790_000_000])
})

test('nothing runs on when it is stopped', () => {
  const stop = observe({})
  expect(clock.pending).toBe(1)
  stop()
  expect(clock.pending).toBe(0)
})
