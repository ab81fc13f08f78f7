import { describe, expect, test } from 'vitest'
import { everyAddress, unavailable } from '../../../src/cli/free-ports.ts'
import { ManualClock } from '../../support/manual-clock.ts'

const place = (address: string) => ({ setting: 'listen.peers[0]', address, port: 5279 })

/** What the system says. */
const refusal = (code: string): Error => Object.assign(new Error(code), { code })

/** Refused for so long, with this code. */
function setUp(ms: number, code: string) {
  const clock = new ManualClock()
  const probe = async () => (clock.now() < ms ? refusal(code) : undefined)
  const judged = async (address: string) => {
    const sentences = unavailable(clock, [place(address)], probe)
    await clock.advance(10_000)
    return sentences
  }
  return { judged }
}

describe('an address that the system does not give', () => {
  test('is waited for shortly while it may still be probed', async () => {
    expect(await setUp(2000, 'EADDRNOTAVAIL').judged('2001:db8::1')).toEqual([])
  })

  test.for([
    ['of IPv6 and not there after that', '2001:db8::1', 'EADDRNOTAVAIL', 9000],
    ['of IPv4 and not there', '192.0.2.1', 'EADDRNOTAVAIL', 500],
    ['in use', '2001:db8::1', 'EADDRINUSE', 500],
  ] as const)('is told when it is %s', async ([, address, code, ms]) => {
    const [sentence] = await setUp(ms, code).judged(address)
    expect(sentence).toMatch(/^listen.peers\[0\]: cannot listen on \S+ port 5279: /)
  })
})

test('every address is of both families, and of IPv4 where there is no IPv6', async () => {
  expect(await everyAddress(async () => undefined)).toBe('::')
  expect(await everyAddress(async () => refusal('EACCES'))).toBe('::')
  expect(await everyAddress(async () => refusal('EAFNOSUPPORT'))).toBe('0.0.0.0')
})
