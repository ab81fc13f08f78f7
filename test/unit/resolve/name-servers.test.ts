import { describe, expect, test } from 'vitest'
import type { Facts, Log } from '../../../src/lib/log.ts'
import { silentLog } from '../../../src/lib/log.ts'
import { limitsWith } from '../../../src/limits.ts'
import type { DnsServer } from '../../../src/resolve/exchange.ts'
import { NameServers } from '../../../src/resolve/name-servers.ts'
import { ManualClock } from '../../support/manual-clock.ts'

const at = (ip: string): readonly DnsServer[] => [{ ip, port: 53 }]
const [home, work, own] = [at('192.0.2.1'), at('192.0.2.2'), at('192.0.2.3')]

function setUp(configured: readonly DnsServer[] = []) {
  const clock = new ManualClock()
  const limits = limitsWith()
  const lines: [string, Facts | undefined][] = []
  const info: Log['info'] = (event, facts) => {
    lines.push([event, facts])
  }
  const system = { servers: home }
  const needs = { clock, limits, log: { ...silentLog, info }, configured }
  const names = new NameServers({ ...needs, systemServers: () => system.servers })
  const seen: (readonly DnsServer[])[] = []
  const cancel = names.follow((servers) => {
    seen.push(servers)
  })
  return { clock, limits, lines, system, names, seen, cancel }
}

describe('the servers of the system', () => {
  test('are looked at every few seconds: a change is told and logged once', async () => {
    const { clock, limits, lines, system, names, seen, cancel } = setUp()
    await clock.advance(10 * limits.dnsServersMs)
    expect([names.now, seen, lines]).toEqual([home, [], []])
    system.servers = work
    await clock.advance(3 * limits.dnsServersMs)
    expect([names.now, seen]).toEqual([work, [work]])
    const facts = { servers: '192.0.2.2:53', before: '192.0.2.1:53' }
    expect(lines).toEqual([['dns.servers-changed', facts]])
    cancel()
    expect(clock.pending).toBe(0)
  })

  test('are looked at when files are read again, too', () => {
    const { system, names } = setUp()
    expect(names.take([])).toBe(false)
    system.servers = work
    expect([names.take([]), names.now]).toEqual([true, work])
  })

  test('do not matter while the configuration names others, which it may begin and end to do', async () => {
    const { clock, limits, system, names, seen } = setUp(own)
    system.servers = work
    await clock.advance(limits.dnsServersMs)
    expect([names.now, seen]).toEqual([own, []])
    expect([names.take([]), names.now]).toEqual([true, work])
    expect([names.take(own), names.now]).toEqual([true, own])
  })
})
