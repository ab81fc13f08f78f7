import { describe, expect, test } from 'vitest'
import { limitsWith } from '../../../src/limits.ts'
import { AcceptGate, Admission, type GateLimits } from '../../../src/link/accept-gate.ts'

const make = (limits: Partial<GateLimits> = {}) => {
  const hits: string[] = []
  const gate = new AcceptGate({
    limits: limitsWith({
      handshakesPerAddress: 1_000_000,
      handshakesPerAddressBurst: 1_000_000,
      ...limits,
    }),
    meter: {
      hit: (limit) => {
        hits.push(limit)
      },
    },
  })
  return { gate, hits }
}

/** How many of `ips` are let in at time 0. */
const admitted = (gate: AcceptGate, ips: readonly string[]): number =>
  ips.filter((ip) => gate.admit(ip, 0)).length

const times = (count: number, ip: (i: number) => string): readonly string[] =>
  Array.from({ length: count }, (_, i) => ip(i))

describe('one host', () => {
  test('A013: has eight connections without proof, and no ninth', () => {
    const { gate, hits } = make()
    expect(
      admitted(
        gate,
        times(9, () => '192.0.2.1'),
      ),
    ).toBe(8)
    expect(hits).toEqual(['unprovenLinksPerAddress'])
    expect(gate.admit('192.0.2.2', 0)).toBe(true)
  })

  test('A013: is a whole /64 of IPv6, however it is written', () => {
    const { gate } = make()
    expect(
      admitted(
        gate,
        times(9, (i) => `2001:db8:1:2::${i + 1}`),
      ),
    ).toBe(8)
    expect(gate.admit('2001:db8:1:2:ffff:ffff:ffff:ffff', 0)).toBe(false)
    expect(gate.admit('2001:db8:1:3::1', 0)).toBe(true)
  })

  test('is the same over IPv4 and over IPv6 sockets', () => {
    const { gate } = make({ unprovenLinksPerAddress: 2 })
    expect(admitted(gate, ['192.0.2.1', '::ffff:192.0.2.1', '::FFFF:192.0.2.1'])).toBe(2)
  })

  test('has room again when a link is proven, and when one is gone', () => {
    const { gate } = make({ unprovenLinksPerAddress: 2 })
    admitted(gate, ['192.0.2.1', '192.0.2.1'])
    gate.proven('192.0.2.1')
    expect(admitted(gate, ['192.0.2.1', '192.0.2.1'])).toBe(1)
    gate.gone('192.0.2.1', false)
    gate.gone('192.0.2.1', true)
    expect(gate.inside).toEqual({ total: 1, unproven: 1 })
    expect(admitted(gate, ['192.0.2.1', '192.0.2.1'])).toBe(1)
  })
})

/** Lets `ip` in, and remembers when it is dropped. */
const enter = (gate: AcceptGate, dropped: string[], ip: string, name = ip) =>
  gate.admit(ip, 0)
    ? new Admission(gate, ip, () => {
        dropped.push(name)
      })
    : undefined

describe('one host that has all that it may', () => {
  test('gets one more in the place of its oldest that has proven nothing', () => {
    const { gate, hits } = make()
    const dropped: string[] = []
    const first = enter(gate, dropped, '192.0.2.1', 'proven')
    first?.proven()
    for (let i = 0; i < 12; i++) enter(gate, dropped, '192.0.2.1', `idle ${i}`)
    enter(gate, dropped, '192.0.2.2', 'neighbour')
    expect(enter(gate, dropped, '192.0.2.1', 'first link')).toBeDefined()
    expect(dropped).toEqual(['idle 0', 'idle 1', 'idle 2', 'idle 3', 'idle 4'])
    expect(gate.inside).toEqual({ total: 10, unproven: 9 })
    expect(new Set(hits)).toEqual(new Set(['unprovenLinksPerAddress']))
  })

  test('loses those that say nothing before those that are through with TLS', () => {
    const { gate } = make({ unprovenLinksPerAddress: 3 })
    const dropped: string[] = []
    enter(gate, dropped, '192.0.2.1', 'first link')?.secured()
    for (let i = 0; i < 4; i++) enter(gate, dropped, '192.0.2.1', `idle ${i}`)
    expect(dropped).toEqual(['idle 0', 'idle 1'])
  })
})

describe('everybody together', () => {
  test('has so many connections without proof', () => {
    const { gate, hits } = make({ unprovenLinks: 3 })
    expect(
      admitted(
        gate,
        times(4, (i) => `192.0.2.${i}`),
      ),
    ).toBe(3)
    expect(hits).toEqual(['unprovenLinks'])
    gate.proven('192.0.2.0')
    expect(gate.admit('192.0.2.9', 0)).toBe(true)
  })
})

