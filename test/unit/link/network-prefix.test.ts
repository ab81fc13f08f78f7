import { expect, test } from 'vitest'
import { networkOf, prefixesOf } from '../../../src/link/network-prefix.ts'

test.for([
  ['192.0.2.7:5279', '192.0.2.0/24'],
  ['[::ffff:192.0.2.7]:5279', '192.0.2.0/24'],
  ['[2001:db8:1:2::3]:5279', '2001:db8:1::/48'],
  ['[2001:db8:0:2::3]:5279', '2001:db8::/48'],
  ['[2001:0:10::3]:5279', '2001:0:10::/48'],
  ['[fe80::1%eth0]:5279', 'fe80::/48'],
  ['[::1]:5279', '::/48'],
  ['memory', 'memory'],
])('the network of %s is written as %s', ([remote, network]) => {
  expect(networkOf(remote as string)).toBe(network)
})

test('two hosts of one network are told apart, and two addresses of one host are not', () => {
  expect(prefixesOf('192.0.2.7').host).not.toBe(prefixesOf('192.0.2.8').host)
  expect(prefixesOf('2001:db8::1').host).toBe(prefixesOf('2001:db8::2').host)
  expect(prefixesOf('2001:db8::1').host).not.toBe(prefixesOf('2001:db8:0:1::1').host)
})
