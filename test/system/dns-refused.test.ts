/** What the system refuses of a question to a DNS server: it is taken, and the next server is asked. */
import { describe, expect, test } from 'vitest'
import { systemClock as clock } from '../../src/lib/clock.ts'
import { Meter } from '../../src/lib/meter.ts'
import { systemRandom as random } from '../../src/lib/random.ts'
import { limitsWith } from '../../src/limits.ts'
import { startAuthority } from '../../src/resolve/authority.ts'
import { createLookup } from '../../src/resolve/lookup.ts'
import { ServerList } from '../../src/resolve/server-list.ts'
import { systemExchange } from '../../src/resolve/system-exchange.ts'
import { zoneRecords } from '../support/zone-text.ts'

const limits = limitsWith()
const { signal } = new AbortController()

/** Addresses that connecting a socket fails with at once, whatever network this machine has. */
const refused = [
  ['broadcast', '255.255.255.255'],
  ['link-local without a zone', 'fe80::53'],
  ['link-local in a zone that is not there', 'fe80::53%none'],
  ['multicast', 'ff02::1'],
] as const

describe('a DNS server that the system does not let us ask', () => {
  test.for(refused)('is unreachable over UDP: %s', async ([, ip]) => {
    const server = { ip, port: 53 }
    const ask = { server, transport: 'udp', isAnswer: () => true } as const
    const started = clock.now()
    const heard = await systemExchange({ ...ask, query: Buffer.alloc(12), signal })
    expect(heard).toEqual({ bytes: undefined, silence: 'unreachable', strays: 0 })
    expect(clock.now() - started).toBeLessThan(2000)
  })

  // Some networks leave a link-local address unanswered over TCP instead of refusing it.
  test.for(refused.filter(([, ip]) => !ip.startsWith('fe80')))(
    'is unreachable over TCP: %s',
    async ([, ip]) => {
      const server = { ip, port: 53 }
      const ask = { server, transport: 'tcp', isAnswer: () => true } as const
      const heard = await systemExchange({ ...ask, query: Buffer.alloc(12), signal })
      expect(heard.silence).toBe('unreachable')
    },
  )

  test('is passed over for the next one', async () => {
    const zone = zoneRecords('b.example 60 SOA 60\ngw.b.example 60 A 192.0.2.7')
    const authority = await startAuthority({ address: '127.0.0.1', port: 0, zone })
    try {
      const bad = refused.map(([, ip]) => ({ ip, port: 53 }))
      const servers = [...bad, { ip: '127.0.0.1', port: authority.port }]
      const lookup = createLookup({
        ...{ exchange: systemExchange, clock, random, limits, meter: new Meter() },
        servers: new ServerList(servers, clock, limits),
      })
      expect(await lookup('gw.b.example', 'A', signal)).toMatchObject({
        records: [{ ip: '192.0.2.7' }],
      })
    } finally {
      await authority.close()
    }
  })
})
