import { describe, expect, test } from 'vitest'
import { canonicalIp, canonicalRange, isPrivate, overlap } from '../../../src/config/ip.ts'
import { nearest } from '../../../src/config/suggest.ts'

test.for([
  ['192.0.2.1', '192.0.2.1'],
  ['2001:DB8:0:0::1', '2001:db8::1'],
  ['fe80::1%eth0', 'fe80::1%eth0'],
  ['127.1', undefined],
  ['0x7f.0.0.1', undefined],
  ['a.example', undefined],
  ['', undefined],
])('the address %s is %s', ([text, canonical]) => {
  expect(canonicalIp(text as string)).toBe(canonical)
})

test.for([
  ['10.0.0.0/8', '10.0.0.0/8'],
  ['0.0.0.0/0', '0.0.0.0/0'],
  ['192.0.2.1', '192.0.2.1/32'],
  ['192.0.2.1/32', '192.0.2.1/32'],
  ['192.0.2.2/31', '192.0.2.2/31'],
  ['192.0.2.3/31', undefined],
  ['2001:DB8::/32', '2001:db8::/32'],
  ['2001:db8::1/127', undefined],
  ['::/0', '::/0'],
  ['::1', '::1/128'],
  ['::ffff:10.0.0.0/104', '::ffff:10.0.0.0/104'],
  ['::ffff:10.0.0.1/104', undefined],
  ['1:2:3:4:5:6:7:8/128', '1:2:3:4:5:6:7:8/128'],
  ['1:2:3:4:5:6:7:8/64', undefined],
  ['10.0.0.0/33', undefined],
  ['::/129', undefined],
  ['10.0.0.0/', undefined],
  ['10.0.0.0/8/8', undefined],
  ['10.0.0.0/+8', undefined],
])('the range %s is %s', ([text, canonical]) => {
  expect(canonicalRange(text as string)).toBe(canonical)
})

test.for([
  ['127.0.0.1', true],
  ['::ffff:127.0.0.1', true],
  ['10.1.2.3', true],
  ['::ffff:10.1.2.3', true],
  ['172.31.255.255', true],
  ['172.32.0.0', false],
  ['192.168.0.1', true],
  ['169.254.1.1', true],
  ['fd12::1', true],
  ['fe80::1%eth0', true],
  ['0.0.0.0', false],
  ['::', false],
  ['192.0.2.1', false],
  ['2001:db8::1', false],
  ['localhost', false],
  ['fe80.example', false],
] as const)('%s is private: %s', ([address, near]) => {
  expect(isPrivate(address)).toBe(near)
})

test.for([
  ['127.0.0.1', '127.0.0.1', true],
  ['127.0.0.1', '127.0.0.2', false],
  ['::', '127.0.0.1', true],
  ['192.0.2.1', '::', true],
  ['0.0.0.0', '127.0.0.1', true],
  ['0.0.0.0', '::1', false],
  ['::1', '127.0.0.1', false],
] as const)('listening on %s and on %s clashes: %s', ([a, b, clash]) => {
  expect(overlap(a, b)).toBe(clash)
})

describe('the name that was meant', () => {
  const names = ['name', 'key', 'userKey', 'certificate', 'certificateKey', 'directory', 'services']

  test.for([
    ['nmae', 'name'],
    ['Name', 'name'],
    ['certificat', 'certificate'],
    ['cert', 'certificate'],
    ['certifcateKey', 'certificateKey'],
    ['user_key', 'userKey'],
    ['servcies', 'services'],
    ['keys', 'key'],
    ['banana', undefined],
    ['x', undefined],
    ['', undefined],
    ['n'.repeat(10_000), undefined],
  ] as const)('%s is %s', ([typed, meant]) => {
    expect(nearest(typed, names)).toBe(meant)
  })
})
