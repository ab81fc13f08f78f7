import { BlockList } from 'node:net'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { contains, isLoopback, parseIp, parseRange } from '../../../src/lib/ip.ts'

describe('a range', () => {
  test.for([
    ...['10.0.0.0/33', '::/129', '10.0.0.1/8', 'fd00::1/8', '10.0.0.0/', '10.0.0.0/8/8', '/8'],
    ...['10.0.0.0/-1', '10.0.0.0/1e1', 'ten/8', ''],
  ])('is not "%s"', (text) => {
    expect(parseRange(text)).toBeUndefined()
  })

  test('holds what the range of the runtime holds', () => {
    fc.assert(
      fc.property(fc.ipV4(), fc.ipV4(), fc.integer({ min: 0, max: 32 }), (base, ip, bits) => {
        const list = new BlockList()
        list.addSubnet(base, bits)
        const bytes = parseIp(base) as Uint8Array
        expect(contains({ text: '', bytes, bits }, parseIp(ip) as Uint8Array)).toBe(list.check(ip))
      }),
    )
    fc.assert(
      fc.property(fc.ipV6(), fc.integer({ min: 0, max: 128 }), fc.nat(127), (base, bits, flip) => {
        const list = new BlockList()
        list.addSubnet(base, bits, 'ipv6')
        const bytes = parseIp(base) as Uint8Array
        const other = Uint8Array.from(bytes)
        other[flip >> 3] = (other[flip >> 3] ?? 0) ^ (0x80 >> (flip & 7))
        const text = Array.from({ length: 8 }, (_, i) =>
          (((other[2 * i] ?? 0) << 8) | (other[2 * i + 1] ?? 0)).toString(16),
        ).join(':')
        expect(contains({ text: '', bytes, bits }, other)).toBe(list.check(text, 'ipv6'))
      }),
    )
  })
})

test.for([
  ['127.0.0.1', true],
  ['127.255.255.254', true],
  ['::1', true],
  ['::1%lo', true],
  ['0:0:0:0:0:0:0:1', true],
  ['::ffff:127.0.0.1', true],
  ['::ffff:7f00:1', true],
  ['128.0.0.1', false],
  ['192.168.1.1', false],
  ['0.0.0.0', false],
  ['::', false],
  ['::2', false],
  ['::ffff:128.0.0.1', false],
  ['127.0.0.1.example', false],
  ['localhost', false],
] as const)('%s is loopback: %s', ([address, expected]) => {
  expect(isLoopback(address)).toBe(expected)
})
