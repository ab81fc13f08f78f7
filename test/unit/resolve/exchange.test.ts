import { getServers } from 'node:dns'
import { describe, expect, test } from 'vitest'
import { listedServers, parseServer } from '../../../src/resolve/exchange.ts'
import { Slots } from '../../../src/resolve/slots.ts'
import { contractZone, exchangeContract } from '../../support/dns-exchange-contract.ts'
import { DnsTable } from '../../support/dns-table.ts'
import { ManualClock } from '../../support/manual-clock.ts'

const table = new DnsTable(
  new ManualClock(),
  ...contractZone.split('\n').filter((line) => line !== '' && !line.includes('SOA')),
)
exchangeContract('of the table', () => ({
  exchange: table.exchange,
  server: { ip: '192.0.2.53', port: 53 },
}))

describe('a DNS server is written', () => {
  test.for([
    ['192.0.2.1', { ip: '192.0.2.1', port: 53 }],
    ['192.0.2.1:5353', { ip: '192.0.2.1', port: 5353 }],
    ['2001:db8::1', { ip: '2001:db8::1', port: 53 }],
    ['[2001:db8::1]', { ip: '2001:db8::1', port: 53 }],
    ['[::1]:5353', { ip: '::1', port: 5353 }],
    ['0:0:0:0:0:0:0:1', { ip: '0:0:0:0:0:0:0:1', port: 53 }],
  ] as const)('as %s', ([text, server]) => {
    expect(parseServer(text)).toEqual(server)
  })

  test.for(['', 'localhost', '192.0.2.1:0', '192.0.2.1:65536', '[192.0.2.1]:53', '192.0.2:53'])(
    'but not as "%s"',
    (text) => {
      expect(parseServer(text)).toBeUndefined()
    },
  )

  const servers = (listed: readonly string[], file = '') =>
    listedServers(listed, file).map(({ ip, port }) => `${ip} ${port}`)

  test('by this machine in a form that is understood', () => {
    expect(servers(getServers()).length).toBeGreaterThan(0)
  })

  test('by the machine with a zone that Node leaves out', () => {
    const file = [
      '# nameserver fe80::9%wrong',
      'nameserver FE80:0::1%eth0 # the router',
      'nameserver 192.0.2.53',
      'nameserver fe80::2',
    ]
    expect(
      servers(['fe80::1', '192.0.2.53', '[fe80::1]:5353', 'fe80::2'], file.join('\n')),
    ).toEqual(['fe80::1%eth0 53', '192.0.2.53 53', 'fe80::1%eth0 5353', 'fe80::2 53'])
  })
})

describe('places', () => {
  const open = new AbortController().signal

  test('are given out up to their number, and then in the order of asking', async () => {
    const slots = new Slots(1)
    const order: string[] = []
    expect(await slots.take(open)).toBe(true)
    const second = slots.take(open).then(() => order.push('second'))
    const third = slots.take(open).then(() => order.push('third'))
    await Promise.resolve()
    expect(order).toEqual([])
    slots.give()
    await second
    expect(order).toEqual(['second'])
    slots.give()
    await third
    slots.give()
    expect(slots.isFull).toBe(false)
  })

  test('are not lost with one who stops waiting', async () => {
    const slots = new Slots(1)
    const impatient = new AbortController()
    await slots.take(open)
    const left = slots.take(impatient.signal)
    impatient.abort()
    expect(await left).toBe(false)
    slots.give()
    expect(await slots.take(open)).toBe(true)
  })
})