describe('A013: with every place taken', () => {
  test('a newcomer takes the place of the oldest of the busiest network', () => {
    const { gate, hits } = make({ unprovenLinks: 5 })
    const dropped: string[] = []
    const ips = ['203.0.113.1', '192.0.2.1', '198.51.100.1', '192.0.2.2', '192.0.2.3']
    const [, first] = ips.map((ip) => enter(gate, dropped, ip))
    expect(enter(gate, dropped, '198.51.100.2')).toBeDefined()
    expect(dropped).toEqual(['192.0.2.1'])
    expect(gate.inside).toEqual({ total: 5, unproven: 5 })
    expect(hits).toEqual(['unprovenLinks'])
    first?.gone()
    expect(gate.inside).toEqual({ total: 5, unproven: 5 })
  })

  test('a newcomer of a network that nobody has more of is refused', () => {
    const { gate, hits } = make({ unprovenLinks: 3 })
    const dropped: string[] = []
    for (const ip of ['192.0.2.1', '192.0.2.2', '203.0.113.1']) enter(gate, dropped, ip)
    expect(enter(gate, dropped, '192.0.2.3')).toBeUndefined()
    expect(dropped).toEqual([])
    expect(hits).toEqual(['unprovenLinks'])
  })

  test('64 hosts of 64 networks cannot keep one more out, and one that is proven is not dropped', () => {
    const { gate } = make()
    const dropped: string[] = []
    for (let i = 0; i < 512; i++) enter(gate, dropped, `10.0.${i % 64}.1`)
    const honest = enter(gate, dropped, '203.0.113.1', 'honest')
    honest?.proven()
    for (let i = 0; i < 512; i++) enter(gate, dropped, `10.1.${i % 256}.1`)
    expect(dropped.length).toBeGreaterThan(100)
    expect(dropped).not.toContain('honest')
    expect(gate.inside).toEqual({ total: 513, unproven: 512 })
  })

  test('nobody is dropped for one whom another limit refuses', () => {
    const { gate } = make({
      unprovenLinks: 3,
      handshakesPerAddress: 1,
      handshakesPerAddressBurst: 2,
    })
    const dropped: string[] = []
    enter(gate, dropped, '203.0.113.1')?.gone()
    enter(gate, dropped, '203.0.113.1')?.gone()
    for (const ip of ['192.0.2.1', '192.0.2.2', '198.51.100.1']) enter(gate, dropped, ip)
    expect(gate.inside.unproven).toBe(3)
    expect(enter(gate, dropped, '203.0.113.1')).toBeUndefined()
    expect(dropped).toEqual([])
  })
})

describe('A008: the pace of a network', () => {
  const slow = { handshakesPerAddress: 5, handshakesPerAddressBurst: 20 }

  test('is a burst, and then so many a second, for an IPv4 /24', () => {
    const { gate, hits } = make(slow)
    expect(
      admitted(
        gate,
        times(30, (i) => `192.0.2.${i}`),
      ),
    ).toBe(20)
    expect(new Set(hits)).toEqual(new Set(['handshakesPerAddress']))
    const later = times(30, (i) => `192.0.2.${i + 100}`).filter((ip) => gate.admit(ip, 1000))
    expect(later).toHaveLength(5)
    expect(gate.admit('192.0.3.1', 1000)).toBe(true)
  })

  test('is one for an IPv6 /48', () => {
    const { gate } = make(slow)
    expect(
      admitted(
        gate,
        times(30, (i) => `2001:db8:1:${i.toString(16)}::1`),
      ),
    ).toBe(20)
    expect(gate.admit('2001:db8:2::1', 0)).toBe(true)
    expect(gate.admit('2001:db8::1', 0)).toBe(true)
  })

  test('is not used up by what another limit refuses', () => {
    const { gate } = make({ ...slow, unprovenLinksPerAddress: 1 })
    admitted(
      gate,
      times(100, () => '192.0.2.1'),
    )
    expect(
      admitted(
        gate,
        times(30, (i) => `192.0.2.${i + 2}`),
      ),
    ).toBe(19)
  })

  test('is forgotten once it is full, and what is not is bounded', () => {
    const networks = 1000
    const { gate } = make({ ...slow, networks, unprovenLinks: 1_000_000 })
    for (let i = 0; i < 3 * networks; i++) {
      const ip = `${i >> 16}.${(i >> 8) & 255}.${i & 255}.1`
      gate.admit(ip, 0)
      gate.gone(ip, false)
    }
    expect(gate.size).toBe(networks)
    for (let i = 0; i < networks; i++) {
      gate.admit('203.0.113.1', 10_000 + i * 1000)
      gate.gone('203.0.113.1', false)
    }
    expect(gate.size).toBe(1)
  })
})

test('any text is an address of its own', () => {
  const { gate } = make({ unprovenLinksPerAddress: 1 })
  const odd = ['', ':', '::', '::1', '1::', ':::::::::::', 'fe80::1%eth0', '::1.2.3.4', 'x', '1.2']
  for (const ip of odd) {
    gate.admit(ip, 0)
    gate.gone(ip, false)
  }
  expect(gate.inside).toEqual({ total: 0, unproven: 0 })
  expect(admitted(gate, ['::1', '::2', '0:0:0:0:0:0:0:3', '1::'])).toBe(2)
})

test('an admission tells each thing once', () => {
  const { gate } = make()
  gate.admit('192.0.2.1', 0)
  gate.admit('192.0.2.1', 0)
  const admission = new Admission(gate, '192.0.2.1', () => undefined)
  admission.proven()
  admission.proven()
  expect(gate.inside).toEqual({ total: 2, unproven: 1 })
  admission.gone()
  admission.gone()
  admission.proven()
  expect(gate.inside).toEqual({ total: 1, unproven: 1 })
})
