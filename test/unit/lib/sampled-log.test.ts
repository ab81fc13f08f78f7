import { expect, test } from 'vitest'
import type { Facts, Log } from '../../../src/lib/log.ts'
import { SampledLog } from '../../../src/lib/sampled-log.ts'
import { ManualClock } from '../../support/manual-clock.ts'

const minute = 60_000

function setUp({ logKinds = 100, logPerSecond = 1000 } = {}) {
  const clock = new ManualClock()
  const lines: (readonly [string, string, Facts])[] = []
  const line =
    (level: string): Log['info'] =>
    (event, facts = {}) => {
      lines.push([level, event, facts])
    }
  const inner = {
    debug: line('debug'),
    info: line('info'),
    warn: line('warn'),
    error: line('error'),
  }
  const log = new SampledLog(inner, clock, { logKinds, logPerSecond })
  const written = () => lines.filter(([level]) => level !== 'debug')
  return { clock, log, lines, written }
}

const stranger = (i: number, cause = 'gate') => ({ peer: `192.0.2.1:${1024 + i}`, cause })

test('what strangers cause has one line a minute for each cause, with a count', async () => {
  const { clock, log, written } = setUp()
  for (let second = 0; second < 300; second++) {
    for (let i = 0; i < 10; i++) log.info('link.refused', stranger(i))
    if (second % 50 === 0) log.info('link.refused', stranger(0, 'timeout'))
    await clock.advance(1000)
  }
  await clock.advance(2 * minute)
  const of = (wanted: string) => written().filter(([, , { cause }]) => cause === wanted)
  expect(of('gate').length).toBeLessThanOrEqual(6)
  const told = (cause: string) =>
    of(cause).reduce((sum, [, , { more = 0 }]) => sum + 1 + Number(more), 0)
  expect([told('gate'), told('timeout')]).toEqual([3000, 6])
})

test('a name that a stranger gives is no other kind', () => {
  const { log, written } = setUp()
  for (let i = 0; i < 50; i++) {
    log.warn('link.proof-refused', { ...stranger(i, 'credential-key'), claimed: `d${i}.example` })
  }
  expect(written()).toHaveLength(1)
})

test('a known domain has a burst of its own, and does not use up that of another', () => {
  const { log, written } = setUp()
  const closed = (remote: string) => log.info('link.closed', { remote, peer: '192.0.2.1:1' })
  for (let i = 0; i < 50; i++) closed('a.example')
  closed('b.example')
  const names = written().map(([, , { remote }]) => remote)
  expect(names).toEqual([...Array.from({ length: 10 }, () => 'a.example'), 'b.example'])
})

test('the last line of a flood follows it within a minute, with what was left out', async () => {
  const { clock, log, written } = setUp()
  for (let i = 0; i < 5; i++) log.info('link.refused', stranger(i))
  expect(written()).toEqual([['info', 'link.refused', stranger(0)]])
  await clock.advance(minute)
  expect(written().at(-1)).toEqual(['info', 'link.refused', { ...stranger(4), more: 3 }])
  await clock.advance(10 * minute)
  expect(written()).toHaveLength(2)
  expect(clock.pending).toBe(0)
})

test('at level debug nothing is left out', () => {
  const { log, lines } = setUp()
  for (let i = 0; i < 5; i++) log.info('link.refused', stranger(i))
  expect(lines.map(([level]) => level)).toEqual(['info', 'debug', 'debug', 'debug', 'debug'])
})

test('lines of the program itself pass, each setting by itself', () => {
  const { log, written } = setUp()
  for (let i = 0; i < 30; i++) log.warn('config.warning', { path: `domains[${i}].key` })
  log.info('gateway.started')
  log.info('gateway.draining', { cause: 'SIGTERM' })
  expect(written()).toHaveLength(32)
})

test('however many names there are, so many lines a second and no more', async () => {
  const { clock, log, written } = setUp({ logKinds: 100_000, logPerSecond: 5 })
  for (let i = 0; i < 1000; i++) log.warn('peer.unreachable', { remote: `d${i}.example` })
  expect(written()).toHaveLength(50)
  for (let i = 0; i < 1000; i++) log.warn('peer.unreachable', { remote: 'd999.example' })
  await clock.advance(minute)
  expect(written().length).toBeLessThanOrEqual(100)
  await clock.advance(30 * minute)
  const told = written().reduce((sum, [, , { more = 0 }]) => sum + 1 + Number(more), 0)
  expect([told, clock.pending]).toEqual([2000, 0])
})

test('what the program says of itself passes, however much others say', () => {
  const { log, written } = setUp({ logPerSecond: 1 })
  for (let i = 0; i < 1000; i++) log.info('link.closed', { remote: `d${i}.example` })
  log.info('gateway.stopped')
  expect(written().at(-1)).toEqual(['info', 'gateway.stopped', {}])
})

test('what is remembered is bounded', async () => {
  const { clock, log } = setUp({ logKinds: 4 })
  for (let i = 0; i < 1000; i++) {
    for (let n = 0; n < 12; n++) log.warn('peer.unreachable', { remote: `d${i}.example` })
  }
  expect(clock.pending).toBe(1)
  await clock.advance(minute)
  expect(clock.pending).toBe(0)
})
