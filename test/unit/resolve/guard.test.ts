import { describe, expect, test } from 'vitest'
import { parseRange, type Range } from '../../../src/lib/ip.ts'
import { isDialable, isDialablePort, whyBlocked } from '../../../src/resolve/guard.ts'

const range = (text: string): Range => {
  const parsed = parseRange(text)
  if (parsed === undefined) throw new Error(text)
  return parsed
}

describe('an address is not dialled [A113] if it is', () => {
  test.for([
    ...['0.0.0.0', '0.255.255.255', '10.0.0.1', '10.255.255.255', '100.64.0.1', '100.127.255.255'],
    ...['127.0.0.1', '127.255.255.255', '169.254.169.254', '172.16.0.1', '172.31.255.255'],
    ...['192.0.0.1', '192.168.0.1', '198.18.0.1', '198.19.255.255', '224.0.0.1', '239.1.1.1'],
    ...['240.0.0.1', '255.255.255.255', '168.63.129.16'],
    ...['::', '::1', '::10.0.0.1', '::192.0.2.1', 'fc00::1', 'fdff::1', 'fe80::1', 'febf::1'],
    ...['fec0::1', 'feff::1', 'ff02::1', '2001::1', '2001:0:ffff::1', '2001:db8::1'],
    ...['::ffff:10.0.0.1', '::ffff:7f00:1', '0:0:0:0:0:ffff:127.0.0.1'],
    ...['64:ff9b::10.0.0.1', '64:ff9b::7f00:1', '64:ff9b:1::1', '64:ff9b:1:ffff::8.8.8.8'],
    ...['2002:a00:1::', '2002:7f00:1::1', '2002:c0a8:101::5', '2002:a83f:8110::'],
    ...['localhost', '', '127.1', '2130706433', '0x7f.1', 'fe80::1%eth0', '[::1]'],
  ])('%s', (ip) => {
    expect(isDialable(ip, [])).toBe(false)
  })
})

describe('an address may be dialled if it is', () => {
  test.for([
    ...['1.1.1.1', '9.255.255.255', '11.0.0.0', '100.63.255.255', '100.128.0.0', '126.255.255.255'],
    ...['128.0.0.0', '169.253.255.255', '172.15.255.255', '172.32.0.0', '192.0.1.1', '192.167.1.1'],
    ...['198.17.255.255', '198.20.0.0', '223.255.255.255', '168.63.129.15', '168.63.129.17'],
    ...['2001:1::1', '2001:db7::1', '2001:db9::1', '2a00::1', 'fbff::1', '64:ff9b::8.8.8.8'],
    ...['::ffff:8.8.8.8', '2002:808:808::1', '64:ff9b:2::1', '::1:0:0:1'],
  ])('%s', (ip) => {
    expect(isDialable(ip, [])).toBe(true)
  })
})

describe('the configuration', () => {
  test('allows the ranges that it lists and no other', () => {
    const allowed = [range('127.0.0.0/8'), range('fd00::/8'), range('::1')]
    expect(isDialable('127.0.0.5', allowed)).toBe(true)
    expect(isDialable('::ffff:127.0.0.5', allowed)).toBe(true)
    expect(isDialable('fd12::1', allowed)).toBe(true)
    expect(isDialable('::1', allowed)).toBe(true)
    expect(isDialable('10.0.0.1', allowed)).toBe(false)
    expect(isDialable('fc12::1', allowed)).toBe(false)
  })

  test('does not open a way through a translator by allowing what lies behind it', () => {
    const allowed = [range('10.0.0.0/8')]
    expect(isDialable('64:ff9b::10.0.0.1', allowed)).toBe(false)
    expect(isDialable('64:ff9b::10.0.0.1', [range('64:ff9b::/96')])).toBe(true)
  })

  test('is told by name which range an address lies in', () => {
    expect(whyBlocked('10.1.2.3', [])).toBe('lies in 10.0.0.0/8 (private)')
    expect(whyBlocked('2002:a00:1::', [])).toBe(
      'leads to 10.0.0.1, which lies in 10.0.0.0/8 (private)',
    )
  })
})

test.for([...[0, 22, 25, 80, 442, 444, 1023, 65_536]] as const)(
  'port %i of a SRV record is not dialled [A116]',
  (port) => {
    expect(isDialablePort(port)).toBe(false)
  },
)

test.for([443, 1024, 5279, 65_535] as const)('port %i may be dialled', (port) => {
  expect(isDialablePort(port)).toBe(true)
})
